package policy

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	maxBytes = 1 << 20
	maxDepth = 16   // the document needs 5
	maxKeys  = 2000 // the document needs 150; the parser's time grows with the square of this

	maxProblems = 100 // nobody reads more
)

// open turns a document into its one YAML mapping. It returns nil, with the problems noted, for whatever is no such
// thing, and for the parts of YAML that a policy has no use for: they can only hide what a document says, or blow it up.
func (r *reader) open(data []byte) *ast.MappingNode {
	if len(data) > maxBytes {
		r.fail(position{1, 1}, "", fmt.Sprintf("is %d bytes long, more than 1 MiB", len(data)),
			"assign by profile instead of listing every rep, and split the document by name")
		return nil
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if at, ok := unreadable(data); ok {
		r.fail(at, "", "is not UTF-8 text", "save the file as UTF-8")
		return nil
	}
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	data = bytes.ReplaceAll(data, []byte("\r"), []byte("\n"))
	r.lines = strings.Split(string(data), "\n")
	tokens := lexer.Tokenize(string(data))
	if r.refuse(tokens); len(r.problems) > 0 {
		return nil
	}
	file, err := parse(tokens)
	if err != nil {
		r.syntax(err)
		return nil
	}
	return r.body(file)
}

// parse is the library's parser; a panic of it is an error like any other.
func parse(tokens token.Tokens) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			file, err = nil, fmt.Errorf("yaml: %v", p)
		}
	}()
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

// unreadable finds the first byte that is not UTF-8, or a control character that text does not hold.
func unreadable(data []byte) (position, bool) {
	at := position{1, 1}
	for len(data) > 0 {
		c, size := utf8.DecodeRune(data)
		control := c < ' ' && c != '\n' && c != '\t' && c != '\r' || c == 0x7f
		if c == utf8.RuneError && size == 1 || control {
			return at, true
		}
		at.column++
		if c == '\n' {
			at = position{at.line + 1, 1}
		}
		data = data[size:]
	}
	return position{}, false
}

// refuse notes the tokens that a policy must not hold. It runs before the parser, which recurses and resolves.
func (r *reader) refuse(tokens token.Tokens) {
	flow, line, keys := 0, 0, 0
	var columns []int // of the block structures that the current token stands in
	for _, t := range tokens {
		at := position{t.Position.Line, t.Position.Column}
		switch t.Type {
		case token.CommentType, token.SpaceType:
			continue
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			r.fail(at, "", "anchors, aliases and merge keys are not allowed in a policy",
				"write the value out, or put it in quotes if it is meant as text")
			return
		case token.TagType:
			r.fail(at, "", "a value that starts with ! is a YAML tag", "put the whole value in single quotes: '!crm.Blocked__c'")
			return
		case token.DirectiveType:
			if t.Position.Column == 1 {
				r.fail(at, "", "YAML directives are not allowed in a policy", "remove the line")
				return
			}
		case token.MappingKeyType:
			r.fail(at, "", "a key that begins with ? is not allowed in a policy", "write the key as a plain word")
			return
		case token.MappingValueType:
			if keys++; keys > maxKeys {
				r.fail(at, "", fmt.Sprintf("has more than %d keys", maxKeys), "check that the file is a policy")
				return
			}
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow--
		}
		if flow == 0 && (at.line != line || t.Type == token.SequenceEntryType) {
			for len(columns) > 0 && columns[len(columns)-1] >= at.column {
				columns = columns[:len(columns)-1]
			}
			columns = append(columns, at.column)
		}
		line = at.line
		if flow > maxDepth || len(columns) > maxDepth {
			r.fail(at, "", "is nested too deeply", "a policy's keys are at most 5 deep; look for a bracket or an indentation too many")
			return
		}
	}
}

// syntax explains what the parser stumbled over.
func (r *reader) syntax(err error) {
	at, message := position{1, 1}, "is not valid YAML"
	var known yaml.Error
	if errors.As(err, &known) && known.GetToken() != nil {
		at = position{known.GetToken().Position.Line, known.GetToken().Position.Column}
		message += ": " + strings.ReplaceAll(known.GetMessage(), "\t", `\t`)
	}
	for i, l := range r.lines {
		if indent := l[:len(l)-len(strings.TrimLeft(l, " \t"))]; strings.Contains(indent, "\t") && strings.TrimSpace(l) != "" {
			r.fail(position{i + 1, strings.IndexByte(indent, '\t') + 1}, "", "a tab is used for indentation", "use spaces")
			return
		}
	}
	remedy := "check the indentation, the brackets and the quotes of this line and the one before"
	if at.line <= len(r.lines) {
		name, value, _ := strings.Cut(strings.TrimSpace(r.lines[at.line-1]), ":")
		value = strings.TrimSpace(value)
		switch {
		case name == "filter" && value != "":
			remedy = "write filter: | and put the expression on the next line, indented"
		case strings.HasPrefix(value, "@"), strings.HasPrefix(value, "`"), strings.HasPrefix(value, "%"), strings.Contains(value, ": "):
			remedy = "put the value in quotes"
		}
	}
	r.fail(at, "", message, remedy)
}

// body returns the mapping of a file's one document.
func (r *reader) body(file *ast.File) *ast.MappingNode {
	docs := file.Docs
	if len(docs) > 1 {
		at := position{1, 1}
		if start := docs[1].Start; start != nil {
			at = position{start.Position.Line, start.Position.Column}
		}
		r.fail(at, "", "a second YAML document begins here", "keep one policy a file, and remove this ---")
		return nil
	}
	var root ast.Node
	if len(docs) == 1 {
		root = docs[0].Body
	}
	switch n := root.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode:
		r.fail(position{1, 1}, "", "is empty", "write at least name: and the keys that differ from the default; {} alone is the default policy")
	case *ast.MappingNode:
		return n
	case *ast.MappingValueNode:
		return &ast.MappingNode{BaseNode: n.BaseNode, Start: n.Start, Values: []*ast.MappingValueNode{n}}
	default:
		remedy := "begin with a key, such as name: field-sales"
		if s, ok := n.(*ast.StringNode); ok && strings.Contains(s.Value, ":") {
			remedy = "put a space after the colon, as in name: field-sales"
		}
		r.fail(place(n), "", "is "+called(n)+", not a set of keys", remedy)
	}
	return nil
}

// place is where a node begins.
func place(n ast.Node) position {
	t := n.GetToken()
	if l, ok := n.(*ast.LiteralNode); ok {
		t = l.Start
	}
	if t == nil {
		return position{1, 1}
	}
	return position{t.Position.Line, t.Position.Column}
}

// called names what a node is, for messages.
func called(n ast.Node) string {
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return "empty"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a set of keys"
	case *ast.SequenceNode:
		return "a list"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "the number " + n.GetToken().Value
	case *ast.BoolNode:
		return n.GetToken().Value + ", which is not text"
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	}
	return "something else"
}
