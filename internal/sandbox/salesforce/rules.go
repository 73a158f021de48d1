package salesforce

import (
	"strings"
)

// Validation is a validation rule. It sees a record's values as they would be saved, calculated fields left out, and
// returns the message to show and the API name of the field at fault ("" for the whole record); an empty message lets
// the record pass. The client gets FIELD_CUSTOM_VALIDATION_EXCEPTION.
type Validation func(values map[string]any) (message, field string)

// DuplicateRule is an active duplicate rule of an object. The client gets DUPLICATES_DETECTED and may insist with the
// header "Sforce-Duplicate-Rule-Header: allowSave=true", unless the rule blocks. It runs on creates, and on updates that
// change a name, Email, Phone or Company.
type DuplicateRule struct {
	Name  string // default: Standard_<object>_Duplicate_Rule
	Block bool   // the rule's action is Block: the header does not help
	// Match tells whether two records are duplicates. Default: the same email, or the same first and last name with
	// the same phone.
	Match func(saved, other map[string]any) bool
}

// AddValidation adds a validation rule to an object.
func (s *Server) AddValidation(object string, v Validation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.validations[object] = append(s.validations[object], v)
}

// ClearValidations removes every validation rule of an object.
func (s *Server) ClearValidations(object string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.validations, object)
}

// SetDuplicateRule turns an object's duplicate rule on, or off with nil. It is off in a new org.
func (s *Server) SetDuplicateRule(object string, r *DuplicateRule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r == nil {
		delete(s.duplicates, object)
		return
	}
	rule := *r
	if rule.Name == "" {
		rule.Name = "Standard_" + object + "_Duplicate_Rule"
	}
	if rule.Match == nil {
		rule.Match = samePerson
	}
	s.duplicates[object] = &rule
}

func samePerson(a, b map[string]any) bool {
	same := func(field string) bool {
		x, _ := a[field].(string)
		y, _ := b[field].(string)
		return x != "" && strings.EqualFold(x, y)
	}
	return same("Email") || same("LastName") && same("FirstName") && same("Phone")
}

// validate runs the object's validation rules.
func (s *Server) validate(o *Object, values map[string]any) *Error {
	for _, rule := range s.validations[o.Name] {
		if message, field := rule(values); message != "" {
			e := failFields("FIELD_CUSTOM_VALIDATION_EXCEPTION", message)
			if field != "" {
				e.Fields = []string{field}
			}
			return e
		}
	}
	return nil
}

// detectDuplicates runs the object's duplicate rule over every live record.
func (s *Server) detectDuplicates(w *writer, t *table, id string, values map[string]any) *Error {
	rule := s.duplicates[t.obj.Name]
	if rule == nil || w.actor.system || w.allowDuplicates && !rule.Block {
		return nil
	}
	records := []any{}
	for _, other := range t.order {
		st := t.rows[other].cur
		if other == id || st.isDeleted() || !rule.Match(values, st.values) || !s.sees(w.actor, t.obj, other, st) {
			continue
		}
		records = append(records, map[string]any{"additionalInformation": []any{}, "fieldDiffs": []any{}, "matchConfidence": 100.0,
			"record": map[string]any{"attributes": map[string]any{"type": t.obj.Name, "url": recordURL(w.version, t.obj.Name, other)}, "Id": other}})
	}
	if len(records) == 0 {
		return nil
	}
	e := fail("DUPLICATES_DETECTED", "Use one of these records?")
	// "duplicateResut" is the vendor's own spelling on single-record resources.
	e.extra = map[string]any{"duplicateResut": map[string]any{
		"allowSave": !rule.Block, "duplicateRule": rule.Name, "duplicateRuleEntityType": t.obj.Name, "errorMessage": "Use one of these records?",
		"matchResults": []any{map[string]any{"entityType": t.obj.Name, "errors": []any{}, "matchEngine": "FuzzyMatchEngine", "matchRecords": records,
			"rule": "Standard_" + t.obj.Name + "_Match_Rule_v1_0", "size": len(records), "success": true}}}}
	return e
}
