package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// rewrite gives CEL the meaning of null that people expect of a filter. CEL itself knows no absent field: reading one
// is an error, and so is comparing null. A checked expression is turned into one in which
//
//   - every field is a variable, which Match sets to null where the item has none;
//   - a call with a null among its arguments is false if it answers true or false, else null;
//   - null is false where true or false is asked for: as an operand of &&, ||, ! and ?:, and as the whole;
//   - the empty text is null, so that x == "" is true of an absent field too.
//
// It also lists the fields that are read, sorted by name.
func rewrite(checked *ast.AST, known []string) (*ast.AST, []reading, error) {
	w := &rewriter{
		ast: checked, make: ast.NewExprFactory(), known: known, id: ast.MaxID(checked) + 1,
		seen: map[string]reading{}, accumulators: map[string]bool{},
	}
	e := w.truth(checked.Expr())
	if w.err != nil {
		return nil, nil, w.err
	}
	reads := make([]reading, 0, len(w.seen))
	for _, r := range w.seen {
		reads = append(reads, r)
	}
	slices.SortFunc(reads, func(a, b reading) int {
		return cmp.Or(cmp.Compare(a.root, b.root), slices.Compare(a.path, b.path))
	})
	return ast.NewAST(e, checked.SourceInfo()), reads, nil
}

type rewriter struct {
	ast          *ast.AST
	make         ast.ExprFactory
	known        []string
	id           int64
	seen         map[string]reading
	accumulators map[string]bool // variables of macros that are never null
	bound        int
	err          *FilterError
}

func (w *rewriter) next() int64 {
	w.id++
	return w.id
}

func (w *rewriter) fail(e ast.Expr, message, remedy string) {
	if w.err != nil {
		return
	}
	at := w.ast.SourceInfo().GetStartLocation(e.ID())
	w.err = &FilterError{Line: max(1, at.Line()), Column: max(0, at.Column()) + 1, Message: message, Remedy: remedy}
}

// expr rewrites an expression and reports whether it may be null.
func (w *rewriter) expr(e ast.Expr) (ast.Expr, bool) {
	if r, ok := w.field(e); ok {
		return w.make.NewIdent(w.next(), r.name), true
	}
	switch e.Kind() {
	case ast.LiteralKind:
		return w.make.NewLiteral(w.next(), e.AsLiteral()), e.AsLiteral() == types.NullValue
	case ast.IdentKind:
		name := e.AsIdent()
		if name == "crm" || name == "record" {
			w.fail(e, name+" alone is no value", "name a field of it, such as crm.MailingCountry or record.email")
		}
		return w.make.NewIdent(w.next(), name), !w.accumulators[name]
	case ast.SelectKind:
		return w.selected(e)
	case ast.CallKind:
		return w.call(e)
	case ast.ListKind:
		elements := make([]ast.Expr, 0, e.AsList().Size())
		for _, el := range e.AsList().Elements() {
			x, _ := w.expr(el)
			elements = append(elements, x)
		}
		return w.make.NewList(w.next(), elements, e.AsList().OptionalIndices()), false
	case ast.MapKind:
		entries := make([]ast.EntryExpr, 0, e.AsMap().Size())
		for _, en := range e.AsMap().Entries() {
			k, _ := w.expr(en.AsMapEntry().Key())
			v, _ := w.expr(en.AsMapEntry().Value())
			entries = append(entries, w.make.NewMapEntry(w.next(), k, v, en.AsMapEntry().IsOptional()))
		}
		return w.make.NewMap(w.next(), entries), false
	case ast.ComprehensionKind:
		return w.comprehension(e.AsComprehension(), e)
	}
	w.fail(e, "messages cannot be made in a filter", "compare fields instead")
	return e, false
}

