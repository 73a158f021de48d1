package salesforce

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// longestTransaction is how long a create whose answer was lost may still be under way: Salesforce ends a synchronous
// request after ten minutes (Salesforce Help, "API Request Limits and Allocations": timeout).
const longestTransaction = 10 * time.Minute

// guard says what keeps a repeated create from making a double, by what describe says of the key field.
func guard(d *describe, keyField string) connector.CreateGuard {
	switch f := d.byName[keyField]; {
	case f == nil || !f.Createable || !d.Createable:
		return connector.GuardNone
	case f.ExternalID && f.Unique:
		return connector.GuardUpsert
	default:
		return connector.GuardLookup
	}
}

// Caps describes a kind as the integration user sees it, narrowed to what the owner may read and edit by field-level
// security. A server that keeps no FieldPermissions, or none for this user, narrows nothing.
func (c *crm) Caps(ctx context.Context, k record.Kind, owner string) (connector.Caps, error) {
	s, err := shapeOf("caps", k)
	if err != nil {
		return connector.Caps{}, err
	}
	d, err := c.describe(ctx, s.object)
	if err != nil {
		return connector.Caps{}, err
	}
	rights, err := c.rights(ctx, s.object, owner)
	if err == nil {
		err = c.open(ctx, d, rights)
	}
	if err != nil {
		return connector.Caps{}, err
	}
	caps := connector.Caps{
		Batch:    map[connector.Verb]int{connector.Create: batchSize, connector.Update: batchSize, connector.Delete: batchSize},
		GetBatch: maxIn, FindBatch: maxIDs, Parallel: 5, // of 25 long calls that an org may have open at once
		ReadBack: true, Create: guard(d, c.KeyField), Deletions: c.tellsDeletes(d) && !c.binLies.Load(),
		Fields: map[string]connector.FieldCaps{}, Metadata: digest(d, rights),
	}
	if c.noUpsert.Load() && caps.Create == connector.GuardUpsert {
		caps.Create = connector.GuardLookup
	}
	if c.noCollections.Load() {
		caps.Batch = map[connector.Verb]int{connector.Create: singleBatch, connector.Update: singleBatch, connector.Delete: singleBatch}
	}
	if caps.Create == connector.GuardLookup {
		caps.Lag = longestTransaction
	}
	for canonical := range s.mapping {
		shown, err := c.find(ctx, d, s.reads(canonical)[0])
		if err != nil {
			return connector.Caps{}, err
		}
		if shown != nil {
			if fc, ok := s.field(d, rights, canonical); ok {
				caps.Fields[canonical] = fc
			}
		}
	}
	if s.caps != nil {
		err = s.caps(ctx, c, d, &caps)
	}
	return caps, err
}

// field says what may be done with one canonical field, by describe and by the user's rights. ok is false where a column
// that it is written to is not there at all.
func (s *shape) field(d *describe, rights map[string]connector.Access, canonical string) (fc connector.FieldCaps, ok bool) {
	columns := s.columns(canonical)
	sp, odd := s.special[canonical]
	fc = connector.FieldCaps{Read: true, Write: len(columns) > 0, Required: sp.must, MaxSpan: sp.span}
	for _, name := range columns {
		f := d.byName[name]
		if f == nil {
			return fc, false
		}
		fc.Write = fc.Write && f.Updateable && f.Createable
		if f.Type == "date" && len(columns) == 1 {
			fc.FullDate = true
		}
		if len(columns) == 1 {
			fc.Required = fc.Required || !f.Nillable && !f.DefaultedOnCreate && f.Createable || f.Name == "LastName"
		}
		if !odd && f.isText() {
			fc.MaxLen = f.Length
		}
	}
	if rights == nil {
		return fc, true
	}
	if len(columns) == 0 {
		columns = s.reads(canonical)
	}
	for _, name := range columns {
		if f := d.byName[name]; f != nil && permissionable(d, f) {
			r := rights[security(d, f)]
			fc.Read, fc.Write = fc.Read && r.Read, fc.Write && r.Edit
		}
	}
	return fc, true
}

// security is the name by which field-level security speaks of a field: the parts of an address are governed by the
// compound field. Source: Object Reference, "FieldPermissions".
func security(d *describe, f *field) string {
	if name := d.address(f); name != "" {
		return name
	}
	return f.Name
}

// permissionable reports whether field-level security can hide a field. Servers that do not say so are taken to narrow.
func permissionable(d *describe, f *field) bool {
	governs := d.byName[security(d, f)]
	return governs.Permissionable == nil && f.Name != "LastName" || governs.Permissionable != nil && *governs.Permissionable
}

