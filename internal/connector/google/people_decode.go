package google

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// decoded is what a person's JSON says.
type decoded struct {
	item    connector.Item
	deleted bool
}

// decode turns one person's JSON into an item. With an error, the item's ID, Key and Image are what could be read.
func (m *people) decode(raw []byte) (decoded, error) {
	var d decoded
	if len(raw) > connector.MaxItem {
		var named struct {
			ResourceName string `json:"resourceName"`
		}
		if json.Unmarshal(raw, &named) == nil && resourceName.MatchString(named.ResourceName) {
			d.item = connector.Item{Ref: connector.Ref{ID: named.ResourceName}, Fields: record.Fields{}}
		}
		return d, unreadable{"person", "is larger than any that Google keeps"}
	}
	p, err := parsePerson(raw)
	if err != nil {
		return d, err
	}
	id, _ := p["resourceName"].(string)
	if !resourceName.MatchString(id) {
		return d, unreadable{"resourceName", "is not the name of a person"}
	}
	d.item = connector.Item{Ref: connector.Ref{ID: id}, Image: compact(raw), Fields: record.Fields{}}
	if d.item.Key, err = m.ownMarker(p); err != nil {
		return d, err
	}
	if d.deleted, err = d.metadata(p); err != nil {
		return d, err
	}
	for _, read := range []func(person, record.Fields) error{readNames, readEmails, readPhones, readAddresses, readOrganization, readBirthday, readNotes} {
		if err := read(p, d.item.Fields); err != nil {
			return d, err
		}
	}
	return d, nil
}

// ownMarker returns our marker; of several (contacts that a person merged) one of this org's.
func (m *people) ownMarker(p person) (string, error) {
	list, err := p.list(listClient)
	if err != nil {
		return "", err
	}
	found := ""
	for _, e := range list {
		value := str(e, "value")
		if str(e, "key") == markerKey && (found == "" || strings.HasPrefix(value, m.Org+"/") && !strings.HasPrefix(found, m.Org+"/")) {
			found = value
		}
	}
	return found, nil
}

// metadata reads version, former names and the tombstone.
func (d *decoded) metadata(p person) (deleted bool, err error) {
	meta, ok := p["metadata"].(entry)
	if !ok && p["metadata"] != nil {
		return false, unreadable{"metadata", "is not an object"}
	}
	d.item.Version.Tag, _ = p["etag"].(string)
	sources, _ := meta["sources"].([]any)
	for _, one := range sources {
		s, _ := one.(entry)
		if str(s, "type") != "CONTACT" {
			continue
		}
		if tag := str(s, "etag"); tag != "" { // the same whatever the mask of the read
			d.item.Version.Tag = tag
		}
		if t := str(s, "updateTime"); t != "" {
			at, err := time.Parse(time.RFC3339Nano, t)
			if err != nil {
				return false, unreadable{"metadata.sources.updateTime", "is not a time"}
			}
			d.item.Version.At = at.UTC()
		}
	}
	if d.item.Version.Tag == "" {
		d.item.Version.Tag = tagOf(p, readLists)
	}
	previous, _ := meta["previousResourceNames"].([]any)
	for _, one := range previous {
		if name, ok := one.(string); ok && name != d.item.ID {
			d.item.Previous = append(d.item.Previous, name)
		}
	}
	return meta["deleted"] == true, nil
}

// set puts a value where there is one.
func set(f record.Fields, field, value string) {
	if v := record.Canonical(field, value); v != "" {
		f[field] = v
	}
}

func readNames(p person, f record.Fields) error { return readParts(p, listNames, nameParts, f) }

func readOrganization(p person, f record.Fields) error { return readParts(p, listOrgs, orgParts, f) }

// readParts reads the primary entry of a list. The others must be readable too: one of them takes its place when it goes.
func readParts(p person, name string, parts map[string]string, f record.Fields) error {
	list, err := p.list(name)
	if err != nil {
		return err
	}
	at := first(list)
	for i, e := range list {
		for field, part := range parts {
			v, err := member(name, e, part)
			if err != nil {
				return err
			}
			if i == at {
				set(f, field, v)
			}
		}
	}
	return nil
}

func readEmails(p person, f record.Fields) error {
	list, err := p.list(listEmails)
	if err != nil {
		return err
	}
	var all []record.Address
	for _, e := range list {
		v, err := member(listEmails, e, "value")
		if err != nil {
			return err
		}
		all = append(all, record.Address{Email: v, Work: str(e, "type") == "work"})
	}
	set(f, record.FieldEmail, record.PrimaryEmail(all))
	set(f, record.FieldEmails, record.JoinEmails(all))
	return nil
}

func readPhones(p person, f record.Fields) error {
	list, err := p.list(listPhones)
	if err != nil {
		return err
	}
	for _, e := range list {
		if _, err := member(listPhones, e, "value"); err != nil {
			return err
		}
	}
	for field := range phoneTypes {
		if i := phoneIndex(list, field); i >= 0 {
			set(f, field, str(list[i], "value"))
		}
	}
	return nil
}

func readAddresses(p person, f record.Fields) error {
	list, err := p.list(listAddresses)
	if err != nil {
		return err
	}
	for _, e := range list {
		for _, name := range addressParts {
			if _, err := member(listAddresses, e, name); err != nil {
				return err
			}
		}
	}
	for _, kind := range []string{"work", "home", "other"} {
		if i := addressIndex(list, kind); i >= 0 {
			for part, name := range addressParts {
				set(f, "address."+kind+"."+part, str(list[i], name))
			}
		}
	}
	return nil
}

// readBirthday reads a day with or without a year; a month or a year alone is no birthday that a record can hold.
func readBirthday(p person, f record.Fields) error {
	list, err := p.list(listBirthdays)
	if err != nil || len(list) == 0 {
		return err
	}
	v, present := list[first(list)]["date"]
	if !present || v == nil {
		return nil
	}
	date, ok := v.(entry)
	if !ok {
		return unreadable{"birthdays.date", "is not an object"}
	}
	part := map[string]int{}
	for _, name := range []string{"year", "month", "day"} {
		if n, there := date[name]; there {
			number, _ := n.(json.Number)
			i, err := strconv.Atoi(number.String())
			if err != nil || i < 0 || i > 9999 {
				return unreadable{"birthdays.date." + name, "is not a number"}
			}
			part[name] = i
		}
	}
	if part["month"] == 0 || part["day"] == 0 {
		return nil
	}
	day := fmt.Sprintf("%04d-%02d-%02d", part["year"], part["month"], part["day"])
	if part["year"] == 0 {
		day = fmt.Sprintf("--%02d-%02d", part["month"], part["day"])
	}
	if !record.ValidDate(day) {
		return unreadable{"birthdays.date", "is not a day"}
	}
	f[record.FieldBirthday] = day
	return nil
}

func readNotes(p person, f record.Fields) error {
	list, err := p.list(listNotes)
	if err != nil || len(list) == 0 {
		return err
	}
	v, err := member(listNotes, list[first(list)], "value")
	set(f, record.FieldNotes, v)
	return err
}
