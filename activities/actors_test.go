package activities_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox/fault"
	"github.com/repsync/repsync/internal/store"
)

// fields is shorthand for a CRM record's or a person's values.
type fields = map[string]any

// contact makes a CRM contact owned by a rep, as its owner would.
func (w *world) contact(rep string, f fields) string {
	w.t.Helper()
	if _, ok := f["OwnerId"]; !ok {
		f["OwnerId"] = w.users[rep]
	}
	id, err := w.box.Salesforce.Insert("Contact", f, w.users[rep])
	require.NoError(w.t, err)
	return id
}

// account makes a CRM account. A contact without one is private to its owner, whatever the org's sharing.
func (w *world) account(name string) string {
	w.t.Helper()
	id, err := w.box.Salesforce.Insert("Account", fields{"Name": name}, "")
	require.NoError(w.t, err)
	return id
}

func (w *world) editContact(rep, id string, f fields) {
	w.t.Helper()
	w.clock.Advance(time.Second)
	require.NoError(w.t, w.box.Salesforce.Update("Contact", id, f, w.users[rep]))
}

func (w *world) deleteContact(rep, id string) {
	w.t.Helper()
	w.clock.Advance(time.Second)
	require.NoError(w.t, w.box.Salesforce.Delete("Contact", id, w.users[rep]))
}

// crmContacts returns the living contacts by id.
func (w *world) crmContacts() map[string]map[string]any {
	out := map[string]map[string]any{}
	for _, row := range w.box.Salesforce.All("Contact") {
		if row["IsDeleted"] != true {
			out[fmt.Sprint(row["Id"])] = row
		}
	}
	return out
}

// person makes an address book entry, as its owner would.
func (w *world) person(rep, body string) string {
	w.t.Helper()
	name, err := w.box.Google.Insert(address(rep), body)
	require.NoError(w.t, err)
	return name
}

func (w *world) editPerson(rep, name, body string) {
	w.t.Helper()
	w.clock.Advance(time.Second)
	require.NoError(w.t, w.box.Google.Update(address(rep), name, body))
}

func (w *world) deletePerson(rep, name string) {
	w.t.Helper()
	w.clock.Advance(time.Second)
	require.NoError(w.t, w.box.Google.Delete(address(rep), name))
}

// people returns a rep's living address book entries by resource name.
func (w *world) people(rep string) map[string]person {
	w.t.Helper()
	out := map[string]person{}
	for _, c := range w.box.Google.Living(address(rep)) {
		var p person
		text, err := json.Marshal(c.Person)
		require.NoError(w.t, err)
		require.NoError(w.t, json.Unmarshal(text, &p))
		out[c.ResourceName] = p
	}
	return out
}

// person is the part of a Google person that tests look at.
type person struct {
	Names []struct {
		GivenName, FamilyName string
	} `json:"names"`
	EmailAddresses []struct{ Value, Type string }             `json:"emailAddresses"`
	PhoneNumbers   []struct{ Value, Type string }             `json:"phoneNumbers"`
	Organizations  []struct{ Name, Title, Department string } `json:"organizations"`
	ClientData     []struct{ Key, Value string }              `json:"clientData"`
}

// parked returns what is parked for a rep, by reason.
func (w *world) parked(rep string) map[planner.Reason][]store.Parked {
	w.t.Helper()
	list, err := w.store.ParkedList(w.t.Context(), org, rep, 0)
	require.NoError(w.t, err)
	out := map[planner.Reason][]store.Parked{}
	for _, p := range list {
		out[p.Reason] = append(out[p.Reason], p)
	}
	return out
}

// reason is the verdict on an item.
func (w *world) reason(rep, id string) planner.Reason {
	w.t.Helper()
	list, err := w.store.Verdicts(w.t.Context(), org, rep, record.Contact, id)
	require.NoError(w.t, err)
	require.NotEmpty(w.t, list, "every item has a verdict")
	return list[0].Reason
}

// actions lists the journal of an item, oldest first.
func (w *world) actions(rep, id string) []string {
	w.t.Helper()
	lines, err := w.store.JournalOf(w.t.Context(), org, rep, id, 100)
	require.NoError(w.t, err)
	out := make([]string, 0, len(lines))
	for _, l := range slices.Backward(lines) {
		out = append(out, l.Action)
	}
	return out
}

// link is the one link of a CRM record for a rep.
func (w *world) link(rep, crmID string) (planner.Link, bool) {
	w.t.Helper()
	links, err := w.store.LinksBySide(w.t.Context(), org, rep, record.Contact, record.CRM, []string{crmID})
	require.NoError(w.t, err)
	l, ok := links[crmID]
	return l, ok
}

// peer is the mailbox item that a CRM record is linked to.
func (w *world) peer(rep, crmID string) string {
	w.t.Helper()
	l, ok := w.link(rep, crmID)
	require.True(w.t, ok, "the record is linked")
	return l.Mailbox.ID
}

// google and salesforce make a vendor misbehave.
func (w *world) google(r fault.Rule) string     { return w.box.GoogleFaults.MustAdd(r) }
func (w *world) salesforce(r fault.Rule) string { return w.box.SalesforceFaults.MustAdd(r) }
