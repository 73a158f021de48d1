package fidelity

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// Row is a request that a connector sends, as docs/fidelity.md tells it.
type Row struct {
	Name    string          // of the endpoint, as the sandbox calls it
	Request string          // "GET /v1/people/{person}"
	Parts   map[string]bool // "?pageSize" in the query, "If-Match:" among the headers, "contacts" in the body
	Record  bool            // any member may be in the body: it is a record
	Tests   []string
}

// root is the repository, wherever a test runs.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..")
}

var (
	quoted = regexp.MustCompile("`([^`]*)`")
	named  = regexp.MustCompile(`^Test\w+$`)
)

// sends ends the heading of a connector's section.
const sends = ": what our connector sends"

// page reads a vendor's sections of the page. Errors: they are not there, have a row of another form, or disagree.
func page(vendor string) ([]Row, error) {
	text, err := os.ReadFile(filepath.Join(root(), "docs", "fidelity.md"))
	if err != nil {
		return nil, err
	}
	rows, err := parse(string(text), vendor)
	if err != nil {
		return nil, err
	}
	return rows, agree(string(text), vendor, rows)
}

// parse reads rows of the form "| `name` | `GET /path/{part}` | `?query` `Header:` `member` … | … | … `TestName` |".
func parse(text, vendor string) ([]Row, error) {
	_, section, found := strings.Cut(text, "\n## "+vendor+sends+"\n")
	if !found {
		return nil, fmt.Errorf("docs/fidelity.md has no section %q", vendor+sends)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var rows []Row
	for line := range strings.Lines(section) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cells := cellsOf(line)
		if len(cells) != 5 {
			return nil, fmt.Errorf("docs/fidelity.md, %s: five cells are wanted in %q", vendor, line)
		}
		name, request := quoted.FindStringSubmatch(cells[0]), quoted.FindStringSubmatch(cells[1])
		if name == nil || request == nil {
			return nil, fmt.Errorf("docs/fidelity.md, %s: no name or request in %q", vendor, line)
		}
		row := Row{Name: name[1], Request: request[1], Parts: map[string]bool{}, Record: strings.Contains(cells[2], "the record's fields")}
		for _, part := range quoted.FindAllStringSubmatch(cells[2], -1) {
			row.Parts[part[1]] = true
		}
		for _, test := range quoted.FindAllStringSubmatch(cells[4], -1) {
			if named.MatchString(test[1]) {
				row.Tests = append(row.Tests, test[1])
			}
		}
		if len(row.Tests) == 0 {
			return nil, fmt.Errorf("docs/fidelity.md, %s: %s names no test", vendor, row.Name)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// cellsOf cuts a row of a table.
func cellsOf(line string) []string {
	line = strings.TrimSpace(line)
	return strings.Split(strings.TrimSuffix(strings.TrimPrefix(line, "|"), "|"), "|")
}

// of returns the last cell of each row of a vendor's own section, by the name of the endpoint.
func of(text, vendor string) map[string]string {
	_, section, _ := strings.Cut(text, "\n## "+vendor+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	last := map[string]string{}
	for line := range strings.Lines(section) {
		if name := quoted.FindStringSubmatch(line); strings.HasPrefix(line, "| `") && name != nil {
			cells := cellsOf(line)
			last[name[1]] = cells[len(cells)-1]
		}
	}
	return last
}

// agree reports the endpoints of which the vendor's own section does not say rightly whether our connector calls them: "conn"
// in the last cell.
func agree(text, vendor string, rows []Row) error {
	var errs []error
	sent, described := map[string]bool{}, of(text, vendor)
	for _, row := range rows {
		if _, there := described[row.Name]; !there && strings.Contains(row.Request, "/") {
			errs = append(errs, fmt.Errorf("row %s: section %q does not describe it", row.Name, vendor))
		}
		sent[row.Name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(described)) {
		if says := strings.Contains(described[name], "conn"); says != sent[name] {
			errs = append(errs, fmt.Errorf("section %q, %s: whether our connector calls it (conn)", vendor, name))
		}
	}
	return errors.Join(errs...)
}

// matches reports whether a request is of this row. A part of a path in braces stands for anything but a slash; a path without
// any goes before one with.
func (r Row) matches(request string) bool {
	want, got := strings.Split(r.Request, "/"), strings.Split(request, "/")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		before, rest, open := strings.Cut(want[i], "{")
		_, after, closed := strings.Cut(rest, "}")
		if !open || !closed {
			if want[i] != got[i] {
				return false
			}
			continue
		}
		if len(got[i]) <= len(before)+len(after) || !strings.HasPrefix(got[i], before) || !strings.HasSuffix(got[i], after) {
			return false
		}
	}
	return true
}
