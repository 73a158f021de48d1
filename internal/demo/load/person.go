package load

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/emersion/go-vcard"

	"github.com/repsync/repsync/internal/demo/wire"
)

// person turns a card into a person of the People API (https://developers.google.com/people/api/rest/v1/people), as
// Google Contacts' own import does: types become Google's, Apple's labels and other programs' X- properties find their
// place, and what the People API has no place for (pictures, keys, categories, time zones) is left behind.
func (c rawCard) person() (wire.Object, error) {
	card, err := c.parse()
	if err != nil {
		return nil, err
	}
	b := builder{card: card, labels: labels(card), person: wire.Object{}}
	b.names()
	b.organizations()
	b.contacts()
	b.addresses()
	b.days()
	b.people()
	b.rest()
	for _, field := range []string{"names", "organizations", "emailAddresses", "phoneNumbers", "nicknames"} {
		if b.person[field] != nil {
			return b.person, nil
		}
	}
	return nil, errors.New("the card has no name, company, email address or phone number")
}

// builder collects a person from a card.
type builder struct {
	card   vcard.Card
	labels map[string]string // group → X-ABLabel
	person wire.Object
}

// add appends a value to a field of the person, without its empty parts; a value of a type alone is none.
func (b builder) add(field string, value wire.Object) {
	meaning := false
	for k, v := range value {
		if v == "" || v == nil {
			delete(value, k)
		} else if k != "type" && k != "contentType" && k != "protocol" {
			meaning = true
		}
	}
	if meaning {
		list, _ := b.person[field].([]wire.Object)
		b.person[field] = append(list, value)
	}
}

// text is a value as people wrote it: stand-ins gone, white space at the ends too.
func text(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, semicolon, ";")) }

// values are the values of properties, in the card's order for each name.
func (b builder) values(names ...string) []string {
	var out []string
	for _, name := range names {
		for _, f := range b.card[name] {
			if v := text(f.Value); v != "" {
				out = append(out, v)
			}
		}
	}
	return out
}

func (b builder) first(names ...string) string {
	if v := b.values(names...); len(v) > 0 {
		return v[0]
	}
	return ""
}

func (b builder) names() {
	name := wire.Object{"phoneticGivenName": b.first("X-PHONETIC-FIRST-NAME"), "phoneticFamilyName": b.first("X-PHONETIC-LAST-NAME")}
	var n vcard.Name
	if first := b.card.Name(); first != nil {
		n = *first
	}
	if n.GivenName+n.FamilyName+n.AdditionalName == "" { // the full name is all there is: what stands last is the family's
		words := strings.Fields(b.first("FN"))
		company, _, _ := strings.Cut(b.first("ORG"), ";")
		if len(words) > 0 && b.first("FN") != company {
			n.GivenName = strings.Join(words[:max(1, len(words)-1)], " ")
			n.FamilyName = strings.Join(words[max(1, len(words)-1):], " ")
		}
	}
	for key, part := range map[string]string{"honorificPrefix": n.HonorificPrefix, "givenName": n.GivenName, "middleName": n.AdditionalName,
		"familyName": n.FamilyName, "honorificSuffix": n.HonorificSuffix} {
		name[key] = text(part)
	}
	b.add("names", name)
	for _, v := range b.values("NICKNAME", "X-NICKNAME") {
		b.add("nicknames", wire.Object{"value": v})
	}
}

// organizations pairs the companies with the titles and roles in their order: cards have one of each, as a rule.
func (b builder) organizations() {
	orgs, titles, roles := b.card["ORG"], b.values("TITLE"), b.values("ROLE")
	at := func(list []string, i int) string {
		if i < len(list) {
			return list[i]
		}
		return ""
	}
	for i := range max(len(orgs), len(titles), len(roles)) {
		var company string
		var units []string
		if i < len(orgs) {
			parts := strings.Split(orgs[i].Value, ";")
			company = text(parts[0])
			for _, unit := range parts[1:] {
				if unit = text(unit); unit != "" {
					units = append(units, unit)
				}
			}
		}
		b.add("organizations", wire.Object{"name": company, "department": strings.Join(units, ", "), "title": at(titles, i), "jobDescription": at(roles, i)})
	}
}

