package record

import (
	"slices"
	"strings"
)

// NormalEmail returns an address as it is compared: canonical, and lower-cased as a whole. RFC 5321 section 2.4 lets a
// server tell local parts apart by case; none that matters does.
func NormalEmail(raw string) string { return strings.ToLower(tidy(raw)) }

// Emails returns every address of a record, from FieldEmail and FieldEmails: normalised, sorted, each once.
func Emails(f Fields) []string {
	list := strings.Split(f[FieldEmails], "\n")
	return normalEmails(append(list, f[FieldEmail]))
}

// Address is one email address as a vendor lists it, in the vendor's order.
type Address struct {
	Email string
	Work  bool
}

// PrimaryEmail returns the address that a CRM contact's single field stands for: the first work address, or without one
// the first of all, and "" of none. Its case is kept as typed.
func PrimaryEmail(all []Address) string {
	first := ""
	for _, e := range all {
		address := tidy(e.Email)
		if address == "" {
			continue
		}
		if e.Work {
			return address
		}
		if first == "" {
			first = address
		}
	}
	return first
}

// JoinEmails returns the value of FieldEmails for a list of addresses.
func JoinEmails(all []Address) string {
	list := make([]string, 0, len(all))
	for _, e := range all {
		list = append(list, e.Email)
	}
	return joinEmails(list)
}

func joinEmails(list []string) string { return strings.Join(normalEmails(list), "\n") }

func normalEmails(list []string) []string {
	var out []string
	for _, raw := range list {
		if e := NormalEmail(raw); e != "" {
			out = append(out, e)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
