package policy

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// CEL bounds how many steps a filter takes, and not how large one step is: ["x"].map(a, a + a) in a row doubles a text each
// time, "".replace puts one long field between any two letters of another, a list that is added to itself is counted in
// exponential time, and so are lists of lists compared. So the calls that can grow or walk without bound are replaced by
// ones that look first (rewrite calls them by the names below, which no filter can write), and every call is charged for the
// text that it reads and makes.
const (
	boundedAdd     = "@bounded_add"
	boundedEqual   = "@bounded_equal"
	boundedIn      = "@bounded_in"
	boundedMatches = "@bounded_matches"
	boundedReplace = "@bounded_replace"
)

const (
	maxFilterText  = 1 << 20               // bytes of one text that a filter makes
	maxFilterList  = 10_000                // elements of one list, those of lists within included
	regexPerCost   = 200                   // states of a regular expression times characters, for one unit of cost
	maxFilterRegex = 10_000                // states of one regular expression
	textMadePer    = 10                    // bytes of text made for one unit of cost
	textReadPer    = 100                   // bytes of text read for one unit of cost
	overCost       = "cost limit exceeded" // how CEL begins what it says of a program that costs too much
)

// bounded are the calls that are replaced, by CEL's own names.
var bounded = map[string]string{
	operators.Add: boundedAdd, operators.Equals: boundedEqual, operators.In: boundedIn, "matches": boundedMatches, "replace": boundedReplace,
}

// boundedFunctions declares what calls are replaced by.
func boundedFunctions() []cel.EnvOption {
	dyn, text := cel.DynType, cel.StringType
	return []cel.EnvOption{
		cel.Function(boundedAdd, cel.Overload("filter_add", []*cel.Type{dyn, dyn}, dyn), cel.SingletonBinaryBinding(add)),
		cel.Function(boundedEqual, cel.Overload("filter_equal", []*cel.Type{dyn, dyn}, cel.BoolType), cel.SingletonBinaryBinding(equal)),
		cel.Function(boundedIn, cel.Overload("filter_in", []*cel.Type{dyn, dyn}, cel.BoolType), cel.SingletonBinaryBinding(in)),
		cel.Function(boundedMatches, cel.Overload("filter_matches", []*cel.Type{text, text}, cel.BoolType), cel.SingletonBinaryBinding(matches)),
		cel.Function(boundedReplace, cel.Overload("filter_replace", []*cel.Type{text, text, text}, text),
			cel.Overload("filter_replace_some", []*cel.Type{text, text, text, cel.IntType}, text), cel.SingletonFunctionBinding(replace)),
	}
}

func tooMuch() ref.Val { return types.NewErr(overCost) }

// add is _+_. A list is made anew, since CEL's own keeps both parts and asks each for its size whenever it is asked.
func add(a, b ref.Val) ref.Val {
	if left, ok := a.(traits.Lister); ok {
		right, ok := b.(traits.Lister)
		if !ok {
			return types.MaybeNoSuchOverloadErr(b)
		}
		all := append(elements(left), elements(right)...)
		if len(all) > maxFilterList {
			return tooMuch()
		}
		return types.NewRefValList(types.DefaultTypeAdapter, all)
	}
	if textSize(a)+textSize(b) > maxFilterText {
		return tooMuch()
	}
	adder, ok := a.(traits.Adder)
	if !ok {
		return types.MaybeNoSuchOverloadErr(a)
	}
	return adder.Add(b)
}

func elements(l traits.Lister) []ref.Val {
	var out []ref.Val
	for it := l.Iterator(); it.HasNext() == types.True && len(out) <= maxFilterList; {
		out = append(out, it.Next())
	}
	return out
}

func equal(a, b ref.Val) ref.Val {
	if !small(a) || !small(b) {
		return tooMuch()
	}
	return types.Equal(a, b)
}

func in(element, container ref.Val) ref.Val {
	if !small(element) || !small(container) {
		return tooMuch()
	}
	c, ok := container.(traits.Container)
	if !ok {
		return types.MaybeNoSuchOverloadErr(container)
	}
	return c.Contains(element)
}

// small reports whether a value has a bounded number of parts.
func small(v ref.Val) bool {
	left := maxFilterList
	return countdown(v, &left)
}

