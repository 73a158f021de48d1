package record

import (
	"regexp"
	"strings"
	"unicode"
)

// extension finds what follows a number: "x12", "ext. 12", "extension 12", ";ext=12" (RFC 3966 section 5.3), "#12".
var extension = regexp.MustCompile(`(?i)[\s,;]*(?:extension|extn?|x|#)[.:=\s]*([0-9]+)$`)

// comparablePhone returns a phone's digits, with a leading "+" where the number begins with one and "x" before the
// extension. The "(0)" that some write after a country code is dropped: it is not dialled. A value that is more than
// digits and the marks that people set between them (a vanity word, pauses, two numbers, "on request") is compared as
// text, so that no edit of it is overlooked.
func comparablePhone(value string) string {
	text := comparableText(value)
	number, ext := strings.TrimPrefix(text, "tel:"), ""
	if m := extension.FindStringSubmatchIndex(number); m != nil {
		number, ext = number[:m[0]], "x"+number[m[2]:m[3]]
	}
	number, plus := strings.CutPrefix(strings.TrimLeft(number, " ("), "+")
	sign := ""
	if plus {
		sign, number = "+", strings.Replace(number, "(0)", "", 1)
	}
	var digits strings.Builder
	for _, r := range number {
		switch {
		case r >= '0' && r <= '9':
			digits.WriteRune(r)
		case !strings.ContainsRune("-./()", r) && !unicode.Is(unicode.Pd, r) && !unicode.Is(unicode.Zs, r):
			return text
		}
	}
	if digits.Len() == 0 {
		return text
	}
	return sign + digits.String() + ext
}
