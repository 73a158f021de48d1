package world

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/repsync/repsync/internal/chaos/scenario"
)

// Do does what a person does by hand. It reports false where that is not possible: the item is not there, or is already.
func (w *World) Do(step scenario.Step) (bool, error) {
	o := w.Orgs[step.Org]
	if o == nil || o.Users[step.Rep] == "" {
		return false, fmt.Errorf("%s: there is no rep %s in org %q", step.Do, step.Rep, step.Org)
	}
	switch {
	case step.Do == scenario.Odd:
		return w.odd(o, step)
	case step.Do == scenario.Merge:
		return o.merge(step)
	case strings.HasPrefix(step.Item, "m") && step.Side == scenario.CRM:
		return o.crmMeeting(step)
	case strings.HasPrefix(step.Item, "m"):
		return o.boxMeeting(step)
	case step.Side == scenario.CRM:
		return o.crmPerson(step)
	default:
		return o.boxPerson(step)
	}
}

// crmFields are Salesforce's names of a person's fields.
var crmFields = map[string]string{"title": "Title", "department": "Department", "phone": "Phone", "email": "Email", "given": "FirstName"}

// find returns the record of an item, living or deleted: the first that was made, where there are several.
func (o *Org) find(object, field, item string, deleted bool) (row map[string]any) {
	for _, r := range o.Box.Salesforce.All(object) {
		text, _ := r[field].(string)
		gone, _ := r["IsDeleted"].(bool)
		if word, _, _ := strings.Cut(text, " "); word == item && gone == deleted {
			return r
		}
	}
	return nil
}

// crmPerson is what a rep does to a contact in Salesforce.
func (o *Org) crmPerson(step scenario.Step) (bool, error) {
	sf, user := o.Box.Salesforce, o.Users[step.Rep]
	values := map[string]any{}
	for field, value := range step.Set {
		values[crmFields[field]] = nil
		if value != "" {
			values[crmFields[field]] = value
		}
	}
	row := o.find("Contact", "LastName", step.Item, step.Do == scenario.Restore)
	if (row != nil) == (step.Do == scenario.Create) {
		return false, nil
	}
	if step.Do == scenario.Create {
		values["LastName"], values["OwnerId"], values["AccountId"] = step.Item, user, o.account
		_, err := sf.Insert("Contact", values, user)
		return err == nil, err
	}
	id, _ := row["Id"].(string)
	switch step.Do {
	case scenario.Edit:
		return true, sf.Update("Contact", id, values, "")
	case scenario.Touch:
		return true, sf.Update("Contact", id, map[string]any{"LastName": row["LastName"]}, "")
	case scenario.Delete:
		return true, sf.Delete("Contact", id, "")
	case scenario.Restore:
		return true, sf.Undelete("Contact", id, "")
	case scenario.Reassign:
		return o.Users[step.To] != "", sf.Update("Contact", id, map[string]any{"OwnerId": o.Users[step.To]}, "")
	default:
		return false, nil
	}
}

// boxPerson is what a rep does to an entry of the address book.
func (o *Org) boxPerson(step scenario.Step) (bool, error) {
	book, address := o.Box.Google, Address(o.Name, step.Rep)
	person := map[string]any{}
	name := ""
	for _, c := range book.Living(address) {
		if first(c.Person, "names")["familyName"] == step.Item {
			name, person = c.ResourceName, c.Person
			break
		}
	}
	if (name != "") == (step.Do == scenario.Create) {
		return false, nil
	}
	switch step.Do {
	case scenario.Create, scenario.Edit:
		changed := fill(person, step)
		body, err := json.Marshal(changed)
		if err != nil {
			return false, err
		}
		if step.Do == scenario.Create {
			_, err = book.Insert(address, string(body))
		} else {
			err = book.Update(address, name, string(body))
		}
		return err == nil, err
	case scenario.Touch:
		body, err := json.Marshal(map[string]any{"names": person["names"]})
		if err != nil {
			return false, err
		}
		return true, book.Update(address, name, string(body))
	case scenario.Delete:
		o.unheard = o.unheard || o.renamed[address+" "+step.Item]
		return true, book.Delete(address, name)
	case scenario.Rename:
		o.renamed[address+" "+step.Item] = true
		_, err := book.Rename(address, name)
		return true, err
	default:
		return false, nil
	}
}

// fill returns the fields of a Google person that a step sets, with what else those fields hold.
func fill(person map[string]any, step scenario.Step) map[string]any {
	out := map[string]any{}
	if step.Do == scenario.Create {
		out["names"] = []any{map[string]any{"familyName": step.Item}}
	}
	at := map[string][2]string{"title": {"organizations", "title"}, "department": {"organizations", "department"}, "phone": {"phoneNumbers", "value"}, "email": {"emailAddresses", "value"}, "given": {"names", "givenName"}}
	for field, value := range step.Set {
		list, key := at[field][0], at[field][1]
		if out[list] == nil {
			out[list] = person[list]
		}
		values, _ := out[list].([]any)
		entry := map[string]any{}
		if len(values) > 0 {
			entry, _ = values[0].(map[string]any)
		}
		delete(entry, "metadata")
		delete(entry, "formattedType")
		delete(entry, "displayName")
		delete(entry, "displayNameLastFirst")
		delete(entry, "unstructuredName")
		delete(entry, "canonicalForm")
		entry[key] = value
		if value == "" {
			delete(entry, key)
		}
		if list != "names" {
			entry["type"] = "work"
		}
		empty := len(entry) == 0 || len(entry) == 1 && entry["type"] != nil
		switch rest := values[min(1, len(values)):]; {
		case empty:
			out[list] = slices.Clone(rest)
		default:
			out[list] = append([]any{entry}, rest...)
		}
		if list2, _ := out[list].([]any); list2 == nil {
			out[list] = []any{}
		}
	}
	return out
}

// first returns the first value of a person's field.
func first(person map[string]any, field string) map[string]any {
	values, _ := person[field].([]any)
	if len(values) == 0 {
		return nil
	}
	v, _ := values[0].(map[string]any)
	return v
}