// truth rewrites an expression that stands where true or false is asked for.
func (w *rewriter) truth(e ast.Expr) ast.Expr {
	x, nullable := w.expr(e)
	if !nullable {
		return x
	}
	return w.unlessNull([]ast.Expr{x}, w.make.NewLiteral(w.next(), types.False), func(v []ast.Expr) ast.Expr { return v[0] })
}

// unlessNull builds `values contain null ? otherwise : then(values)`, evaluating each value once.
func (w *rewriter) unlessNull(values []ast.Expr, otherwise ast.Expr, then func([]ast.Expr) ast.Expr) ast.Expr {
	names := make([]string, len(values))
	simple := make([]ast.Expr, len(values))
	var test ast.Expr
	for i, v := range values {
		if v.Kind() == ast.IdentKind {
			names[i] = v.AsIdent()
		} else {
			w.bound++
			names[i] = fmt.Sprintf("@v%d", w.bound)
		}
		simple[i] = w.make.NewIdent(w.next(), names[i])
		isNull := w.make.NewCall(w.next(), operators.Equals, w.make.NewIdent(w.next(), names[i]), w.make.NewLiteral(w.next(), types.NullValue))
		if test == nil {
			test = isNull
		} else {
			test = w.make.NewCall(w.next(), operators.LogicalOr, test, isNull)
		}
	}
	out := w.make.NewCall(w.next(), operators.Conditional, test, otherwise, then(simple))
	for i, v := range values {
		if v.Kind() != ast.IdentKind {
			out = w.bind(names[i], v, out)
		}
	}
	return out
}

// bind builds what the macro cel.bind(name, value, in) does: a loop over nothing, whose result is in.
func (w *rewriter) bind(name string, value, in ast.Expr) ast.Expr {
	return w.make.NewComprehension(w.next(), w.make.NewList(w.next(), nil, nil), "#unused", name, value,
		w.make.NewLiteral(w.next(), types.False), w.make.NewIdent(w.next(), name), in)
}

func (w *rewriter) selected(e ast.Expr) (ast.Expr, bool) {
	s := e.AsSelect()
	if s.IsTestOnly() {
		if r, ok := w.chain(s.Operand(), s.FieldName(), e); ok {
			return w.make.NewCall(w.next(), operators.NotEquals, w.make.NewIdent(w.next(), r.name), w.make.NewLiteral(w.next(), types.NullValue)), false
		}
	}
	operand, nullable := w.expr(s.Operand())
	build := func(x ast.Expr) ast.Expr {
		if s.IsTestOnly() {
			return w.make.NewPresenceTest(w.next(), x, s.FieldName())
		}
		return w.make.NewSelect(w.next(), x, s.FieldName())
	}
	if !nullable {
		return build(operand), !s.IsTestOnly()
	}
	otherwise := w.make.NewLiteral(w.next(), types.NullValue)
	if s.IsTestOnly() {
		otherwise = w.make.NewLiteral(w.next(), types.False)
	}
	return w.unlessNull([]ast.Expr{operand}, otherwise, func(v []ast.Expr) ast.Expr { return build(v[0]) }), !s.IsTestOnly()
}

func (w *rewriter) call(e ast.Expr) (ast.Expr, bool) {
	c := e.AsCall()
	args := c.Args()
	switch c.FunctionName() {
	case operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot:
		truths := make([]ast.Expr, len(args))
		for i, a := range args {
			truths[i] = w.truth(a)
		}
		return w.make.NewCall(e.ID(), c.FunctionName(), truths...), false
	case operators.Conditional:
		yes, a := w.expr(args[1])
		no, b := w.expr(args[2])
		return w.make.NewCall(e.ID(), operators.Conditional, w.truth(args[0]), yes, no), a || b
	case operators.NotStrictlyFalse:
		x, _ := w.expr(args[0])
		return w.make.NewCall(e.ID(), c.FunctionName(), x), false
	case operators.Equals, operators.NotEquals:
		return w.equality(e.ID(), c.FunctionName(), args), false
	case operators.In:
		element, _ := w.expr(args[0])
		container, nullable := w.expr(args[1])
		in := func(c ast.Expr) ast.Expr { return w.make.NewCall(e.ID(), boundedIn, element, c) }
		if !nullable {
			return in(container), false
		}
		return w.unlessNull([]ast.Expr{container}, w.make.NewLiteral(w.next(), types.False), func(v []ast.Expr) ast.Expr { return in(v[0]) }), false
	}
	return w.strict(e)
}

