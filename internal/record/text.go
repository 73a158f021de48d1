package record

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Canonical turns a vendor's value into the canonical one: valid UTF-8 in Unicode form NFC, LF line ends, no control
// characters but line feed and tab, no white space around it. Everything else is kept as the person typed it. The
// derived list of addresses (FieldEmails) is brought into its order. Canonical is idempotent.
func Canonical(field, raw string) string {
	if field == FieldEmails {
		return joinEmails(strings.FieldsFunc(raw, unicode.IsSpace))
	}
	return tidy(raw)
}

// tidy is Canonical for plain text. Control characters go before NFC, since one may stand between a letter and the
// accent that composes with it.
func tidy(raw string) string {
	if plain(raw) {
		return strings.TrimSpace(raw)
	}
	s := strings.ToValidUTF8(raw, "\uFFFD")
	s = strings.ReplaceAll(s, "\r\n", "\n")
	s = strings.ReplaceAll(s, "\r", "\n")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(norm.NFC.String(s))
}

// plain reports whether a text is ASCII without control characters, as most values are: it is as tidy makes it but for the white
// space around it.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < ' ' || c > '~') && c != '\n' && c != '\t' {
			return false
		}
	}
	return true
}

// Fold returns a form of a name that is equal for spellings a person takes for the same: without case, accents, dots,
// commas and doubled white space. It serves matching, never writing.
func Fold(s string) string {
	s = strings.ToLower(strings.ToUpper(norm.NFKD.String(tidy(s))))
	s = strings.ReplaceAll(s, "ß", "ss")
	s = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) || r == '.' || r == ',' {
			return -1
		}
		return r
	}, norm.NFKD.String(s))
	return strings.Join(strings.Fields(s), " ")
}

// NameKey returns the key by which an item is found where nothing stronger tells. A contact's is folded given name, family
// name and company; it is "" when family name or company is missing: a given name alone, or a name without its company,
// is no key. An event's is its folded subject and its start and end as they are compared, "" without either.
func NameKey(f Fields) string {
	if at := f[FieldTime]; at != "" {
		subject := Fold(f[FieldSubject])
		if subject == "" {
			return ""
		}
		return subject + "\n" + strings.Replace(comparableSpan(at), "/", "\n", 1)
	}
	given, family, company := Fold(f[FieldGiven]), Fold(f[FieldFamily]), Fold(f[FieldCompany])
	if family == "" || company == "" {
		return ""
	}
	return given + "\n" + family + "\n" + company
}
