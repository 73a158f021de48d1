package store

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/repsync/repsync/internal/record"
)

// person finds an email address in what was sealed.
type person struct{ address string } // normalised

func personOf(email string) person { return person{record.NormalEmail(email)} }

// in reports whether the address occurs in an opened box: in a JSON document's strings, at any depth and also where they are
// base64 of something (connector.Item's Image), or in plain text.
func (p person) in(plain []byte) bool {
	if p.inJSON(plain) {
		return true
	}
	return p.inText(string(plain))
}

func (p person) inJSON(plain []byte) bool {
	text := bytes.TrimSpace(plain)
	if len(text) == 0 || !strings.ContainsRune(`{["`, rune(text[0])) {
		return false
	}
	var v any
	return json.Unmarshal(text, &v) == nil && p.inValue(v)
}

func (p person) inValue(v any) bool {
	switch v := v.(type) {
	case string:
		return p.inString(v)
	case []any:
		return slices.ContainsFunc(v, p.inValue)
	case map[string]any:
		for k, e := range v {
			if p.inString(k) || p.inValue(e) {
				return true
			}
		}
	}
	return false
}

func (p person) inString(s string) bool {
	if p.inText(s) || p.inJSON([]byte(s)) {
		return true
	}
	if len(s) < 8 || len(s)%4 != 0 || strings.ContainsAny(s, "@ ") {
		return false
	}
	plain, err := base64.StdEncoding.DecodeString(s)
	return err == nil && p.in(plain)
}

// inText reports whether the address stands in a text by itself: ann@x.test is neither in joann@x.test nor in ann@x.test.au,
// and is in "Ann <ann@x.test>." and, encoded as URLs are, in mailto:ann%40x.test.
func (p person) inText(s string) bool {
	s = strings.ToLower(s)
	if p.stands(s) {
		return true
	}
	if !strings.Contains(s, "%") {
		return false
	}
	plain, err := url.PathUnescape(s)
	return err == nil && plain != s && p.stands(strings.ToLower(plain))
}

func (p person) stands(s string) bool {
	for from := 0; ; {
		i := strings.Index(s[from:], p.address)
		if i < 0 {
			return false
		}
		i += from
		if !localBefore(s[:i]) && !domainAfter(s[i+len(p.address):]) {
			return true
		}
		from = i + 1
	}
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// localBefore reports whether a text ends with what would be the beginning of a longer local part.
func localBefore(s string) bool {
	for len(s) > 0 {
		r, size := utf8.DecodeLastRuneInString(s)
		if wordRune(r) {
			return true
		}
		if !strings.ContainsRune("._-+", r) {
			return false
		}
		s = s[:len(s)-size]
	}
	return false
}

// domainAfter reports whether a text begins with what would make a longer domain.
func domainAfter(s string) bool {
	r, size := utf8.DecodeRuneInString(s)
	if r == '.' || r == '-' {
		r, _ = utf8.DecodeRuneInString(s[size:])
	}
	return wordRune(r)
}
