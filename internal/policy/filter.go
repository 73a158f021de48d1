package policy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"

	"github.com/repsync/repsync/internal/record"
)

// The bounds of a filter. A filter is run for every item of every rep, by a worker that others wait for.
const (
	maxFilter      = 4096   // characters
	maxFilterNodes = 2000   // of the syntax tree
	maxFilterCost  = 100000 // CEL's own units, about one per operation and ten characters of text, for one item
	maxFilterTime  = 5 * time.Second
)

// Filter is a compiled filter. It may be used by many goroutines at once.
//
// A filter is a CEL expression (https://github.com/google/cel-spec) that is true for the items to sync. It reads crm,
// the CRM record's fields by API name (crm.Status__c, crm.Account.Industry), and record, the same record under
// Repsync's names (record.email, record.phone.work, record.emails as a list). A field that is absent or empty is null,
// and null is never an error: it is unequal to every value, any other comparison or test of it is false, and what is
// computed from it is null.
type Filter struct {
	source  string
	program cel.Program
	reads   []reading
	fields  []string
}

// FilterError is what is wrong with a filter's text.
type FilterError struct {
	Line, Column int // inside the filter, from 1
	Message      string
	Remedy       string
}

// Error prints the place, the message and the remedy.
func (e *FilterError) Error() string {
	return fmt.Sprintf("filter line %d, column %d: %s: %s", e.Line, e.Column, e.Message, e.Remedy)
}

func asFilterError(err error) (*FilterError, bool) {
	var known *FilterError
	ok := errors.As(err, &known)
	return known, ok
}

// The errors of Match. They carry no value of the item.
var (
	ErrFilterType = errors.New("a value's type does not fit the filter; convert it, as in double(crm.Score__c), or test it first")
	ErrFilterCost = errors.New("the filter takes too long for this item; make it simpler")
)

// environment is what every filter is compiled in; making one is slow, and it does not change.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	fields := cel.MapType(cel.StringType, cel.DynType)
	return cel.NewEnv(append(boundedFunctions(),
		cel.Variable("crm", fields),
		cel.Variable("record", fields),
		cel.CrossTypeNumericComparisons(true),
		cel.DefaultUTCTimeZone(true),
		cel.ParserExpressionSizeLimit(maxFilter),
		cel.ExpressionNodeLimit(maxFilterNodes),
		cel.ParserRecursionLimit(50),
		cel.ParserErrorRecoveryLimit(5),
		cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateDurationLiterals()),
		ext.Strings(ext.StringsVersion(0)), // later ones format texts of any length
	)...)
})

// CompileFilter compiles a filter for contacts. The error is a *FilterError.
func CompileFilter(src string) (*Filter, error) { return CompileFilterFor(record.Contact, src) }

// CompileFilterFor compiles a filter for a kind; of one whose fields are not known yet, any name under record is taken.
// The error is a *FilterError.
func CompileFilterFor(kind record.Kind, src string) (*Filter, error) {
	switch kind {
	case record.Contact:
		return compile(src, append(record.ContactFields(), record.FieldEmails))
	case record.Event:
		return compile(src, append(record.EventFields(), record.FieldUID, record.FieldStatus, record.FieldLabels))
	}
	return compile(src, nil)
}

// compile compiles a filter; known are the names under record, nil to take any.
func compile(src string, known []string) (*Filter, error) {
	if strings.TrimSpace(src) == "" {
		return nil, &FilterError{1, 1, "is empty", "write an expression, or remove the key to admit every item"}
	}
	env, err := environment()
	if err != nil {
		return nil, fmt.Errorf("set CEL up: %w", err)
	}
	checked, issues := env.Compile(src)
	if err := issues.Err(); err != nil {
		return nil, explain(src, issues)
	}
	if t := checked.OutputType(); !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
		return nil, &FilterError{1, 1, fmt.Sprintf("gives a %s, not true or false", cel.FormatCELType(t)),
			`compare it with something, as in crm.Status__c == "Active"`}
	}
	rewritten, reads, err := rewrite(checked.NativeRep(), known)
	if err != nil {
		return nil, err
	}
	program, err := env.PlanProgram(rewritten, cel.CostTracking(charges{}), cel.CostLimit(maxFilterCost), cel.InterruptCheckFrequency(1000))
	if err != nil {
		return nil, &FilterError{1, 1, "cannot be run", "write it in a simpler way"}
	}
	f := &Filter{source: src, program: program, reads: reads}
	for _, r := range reads {
		if r.root == "crm" {
			f.fields = append(f.fields, strings.Join(r.path, "."))
		}
	}
	return f, nil
}

// Source returns the filter's text.
func (f *Filter) Source() string { return f.source }

// Fields lists the crm fields that the filter reads, sorted: Account.Industry, Status__c. They go into
// connector.Query.Extra.
func (f *Filter) Fields() []string { return f.fields }

// Match reports whether an item meets the filter. raw holds the CRM's fields by API name, parents nested
// (connector.Item.Raw); nil for an item that has no CRM record. The errors are ErrFilterType and ErrFilterCost; either
// parks the item as filter_error.
func (f *Filter) Match(raw map[string]any, fields record.Fields) (bool, error) {
	values := make(map[string]any, len(f.reads))
	for _, r := range f.reads {
		values[r.name] = r.value(raw, fields)
	}
	ctx, cancel := context.WithTimeout(context.Background(), maxFilterTime)
	defer cancel()
	out, _, err := f.program.ContextEval(ctx, values)
	switch {
	case err != nil && (ctx.Err() != nil || strings.Contains(err.Error(), overCost)):
		return false, ErrFilterCost
	case err != nil:
		return false, ErrFilterType // CEL's own text quotes values
	}
	answer, ok := out.(types.Bool)
	if !ok {
		return false, ErrFilterType
	}
	return bool(answer), nil
}

// reading is one field that a filter reads, and the name of the variable that stands for it in the program.
type reading struct {
	name string
	root string   // crm or record
	path []string // Account, Industry
}

func (r reading) value(raw map[string]any, fields record.Fields) ref.Val {
	if r.root == "record" {
		name := strings.Join(r.path, ".")
		v := fields[name]
		switch {
		case v == "":
			return types.NullValue
		case name == record.FieldEmails || name == record.FieldLabels:
			return types.DefaultTypeAdapter.NativeToValue(strings.Split(v, "\n"))
		}
		return types.String(v)
	}
	if v, ok := raw[strings.Join(r.path, ".")]; ok && len(r.path) > 1 {
		return celValue(v)
	}
	var at any = raw
	for _, name := range r.path {
		parent, ok := at.(map[string]any)
		if !ok {
			return types.NullValue
		}
		at = member(parent, name)
	}
	return celValue(at)
}

// member finds a field by name. API names do not distinguish case: Salesforce answers crm.status__c as Status__c.
func member(in map[string]any, name string) any {
	if v, ok := in[name]; ok {
		return v
	}
	for k, v := range in {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return nil
}

// celValue turns a JSON value into CEL's. A number that was decoded without loss stays whole where it is whole.
func celValue(v any) ref.Val {
	if v == nil || v == "" {
		return types.NullValue
	}
	return types.DefaultTypeAdapter.NativeToValue(plain(v))
}

func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		if n, err := v.Float64(); err == nil {
			return n
		}
		return v.String()
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plain(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = plain(e)
		}
		return out
	}
	return v
}
