package policy

import (
	"fmt"
	"regexp"
	"strings"

	"cel.dev/cel-go/cel"
)

// functions are what a filter is most likely to call, for remedies.
var functions = []string{
	"contains", "startsWith", "endsWith", "matches", "size", "has", "exists", "all", "filter", "map", "lowerAscii",
	"upperAscii", "trim", "split", "replace", "int", "double", "string", "bool", "timestamp", "duration",
	"getFullYear", "getMonth", "getDate",
}

var (
	undeclared = regexp.MustCompile(`undeclared reference to '([^']*)'`)
	noOverload = regexp.MustCompile(`found no matching overload for '([^']*)' applied to '([^']*)'`)
	oneEqual   = regexp.MustCompile(`[^=!<>]=[^=]`)
	sqlWord    = regexp.MustCompile(`(?i)\s(and|or|not|like)\s`)
)

// explain turns the first of CEL's complaints into one with a remedy; what follows mostly follows from it.
func explain(src string, issues *cel.Issues) *FilterError {
	out := &FilterError{Line: 1, Column: 1, Message: "is not a CEL expression", Remedy: "see docs/policy.md, Filters"}
	errs := issues.Errors()
	if len(errs) == 0 {
		return out
	}
	first := errs[0]
	out.Line, out.Column = max(1, first.Location.Line()), max(0, first.Location.Column())+1
	message, _, _ := strings.Cut(first.Message, "\n")
	out.Message = short(message)
	if m := undeclared.FindStringSubmatch(message); m != nil {
		out.Message = fmt.Sprintf("unknown name %q", short(m[1]))
		out.Remedy = unknownName(src, m[1], out)
		return out
	}
	if m := noOverload.FindStringSubmatch(message); m != nil {
		out.Message = fmt.Sprintf("%s does not take %s", operator(m[1]), m[2])
		out.Remedy = "compare values of one type, or convert one of them: int(…), double(…), string(…)"
		if strings.Contains(m[2], "map(string, dyn)") {
			out.Remedy = "name a field of it, such as crm.MailingCountry or record.email"
		}
		return out
	}
	if strings.Contains(message, "Syntax error") {
		switch {
		case sqlWord.MatchString(src):
			out.Remedy = "write && for and, || for or, ! for not, and contains() for like"
		case oneEqual.MatchString(src):
			out.Remedy = "write == to compare"
		default:
			out.Remedy = "check the brackets and the quotes around texts"
		}
	}
	if strings.Contains(message, "limit") {
		out.Remedy = "make it shorter or less nested: use in [...] instead of many ||"
	}
	return out
}

// unknownName finds what an unknown name may have been meant as.
func unknownName(src, name string, at *FilterError) string {
	if lines := strings.Split(src, "\n"); at.Line <= len(lines) {
		rest := []rune(lines[at.Line-1])
		from := min(at.Column-1, len(rest))
		if after := strings.TrimSpace(string(rest[from:])); strings.HasPrefix(after, "(") || strings.HasPrefix(after, name+"(") {
			return instead(name, functions)
		}
	}
	if near := nearest(name, []string{"crm", "record", "true", "false", "null"}); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	return fmt.Sprintf("write crm.%s for a CRM field, or put a text in quotes", short(name))
}

// operator prints CEL's name of an operator as people write it: _==_ is ==.
func operator(name string) string { return strings.Trim(strings.TrimPrefix(name, "@"), "_") }