// messengers are the properties by which programs wrote down instant-message names before IMPP (RFC 4770).
var messengers = map[string]string{"X-AIM": "aim", "X-ICQ": "icq", "X-JABBER": "jabber", "X-MSN": "msn", "X-YAHOO": "yahoo", "X-SKYPE": "skype",
	"X-SKYPE-USERNAME": "skype", "X-QQ": "qq", "X-GTALK": "googleTalk", "X-GOOGLE-TALK": "googleTalk", "X-GADUGADU": "gadugadu", "X-MS-IMADDRESS": ""}

func (b builder) contacts() {
	for _, f := range b.card["EMAIL"] {
		b.add("emailAddresses", wire.Object{"value": text(f.Value), "type": b.place(f)})
	}
	for _, f := range b.card["TEL"] {
		b.add("phoneNumbers", wire.Object{"value": phone(text(f.Value)), "type": b.phoneType(f)})
	}
	for _, f := range b.card["URL"] {
		b.add("urls", wire.Object{"value": text(f.Value), "type": b.place(f)})
	}
	for _, name := range slices.Sorted(maps.Keys(messengers)) {
		for _, v := range b.values(name) {
			b.add("imClients", wire.Object{"username": v, "protocol": messengers[name]})
		}
	}
	for _, f := range b.card["IMPP"] {
		scheme, user, ok := strings.Cut(text(f.Value), ":")
		if !ok {
			scheme, user = "", text(f.Value)
		}
		b.add("imClients", wire.Object{"username": user, "protocol": cmp.Or(strings.ToLower(f.Params.Get("X-SERVICE-TYPE")), scheme)})
	}
}

// phone takes a tel URI (RFC 3966) apart; other values stay as they are.
func phone(v string) string {
	rest, ok := strings.CutPrefix(v, "tel:")
	if !ok {
		return v
	}
	number, params, _ := strings.Cut(rest, ";")
	if ext, ok := strings.CutPrefix(params, "ext="); ok {
		return number + " ext. " + ext
	}
	return number
}

func (b builder) phoneType(f *vcard.Field) string {
	work, home := f.Params.HasType("work"), f.Params.HasType("home")
	switch {
	case f.Params.HasType("fax") && work:
		return "workFax"
	case f.Params.HasType("fax") && home:
		return "homeFax"
	case f.Params.HasType("fax"):
		return "otherFax"
	case f.Params.HasType("pager") && work:
		return "workPager"
	case f.Params.HasType("pager"):
		return "pager"
	case f.Params.HasType("cell") && work:
		return "workMobile"
	case f.Params.HasType("cell"):
		return "mobile"
	case f.Params.HasType("main"):
		return "main"
	}
	return b.place(f)
}

// place is where a value belongs, in Google's words: Apple's label, else home, work or other, else nothing.
func (b builder) place(f *vcard.Field) string {
	switch {
	case f.Group != "" && b.labels[f.Group] != "":
		return b.labels[f.Group]
	case f.Params.HasType("home"):
		return "home"
	case f.Params.HasType("work"):
		return "work"
	case f.Params.HasType("other"):
		return "other"
	}
	for _, t := range f.Params.Types() {
		if !slices.Contains([]string{"internet", "pref", "voice", "x400", "text", "video", "msg", "parcel", "postal", "intl", "dom"}, t) {
			return t
		}
	}
	return ""
}

func (b builder) addresses() {
	for _, a := range b.card.Addresses() {
		b.add("addresses", wire.Object{"type": b.place(a.Field), "poBox": text(a.PostOfficeBox), "extendedAddress": text(a.ExtendedAddress),
			"streetAddress": text(a.StreetAddress), "city": text(a.Locality), "region": text(a.Region), "postalCode": text(a.PostalCode), "country": text(a.Country)})
	}
}