// equality treats the empty text as null.
func (w *rewriter) equality(id int64, function string, args []ast.Expr) ast.Expr {
	a, _ := w.expr(args[0])
	b, _ := w.expr(args[1])
	if isEmptyText(args[0]) {
		a, b = b, a
	} else if !isEmptyText(args[1]) {
		return w.unless(function == operators.NotEquals, w.make.NewCall(id, boundedEqual, a, b))
	}
	out := w.unlessNull([]ast.Expr{a}, w.make.NewLiteral(w.next(), types.True), func(v []ast.Expr) ast.Expr {
		return w.make.NewCall(id, boundedEqual, v[0], b)
	})
	return w.unless(function == operators.NotEquals, out)
}

// unless negates an expression where not is set.
func (w *rewriter) unless(not bool, e ast.Expr) ast.Expr {
	if !not {
		return e
	}
	return w.make.NewCall(w.next(), operators.LogicalNot, e)
}

func isEmptyText(e ast.Expr) bool {
	return e.Kind() == ast.LiteralKind && e.AsLiteral() == types.String("")
}

// strict rewrites any other call: with a null among its arguments it is false or null.
func (w *rewriter) strict(e ast.Expr) (ast.Expr, bool) {
	c := e.AsCall()
	all := c.Args()
	if c.IsMemberFunction() {
		all = append([]ast.Expr{c.Target()}, all...)
	}
	w.refuseCall(e, c.FunctionName(), all)
	rewritten := make([]ast.Expr, len(all))
	var nullables []ast.Expr
	var places []int
	for i, a := range all {
		x, nullable := w.expr(a)
		rewritten[i] = x
		if nullable {
			nullables, places = append(nullables, x), append(places, i)
		}
	}
	function := c.FunctionName()
	loops := len(rewritten) > 0 && rewritten[0].Kind() == ast.IdentKind && w.accumulators[rewritten[0].AsIdent()] // a macro's own, one element at a time
	replaced, bound := bounded[function]
	build := func() ast.Expr {
		switch {
		case bound && !loops:
			return w.make.NewCall(e.ID(), replaced, rewritten...)
		case c.IsMemberFunction():
			return w.make.NewMemberCall(e.ID(), function, rewritten[0], rewritten[1:]...)
		}
		return w.make.NewCall(e.ID(), function, rewritten...)
	}
	t := w.ast.GetType(e.ID())
	answers := t != nil && t.IsExactType(types.BoolType)
	// An element of a list may itself be null.
	indexed := c.FunctionName() == operators.Index
	if len(nullables) == 0 {
		return build(), indexed
	}
	otherwise := w.make.NewLiteral(w.next(), types.NullValue)
	if answers {
		otherwise = w.make.NewLiteral(w.next(), types.False)
	}
	return w.unlessNull(nullables, otherwise, func(v []ast.Expr) ast.Expr {
		for i, place := range places {
			rewritten[place] = v[i]
		}
		return build()
	}), !answers
}

