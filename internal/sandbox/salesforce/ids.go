package salesforce

import (
	"fmt"
	"strings"
)

// idChars are the digits of a record id, in the order in which the vendor counts.
const idChars = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// suffixChars spell the checksum suffix: each stands for five bits, one per character, set where that character is a
// capital letter. (Salesforce help, "Convert 15 Character IDs to 18 Character IDs".)
const suffixChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"

// makeID builds the 18-character id of the n-th record of an object: 3 characters of key prefix, 3 of pod and 1
// reserved, 8 that count, 3 of checksum.
func makeID(prefix string, n int64) string {
	var b [8]byte
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = idChars[n%62]
		n /= 62
	}
	id := prefix + "Rs00" + string(b[:])
	return id + idSuffix(id)
}

// idSuffix computes the three characters that make a 15-character id safe in systems that ignore case.
func idSuffix(id15 string) string {
	var out [3]byte
	for block := range 3 {
		bits := 0
		for i := range 5 {
			if c := id15[block*5+i]; c >= 'A' && c <= 'Z' {
				bits |= 1 << i
			}
		}
		out[block] = suffixChars[bits]
	}
	return string(out[:])
}

// normalizeID returns the 18-character form of a 15- or 18-character id. ok is false when the text is no id: another
// length, another alphabet or a checksum that does not fit. An 18-character id whose case was lost is repaired from
// its suffix, as the vendor does.
func normalizeID(id string) (id18 string, ok bool) {
	for i := range len(id) {
		if strings.IndexByte(idChars, id[i]) < 0 {
			return "", false
		}
	}
	switch len(id) {
	case 15:
		return id + idSuffix(id), true
	case 18:
		return repairCase(id)
	}
	return "", false
}

// looksLikeID tells whether a text has the length and the alphabet of an id, whatever its checksum.
func looksLikeID(text string) bool {
	return (len(text) == 15 || len(text) == 18) && strings.Trim(text, idChars) == ""
}

// repairCase gives every letter of an 18-character id the case that its suffix says.
func repairCase(id string) (string, bool) {
	b := []byte(id)
	for block := range 3 {
		bits := strings.IndexByte(suffixChars, upper(id[15+block]))
		if bits < 0 {
			return "", false
		}
		for i := range 5 {
			c := &b[block*5+i]
			if bits&(1<<i) != 0 {
				if *c = upper(*c); *c < 'A' || *c > 'Z' {
					return "", false
				}
			} else if *c >= 'A' && *c <= 'Z' {
				*c += 'a' - 'A'
			}
		}
		b[15+block] = suffixChars[bits]
	}
	return string(b), true
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - ('a' - 'A')
	}
	return c
}

// newID returns the next id of an object. The caller holds s.mu.
func (s *Server) newID(prefix string) string {
	s.nextID[prefix]++
	return makeID(prefix, s.nextID[prefix])
}

// recordURL is the path under which the REST API shows a record.
func recordURL(version, object, id string) string {
	return fmt.Sprintf("/services/data/v%s/sobjects/%s/%s", version, object, id)
}
