package google

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
)

// The largest batches (people.batchCreateContacts, batchUpdateContacts, batchDeleteContacts).
const (
	maxBatchWrite  = 200
	maxBatchDelete = 500
)

// batchErrors refuses a whole batch and says which contacts are the reason. A contact that is not named in the details
// "would have been successful" (BatchCreateContactsErrorDetails, BatchUpdateContactsErrorDetails): batches are written
// whole or not at all.
func batchErrors(kind string, errs map[string]*apiError) *apiError {
	if len(errs) == 0 {
		return nil
	}
	list := map[string]*Status{}
	for k, e := range errs {
		list[k] = e.rpc()
	}
	first := errs[slices.Sorted(maps.Keys(errs))[0]]
	return &apiError{code: first.code, status: first.status, reason: first.reason, message: first.message,
		details: []any{map[string]any{"@type": "type.googleapis.com/google.people.v1." + kind, "contactErrors": list}}}
}

// written is one person's part of a batch's answer.
func (s *Server) written(v *version, mask []string) PersonResponse {
	return PersonResponse{HTTPStatusCode: http.StatusOK, Person: s.shape(v, mask), RequestedResourceName: v.name, Status: &Status{}}
}

// batchCreate serves people.batchCreateContacts.
func (s *Server) batchCreate(c *call) (any, *apiError) {
	var req struct {
		Contacts []struct {
			ContactPerson *Person `json:"contactPerson"`
		} `json:"contacts"`
		ReadMask string   `json:"readMask"`
		Sources  []string `json:"sources"`
	}
	if err := decode(c.body, "", &req); err != nil {
		return nil, err
	}
	mask, err := parseMask(req.ReadMask, "readMask", readFields, false)
	if err != nil {
		return nil, err
	}
	if n := len(req.Contacts); n == 0 || n > maxBatchWrite {
		return nil, invalid("Request must have between 1 and %d contacts, and has %d.", maxBatchWrite, n)
	}
	people, errs := make([]*Person, len(req.Contacts)), map[string]*apiError{}
	for i, item := range req.Contacts {
		if item.ContactPerson == nil {
			item.ContactPerson = &Person{}
		}
		p, err := newPerson(item.ContactPerson)
		if err != nil {
			errs[strconv.Itoa(i)] = err
		}
		people[i] = p
	}
	if err := batchErrors("BatchCreateContactsErrorDetails", errs); err != nil {
		return nil, err
	}
	out := []PersonResponse{}
	for _, p := range people { // without a read mask the answer carries no data
		v := c.book.insert(p, c.now)
		if len(mask) > 0 {
			out = append(out, s.written(v, mask))
		}
	}
	return map[string]any{"createdPeople": out}, nil
}

// batchUpdate serves people.batchUpdateContacts.
func (s *Server) batchUpdate(c *call) (any, *apiError) {
	var req struct {
		Contacts   map[string]*Person `json:"contacts"`
		UpdateMask string             `json:"updateMask"`
		ReadMask   string             `json:"readMask"`
		Sources    []string           `json:"sources"`
	}
	if err := decode(c.body, "", &req); err != nil {
		return nil, err
	}
	fields, err := parseMask(req.UpdateMask, "updateMask", updateFields, true)
	if err != nil {
		return nil, err
	}
	mask, err := parseMask(req.ReadMask, "readMask", readFields, false)
	if err != nil {
		return nil, err
	}
	if n := len(req.Contacts); n == 0 || n > maxBatchWrite {
		return nil, invalid("Request must have between 1 and %d contacts, and has %d.", maxBatchWrite, n)
	}
	targets, errs := map[string]*contact{}, map[string]*apiError{}
	for name, body := range req.Contacts {
		if body == nil {
			body = &Person{}
		}
		target, err := checkUpdate(c.book, name, body, fields)
		if err != nil {
			errs[name] = err
		}
		targets[name] = target
	}
	if err := batchErrors("BatchUpdateContactsErrorDetails", errs); err != nil {
		return nil, err
	}
	out := map[string]PersonResponse{}
	for _, name := range slices.Sorted(maps.Keys(targets)) {
		v := c.book.update(targets[name], req.Contacts[name], fields, c.now)
		if len(mask) > 0 {
			r := s.written(v, mask)
			r.RequestedResourceName = name
			out[name] = r
		}
	}
	return map[string]any{"updateResult": out}, nil
}

// batchDelete serves people.batchDeleteContacts.
func (s *Server) batchDelete(c *call) (any, *apiError) {
	var req struct {
		ResourceNames []string `json:"resourceNames"`
	}
	if err := decode(c.body, "", &req); err != nil {
		return nil, err
	}
	if n := len(req.ResourceNames); n == 0 || n > maxBatchDelete {
		return nil, invalid("Request must have between 1 and %d resource names, and has %d.", maxBatchDelete, n)
	}
	var targets []*contact
	for _, name := range req.ResourceNames {
		target, _, ok := c.book.find(name)
		if !ok {
			return nil, notFound()
		}
		if !slices.Contains(targets, target) {
			targets = append(targets, target)
		}
	}
	for _, target := range targets {
		c.book.remove(target, c.now)
	}
	return struct{}{}, nil
}