// comprehension rewrites what the macros all, exists, exists_one, map and filter expand to. Looping over null is looping
// over nothing.
func (w *rewriter) comprehension(c ast.ComprehensionExpr, e ast.Expr) (ast.Expr, bool) {
	for _, v := range []string{c.IterVar(), c.IterVar2()} {
		if v == "crm" || v == "record" {
			w.fail(e, "a loop's variable is called "+v, "give it another name")
		}
	}
	over, nullable := w.expr(c.IterRange())
	if nullable {
		over = w.unlessNull([]ast.Expr{over}, w.make.NewList(w.next(), nil, nil), func(v []ast.Expr) ast.Expr { return v[0] })
	}
	init, _ := w.expr(c.AccuInit())
	was := w.accumulators[c.AccuVar()]
	w.accumulators[c.AccuVar()] = true
	condition, _ := w.expr(c.LoopCondition())
	step, _ := w.expr(c.LoopStep())
	result, _ := w.expr(c.Result())
	w.accumulators[c.AccuVar()] = was
	return w.make.NewComprehensionTwoVar(e.ID(), over, c.IterVar(), c.IterVar2(), c.AccuVar(), init, condition, step, result), false
}

// field takes an expression as a read of a field: crm.Account.Industry, crm["Status__c"].
func (w *rewriter) field(e ast.Expr) (reading, bool) {
	switch e.Kind() {
	case ast.SelectKind:
		if s := e.AsSelect(); !s.IsTestOnly() {
			return w.chain(s.Operand(), s.FieldName(), e)
		}
	case ast.CallKind:
		if c := e.AsCall(); c.FunctionName() == operators.Index {
			if key := c.Args()[1]; key.Kind() == ast.LiteralKind {
				if name, ok := key.AsLiteral().(types.String); ok {
					return w.chain(c.Args()[0], string(name), e)
				}
			}
			if root := c.Args()[0]; root.Kind() == ast.IdentKind && (root.AsIdent() == "crm" || root.AsIdent() == "record") {
				w.fail(e, "the field is computed", "write its name in quotes, as in crm[\"Status__c\"]: what a filter reads must be known beforehand")
			}
		}
	}
	return reading{}, false
}

// chain takes operand.name as a read of a field.
func (w *rewriter) chain(operand ast.Expr, name string, whole ast.Expr) (reading, bool) {
	path := []string{name}
	for operand.Kind() != ast.IdentKind {
		var step string
		switch operand.Kind() {
		case ast.SelectKind:
			step, operand = operand.AsSelect().FieldName(), operand.AsSelect().Operand()
		case ast.CallKind:
			c := operand.AsCall()
			if c.FunctionName() != operators.Index || c.Args()[1].Kind() != ast.LiteralKind {
				return reading{}, false
			}
			key, ok := c.Args()[1].AsLiteral().(types.String)
			if !ok {
				return reading{}, false
			}
			step, operand = string(key), c.Args()[0]
		default:
			return reading{}, false
		}
		path = append([]string{step}, path...)
	}
	root := operand.AsIdent()
	if root != "crm" && root != "record" {
		return reading{}, false
	}
	path = strings.Split(strings.Join(path, "."), ".")
	w.checkName(root, strings.Join(path, "."), whole)
	full := root + "." + strings.Join(path, ".")
	r, ok := w.seen[full]
	if !ok {
		r = reading{name: fmt.Sprintf("@f%d", len(w.seen)), root: root, path: path}
		w.seen[full] = r
	}
	return r, true
}

// checkName refuses names that no item has.
func (w *rewriter) checkName(root, name string, e ast.Expr) {
	switch {
	case root == "crm" && !apiNameForm.MatchString(name):
		w.fail(e, fmt.Sprintf("%q is no API name", short(name)), "write the field's API name as Setup shows it, such as Status__c")
	case root == "record" && w.known != nil && !slices.Contains(w.known, name):
		var beneath []string
		for _, k := range w.known {
			if strings.HasPrefix(k, name+".") {
				beneath = append(beneath, "record."+k)
			}
		}
		remedy := instead(name, w.known)
		if len(beneath) > 0 {
			remedy = "name one of its fields: " + strings.Join(beneath, ", ")
		}
		w.fail(e, fmt.Sprintf("unknown field record.%s", short(name)), remedy)
	}
}
