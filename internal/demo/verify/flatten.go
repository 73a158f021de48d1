package verify

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/repsync/repsync/internal/demo/wire"
)

// vendorMade are the parts of a person that Google itself fills in, and clientData, in which apps leave marks that no
// person sees. They are not compared.
var vendorMade = []string{"resourceName", "etag", "metadata", "photos", "coverPhotos", "ageRanges", "clientData", "memberships", "fileAses"}

// derived are the parts of one value that Google computes from the others, or that carry no meaning of their own.
var derived = []string{"metadata", "formattedType", "formattedValue", "canonicalForm", "displayName", "displayNameLastFirst",
	"unstructuredName", "phoneticFullName", "contentType", "countryCode", "text", "objectType", "formattedProtocol"}

// labels are the parts of one value that say which of several it is; contents those that are the value itself.
var (
	labels   = []string{"type", "key"}
	contents = []string{"value", "person", "username", "date"}
)

// FlattenPerson turns a person of the People API into flat fields: "names.givenName", "emailAddresses.work",
// "addresses.home.city", "birthdays" (as 1980-03-22 or --03-22), "userDefined.Shoe size". The second value with one name
// gets "#2" behind it. Empty values, and what the vendor computes, are left out.
func FlattenPerson(p wire.Object) map[string]string {
	flat := map[string]string{}
	for _, field := range slices.Sorted(maps.Keys(p)) {
		if slices.Contains(vendorMade, field) {
			continue
		}
		values, _ := p[field].([]any)
		for _, v := range values {
			if value, ok := v.(wire.Object); ok {
				flattenValue(flat, field, value)
			}
		}
	}
	return flat
}

func flattenValue(flat map[string]string, field string, value wire.Object) {
	names := []string{field}
	for _, l := range labels {
		label := wire.Text(value, l)
		if field == "organizations" && label == "work" {
			continue // Google's own page writes none: an organisation is where one works
		}
		if label != "" {
			names = append(names, label)
		}
	}
	path := strings.Join(names, ".")
	parts := map[string]string{}
	for k, v := range value {
		if slices.Contains(derived, k) || slices.Contains(labels, k) {
			continue
		}
		if s := scalar(v); s != "" {
			name := path + "." + k
			if slices.Contains(contents, k) {
				name = path
			}
			parts[name] = s
		}
	}
	for n := 1; ; n++ {
		suffix := ""
		if n > 1 {
			suffix = fmt.Sprintf("#%d", n)
		}
		free := true
		for name := range parts {
			_, used := flat[name+suffix]
			free = free && !used
		}
		if free {
			for name, s := range parts {
				flat[name+suffix] = s
			}
			return
		}
	}
}

// scalar shows a JSON value as text; "" for an empty one, for false, and for what is not a value.
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		if v {
			return "true"
		}
	case float64:
		return fmt.Sprintf("%v", v)
	case wire.Object: // google.type.Date; a year of 0 or none means that it is not known
		year, _ := v["year"].(float64)
		month, _ := v["month"].(float64)
		day, _ := v["day"].(float64)
		switch {
		case month == 0 || day == 0:
			return ""
		case year == 0:
			return fmt.Sprintf("--%02.0f-%02.0f", month, day)
		}
		return fmt.Sprintf("%04.0f-%02.0f-%02.0f", year, month, day)
	}
	return ""
}

// PersonKeys are the names under which an entry, flattened, can be found: its addresses, or without any its name. Never empty.
func PersonKeys(fields map[string]string) []string {
	var keys []string
	for _, k := range slices.Sorted(maps.Keys(fields)) {
		if strings.HasPrefix(k, "emailAddresses") {
			keys = append(keys, strings.ToLower(fields[k]))
		}
	}
	return orName(keys, fields)
}

// contactKeys are the names under which a CRM contact can be found. Never empty.
func contactKeys(fields map[string]string) []string {
	var keys []string
	if mail := fields["Email"]; mail != "" {
		keys = append(keys, strings.ToLower(mail))
	}
	return orName(keys, fields)
}

// Name is what a person would call an item of either side: its name, or without one the first thing to find it by.
func Name(fields map[string]string) string {
	if name := written(fields); name != "" {
		return name
	}
	if _, contact := fields["Email"]; contact {
		return contactKeys(fields)[0]
	}
	return PersonKeys(fields)[0]
}

func orName(keys []string, fields map[string]string) []string {
	if len(keys) > 0 {
		return keys
	}
	if name := nameOf(fields); name != "" {
		return []string{name}
	}
	return []string{"(no name)"}
}

// nameOf is the name of a contact or an entry for comparing: in lower case.
func nameOf(fields map[string]string) string { return strings.ToLower(written(fields)) }

// written is the given and family name of a contact or an entry; the organisation's when a person has none.
func written(fields map[string]string) string {
	given, family := fields["FirstName"]+fields["names.givenName"], fields["LastName"]+fields["names.familyName"]
	name := strings.TrimSpace(given + " " + family)
	if name == "" {
		name = fields["organizations.name"]
	}
	return name
}
