package salesforce

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/connector"
)

// describeFor is how long a describe is believed: that long a field may take to appear that an admin has added or allowed. A
// field that the vendor refuses ends it at once.
const describeFor = 15 * time.Minute

// describe is what the integration user may know of an object. Source: REST API Developer Guide, "sObject Describe".
type describe struct {
	Name       string  `json:"name"`
	Updateable bool    `json:"updateable"`
	Createable bool    `json:"createable"`
	Deletable  bool    `json:"deletable"`
	Fields     []field `json:"fields"`

	at     time.Time
	byName map[string]*field
	digest string
}

// UnmarshalJSON takes what describe does not say for allowed: a server that refuses it all the same says so of the write.
func (d *describe) UnmarshalJSON(raw []byte) error {
	type plain describe
	p := plain{Updateable: true, Createable: true, Deletable: true}
	err := json.Unmarshal(raw, &p)
	*d = describe(p)
	return err
}

// UnmarshalJSON does the same for a field, which may be empty and changed where nothing says otherwise.
func (f *field) UnmarshalJSON(raw []byte) error {
	type plain field
	p := plain{Nillable: true, Createable: true, Updateable: true}
	err := json.Unmarshal(raw, &p)
	*f = field(p)
	if id, ok := strings.CutSuffix(f.Name, "Id"); ok && id != "" && f.RelationshipName == "" && len(f.ReferenceTo) == 0 && (f.Type == "reference" || f.Type == "") {
		f.RelationshipName, f.ReferenceTo = id, []string{id} // as the vendor names them: AccountId leads to Account
	}
	return err
}

// address is the compound field of which a field is a part, "" for none. Where describe does not say, the name does.
func (d *describe) address(f *field) string {
	name := f.CompoundFieldName
	for _, part := range []string{"Street", "City", "State", "PostalCode", "Country"} {
		if of, ok := strings.CutSuffix(f.Name, part); ok && name == "" {
			name = of + "Address"
		}
	}
	if compound := d.byName[name]; compound != nil && compound.Type == "address" {
		return name
	}
	return ""
}

// field is one field of a describe.
type field struct {
	Name              string   `json:"name"`
	Type              string   `json:"type"`
	Length            int      `json:"length"`
	Nillable          bool     `json:"nillable"`
	DefaultedOnCreate bool     `json:"defaultedOnCreate"`
	Createable        bool     `json:"createable"`
	Updateable        bool     `json:"updateable"`
	Permissionable    *bool    `json:"permissionable"`
	CompoundFieldName string   `json:"compoundFieldName"`
	ExternalID        bool     `json:"externalId"`
	Unique            bool     `json:"unique"`
	Picklist          []choice `json:"picklistValues"`
	ReferenceTo       []string `json:"referenceTo"`
	RelationshipName  string   `json:"relationshipName"`
}

// choice is one value of a picklist.
type choice struct {
	Value  string `json:"value"`
	Active bool   `json:"active"`
}

func (f *field) isText() bool {
	switch f.Type {
	case "string", "textarea", "email", "phone", "url", "picklist", "combobox", "encryptedstring":
		return true
	}
	return false
}

// describe returns what an object has, from the cache where it is fresh. Error: Unsupported where there is no such object.
func (c *crm) describe(ctx context.Context, object string) (*describe, error) {
	c.mu.Lock()
	d := c.describes[object]
	c.mu.Unlock()
	if d != nil && c.believed(d.at, describeFor) {
		return d, nil
	}
	d = &describe{}
	_, err := c.client.do(ctx, call{op: "salesforce describe " + object, method: http.MethodGet, path: "/sobjects/" + object + "/describe"}, d)
	if connector.ClassOf(err) == connector.Missing {
		return nil, &connector.Error{Class: connector.Unsupported, Code: "no_object", Op: "salesforce describe " + object, Cause: err}
	}
	if err != nil {
		return nil, err
	}
	if len(d.Fields) == 0 {
		return nil, &connector.Error{Class: connector.Unsupported, Code: "describe_without_fields", Op: "salesforce describe " + object}
	}
	d.at, d.Name = c.Now(), object
	d.byName = make(map[string]*field, len(d.Fields))
	for i := range d.Fields {
		d.byName[d.Fields[i].Name] = &d.Fields[i]
	}
	canon, err := json.Marshal(d)
	if err != nil {
		return nil, &connector.Error{Class: connector.Bug, Code: "encode", Op: "salesforce describe " + object, Cause: err}
	}
	sum := sha256.Sum256(canon)
	d.digest = hex.EncodeToString(sum[:8])
	c.mu.Lock()
	c.describes[object] = d
	c.mu.Unlock()
	return d, nil
}

