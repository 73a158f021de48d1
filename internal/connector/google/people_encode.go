package google

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// edit changes a person's lists and remembers which ones it touched.
type edit struct {
	p       person
	touched map[string]bool
}

// create builds the person of a new contact.
func (m *people) create(op connector.Op) (person, *connector.Error) {
	e := edit{p: person{}, touched: map[string]bool{}}
	if err := e.apply(op.Set); err != nil {
		return nil, err
	}
	if len(e.p) == 0 {
		return nil, &connector.Error{Class: connector.Park, Code: "empty", Op: "google create contact"}
	}
	e.p[listClient] = []any{entry{"key": markerKey, "value": m.marker(op.Key)}}
	return e.p, nil
}

// update builds what an update sends, and its mask; an empty mask means that there is nothing to do.
func (m *people) update(op connector.Op) (person, string, *connector.Error) {
	const what = "google update contact"
	p, err := parsePerson(op.Current.Image)
	if err != nil {
		return nil, "", &connector.Error{Class: connector.Bug, Code: "image", Op: what}
	}
	e := edit{p: p, touched: map[string]bool{}}
	if err := e.apply(op.Set); err != nil {
		return nil, "", err
	}
	if op.Key != "" && op.Current.Key == "" {
		list := e.list(listClient)
		e.put(listClient, append(list, entry{"key": markerKey, "value": m.marker(op.Key)}))
	}
	body := person{"resourceName": op.Ref.ID}
	if tag, ok := p["etag"]; ok {
		body["etag"] = tag
	}
	if meta, ok := p["metadata"].(entry); ok {
		body["metadata"] = entry{"sources": meta["sources"]}
	}
	for name := range e.touched {
		if v, ok := p[name]; ok {
			body[name] = v
		}
	}
	return body, strings.Join(slices.Sorted(maps.Keys(e.touched)), ","), nil
}

// list returns the contact's own entries; an image was decoded before, so that it cannot be malformed.
func (e *edit) list(name string) []entry {
	list, _ := e.p.list(name)
	return list
}

// put replaces a list; an empty one is left out, which clears it under the mask.
func (e *edit) put(name string, list []entry) {
	e.touched[name] = true
	if len(list) == 0 {
		delete(e.p, name)
		return
	}
	all := make([]any, len(list))
	for i := range list {
		all[i] = list[i]
	}
	e.p[name] = all
}

// apply sets fields, in a stable order. Error: Park for a field that a Google contact does not have, or a date that is none.
func (e *edit) apply(f record.Fields) *connector.Error {
	for _, field := range slices.Sorted(maps.Keys(f)) {
		v := record.Canonical(field, f[field])
		kind, part, isAddress := addressField(field)
		switch {
		case field == record.FieldEmails: // derived
		case field == record.FieldEmail:
			e.email(v)
		case phoneTypes[field] != "":
			e.phone(field, v)
		case isAddress:
			e.address(kind, part, v)
		case nameParts[field] != "":
			e.part(listNames, nameParts[field], v)
		case orgParts[field] != "":
			e.part(listOrgs, orgParts[field], v)
		case field == record.FieldNotes:
			e.notes(v)
		case field == record.FieldBirthday && (v == "" || record.ValidDate(v)):
			e.birthday(v)
		case field == record.FieldBirthday:
			return &connector.Error{Class: connector.Park, Code: "not_a_date", Op: "google write contact"}
		default:
			return &connector.Error{Class: connector.Park, Code: "field_not_writable:" + field, Op: "google write contact"}
		}
	}
	return nil
}

func (e *edit) email(v string) {
	list := e.list(listEmails)
	e.value(listEmails, list, emailIndex(list), v, "work")
}

func (e *edit) phone(field, v string) {
	list := e.list(listPhones)
	e.value(listPhones, list, phoneIndex(list, field), v, phoneTypes[field])
}

// value sets, adds or removes one entry of a list; the others stay as they are.
func (e *edit) value(name string, list []entry, at int, v, kind string) {
	switch {
	case at < 0 && v == "":
		return
	case at < 0:
		list = append(list, entry{"value": v, "type": kind})
	case v == "":
		list = slices.Delete(list, at, at+1)
	default:
		list[at]["value"] = v
		delete(list[at], "canonicalForm")
	}
	e.put(name, list)
}

func (e *edit) address(kind, part, v string) {
	list := e.list(listAddresses)
	at := addressIndex(list, kind)
	switch {
	case v == "" && (at < 0 || str(list[at], part) == ""): // nothing to clear
		return
	case at < 0:
		list = append(list, entry{"type": kind, part: v})
	default:
		setMember(list[at], part, v)
		delete(list[at], "formattedValue") // Google makes it anew from the parts
		if part == "country" {
			delete(list[at], "countryCode") // which would contradict
		}
		if len(bare(list[at])) == 0 {
			list = slices.Delete(list, at, at+1)
		}
	}
	e.put(listAddresses, list)
}

// part sets a member of the primary entry of names or organizations.
func (e *edit) part(name, part, v string) {
	list := e.list(name)
	at := first(list)
	switch {
	case v == "" && (at < 0 || str(list[at], part) == ""): // nothing to clear
		return
	case at < 0:
		list = append(list, entry{part: v})
	default:
		setMember(list[at], part, v)
		for _, derived := range []string{"displayName", "displayNameLastFirst", "unstructuredName"} {
			delete(list[at], derived)
		}
		if len(bare(list[at])) == 0 {
			list = slices.Delete(list, at, at+1)
		}
	}
	e.put(name, list)
}

func setMember(e entry, name, v string) {
	if v == "" {
		delete(e, name)
		return
	}
	e[name] = v
}

func (e *edit) notes(v string) {
	if v == "" && len(e.list(listNotes)) == 0 {
		return
	}
	var list []entry
	if v != "" {
		list = []entry{{"value": v, "contentType": "TEXT_PLAIN"}}
	}
	e.put(listNotes, list)
}

// birthday replaces the one birthday that a contact has.
func (e *edit) birthday(v string) {
	if v == "" {
		if len(e.list(listBirthdays)) > 0 {
			e.put(listBirthdays, nil)
		}
		return
	}
	date := entry{}
	year, day, _ := strings.Cut(v, "-")
	if rest, ok := strings.CutPrefix(v, "--"); ok {
		year, day = "", rest
	}
	month, day, _ := strings.Cut(day, "-")
	for name, s := range map[string]string{"year": year, "month": month, "day": day} {
		if n, err := strconv.Atoi(s); err == nil {
			date[name] = n
		}
	}
	e.put(listBirthdays, []entry{{"date": date}})
}
