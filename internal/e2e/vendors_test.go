package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"
)

// fields is shorthand for a record's or a person's values.
type fields = map[string]any

// contact makes a CRM contact that a rep owns.
func (w *world) contact(rep string, f fields) string {
	w.t.Helper()
	f = maps.Clone(f)
	f["OwnerId"] = w.users[rep]
	id, err := w.box.Salesforce.Insert("Contact", f, w.users[rep])
	require.NoError(w.t, err)
	return id
}

// person makes an address book entry.
func (w *world) person(rep string, f fields) string {
	w.t.Helper()
	name, err := w.box.Google.Insert(address(rep), show(f))
	require.NoError(w.t, err)
	return name
}

func (w *world) editContact(rep, id string, f fields) {
	w.t.Helper()
	require.NoError(w.t, w.box.Salesforce.Update("Contact", id, f, w.users[rep]))
}

func (w *world) editPerson(rep, name string, f fields) {
	w.t.Helper()
	require.NoError(w.t, w.box.Google.Update(address(rep), name, show(f)))
}

// someone is a person as an address book holds one.
func someone(first, last, email, phone string) fields {
	f := fields{"names": []fields{{"givenName": first, "familyName": last}}}
	if email != "" {
		f["emailAddresses"] = []fields{{"value": email, "type": "work"}}
	}
	if phone != "" {
		f["phoneNumbers"] = []fields{{"value": phone, "type": "work"}}
	}
	return f
}

// contactOf returns the id of the one living CRM contact with an email address, "" without one.
func (w *world) contactOf(email string) string {
	for _, row := range w.box.Salesforce.All("Contact") {
		if row["IsDeleted"] != true && row["Email"] == email {
			return fmt.Sprint(row["Id"])
		}
	}
	return ""
}

// personOf returns the resource name of the living address book entry with an email address, "" without one.
func (w *world) personOf(rep, email string) string {
	for _, c := range w.box.Google.Living(address(rep)) {
		if strings.Contains(show(c.Person["emailAddresses"]), `"`+email+`"`) {
			return c.ResourceName
		}
	}
	return ""
}

// raw is everything that both vendors hold, versions and deleted items included: equal before and after a pass that wrote
// nothing.
func (w *world) raw() []string {
	var out []string
	for _, object := range []string{"Contact", "Event", "EventRelation"} {
		for _, row := range w.box.Salesforce.All(object) {
			out = append(out, "crm "+show(row))
		}
	}
	for _, rep := range slices.Sorted(maps.Keys(w.users)) {
		for _, c := range w.box.Google.All(address(rep)) {
			out = append(out, "mailbox "+rep+" "+show(c))
		}
		for _, e := range w.events(rep) {
			out = append(out, "calendar "+rep+" "+show(e))
		}
	}
	return out
}

// contents is what both vendors hold without what differs from run to run: ids, versions, times and the values of
// Repsync's own markers. Deleted items are counted in too.
func (w *world) contents() []string {
	var out []string
	for _, row := range w.box.Salesforce.All("Contact") {
		row = maps.Clone(row)
		for name, v := range row {
			text, isText := v.(string)
			switch {
			case name == "Repsync_Key__c":
				row[name] = "a marker"
			case strings.HasSuffix(name, "ById"), isText && strings.HasPrefix(text, "/services/"):
				delete(row, name)
			case name == "Id", strings.HasSuffix(name, "Date") && name != "Birthdate", name == "SystemModstamp", name == "PhotoUrl":
				delete(row, name)
			case name == "OwnerId":
				row[name] = w.nameOf(text)
			}
		}
		out = append(out, "crm "+show(row))
	}
	for _, rep := range slices.Sorted(maps.Keys(w.users)) {
		for _, c := range w.box.Google.All(address(rep)) {
			out = append(out, "mailbox "+rep+" "+show(c.Deleted)+" "+show(plain(c.Person)))
		}
	}
	out = append(append(out, w.crmCalendars()...), w.mailboxCalendars()...)
	slices.Sort(out)
	return out
}

// nameOf is the rep of a CRM user.
func (w *world) nameOf(user string) string {
	for rep, id := range w.users {
		if id == user {
			return rep
		}
	}
	return user
}

// plain is a person without what Google makes up.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := fields{}
		for name, value := range v {
			switch name {
			case "resourceName", "etag", "metadata", "memberships", "photos", "coverPhotos":
			case "clientData":
				out[name] = "a marker"
			default:
				out[name] = plain(value)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	}
	return v
}

// mutations lists the requests that asked a vendor to change something, those that a fault answered included.
func (w *world) mutations() []string {
	var out []string
	for request, times := range w.box.SalesforceFaults.Calls() {
		method, path, _ := strings.Cut(request, " ")
		if method == "PATCH" || method == "DELETE" || method == "POST" && strings.HasSuffix(path, "/composite/sobjects") {
			out = append(out, slices.Repeat([]string{request}, times)...)
		}
	}
	for request, times := range w.box.GoogleFaults.Calls() {
		method, path, _ := strings.Cut(request, " ")
		if method != "GET" && path != "/token" && !strings.HasPrefix(path, "/batch/") { // the calls inside are counted
			out = append(out, slices.Repeat([]string{request}, times)...)
		}
	}
	slices.Sort(out)
	return out
}

// forget sets the count of mutations to zero.
func (w *world) forget() {
	w.box.SalesforceFaults.Reset()
	w.box.GoogleFaults.Reset()
}

// show is a value as JSON.
func show(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
