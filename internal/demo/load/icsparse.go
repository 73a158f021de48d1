package load

import (
	"fmt"
	"strings"
)

// component is what stands between BEGIN and END (RFC 5545 section 3.6).
type component struct {
	kind       string
	line       int
	properties []property
	children   []*component
	parent     *component
}

// property is one content line (RFC 5545 section 3.1): parameters by upper-case name, the value as it stands.
type property struct {
	line   int
	name   string
	params map[string]string
	value  string
}

func (c *component) all(name string) []property {
	var out []property
	for _, p := range c.properties {
		if p.name == name {
			out = append(out, p)
		}
	}
	return out
}

// first returns the first property of a name. One that has no value counts as absent.
func (c *component) first(name string) (property, bool) {
	for _, p := range c.properties {
		if p.name == name && strings.TrimSpace(p.value) != "" {
			p.value = strings.TrimSpace(p.value)
			return p, true
		}
	}
	return property{}, false
}

func (c *component) value(name string) string {
	p, _ := c.first(name)
	return p.value
}

// text returns a property's text (RFC 5545 section 3.3.11) as it is meant, "" without one.
func (c *component) text(name string) string {
	for _, p := range c.properties {
		if p.name == name && p.value != "" {
			return plain(p.value)
		}
	}
	return ""
}

// components reads the calendars of a file. It goes on after whatever is broken: a line that is no property, a component
// that ends under another name or not at all.
func components(text []string) (calendars []*component, problems []Problem) {
	root := &component{}
	here := root
	for _, l := range unfold(text) {
		line := l.text
		upper := strings.ToUpper(strings.TrimSpace(line))
		switch kind, begins := strings.CutPrefix(upper, "BEGIN:"); {
		case upper == "":
		case begins:
			child := &component{kind: strings.TrimSpace(kind), line: l.number, parent: here}
			here.children = append(here.children, child)
			here = child
		case strings.HasPrefix(upper, "END:"):
			here = ended(here, strings.TrimSpace(upper[len("END:"):]))
		case here == root:
			problems = append(problems, Problem{l.number, outsideCalendar})
		default:
			p, err := parseProperty(line)
			if err != nil {
				problems = append(problems, Problem{l.number, brokenLine})
				continue
			}
			p.line = l.number
			here.properties = append(here.properties, p)
		}
	}
	if here != root {
		problems = append(problems, Problem{here.line, noEnd})
	}
	for _, c := range root.children {
		if c.kind == "VCALENDAR" {
			calendars = append(calendars, c)
		} else {
			problems = append(problems, Problem{c.line, outsideCalendar})
		}
	}
	return calendars, problems
}

// ended returns where a file is after END. A name that nothing open bears ends what was begun last ("END:VTOOD").
func ended(here *component, kind string) *component {
	for c := here; c.parent != nil; c = c.parent {
		if c.kind == kind {
			return c.parent
		}
	}
	if here.parent != nil {
		return here.parent
	}
	return here
}

func parseProperty(line string) (property, error) {
	head, value, ok := cutOutsideQuotes(line, ':')
	parts := splitOutsideQuotes(head, ';')
	name := strings.ToUpper(strings.TrimSpace(parts[0]))
	if !ok || name == "" || strings.ContainsAny(name, " \t=\"") {
		return property{}, fmt.Errorf("a property is NAME:value")
	}
	p := property{name: name, params: map[string]string{}, value: value}
	for _, param := range parts[1:] {
		key, v, _ := strings.Cut(param, "=")
		p.params[strings.ToUpper(strings.TrimSpace(key))] = strings.Trim(v, `"`)
	}
	return p, nil
}

// plain takes the escapes out of a text.
func plain(v string) string {
	return strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\N`, "\n", `\,`, ",", `\;`, ";", `\"`, `"`).Replace(v)
}
