package policy

import (
	"errors"

	"github.com/repsync/repsync/internal/record"
)

// Filter is a compiled filter. It may be used by many goroutines at once.
type Filter struct {
	source string
	fields []string
}

// CompileFilter compiles a filter. The error is a *FilterError.
func CompileFilter(src string) (*Filter, error) { return nil, errors.New("filters are not built yet") }

// Fields lists the crm fields that the filter reads, sorted: Status__c, Account.Industry. They go into
// connector.Query.Extra.
func (f *Filter) Fields() []string { return f.fields }

// Match reports whether an item meets the filter. raw holds the CRM's fields by API name, parents nested
// (connector.Item.Raw); nil for an item that has no CRM record. An error parks the item as filter_error; its text
// carries no value.
func (f *Filter) Match(raw map[string]any, fields record.Fields) (bool, error) {
	return false, errors.New("filters are not built yet")
}