// open adds the fields that field-level security cannot hide, where describe does not say which these are: no permission set
// of the org names them.
func (c *crm) open(ctx context.Context, d *describe, rights map[string]connector.Access) error {
	if rights == nil || slices.ContainsFunc(d.Fields, func(f field) bool { return f.Permissionable != nil }) {
		return nil
	}
	named := map[string]bool{}
	err := c.each(ctx, "permissions", "Id,Field", "FieldPermissions", "SobjectType = "+quote(d.Name), false, func(raw json.RawMessage) error {
		var row struct{ Field string }
		if json.Unmarshal(raw, &row) == nil {
			named[strings.TrimPrefix(row.Field, d.Name+".")] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range d.Fields {
		if name := security(d, &d.Fields[i]); !named[name] {
			rights[name] = connector.Access{Read: true, Edit: true}
		}
	}
	return nil
}

// rightsAreHidden is nil where the server keeps no assignments at all. Where it shows others' and not this user's, the
// integration user may not look ("View Setup and Configuration" is missing): what a rep may not see must not be guessed.
func (c *crm) rightsAreHidden(ctx context.Context) error {
	page, err := c.query(ctx, "permissions", "SELECT Id FROM PermissionSetAssignment LIMIT 1", false)
	if err == nil && len(page.Records) > 0 {
		return &connector.Error{Class: connector.Reconnect, Code: "rights_not_visible", Op: "permissions of the rep's CRM user"}
	}
	return err
}

// rightsFor is how long it is believed what field-level security says of a user. Every stage of a pass asks; each pass begins
// anew (connector.Anew).
const rightsFor = 5 * time.Minute

// rights tells what field-level security lets a user do with an object, by field; nil means that nothing is narrowed.
func (c *crm) rights(ctx context.Context, object, user string) (map[string]connector.Access, error) {
	if user == "" {
		return nil, nil
	}
	c.mu.Lock()
	known, ok := c.granted[user]
	c.mu.Unlock()
	if anew := connector.AnewOf(ctx); !ok || !c.believed(known.at, rightsFor) || anew != nil && anew != known.anew {
		known = granted{at: c.Now(), anew: anew}
		var err error
		if known.rights, err = c.readRights(ctx, user); err != nil {
			return nil, err
		}
		c.mu.Lock()
		maps.DeleteFunc(c.granted, func(_ string, g granted) bool { return !c.believed(g.at, rightsFor) })
		c.granted[user] = known
		c.mu.Unlock()
	}
	if known.rights != nil && known.rights[object] == nil {
		return map[string]connector.Access{}, nil
	}
	return known.rights[object], nil
}

// granted are a user's rights as they were read.
type granted struct {
	rights map[string]map[string]connector.Access // by object and field, not changed once it is here; nil: nothing is narrowed
	at     time.Time
	anew   any // see connector.Anew
}

// believed reports whether what was read at a time still holds, which it does for so long.
func (c *crm) believed(at time.Time, long time.Duration) bool {
	now := c.Now()
	return now.Sub(at) < long && !now.Before(at)
}

// granting takes in the rows of FieldPermissions: each opens a field by one permission set, and a user has what any of its
// sets opens.
type granting struct {
	rights map[string]map[string]connector.Access // by object and field
	rows   int
}

func newGranting() *granting {
	g := &granting{rights: map[string]map[string]connector.Access{}}
	for _, s := range shapes {
		g.rights[s.object] = map[string]connector.Access{}
	}
	return g
}

// read asks for the rows of some permission sets. Both SobjectType and Field have to be asked for (Object Reference,
// "FieldPermissions").
func (g *granting) read(ctx context.Context, c *crm, sets string) error {
	where := "SobjectType IN (" + quoteAll(slices.Sorted(maps.Keys(g.rights))) + ") AND ParentId IN (" + sets + ")"
	return c.each(ctx, "permissions", "Id,SobjectType,Field,PermissionsRead,PermissionsEdit", "FieldPermissions", where, false, func(raw json.RawMessage) error {
		g.rows++
		var row struct {
			Field                            string
			PermissionsRead, PermissionsEdit bool
		}
		undecoded := json.Unmarshal(raw, &row)
		object, name, dotted := strings.Cut(row.Field, ".")
		if of := g.rights[object]; undecoded == nil && dotted && of != nil {
			was := of[name]
			of[name] = connector.Access{Read: was.Read || row.PermissionsRead, Edit: was.Edit || row.PermissionsEdit}
		}
		return nil
	})
}

// readRights asks for a user's rights to the objects of all kinds, in one query: every pass that a change in the CRM gives
// work makes it. Where the server knows no semi-joins, or shows nothing by them, the user's permission sets are asked for
// first.
func (c *crm) readRights(ctx context.Context, user string) (map[string]map[string]connector.Access, error) {
	if c.noSemiJoins.Load() {
		return c.readRightsOfSets(ctx, user)
	}
	g := newGranting()
	joined := g.read(ctx, c, "SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId = "+quote(user))
	switch class := connector.ClassOf(joined); {
	case joined == nil && g.rows > 0:
		return g.rights, nil
	case class == connector.Retry || class == connector.Reconnect:
		return nil, joined
	}
	rights, err := c.readRightsOfSets(ctx, user)
	shown := slices.ContainsFunc(slices.Collect(maps.Values(rights)), func(of map[string]connector.Access) bool { return len(of) > 0 })
	if err == nil && (joined != nil || shown) {
		c.noSemiJoins.Store(true)
	}
	return rights, err
}

// readRightsOfSets is readRights in two steps.
func (c *crm) readRightsOfSets(ctx context.Context, user string) (map[string]map[string]connector.Access, error) {
	var sets []string
	err := c.each(ctx, "permissions", "Id,PermissionSetId", "PermissionSetAssignment", "AssigneeId = "+quote(user), false, func(raw json.RawMessage) error {
		var row struct{ PermissionSetID string }
		if json.Unmarshal(raw, &row) == nil {
			sets = append(sets, row.PermissionSetID)
		}
		return nil
	})
	if notServed(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if len(sets) == 0 { // every user of a real org has at least the set of its profile
		return nil, c.rightsAreHidden(ctx)
	}
	g := newGranting()
	for _, batch := range batches(unique(sets), c.room("")) {
		switch err := g.read(ctx, c, quoteAll(batch)); {
		case notServed(err):
			return nil, nil
		case err != nil:
			return nil, err
		}
	}
	return g.rights, nil
}

// digest changes whenever describe or the user's rights do.
func digest(d *describe, rights map[string]connector.Access) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n", d.digest)
	for _, f := range slices.Sorted(maps.Keys(rights)) {
		fmt.Fprintf(h, "%s %t %t\n", f, rights[f].Read, rights[f].Edit)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
