package google

import (
	"cmp"
	"strconv"
	"strings"
)

// searchContacts serves people.searchContacts: a search by the beginning of words, in a cache that an empty query brings
// up to date ("clients should send a warmup request with an empty query to update the cache").
func (s *Server) searchContacts(c *call) (any, *apiError) {
	mask, err := parseMask(c.query.Get("readMask"), "readMask", readFields, true)
	if err != nil {
		return nil, err
	}
	size, convErr := strconv.Atoi(cmp.Or(c.query.Get("pageSize"), "0"))
	if convErr != nil || size < 0 {
		return nil, invalid("Invalid value at 'page_size' (TYPE_INT32), %q", c.query.Get("pageSize"))
	}
	size = min(cmp.Or(size, 10), 30)
	query := strings.ToLower(strings.TrimSpace(c.query.Get("query")))
	if query == "" {
		c.book.searched = c.book.seq()
		return struct{}{}, nil
	}
	type result struct {
		Person *Person `json:"person"`
	}
	var out []result
	for _, v := range c.book.living(c.book.searched) {
		if len(out) < size && v.person.matches(query) {
			out = append(out, result{s.shape(v, mask)})
		}
	}
	if len(out) == 0 {
		return struct{}{}, nil
	}
	return map[string]any{"results": out}, nil
}

// matches tells whether a phrase begins at the beginning of a word of a name, nickname, address, number or company.
func (p *Person) matches(query string) bool {
	var texts []string
	for _, n := range p.Names {
		texts = append(texts, join(" ", n.GivenName, n.MiddleName, n.FamilyName))
	}
	for _, n := range p.Nicknames {
		texts = append(texts, n.Value)
	}
	for _, e := range p.EmailAddresses {
		texts = append(texts, e.Value)
	}
	for _, t := range p.PhoneNumbers {
		texts = append(texts, t.Value)
	}
	for _, o := range p.Organizations {
		texts = append(texts, o.Name, o.Title)
	}
	for _, t := range texts {
		if strings.Contains(" "+strings.ToLower(t), " "+query) {
			return true
		}
	}
	return false
}
