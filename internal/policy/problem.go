package policy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Severity tells an error, which keeps a document from being applied, from a warning.
type Severity string

// The severities.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Problem is one thing that is wrong with a document.
type Problem struct {
	Line     int      `json:"line"`   // from 1
	Column   int      `json:"column"` // from 1, in characters
	Key      string   `json:"key"`    // the whole path: contacts.limit.max; "" speaks of the document
	Message  string   `json:"message"`
	Remedy   string   `json:"remedy"`
	Severity Severity `json:"severity"`
}

// String prints "contacts.directoin: unknown key (line 4, column 3): did you mean direction?".
func (p Problem) String() string {
	key := p.Key
	if key == "" {
		key = "document"
	}
	out := fmt.Sprintf("%s: %s (line %d, column %d): %s", key, p.Message, p.Line, p.Column, p.Remedy)
	if p.Severity == SeverityWarning {
		return "warning: " + out
	}
	return out
}

// Problems are all that is wrong with a document, in the order of its lines.
type Problems []Problem

// Failed reports whether there is an error among the problems.
func (ps Problems) Failed() bool {
	return slices.ContainsFunc(ps, func(p Problem) bool { return p.Severity == SeverityError })
}

// Err returns the problems as an error, or nil when there are warnings at most.
func (ps Problems) Err() error {
	if ps.Failed() {
		return ps
	}
	return nil
}

// Errors returns the problems that keep the document from being applied.
func (ps Problems) Errors() Problems { return ps.of(SeverityError) }

// Warnings returns the others.
func (ps Problems) Warnings() Problems { return ps.of(SeverityWarning) }

// Error prints one problem a line, like Text. Use Err to turn problems into an error: it is nil where there is none.
func (ps Problems) Error() string { return ps.Text() }

// Text prints one problem a line.
func (ps Problems) Text() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// JSON prints the problems as a JSON array, [] when there is none.
func (ps Problems) JSON() []byte {
	if ps == nil {
		ps = Problems{}
	}
	out, err := json.MarshalIndent([]Problem(ps), "", "  ")
	if err != nil {
		panic("policy: problems are strings and numbers: " + err.Error())
	}
	return append(out, '\n')
}

func (ps Problems) of(s Severity) Problems {
	var out Problems
	for _, p := range ps {
		if p.Severity == s {
			out = append(out, p)
		}
	}
	return out
}

func (ps Problems) sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Key, b.Key))
	})
	return ps
}
