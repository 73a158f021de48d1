package verify

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// mapping is which field of a Salesforce contact stands for which value of an address-book entry, as Repsync's
// documentation promises it. It is written down a second time on purpose: the engine's own table must not judge itself.
// A phone or an address without a type counts as one of type other.
var mapping = map[string]string{
	"Salutation": "names.honorificPrefix", "FirstName": "names.givenName", "MiddleName": "names.middleName", "LastName": "names.familyName",
	"Suffix": "names.honorificSuffix", "Account": "organizations.name", "Title": "organizations.title", "Department": "organizations.department",
	"Birthdate": "birthdays", "Description": "biographies", "Phone": "phoneNumbers.work", "MobilePhone": "phoneNumbers.mobile",
	"HomePhone": "phoneNumbers.home", "OtherPhone": "phoneNumbers.other", "Fax": "phoneNumbers.workFax", "AssistantPhone": "phoneNumbers.assistant",
	"MailingStreet": "addresses.work.streetAddress", "MailingCity": "addresses.work.city", "MailingState": "addresses.work.region",
	"MailingPostalCode": "addresses.work.postalCode", "MailingCountry": "addresses.work.country",
	"OtherStreet": "addresses.other.streetAddress", "OtherCity": "addresses.other.city", "OtherState": "addresses.other.region",
	"OtherPostalCode": "addresses.other.postalCode", "OtherCountry": "addresses.other.country",
}

// Parked is one item that the engine says it cannot write now, and why.
type Parked struct {
	ID     string // the item's id on its side
	Reason string
}

// CheckPairs compares what one rep and the CRM hold after a first sync of both directions with what they held before it:
// the user's own data, of which nothing is known but what was loaded. It says of every item that
//
//   - it is still there, as the same item, and no value of it is gone or changed, but for mapped fields that the other
//     side decides (in a first sync the CRM's value stands where both have one);
//   - it has exactly one partner on the other side, whose mapped fields read the same, or else is parked with a reason;
//   - and that no item appeared for which there was no original.
func CheckPairs(before, after Snapshot, rep string, parked []Parked) []Difference {
	c := pairs{
		book: Book(rep), before: map[string]Item{}, parked: map[string]string{}, partner: map[string]bool{}, known: map[string]bool{},
		crm: after.CRM, entries: after.Books[rep],
	}
	for _, p := range parked {
		c.parked[p.ID] = p.Reason
	}
	for _, it := range slices.Concat(before.CRM, before.Books[rep]) {
		c.before[it.ID] = it
	}
	for _, it := range before.CRM {
		c.mails = append(c.mails, strings.ToLower(it.Fields["Email"]))
	}
	c.stillThere(Salesforce, before.CRM, after.CRM, contactKeys)
	c.stillThere(c.book, before.Books[rep], after.Books[rep], PersonKeys)
	c.pair()
	for _, it := range after.Deleted {
		c.report(Salesforce, contactKeys(it.Fields)[0], "lies in the recycle bin, and nobody deleted it")
	}
	if after.Mails != 0 {
		c.report("mail", "", "%d messages were sent; a sync sends none", after.Mails)
	}
	return c.diffs
}

// pairs is the work of CheckPairs.
type pairs struct {
	book    string
	before  map[string]Item
	parked  map[string]string // id → reason
	partner map[string]bool   // ids that have a partner
	known   map[string]bool   // ids of those that the other side knows, as partner or not
	mails   []string          // the email addresses that the CRM had before
	crm     []Item
	entries []Item
	diffs   []Difference
}

func (c *pairs) report(where, item, format string, args ...any) {
	c.diffs = append(c.diffs, Difference{where, item, fmt.Sprintf(format, args...)})
}

// stillThere checks that each item of before lives, with every value of it that the other side has no say in.
func (c *pairs) stillThere(where string, before, after []Item, keysOf func(map[string]string) []string) {
	now := map[string]Item{}
	for _, it := range after {
		now[it.ID] = it
	}
	for _, was := range before {
		is, ok := now[was.ID]
		if !ok {
			c.report(where, keysOf(was.Fields)[0], "is missing")
			continue
		}
		for _, f := range slices.Sorted(maps.Keys(was.Fields)) {
			if strings.HasPrefix(f, "emailAddresses") && slices.Contains(c.mails, strings.ToLower(is.Fields[f])) {
				continue // found by name and company, the entry has the CRM's address now
			}
			if !mapped(f) && is.Fields[f] != was.Fields[f] {
				c.report(where, keysOf(was.Fields)[0], "%s is %q and was %q; no sync touches it", f, is.Fields[f], was.Fields[f])
			}
			if mapped(f) && is.Fields[f] == "" {
				c.report(where, keysOf(was.Fields)[0], "%s is empty and was %q", f, was.Fields[f])
			}
		}
	}
}

// untyped are the paths of values without a type that stand for those of type other.
var untyped = map[string]string{
	"phoneNumbers.other": "phoneNumbers", "addresses.other.streetAddress": "addresses.streetAddress", "addresses.other.city": "addresses.city",
	"addresses.other.region": "addresses.region", "addresses.other.postalCode": "addresses.postalCode", "addresses.other.country": "addresses.country",
}

