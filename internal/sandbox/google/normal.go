package google

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// normalise brings the named fields of a person that a client sent into the form in which the vendor keeps them: values
// trimmed, output-only values and foreign metadata gone, entries without a value dropped (from memory), an unstructured
// name parsed. It refuses what the vendor refuses: two values in a single-valued field, a day that does not exist.
func normalise(p *Person, names []string) *apiError {
	for _, name := range names {
		list := fieldOf(p, name)
		if list.Kind() != reflect.Slice {
			continue
		}
		if slices.Contains(singleFields, name) && list.Len() > 1 {
			return invalid("Only one value is allowed for the singleton field %q of a contact source.", name)
		}
		kept := reflect.MakeSlice(list.Type(), 0, list.Len())
		for i := range list.Len() {
			e := list.Index(i)
			if err := tidy(e); err != nil {
				return err
			}
			if !blank(e) {
				kept = reflect.Append(kept, e)
			}
		}
		if kept.Len() == 0 {
			kept = reflect.Zero(list.Type())
		}
		list.Set(kept)
	}
	for i := range p.Names {
		p.Names[i].structure()
	}
	for _, m := range p.Memberships {
		if g := m.ContactGroupMembership; g == nil || !slices.Contains(systemGroups, strings.TrimPrefix(g.ContactGroupResourceName, "contactGroups/")) {
			return invalid("Request contains a contact group membership that does not exist.")
		}
	}
	return nil
}

// tidy trims an entry's strings, removes what only the vendor sets and checks its dates.
func tidy(e reflect.Value) *apiError {
	for _, f := range visibleFields(e.Type()) {
		v := e.FieldByIndex(f.Index)
		switch {
		case f.Anonymous:
		case f.Tag.Get("out") != "":
			v.SetZero()
		case v.Kind() == reflect.String:
			v.SetString(strings.TrimSpace(strings.ReplaceAll(v.String(), "\r\n", "\n")))
		}
		switch x := v.Interface().(type) {
		case *FieldMetadata: // of a client's metadata only the wish which value comes first is heard
			if x != nil {
				v.Set(reflect.ValueOf(&FieldMetadata{SourcePrimary: x.SourcePrimary}))
			}
		case *Date:
			if x != nil && !x.valid() {
				return invalid("Invalid date: year %d, month %d, day %d.", x.Year, x.Month, x.Day)
			}
		}
	}
	return nil
}

// blank tells whether an entry has nothing but a type and metadata.
func blank(e reflect.Value) bool {
	for _, f := range visibleFields(e.Type()) {
		if f.Anonymous || f.Name == "Type" || f.Name == "Metadata" || f.Name == "ContentType" {
			continue
		}
		if !e.FieldByIndex(f.Index).IsZero() {
			return false
		}
	}
	return true
}

// valid tells whether a date is a day, with or without a year, or a month of a year or a year alone (google.type.Date).
func (d Date) valid() bool {
	if d.Month == 0 || d.Day == 0 {
		return d.Day == 0 && d.Month >= 0 && d.Month <= 12 && d.Year > 0 && d.Year < 10000
	}
	year := d.Year
	if year == 0 {
		year = 2000 // a leap year: 29 February without a year is a day
	}
	t := time.Date(year, time.Month(d.Month), d.Day, 0, 0, 0, 0, time.UTC)
	return d.Year >= 0 && t.Day() == d.Day && int(t.Month()) == d.Month
}

var (
	namePrefixes = []string{"mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "rev", "hon"}
	nameSuffixes = []string{"jr", "sr", "ii", "iii", "iv", "v", "phd", "md", "esq", "cpa", "mba", "dds"}
)

// structure parses an unstructured name into its parts when no part was given, and forgets it otherwise: the vendor then
// makes it from the parts.
func (n *Name) structure() {
	full := n.UnstructuredName
	n.UnstructuredName = ""
	if n.GivenName+n.FamilyName+n.MiddleName+n.HonorificPrefix+n.HonorificSuffix != "" || full == "" {
		return
	}
	family, rest, reversed := strings.Cut(full, ",")
	if reversed && !isOneOf(rest, nameSuffixes) {
		full = strings.TrimSpace(rest) + " " + strings.TrimSpace(family)
	}
	words := strings.Fields(strings.ReplaceAll(full, ",", " "))
	if len(words) > 1 && isOneOf(words[0], namePrefixes) {
		n.HonorificPrefix, words = words[0], words[1:]
	}
	if len(words) > 1 && isOneOf(words[len(words)-1], nameSuffixes) {
		n.HonorificSuffix, words = words[len(words)-1], words[:len(words)-1]
	}
	switch len(words) {
	case 0:
	case 1:
		n.GivenName = words[0]
	default:
		n.GivenName, n.FamilyName = words[0], words[len(words)-1]
		n.MiddleName = strings.Join(words[1:len(words)-1], " ")
	}
}

func isOneOf(word string, list []string) bool {
	return slices.Contains(list, strings.ToLower(strings.ReplaceAll(strings.TrimSpace(word), ".", "")))
}
