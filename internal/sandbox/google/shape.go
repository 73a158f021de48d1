package google

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// shape is a version of a contact as a client sees it through a mask: output-only values filled in, metadata on every
// value, fields outside the mask left out.
func (s *Server) shape(v *version, mask []string) *Person {
	out := &Person{ResourceName: v.name, Etag: personEtag(v.etag, mask)}
	src := v.person.clone()
	src.Photos = []Photo{{URL: "https://lh3.googleusercontent.com/cm/" + strings.TrimPrefix(v.name, "people/") + "=s100", Default: true}}
	copyFields(out, src, without(mask, "metadata"))
	if slices.Contains(mask, "metadata") {
		out.Metadata = &PersonMetadata{ObjectType: "PERSON", Sources: []Source{{
			Type: "CONTACT", ID: v.sourceID(), Etag: "#" + v.etag, UpdateTime: v.at.UTC().Format("2006-01-02T15:04:05.000000Z"),
		}}}
	}
	for _, name := range mask {
		first := primary(out, name)
		entries(out, name, func(i int, e reflect.Value) {
			meta := &FieldMetadata{Source: &Source{Type: "CONTACT", ID: v.sourceID()}}
			meta.Primary, meta.SourcePrimary = i == first, i == first
			e.Elem().FieldByName("Metadata").Set(reflect.ValueOf(meta))
			if f := e.Elem().FieldByName("FormattedType"); f.IsValid() {
				f.SetString(formattedType(e.Elem().FieldByName("Type").String()))
			}
			if d, ok := reflect.TypeAssert[interface{ derive(region string) }](e); ok {
				d.derive(s.cfg.Region)
			}
		})
	}
	return out
}

// shapeDeleted is what the sync feed shows of a deleted contact.
func shapeDeleted(v *version, mask []string) *Person {
	out := &Person{ResourceName: v.name, Etag: personEtag(v.etag, mask)}
	if slices.Contains(mask, "metadata") {
		out.Metadata = &PersonMetadata{Deleted: true, ObjectType: "PERSON", Sources: []Source{{Type: "CONTACT", ID: v.sourceID()}}}
	}
	return out
}

// primary is the index of a field's first value: the one that was asked for with sourcePrimary, else the first of all.
func primary(p *Person, name string) (at int) {
	entries(p, name, func(i int, e reflect.Value) {
		if m, ok := reflect.TypeAssert[*FieldMetadata](e.Elem().FieldByName("Metadata")); ok && m != nil && m.SourcePrimary && at == 0 {
			at = i
		}
	})
	return at
}

func without(list []string, drop string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == drop })
}

// formattedTypes are the predefined types of emails, phones and addresses as English shows them; a custom type is shown
// as it is.
var formattedTypes = map[string]string{
	"home": "Home", "work": "Work", "other": "Other", "mobile": "Mobile", "main": "Main", "homeFax": "Home Fax",
	"workFax": "Work Fax", "otherFax": "Other Fax", "pager": "Pager", "workMobile": "Work Mobile", "workPager": "Work Pager",
	"googleVoice": "Google Voice", "school": "School", "homePage": "Home Page", "blog": "Blog", "profile": "Profile",
	"anniversary": "Anniversary", "spouse": "Spouse", "assistant": "Assistant", "manager": "Manager", "partner": "Partner",
	"child": "Child", "mother": "Mother", "father": "Father", "parent": "Parent", "friend": "Friend", "relative": "Relative",
}

func formattedType(t string) string {
	if f, ok := formattedTypes[t]; ok {
		return f
	}
	return t
}

func (n *Name) derive(string) {
	n.DisplayName = join(" ", n.HonorificPrefix, n.GivenName, n.MiddleName, n.FamilyName)
	if n.HonorificSuffix != "" {
		n.DisplayName = join(", ", n.DisplayName, n.HonorificSuffix)
	}
	n.UnstructuredName = n.DisplayName
	n.DisplayNameLastFirst = join(", ", join(" ", n.HonorificPrefix, n.FamilyName), join(" ", n.GivenName, n.MiddleName), n.HonorificSuffix)
}

func (p *PhoneNumber) derive(region string) {
	if n, err := phonenumbers.Parse(p.Value, region); err == nil && phonenumbers.IsValidNumber(n) {
		p.CanonicalForm = phonenumbers.Format(n, phonenumbers.E164)
	}
}

func (a *Address) derive(string) {
	if a.FormattedValue == "" {
		line := join(" ", join(", ", a.City, a.Region), a.PostalCode)
		country := a.Country
		if country == "" {
			country = a.CountryCode
		}
		a.FormattedValue = join("\n", a.StreetAddress, a.ExtendedAddress, a.POBox, line, country)
	}
}

func (b *Birthday) derive(string) {
	if b.Date == nil || b.Date.Day == 0 {
		return
	}
	b.Text = fmt.Sprintf("%d/%d", b.Date.Month, b.Date.Day)
	if b.Date.Year != 0 {
		b.Text += fmt.Sprintf("/%d", b.Date.Year)
	}
}

func (b *Biography) derive(string) {
	if b.ContentType == "" {
		b.ContentType = "TEXT_PLAIN"
	}
}

func (g *Gender) derive(string) {
	if g.Value != "" {
		g.FormattedValue = strings.ToUpper(g.Value[:1]) + g.Value[1:]
	}
}

func (m *Membership) derive(string) {
	if g := m.ContactGroupMembership; g != nil {
		g.ContactGroupID = strings.TrimPrefix(g.ContactGroupResourceName, "contactGroups/")
	}
}

// join joins the parts that are not empty.
func join(sep string, parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), sep)
}

// personEtag is an etag as a read with this mask shows it: the mask and the source's etag in a small protocol buffer
// (fields 2, 3 and 4), in base64 after a percent sign. Two reads of one state with different masks have different etags.
func personEtag(source string, mask []string) string {
	b := []byte{0x12, 0}
	for _, f := range mask {
		b = append(b, byte(slices.Index(readFields, f)+1))
	}
	b = append(b, '7', '.')
	b[1] = byte(len(b) - 2)
	b = append(b, 0x1a, 4, 1, 2, 5, 7, 0x22, byte(len(source)))
	return "%" + base64.StdEncoding.EncodeToString(append(b, source...))
}

// sourceEtag finds the source's etag in what a client sends back as a person's or a source's etag, "" when there is none.
func sourceEtag(etag string) string {
	if rest, ok := strings.CutPrefix(etag, "#"); ok {
		return rest
	}
	b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(etag, "%"))
	if err != nil {
		return ""
	}
	for len(b) >= 2 && len(b) >= 2+int(b[1]) {
		tag, body := b[0], b[2:2+int(b[1])]
		if tag == 0x22 {
			return string(body)
		}
		b = b[2+len(body):]
	}
	return ""
}
