package load

import (
	"fmt"
	"io"
	"mime/quotedprintable"
	"slices"
	"strings"

	"github.com/emersion/go-vcard"
	"golang.org/x/text/encoding/htmlindex"
)

// VCF reads the cards of a .vcf file: vCard 2.1, 3.0 (RFC 2426) and 4.0 (RFC 6350). Error: the file cannot be read.
//
// The vcard package parses a card; this file brings the lines of all versions into the one form that it understands.
// Version 2.1 differs most: parameters without a name ("TEL;WORK;VOICE:"), values in quoted-printable whose lines end in
// "=", values in other character sets, and a backslash that escapes nothing but a semicolon.
func VCF(r io.Reader) (people []Item, problems []Problem, err error) {
	text, err := lines(r)
	if err != nil {
		return nil, nil, fmt.Errorf("read the .vcf file: %w", err)
	}
	var card *rawCard
	outside := false
	broken := func(line int, reason string) { problems = append(problems, Problem{line, reason}) }
	for _, l := range unfold(text) {
		switch upper := strings.ToUpper(strings.TrimSpace(l.text)); {
		case upper == "BEGIN:VCARD":
			if card != nil {
				broken(card.line, fmt.Sprintf("the card has no END:VCARD before the next one begins on line %d", l.number))
			}
			card, outside = &rawCard{line: l.number}, false
		case upper == "":
		case card == nil:
			if !outside {
				broken(l.number, "text outside a card (a card runs from BEGIN:VCARD to END:VCARD)")
			}
			outside = true
		case upper == "END:VCARD", upper == joined:
			person, err := card.person()
			if err != nil {
				broken(card.line, err.Error())
			} else {
				people = append(people, Item{card.line, person})
			}
			if card = nil; upper == joined {
				card = &rawCard{line: l.number}
			}
		default:
			card.properties = append(card.properties, l)
		}
	}
	if card != nil {
		broken(card.line, "the card has no END:VCARD before the file ends")
	}
	return people, problems, nil
}

// logical is a line after unfolding, with the number of its first physical line.
type logical struct {
	number int
	text   string
}

// unfold joins continued lines: those that begin with white space (RFC 6350 section 3.2), and in a quoted-printable value
// those whose predecessor ends in "=".
func unfold(text []string) []logical {
	var out []logical
	for i := 0; i < len(text); i++ {
		l := logical{i + 1, text[i]}
		head, _, _ := strings.Cut(l.text, ":")
		if strings.Contains(strings.ToUpper(head), "QUOTED-PRINTABLE") {
			for strings.HasSuffix(l.text, "=") && i+1 < len(text) && !isMark(text[i+1]) {
				i++
				l.text = strings.TrimSuffix(l.text, "=") + text[i]
			}
		}
		for i+1 < len(text) && text[i+1] != "" && (text[i+1][0] == ' ' || text[i+1][0] == '\t') {
			i++
			l.text += text[i][1:]
		}
		out = append(out, l)
	}
	return out
}

func isMark(l string) bool {
	upper := strings.ToUpper(strings.TrimSpace(l))
	return upper == "END:VCARD" || upper == "BEGIN:VCARD" || upper == joined
}

// joined is what stands between two cards when files were put together, the first of which ended without a line's end.
const joined = "END:VCARDBEGIN:VCARD"

// rawCard is the lines between BEGIN and END.
type rawCard struct {
	line       int
	properties []logical
}

// semicolon stands for an escaped one while structured values are split: a code point that no text uses.
const semicolon = "\ue000"

// binary are the properties that hold no text, and may hold megabytes; the People API takes none of them with a contact.
var binary = []string{"PHOTO", "LOGO", "SOUND", "KEY", "X-MS-OL-DESIGN", "X-MS-CARDPICTURE"}

// kept are the parameters that say something of a value; all others are dropped.
var kept = []string{"TYPE", "PREF", "VALUE", "LABEL", "X-SERVICE-TYPE", "X-APPLE-OMIT-YEAR"}

