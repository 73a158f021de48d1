package record

import (
	"regexp"
	"strings"
	"unicode"
)

// extension finds what follows a number: "x12", "ext. 12", "extension 12", ";ext=12" (RFC 3966 section 5.3), "#12".
var extension = regexp.MustCompile(`(?i)[\s,;]*(?:extension|extn?|x|#)[.:=\s]*([0-9]+)\s*$`)

// comparablePhone returns a phone's digits, with a leading "+" where the number begins with one and "x" before the
// extension. The "(0)" that some write after a country code is dropped: it is not dialled. A value without any digit
// (a vanity word, "on request") is compared as text.
func comparablePhone(value string) string {
	text := comparableText(value)
	number, ext := text, ""
	if m := extension.FindStringSubmatchIndex(text); m != nil {
		number, ext = text[:m[0]], "x"+text[m[2]:m[3]]
	}
	plus := strings.HasPrefix(strings.TrimLeft(number, " (tel:"), "+")
	if plus {
		number = strings.Replace(number, "(0)", "", 1)
	}
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, number)
	if digits == "" || strings.ContainsFunc(number, unicode.IsLetter) {
		return text
	}
	if plus {
		digits = "+" + digits
	}
	return digits + ext
}
