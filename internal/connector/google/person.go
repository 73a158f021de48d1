package google

import (
	"fmt"
	"slices"
	"strings"

	"github.com/repsync/repsync/internal/record"
)

// person is a person as JSON: what is not known here stays as it is.
type person map[string]any

// entry is one value of a list: one phone, one address.
type entry = map[string]any

// The lists of a person that map to a record.
const (
	listNames     = "names"
	listEmails    = "emailAddresses"
	listPhones    = "phoneNumbers"
	listAddresses = "addresses"
	listOrgs      = "organizations"
	listBirthdays = "birthdays"
	listNotes     = "biographies"
	listClient    = "clientData"
)

// readLists are those that are asked for.
var readLists = []string{listAddresses, listNotes, listBirthdays, listClient, listEmails, listNames, listOrgs, listPhones}

// nameParts, addressParts and orgParts say which member of an entry holds a canonical field.
var (
	nameParts = map[string]string{
		record.FieldPrefix: "honorificPrefix", record.FieldGiven: "givenName", record.FieldMiddle: "middleName",
		record.FieldFamily: "familyName", record.FieldSuffix: "honorificSuffix",
	}
	orgParts     = map[string]string{record.FieldCompany: "name", record.FieldTitle: "title", record.FieldDepartment: "department"}
	addressParts = map[string]string{
		"street": "streetAddress", "city": "city", "region": "region", "postal_code": "postalCode", "country": "country",
	}
	// phoneTypes and addressTypes say which Google type a canonical type is written as.
	phoneTypes = map[string]string{
		record.FieldPhoneWork: "work", record.FieldPhoneMobile: "mobile", record.FieldPhoneHome: "home",
		record.FieldPhoneOther: "other", record.FieldPhoneFax: "workFax", record.FieldPhoneAssistant: "assistant",
	}
)

// unreadable is why a person cannot be decoded; it names a member and never quotes a value.
type unreadable struct{ where, why string }

func (u unreadable) Error() string { return u.where + ": " + u.why }

// parsePerson decodes one person, keeping numbers as they were written.
func parsePerson(raw []byte) (person, error) {
	p, ok := parse(raw)
	if !ok {
		return nil, unreadable{"person", "is not an object"}
	}
	return p, nil
}

// list returns the entries of a list that are the contact's own, in order.
func (p person) list(name string) ([]entry, error) {
	v, ok := p[name]
	if !ok || v == nil {
		return nil, nil
	}
	all, ok := v.([]any)
	if !ok {
		return nil, unreadable{name, "is not a list"}
	}
	var out []entry
	for i, one := range all {
		e, ok := one.(entry)
		if !ok {
			return nil, unreadable{fmt.Sprintf("%s[%d]", name, i), "is not an object"}
		}
		if source := sourceType(e); source == "" || source == "CONTACT" {
			out = append(out, e)
		}
	}
	return out, nil
}

// sourceType is where an entry comes from, "" when it does not say.
func sourceType(e entry) string {
	meta, _ := e["metadata"].(entry)
	source, _ := meta["source"].(entry)
	t, _ := source["type"].(string)
	return t
}

// first returns the index of the primary entry, else of the first; -1 of none.
func first(list []entry) int {
	for i, e := range list {
		meta, _ := e["metadata"].(entry)
		if meta["primary"] == true || meta["sourcePrimary"] == true {
			return i
		}
	}
	if len(list) == 0 {
		return -1
	}
	return 0
}

// member reads a member that must be text.
func member(list string, e entry, name string) (string, error) {
	switch v := e[name].(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	default:
		return "", unreadable{list + "." + name, "is not text"}
	}
}

// str is member for entries that decoding has checked.
func str(e entry, name string) string {
	s, _ := e[name].(string)
	return s
}

// emailIndex returns the entry that FieldEmail stands for; -1 of none.
func emailIndex(list []entry) int {
	found := -1
	for i, e := range list {
		if record.Canonical(record.FieldEmail, str(e, "value")) == "" {
			continue
		}
		if str(e, "type") == "work" {
			return i
		}
		if found < 0 {
			found = i
		}
	}
	return found
}

// phoneIndex returns the first phone of a canonical field's type; -1 of none.
func phoneIndex(list []entry, field string) int {
	return slices.IndexFunc(list, func(e entry) bool {
		t := str(e, "type")
		return (strings.EqualFold(t, phoneTypes[field]) || t == "" && field == record.FieldPhoneOther) &&
			record.Canonical(field, str(e, "value")) != ""
	})
}

// addressIndex returns the first address of a type ("work", "home", "other") that has parts; -1 of none.
func addressIndex(list []entry, kind string) int {
	return slices.IndexFunc(list, func(e entry) bool {
		t := str(e, "type")
		if !strings.EqualFold(t, kind) && (t != "" || kind != "other") {
			return false
		}
		for _, name := range addressParts {
			if record.Canonical("", str(e, name)) != "" {
				return true
			}
		}
		return false
	})
}

// addressField splits address.work.city into work and the member city; ok is false for other fields.
func addressField(field string) (kind, name string, ok bool) {
	rest, ok := strings.CutPrefix(field, "address.")
	if !ok {
		return "", "", false
	}
	kind, part, _ := strings.Cut(rest, ".")
	name, ok = addressParts[part]
	return kind, name, ok && (kind == "work" || kind == "home" || kind == "other")
}

// bare is an entry without what says nothing about the person: type, metadata, and what Google derives.
func bare(e entry) entry {
	out := entry{}
	for k, v := range e {
		switch k {
		case "type", "formattedType", "metadata", "canonicalForm", "contentType", "current":
		case "displayName", "displayNameLastFirst", "unstructuredName", "formattedValue", "countryCode":
		default:
			if v != nil && v != "" {
				out[k] = v
			}
		}
	}
	return out
}
