package google

import (
	"encoding/json"
	"maps"
	"strings"
)

// selection is a parsed "fields" parameter, which every Google API takes: which parts of an answer to send ("Partial
// response"). nextPageToken,connections(resourceName,names/givenName) is three levels of it. An empty selection is all.
type selection map[string]selection

// parseSelection reads a fields parameter. Error: it is not well-formed.
func parseSelection(text string) (selection, *apiError) {
	p := &selectionParser{rest: text}
	out := p.list()
	if p.bad || p.rest != "" {
		return nil, invalid("Invalid field selection %s", text)
	}
	return out, nil
}

type selectionParser struct {
	rest string
	bad  bool
}

// list is path *("," path).
func (p *selectionParser) list() selection {
	out := selection{}
	for {
		p.path(out)
		if p.bad || !p.take(',') {
			return out
		}
	}
}

// path is name ["/" path | "(" list ")"], and puts itself into out.
func (p *selectionParser) path(out selection) {
	end := strings.IndexAny(p.rest, ",/()")
	if end < 0 {
		end = len(p.rest)
	}
	name := strings.TrimSpace(p.rest[:end])
	p.rest = p.rest[end:]
	if name == "" {
		p.bad = true
		return
	}
	_, whole := out[name]
	whole = whole && len(out[name]) == 0
	sub := selection{}
	switch {
	case p.take('/'):
		p.path(sub)
	case p.take('('):
		sub = p.list()
		p.bad = p.bad || !p.take(')')
	}
	switch {
	case whole || len(sub) == 0:
		out[name] = selection{}
	case out[name] == nil:
		out[name] = sub
	default:
		maps.Copy(out[name], sub)
	}
}

func (p *selectionParser) take(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// pick is the part of a JSON value that is selected.
func (s selection) pick(v any) any {
	if len(s) == 0 {
		return v
	}
	switch x := v.(type) {
	case []any:
		for i := range x {
			x[i] = s.pick(x[i])
		}
		return x
	case map[string]any:
		out := map[string]any{}
		for k, item := range x {
			if sub, ok := s[k]; ok {
				out[k] = sub.pick(item)
			} else if sub, ok := s["*"]; ok {
				out[k] = sub.pick(item)
			}
		}
		return out
	default:
		return v
	}
}

// partial reduces an answer to what a fields parameter selects.
func partial(answer any, fields string) (any, *apiError) {
	s, apiErr := parseSelection(fields)
	if apiErr != nil {
		return nil, apiErr
	}
	b, err := json.Marshal(answer)
	if err != nil {
		return nil, invalid("Invalid field selection %s", fields)
	}
	var tree any
	if err := json.Unmarshal(b, &tree); err != nil {
		return nil, invalid("Invalid field selection %s", fields)
	}
	return s.pick(tree), nil
}