// parse brings the card into the form of version 4.0 and decodes it. The error names the line that is broken.
func (c rawCard) parse() (vcard.Card, error) {
	old := slices.ContainsFunc(c.properties, func(l logical) bool {
		return strings.EqualFold(strings.ReplaceAll(l.text, " ", ""), "VERSION:2.1")
	})
	var b strings.Builder
	b.WriteString("BEGIN:VCARD\r\n")
	for _, l := range c.properties {
		line, err := modern(l.text, old)
		if err != nil {
			return nil, fmt.Errorf("the card is broken on line %d: %w", l.number, err)
		}
		if line != "" {
			b.WriteString(line + "\r\n")
		}
	}
	b.WriteString("END:VCARD\r\n")
	card, err := vcard.NewDecoder(strings.NewReader(b.String())).Decode()
	if err != nil {
		return nil, fmt.Errorf("the card cannot be parsed: %w", err)
	}
	return card, nil
}

// modern rewrites one property; "" drops it.
func modern(line string, old bool) (string, error) {
	head, value, ok := cutOutsideQuotes(line, ':')
	if !ok {
		return "", fmt.Errorf("a property is NAME:value, and this line has no colon")
	}
	parts := splitOutsideQuotes(head, ';')
	name := strings.ToUpper(strings.TrimSpace(parts[0]))
	_, bare, grouped := strings.Cut(name, ".")
	if !grouped {
		bare = name
	}
	if bare == "" || strings.ContainsAny(bare, " \t=\"") {
		return "", fmt.Errorf("the text before the colon is not a property's name")
	}
	if slices.Contains(binary, bare) {
		return "", nil
	}
	out, encoding, charset := parts[0], "", ""
	for _, p := range parts[1:] {
		key, v, named := strings.Cut(p, "=")
		key = strings.ToUpper(strings.TrimSpace(key))
		if !named {
			v = key
			if key = "TYPE"; slices.Contains([]string{"QUOTED-PRINTABLE", "BASE64", "B", "8BIT", "7BIT"}, v) {
				key = "ENCODING"
			}
		}
		switch {
		case v == "":
		case key == "ENCODING":
			encoding = strings.ToUpper(v)
		case key == "CHARSET":
			charset = strings.Trim(v, `"`)
		case slices.Contains(kept, key):
			out += ";" + key + "=" + v
		}
	}
	switch encoding {
	case "QUOTED-PRINTABLE":
		plain, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(value)))
		if err != nil {
			return "", fmt.Errorf("the value is not quoted-printable, though the line says so")
		}
		if value, err = decodeCharset(string(plain), charset); err != nil {
			return "", err
		}
	case "BASE64", "B":
		return "", nil
	}
	return out + ":" + escaped(value, old), nil
}

func decodeCharset(value, charset string) (string, error) {
	if charset == "" || strings.EqualFold(charset, "utf-8") {
		return value, nil
	}
	enc, err := htmlindex.Get(charset)
	if err != nil {
		return "", fmt.Errorf("the character set of the value is not known")
	}
	return enc.NewDecoder().String(value)
}

// escaped rewrites a value's escapes: those that the vcard package understands stay, an escaped semicolon becomes a stand-in
// until structured values are split, and line ends inside a value become \n.
func escaped(value string, old bool) string {
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\r':
		case c == '\n':
			b.WriteString(`\n`)
		case c != '\\':
			b.WriteByte(c)
		case i+1 == len(value):
			b.WriteString(`\\`)
		default:
			next := value[i+1]
			switch {
			case next == ';':
				b.WriteString(semicolon)
				i++
			case old:
				b.WriteString(`\\`)
			case next == 'n' || next == 'N':
				b.WriteString(`\n`)
				i++
			case next == '\\' || next == ',':
				b.WriteString(`\` + string(next))
				i++
			case next == ':' || next == '"' || next == '\'':
				b.WriteByte(next)
				i++
			default:
				b.WriteString(`\\`)
			}
		}
	}
	return b.String()
}

// cutOutsideQuotes cuts at the first sep that is not between double quotes.
func cutOutsideQuotes(s string, sep byte) (before, after string, found bool) {
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == sep && !quoted:
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func splitOutsideQuotes(s string, sep byte) []string {
	var out []string
	for {
		before, after, found := cutOutsideQuotes(s, sep)
		out = append(out, before)
		if !found {
			return out
		}
		s = after
	}
}