func (b builder) days() {
	for _, f := range b.card["BDAY"] {
		if d := date(text(f.Value), f.Params.Get("X-APPLE-OMIT-YEAR")); d != nil {
			b.add("birthdays", wire.Object{"date": d})
			break // the others say the same in another form (ALTID)
		}
	}
	if birthday := b.first("BDAY"); birthday != "" && b.person["birthdays"] == nil {
		b.add("userDefined", wire.Object{"key": "Birthday", "value": birthday}) // not a day that the API can hold, and not lost
	}
	seen := map[string]bool{}
	for _, name := range []string{"ANNIVERSARY", "X-ANNIVERSARY", "X-MS-ANNIVERSARY", "X-EVOLUTION-ANNIVERSARY", "X-ABDATE"} {
		for _, f := range b.card[name] {
			kind := "anniversary"
			if name == "X-ABDATE" {
				kind = b.labels[f.Group]
			}
			if d := date(text(f.Value), ""); d != nil && !seen[kind+fmt.Sprint(d)] {
				seen[kind+fmt.Sprint(d)] = true
				b.add("events", wire.Object{"date": d, "type": kind})
			}
		}
	}
}

// A day is 1980-03-22 or 19800322, with or without a time behind it, or without a year --03-22 or --0322 (RFC 6350
// section 4.3.1, ISO 8601:2000).
var day = regexp.MustCompile(`^(\d{4}|-)-?(\d\d)-?(\d\d)(?:[T ].*)?$`)

// date reads a day as google.type.Date; nil when it is none. Apple writes a year that stands for none, and names it.
func date(v, noYear string) any {
	m := day.FindStringSubmatch(v)
	if m == nil {
		return nil
	}
	month, _ := strconv.Atoi(m[2])
	dom, _ := strconv.Atoi(m[3])
	if month < 1 || month > 12 || dom < 1 || dom > 31 {
		return nil
	}
	d := wire.Object{"month": month, "day": dom}
	if year, err := strconv.Atoi(m[1]); err == nil && m[1] != noYear {
		d["year"] = year
	}
	return d
}

// relatives are other programs' properties for people who matter to a person.
var relatives = map[string]string{"X-EVOLUTION-SPOUSE": "spouse", "X-EVOLUTION-MANAGER": "manager", "X-EVOLUTION-ASSISTANT": "assistant", "X-SPOUSE": "spouse",
	"X-MANAGER": "manager", "X-ASSISTANT": "assistant", "X-MS-SPOUSE": "spouse", "X-MS-MANAGER": "manager", "X-MS-ASSISTANT": "assistant"}

func (b builder) people() {
	for _, f := range b.card["X-ABRELATEDNAMES"] {
		b.add("relations", wire.Object{"person": text(f.Value), "type": b.labels[f.Group]})
	}
	for _, name := range slices.Sorted(maps.Keys(relatives)) {
		for _, v := range b.values(name) {
			b.add("relations", wire.Object{"person": v, "type": relatives[name]})
		}
	}
	for _, f := range b.card["RELATED"] {
		if strings.EqualFold(f.Params.Get("VALUE"), "text") {
			b.add("relations", wire.Object{"person": text(f.Value), "type": b.place(f)})
		}
	}
}

func (b builder) rest() {
	if notes := b.values("NOTE"); len(notes) > 0 {
		b.add("biographies", wire.Object{"value": strings.Join(notes, "\n"), "contentType": "TEXT_PLAIN"})
	}
	if sex, _ := b.card.Gender(); sex == vcard.SexFemale || sex == vcard.SexMale {
		b.add("genders", wire.Object{"value": map[vcard.Sex]string{vcard.SexFemale: "female", vcard.SexMale: "male"}[sex]})
	}
}

// labels reads Apple's labels by group: item1.X-ABLabel. "_$!<Spouse>!$_" is one of Apple's own, in English; a few of
// them, and Google's own marks, have names of their own in the People API.
func labels(card vcard.Card) map[string]string {
	known := map[string]string{"HomePage": "homePage", "PROFILE": "profile", "BLOG": "blog", "GRAND_CENTRAL": "googleVoice", "AssistantPhone": "assistant"}
	out := map[string]string{}
	for _, f := range card["X-ABLABEL"] {
		label := text(f.Value)
		if own, ok := strings.CutPrefix(label, "_$!<"); ok {
			label = strings.TrimSuffix(own, ">!$_")
			if known[label] == "" && label != "" {
				label = strings.ToLower(label[:1]) + label[1:]
			}
		}
		out[f.Group] = cmp.Or(known[label], label)
	}
	return out
}
