package scenario

import (
	"context"
	"fmt"
	"maps"

	"github.com/repsync/repsync/internal/demo/wire"
)

// Edit is one thing that a person does on one side, through the vendor's own API.
type Edit struct {
	Who  string // "carol, in Salesforce"
	What string // "changes Benedikt Sørensen's phone to +47 77 55 99 02"
	Then string // what the next pass must make of it
	do   func(context.Context, World) error
}

// Do carries the edit out.
func (e Edit) Do(ctx context.Context, w World) error {
	if err := e.do(ctx, w); err != nil {
		return fmt.Errorf("%s %s: %w", e.Who, e.What, err)
	}
	return nil
}

const carolsPlace = "carol, in Salesforce,"

// Edits are what people do between the first sync and the next pass, in order. Those of one person or record belong
// together: both sides are changed before any pass sees either.
func Edits() []Edit {
	return []Edit{
		{carolsPlace, "changes Benedikt Sørensen's phone to +47 77 55 99 02", "",
			contact("benedikt.sorensen@nordlys.test", wire.Object{"Phone": "+47 77 55 99 02"})},
		{"alice, in her address book,", "changes Benedikt Sørensen's title to Head of Grid Planning", "both edits are on both sides: they touch different fields",
			entry("alice", "benedikt.sorensen@nordlys.test", title("Head of Grid Planning"))},

		{"alice, in her address book,", "deletes Chiara Lombardi", "the record stays in Salesforce, and the entry stays away (deletes.from_mailbox: unlink)",
			func(ctx context.Context, w World) error {
				return withEntry(ctx, w, "alice", "chiara.lombardi@quillfish.test", func(resource string) error { return w.Books["alice"].Delete(ctx, resource) })
			}},

		{carolsPlace, "changes Dmitri Volkov's title to Director of Fleet", "",
			contact("dmitri.volkov@cobalt.test", wire.Object{"Title": "Director of Fleet"})},
		{"alice, in her address book,", "changes the same title to Head of Fleet Operations", "a conflict: Salesforce wins (conflict: crm_wins)",
			entry("alice", "dmitri.volkov@cobalt.test", title("Head of Fleet Operations"))},

		{carolsPlace, "changes Eun-ji Park's mobile to +1 512 555 7701", "",
			contact("eun-ji.park@vega.test", wire.Object{"MobilePhone": "+1 512 555 7701"})},
		{"alice, in her address book,", "changes the same mobile to +1 512 555 7702", "a conflict: the rep wins (fields.phone.mobile.winner: mailbox)",
			entry("alice", "eun-ji.park@vega.test", change{"phoneNumbers", "mobile", "value", "+1 512 555 7702"})},

		{carolsPlace, "gives Farid Haddad from alice to bob", "bob gets an entry; alice's goes, since Repsync had made it (on_filter_exit: remove)",
			owner("farid.haddad@tamarind.test", "bob@acme.test")},
		{carolsPlace, "gives Greta Lindqvist from alice to bob", "bob gets an entry; alice keeps hers, since she had it before Repsync",
			owner("greta.lindqvist@nordlys.test", "bob@acme.test")},

		{carolsPlace, "deletes Hugo Carvalho", "alice's entry goes too (deletes.from_crm: propagate)",
			func(ctx context.Context, w World) error {
				return withContact(ctx, w, "hugo.carvalho@brightwater.test", func(id string) error { return w.CRM.Delete(ctx, "Contact", id) })
			}},
		{carolsPlace, "archives Wanda Kowalska", "bob's entry goes: the record has left the policy's filter",
			contact("wanda.kowalska@cobalt.test", wire.Object{"Status__c": "Archived"})},

		{"bob, in his address book,", "changes Amara Okafor's title to Chief Procurement Officer", "the record is alice's: it has the new title, and so has alice's entry",
			entry("bob", "amara.okafor@halden.test", title("Chief Procurement Officer"))},

		{"alice, in her address book,", "adds Zofia Wiśniewska, with her mobile", "",
			add("alice", wire.Object{"phoneNumbers": []wire.Object{{"type": "mobile", "value": "+48 600 555 188"}}, "organizations": []wire.Object{{"name": "Polaris Ventures"}}})},
		{"bob, in his address book,", "adds Zofia Wiśniewska too, with her title", "one record in Salesforce, linked to both entries, with the mobile and the title",
			add("bob", wire.Object{"organizations": []wire.Object{{"name": "Polaris Ventures", "title": "Innovation Scout"}}})},
	}
}

// contact edits the CRM contact with an email address.
func contact(email string, fields wire.Object) func(context.Context, World) error {
	return func(ctx context.Context, w World) error {
		return withContact(ctx, w, email, func(id string) error { return w.CRM.Update(ctx, "Contact", id, fields) })
	}
}

// owner gives the CRM contact with an email address to another user.
func owner(email, to string) func(context.Context, World) error {
	return func(ctx context.Context, w World) error {
		users, err := w.CRM.Query(ctx, "SELECT Id FROM User WHERE Email = '"+to+"'")
		if err != nil {
			return err
		}
		if len(users) != 1 {
			return fmt.Errorf("%d users have the address %s, expected one", len(users), to)
		}
		return contact(email, wire.Object{"OwnerId": wire.Text(users[0], "Id")})(ctx, w)
	}
}

// change is one value of an entry, as wire.SetIn finds it.
type change struct{ field, kind, key, value string }

func title(to string) change { return change{"organizations", "", "title", to} }

// entry edits the entry of a rep's address book that has an email address.
func entry(rep, email string, c change) func(context.Context, World) error {
	return func(ctx context.Context, w World) error {
		return withEntry(ctx, w, rep, email, func(resource string) error {
			return w.Books[rep].Edit(ctx, resource, []string{c.field}, func(person wire.Object) { wire.SetIn(person, c.field, c.kind, c.key, c.value) })
		})
	}
}

// add makes an entry for Zofia Wiśniewska.
func add(rep string, more wire.Object) func(context.Context, World) error {
	return func(ctx context.Context, w World) error {
		person := wire.Object{
			"names":          []wire.Object{{"givenName": "Zofia", "familyName": "Wiśniewska"}},
			"emailAddresses": []wire.Object{{"type": "work", "value": "zofia.wisniewska@polaris.test"}},
		}
		maps.Copy(person, more)
		_, err := w.Books[rep].Create(ctx, person)
		return err
	}
}

func withContact(ctx context.Context, w World, email string, do func(id string) error) error {
	rows, err := w.CRM.Query(ctx, "SELECT Id FROM Contact WHERE Email = '"+email+"'")
	if err != nil {
		return err
	}
	if len(rows) != 1 {
		return fmt.Errorf("%d contacts have the address %s, expected one", len(rows), email)
	}
	return do(wire.Text(rows[0], "Id"))
}

func withEntry(ctx context.Context, w World, rep, email string, do func(resource string) error) error {
	resources, err := w.Books[rep].WithEmail(ctx, email)
	if err != nil {
		return err
	}
	if len(resources) != 1 {
		return fmt.Errorf("%d entries have the address %s, expected one", len(resources), email)
	}
	return do(resources[0])
}
