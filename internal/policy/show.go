package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/repsync/repsync/internal/record"
)

// Show prints a policy with every default filled in, as a document that Read turns into the same policy. A comment says
// what every kind that is not enforced yet is, and marks with "default" the keys that are not among explicit
// (Document.Written); without explicit, nothing is marked.
func Show(p Policy, explicit ...string) []byte {
	s := shower{policy: p, explicit: map[string]bool{}, mark: len(explicit) > 0}
	for _, path := range explicit {
		s.explicit[path] = true
	}
	s.group(document, "", 0)
	return s.out.Bytes()
}

type shower struct {
	out      bytes.Buffer
	policy   Policy
	explicit map[string]bool
	mark     bool
}

func (s *shower) group(k *key, path string, depth int) {
	keys := k.keys
	base := Default()
	if depth == 1 && !s.enforcedSection(k) && sameSection(k, &s.policy, &base) {
		keys = keys[:1] // the switch, which says off
	}
	for _, c := range keys {
		p := join(path, c.name)
		switch c.shape {
		case aGroup:
			s.line(depth, c.name+":", s.sectionNote(c, depth))
			s.group(c, p, depth+1)
		case aFields:
			s.fields(c, depth)
		default:
			s.value(c, p, depth)
		}
	}
}

func (s *shower) value(k *key, path string, depth int) {
	var v string
	switch at := k.at(&s.policy).(type) {
	case *string:
		if *at == "" { // only org and filter have no value by default
			s.line(depth, "# "+k.name+": none", "")
			return
		}
		v = quote(*at)
	case *int:
		v = fmt.Sprint(*at)
	case *bool:
		v = fmt.Sprint(*at)
	case *time.Duration:
		v = formatDuration(*at)
	case *[]string:
		quoted := make([]string, len(*at))
		for i, e := range *at {
			quoted[i] = quote(e)
		}
		v = "[" + strings.Join(quoted, ", ") + "]"
	}
	note := ""
	if s.mark && !s.explicit[path] {
		note = "default"
	}
	s.line(depth, k.name+": "+v, note)
}

func (s *shower) fields(k *key, depth int) {
	fields := *k.fields(&s.policy)
	if len(fields) == 0 {
		s.line(depth, "# fields: the standard mapping", "")
		return
	}
	s.line(depth, "fields:", "and the standard mapping for all others")
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		f := fields[name]
		var parts []string
		for i, v := range []string{f.CRM, f.Mailbox, f.Winner} {
			if v != "" {
				parts = append(parts, members[i]+": "+quote(v))
			}
		}
		s.line(depth+1, quote(name)+": {"+strings.Join(parts, ", ")+"}", "")
	}
}

func (s *shower) sectionNote(k *key, depth int) string {
	if depth != 0 || s.enforcedSection(k) {
		return ""
	}
	return "not enforced yet: nothing of this kind syncs in this version"
}

// enforcedSection reports whether a section is no kind's, or the section of a kind that is enforced.
func (s *shower) enforcedSection(k *key) bool {
	for kind, path := range switches {
		if section, _, _ := strings.Cut(path, "."); section == k.name {
			return Enforces(kind)
		}
	}
	return true
}

func (s *shower) line(depth int, text, note string) {
	s.out.WriteString(strings.Repeat("  ", depth) + text)
	if note != "" {
		s.out.WriteString("  # " + note)
	}
	s.out.WriteByte('\n')
}

// sameSection compares everything beneath a key.
func sameSection(k *key, a, b *Policy) bool {
	for _, c := range k.keys {
		if c.shape == aGroup {
			if !sameSection(c, a, b) {
				return false
			}
		} else if !same(value(c, a), value(c, b)) {
			return false
		}
	}
	return true
}

// value reads the value of a key from a policy.
func value(k *key, p *Policy) any {
	switch at := k.at(p).(type) {
	case *string:
		return *at
	case *int:
		return *at
	case *bool:
		return *at
	case *time.Duration:
		return *at
	case *[]string:
		return *at
	case *map[string]Field:
		return *at
	}
	return nil
}

var (
	plainText = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]*$`)
	notText   = []string{"true", "false", "null", "yes", "no", "on", "y", "n"} // words that some YAML reads as no text
)

// quote writes a text so that YAML reads it back as that text. JSON's strings are YAML's.
func quote(s string) string {
	if plainText.MatchString(s) && !slices.Contains(notText, strings.ToLower(s)) {
		return s
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic("policy: a string is always JSON: " + err.Error())
	}
	return c1.ReplaceAllStringFunc(strings.TrimSuffix(out.String(), "\n"), func(r string) string {
		code, _ := utf8.DecodeRuneInString(r)
		return fmt.Sprintf(`\u%04x`, code)
	})
}

// c1 are the control characters beyond ASCII, which JSON leaves as they are and YAML folds or refuses (NEL, U+0085, ends a line there).
var c1 = regexp.MustCompile(`[\x{7f}-\x{9f}]`)

// KindsOff lists the kinds that are off because this version does not enforce them.
func KindsOff() []record.Kind {
	var out []record.Kind
	for _, kind := range []record.Kind{record.Contact, record.Event, record.Task, record.Email} {
		if !Enforces(kind) {
			out = append(out, kind)
		}
	}
	return out
}