// list joins those of the names that the object has.
func (d *describe) list(names []string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(names), func(name string) bool { return d.byName[name] == nil }), ",")
}

// nameFields are what SOQL reaches through a reference that may point to several objects, whatever these have. Source:
// Object Reference, "Name".
var nameFields = []string{"Alias", "Email", "FirstName", "Id", "IsActive", "LastName", "Name", "Phone", "ProfileId", "Title", "Type", "UserRoleId", "Username"}

// find returns the field that a dotted path leads to, nil where describe shows none. Parents are named by their
// relationship: Account.Industry, Parent__r.Status__c.
func (c *crm) find(ctx context.Context, d *describe, path string) (*field, error) {
	parent, rest, dotted := strings.Cut(path, ".")
	if !dotted {
		return d.byName[path], nil
	}
	for i := range d.Fields {
		if d.Fields[i].RelationshipName != parent {
			continue
		}
		if len(d.Fields[i].ReferenceTo) > 1 {
			if slices.Contains(nameFields, rest) {
				return &field{Name: rest, Type: "string"}, nil
			}
			continue
		}
		for _, object := range d.Fields[i].ReferenceTo {
			to, err := c.describe(ctx, object)
			if connector.ClassOf(err) == connector.Unsupported {
				continue
			}
			if err != nil {
				return nil, err
			}
			if f, err := c.find(ctx, to, rest); f != nil || err != nil {
				return f, err
			}
		}
	}
	return nil, nil
}

// selection is what a read asks for: only what describe shows.
type selection struct {
	*shape
	d         *describe
	list      string   // "Id,OwnerId,…"
	canonical []string // the canonical fields that can be read
	extra     []string
	stamp     string // the field that tells when a record was changed
	key       bool   // the key field is there
	deleted   bool   // deleted rows are shown, so that queryAll makes sense
}

// fixedFields are read where they are there; an item makes sense without any but Id.
var fixedFields = []string{"Id", "OwnerId", "LastModifiedById", "IsDeleted", "MasterRecordId"}

// selection returns what to read. Error: Unsupported with Code "unknown_field:<Name>" for a field of extra that describe
// does not show.
func (c *crm) selection(ctx context.Context, op string, s *shape, extra []string) (selection, error) {
	d, err := c.describe(ctx, s.object)
	if err != nil {
		return selection{}, err
	}
	sel := selection{shape: s, d: d, extra: unique(extra), key: d.byName[c.KeyField] != nil, deleted: c.tellsDeletes(d)}
	if sel.stamp, err = stampOf(d); err != nil {
		return selection{}, err
	}
	var list []string
	for _, name := range slices.Concat(fixedFields, []string{sel.stamp}, s.fixed, []string{c.KeyField}) {
		if d.byName[name] != nil || name == "Id" {
			list = append(list, name)
		}
	}
	for _, canonical := range slices.Sorted(maps.Keys(s.mapping)) {
		for i, path := range s.reads(canonical) {
			f, err := c.find(ctx, d, path)
			if err != nil {
				return selection{}, err
			}
			if f == nil && i == 0 {
				break
			}
			if i == 0 {
				sel.canonical = append(sel.canonical, canonical)
			}
			if f != nil {
				list = append(list, path)
			}
		}
	}
	for _, path := range sel.extra {
		f, err := c.find(ctx, d, path)
		if err != nil {
			return selection{}, err
		}
		if f == nil {
			return selection{}, &connector.Error{Class: connector.Unsupported, Code: "unknown_field:" + path, Op: "salesforce " + op}
		}
		list = append(list, path)
	}
	sel.list = strings.Join(unique(list), ",")
	return sel, nil
}