// at reads what an entry has at a path of mapping. Where it has one value of type other and one without a type, and the
// CRM's equals one of them, it is that one.
func at(entry map[string]string, path, field, crm string) string {
	typed, bare := entry[path], entry[untyped[path]]
	if typed == "" || bare != "" && !equal(field, typed, crm) && equal(field, bare, crm) {
		return bare
	}
	return typed
}

// mapped tells the fields of either side that a partner has a say in.
func mapped(field string) bool {
	if _, ok := mapping[field]; ok {
		return true
	}
	return slices.Contains(slices.Collect(maps.Values(mapping)), field)
}

// pair finds a partner among the entries for each contact, and compares the two. Several people may share a name or an
// address; then those are partners who differ least.
func (c *pairs) pair() {
	byKey := map[string][]Item{}
	for _, entry := range c.entries {
		for _, k := range append(emails(entry.Fields), nameOf(entry.Fields)) {
			byKey[k] = append(byKey[k], entry)
		}
	}
	type candidate struct {
		contact, entry Item
		differences    []string
	}
	var all []candidate
	for _, contact := range c.crm {
		tried := map[string]bool{}
		for _, k := range []string{strings.ToLower(contact.Fields["Email"]), nameOf(contact.Fields)} {
			for _, entry := range byKey[k] {
				if k == "" || tried[entry.ID] || !same(contact.Fields, entry.Fields) {
					continue
				}
				tried[entry.ID], c.known[contact.ID], c.known[entry.ID] = true, true, true
				all = append(all, candidate{contact, entry, c.compare(contact, entry)})
			}
		}
	}
	waits := func(p candidate) bool { return c.parked[p.contact.ID] != "" || c.parked[p.entry.ID] != "" }
	rank := func(p candidate) int {
		if waits(p) {
			return 1 + len(mapping) // behind every pair that is in step
		}
		return len(p.differences)
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(rank(a), rank(b)) })
	for _, p := range all {
		if c.partner[p.contact.ID] || c.partner[p.entry.ID] {
			continue
		}
		c.partner[p.contact.ID], c.partner[p.entry.ID] = true, true
		if waits(p) {
			continue // parked as a pair, under either of its ids
		}
		for _, d := range p.differences {
			c.report(Salesforce, contactKeys(p.contact.Fields)[0], "%s", d)
		}
	}
	c.alone(Salesforce, c.crm, contactKeys)
	c.alone(c.book, c.entries, PersonKeys)
}

// alone reports the items that have no partner, and are not parked.
func (c *pairs) alone(where string, items []Item, keysOf func(map[string]string) []string) {
	for _, it := range items {
		_, loaded := c.before[it.ID]
		switch key := keysOf(it.Fields)[0]; {
		case c.partner[it.ID]:
		case !loaded && c.known[it.ID]:
			c.report(where, key, "is new, though the person was there already: a double")
		case !loaded:
			c.report(where, key, "is new, and a copy of nothing")
		case c.parked[it.ID] == "":
			c.report(where, key, "has no partner on the other side, and is not parked")
		}
	}
}

// same tells whether a contact and an entry are one person: they share an email address, or one of them has none and name
// and company are equal.
func same(contact, entry map[string]string) bool {
	mail := strings.ToLower(contact["Email"])
	addresses := emails(entry)
	if mail != "" && len(addresses) > 0 {
		return slices.Contains(addresses, mail)
	}
	return nameOf(contact) == nameOf(entry) && nameOf(contact) != "" &&
		(contact["Account"] == "" || entry["organizations.name"] == "" || equal("Account", contact["Account"], entry["organizations.name"]))
}

func emails(entry map[string]string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(entry)) {
		if strings.HasPrefix(k, "emailAddresses") {
			out = append(out, strings.ToLower(entry[k]))
		}
	}
	return out
}

// compare tells where a pair does not agree, or not on the right values: where both sides had one before, on the CRM's;
// where one had, on that. A contact's company is its account's name, which a sync cannot write.
func (c *pairs) compare(contact, entry Item) []string {
	var diffs []string
	report := func(format string, args ...any) { diffs = append(diffs, fmt.Sprintf(format, args...)) }
	if mail, all := strings.ToLower(contact.Fields["Email"]), emails(entry.Fields); !slices.Contains(append(all, ""), mail) || mail == "" && len(all) > 0 {
		report("Email is %q, and %s says %q", mail, c.book, all)
	}
	for _, f := range slices.Sorted(maps.Keys(mapping)) {
		p := mapping[f]
		crm := contact.Fields[f]
		book := at(entry.Fields, p, f, crm)
		if f == "Account" && crm == "" {
			continue
		}
		if !equal(f, crm, book) {
			report("%s is %q, and %s says %q", f, crm, c.book, book)
			continue
		}
		want := c.before[contact.ID].Fields[f]
		if want == "" {
			want = at(c.before[entry.ID].Fields, p, f, crm)
		}
		if want != "" && !equal(f, crm, want) {
			report("%s is %q on both sides, want %q", f, crm, want)
		}
		if want == "" && crm != "" {
			report("%s is %q, which nobody wrote", f, crm)
		}
	}
	return diffs
}

// equal compares two values as a person reads them: phones by their digits, other text without regard to white space.
func equal(field, a, b string) bool {
	if strings.Contains(field, "Phone") || field == "Fax" {
		return digits(a) == digits(b)
	}
	return strings.Join(strings.Fields(a), " ") == strings.Join(strings.Fields(b), " ")
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}
