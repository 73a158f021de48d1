package salesforce

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// tokenKind sorts the words of SOQL.
type tokenKind int

const (
	tokEOF tokenKind = iota
	tokIdent
	tokString
	tokNumber // numbers, dates and dateTimes
	tokPunct
)

// token is one word of a query. text is the identifier, the raw inside of a string, the digits or the sign.
type token struct {
	kind tokenKind
	text string
	pos  int // byte offset in the query
}

func (t token) String() string {
	if t.kind == tokEOF {
		return "<EOF>"
	}
	return t.text
}

// lex splits a query into words. Errors: MALFORMED_QUERY for characters that SOQL does not know and for strings
// without an end.
func lex(src string) ([]token, *Error) {
	var out []token
	for i := 0; i < len(src); {
		c := src[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case isLetter(c):
			j := i
			for j < len(src) && (isLetter(src[j]) || isDigit(src[j])) {
				j++
			}
			out = append(out, token{tokIdent, src[i:j], i})
			i = j
		case c == '\'':
			j := i + 1
			for j < len(src) && src[j] != '\'' {
				if src[j] == '\\' {
					j++
				}
				j++
			}
			if j >= len(src) {
				col := columnOf(src, len(src))
				return nil, queryError("MALFORMED_QUERY", src, len(src), fmt.Sprintf("line %d:%d mismatched character '<EOF>' expecting '''", line(src, len(src)), col))
			}
			out = append(out, token{tokString, src[i+1 : j], i})
			i = j + 1
		case isDigit(c) || (c == '-' || c == '+' || c == '.') && i+1 < len(src) && isDigit(src[i+1]) && (c != '.' || !afterIdent(out, i)):
			j := i + 1
			for j < len(src) && (isDigit(src[j]) || isLetter(src[j]) || strings.IndexByte(":.+-", src[j]) >= 0) {
				j++
			}
			out = append(out, token{tokNumber, src[i:j], i})
			i = j
		case strings.IndexByte("!<>", c) >= 0 && i+1 < len(src) && (src[i+1] == '=' || c == '<' && src[i+1] == '>'):
			out = append(out, token{tokPunct, src[i : i+2], i})
			i += 2
		case strings.IndexByte("(),=<>.:", c) >= 0:
			out = append(out, token{tokPunct, src[i : i+1], i})
			i++
		default:
			r, _ := utf8.DecodeRuneInString(src[i:])
			return nil, queryError("MALFORMED_QUERY", src, i, fmt.Sprintf("line %d:%d no viable alternative at character '%c'", line(src, i), columnOf(src, i)-1, r))
		}
	}
	return append(out, token{tokEOF, "", len(src)}), nil
}

func afterIdent(out []token, pos int) bool {
	if len(out) == 0 {
		return false
	}
	last := out[len(out)-1]
	return last.kind == tokIdent && last.pos+len(last.text) == pos
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

func line(src string, pos int) int     { return strings.Count(src[:pos], "\n") + 1 }
func columnOf(src string, pos int) int { return pos - strings.LastIndexByte(src[:pos], '\n') }

// queryError is an error with the vendor's picture of where in the query it is: a clipped line, a caret, the row and
// column counted from 1.
func queryError(code, src string, pos int, message string) *Error {
	start := strings.LastIndexByte(src[:pos], '\n') + 1
	end := len(src)
	if i := strings.IndexByte(src[pos:], '\n'); i >= 0 {
		end = pos + i
	}
	start, end = max(start, pos-70), min(end, pos+30)
	caret := strings.Repeat(" ", utf8.RuneCountInString(strings.ToValidUTF8(src[start:pos], "?")))
	return fail(code, "\n%s\n%s^\nERROR at Row:%d:Column:%d\n%s", strings.ToValidUTF8(src[start:end], "?"), caret, line(src, pos), columnOf(src, pos), message)
}

var (
	numberShape   = regexp.MustCompile(`^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$`)
	dateShape     = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
	dateTimeShape = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:?\d{2})$`)
)

// unescape reads the inside of a SOQL string. In the result of like, % and _ that were escaped are kept escaped, for
// LIKE to tell them from its wildcards. (SOQL Reference, "Reserved Characters".)
func unescape(raw string) (text, like string, bad string) {
	if strings.IndexByte(raw, '\\') < 0 {
		return raw, raw, ""
	}
	var t, l strings.Builder
	both := func(s string) { t.WriteString(s); l.WriteString(s) }
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			both(raw[i : i+1])
			continue
		}
		i++
		switch c := raw[i]; c {
		case 'n', 'N':
			both("\n")
		case 'r', 'R':
			both("\r")
		case 't', 'T':
			both("\t")
		case 'b', 'B':
			both("\b")
		case 'f', 'F':
			both("\f")
		case '"', '\'':
			both(string(c))
		case '\\':
			t.WriteByte('\\')
			l.WriteString(`\\`)
		case '_', '%':
			t.WriteByte(c)
			l.WriteString(`\` + string(c))
		case 'u', 'U':
			if i+4 < len(raw) {
				if n, err := strconv.ParseUint(raw[i+1:i+5], 16, 16); err == nil {
					both(string(rune(n)))
					i += 4
					continue
				}
			}
			return "", "", `\` + string(c)
		default:
			return "", "", `\` + string(c)
		}
	}
	return t.String(), l.String(), ""
}