func countdown(v ref.Val, left *int) bool {
	if *left--; *left < 0 {
		return false
	}
	it, ok := v.(traits.Iterable)
	if !ok {
		return true
	}
	of, isMap := v.(traits.Mapper)
	for i := it.Iterator(); i.HasNext() == types.True; {
		next := i.Next()
		if !countdown(next, left) || isMap && !countdown(of.Get(next), left) {
			return false
		}
	}
	return true
}

// pattern is a regular expression and how many states it has.
type pattern struct {
	re     *regexp.Regexp
	states int
}

var patterns sync.Map // text → pattern; those that filters hold, which admins write

// patternOf compiles a regular expression; ok is false for one that is none, or that is too large.
func patternOf(text string) (p pattern, ok bool) {
	if stored, ok := patterns.Load(text); ok {
		known, ok := stored.(pattern)
		return known, ok
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return p, false
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil || len(program.Inst) > maxFilterRegex {
		return p, false
	}
	if p.re, err = regexp.Compile(text); err != nil {
		return p, false
	}
	p.states = len(program.Inst)
	patterns.Store(text, p)
	return p, true
}

func matches(text, expression ref.Val) ref.Val {
	s, isText := text.(types.String)
	e, isPattern := expression.(types.String)
	if !isText || !isPattern {
		return types.MaybeNoSuchOverloadErr(text)
	}
	p, ok := patternOf(string(e))
	if !ok {
		return types.NewErr("not a regular expression")
	}
	if len(s)*p.states/regexPerCost > maxFilterCost {
		return tooMuch()
	}
	return types.Bool(p.re.MatchString(string(s)))
}

func replace(args ...ref.Val) ref.Val {
	var texts [3]string
	for i := range texts {
		t, ok := args[i].(types.String)
		if !ok {
			return types.MaybeNoSuchOverloadErr(args[i])
		}
		texts[i] = string(t)
	}
	count := strings.Count(texts[0], texts[1])
	times := -1
	if len(args) > 3 {
		n, ok := args[3].(types.Int)
		if !ok {
			return types.MaybeNoSuchOverloadErr(args[3])
		}
		if n >= 0 {
			times = int(min(n, types.Int(count)))
			count = times
		}
	}
	if len(texts[0])+count*len(texts[2]) > maxFilterText {
		return tooMuch()
	}
	return types.String(strings.Replace(texts[0], texts[1], texts[2], times))
}

// refuseCall says which calls a filter may not make.
func (w *rewriter) refuseCall(e ast.Expr, function string, args []ast.Expr) {
	switch {
	case function == "indexOf" || function == "lastIndexOf" || function == "join":
		w.fail(e, function+" is not offered", "use contains, startsWith, endsWith, split or matches")
	case function == "matches" && len(args) == 2:
		if args[1].Kind() != ast.LiteralKind {
			w.fail(e, "the regular expression is computed", "write it as a text, as in crm.Title.matches(\"^C.O$\")")
			return
		}
		if text, ok := args[1].AsLiteral().(types.String); ok {
			if _, ok := patternOf(string(text)); !ok {
				w.fail(e, "the regular expression is too large", "make it shorter, with fewer repetitions {n}")
			}
		}
	}
}

// charges tells what calls cost: one unit, and more for the text that they read and make.
type charges struct{}

// CallCost implements interpreter.ActualCostEstimator; nil leaves a call to CEL's own estimate.
func (charges) CallCost(function, _ string, args []ref.Val, result ref.Val) *uint64 {
	cost := 1 + textSize(result)/textMadePer
	for _, a := range args {
		cost += textSize(a) / textReadPer
	}
	switch function {
	case boundedIn:
		if l, ok := args[1].(traits.Lister); ok {
			cost += sizeOf(l)
		}
	case boundedMatches:
		if e, ok := args[1].(types.String); ok {
			if p, ok := patternOf(string(e)); ok {
				cost += textSize(args[0]) * p.states / regexPerCost
			}
		}
	case operators.Add: // a loop's own
	default:
		if l, ok := result.(traits.Lister); ok {
			cost += sizeOf(l) / textMadePer
		}
	}
	out := uint64(cost)
	return &out
}

// textSize is the length of a text in bytes, 0 for all else.
func textSize(v ref.Val) int {
	switch v := v.(type) {
	case types.String:
		return len(v)
	case types.Bytes:
		return len(v)
	}
	return 0
}

func sizeOf(l traits.Lister) int {
	if n, ok := l.Size().(types.Int); ok {
		return int(n)
	}
	return 0
}
