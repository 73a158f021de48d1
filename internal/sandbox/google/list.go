package google

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cursor is what page tokens and sync tokens carry, sealed. A page token continues one read of the book as it was at
// sequence number At; a sync token starts a read of what changed after After.
type cursor struct {
	Page   bool      `json:"p,omitempty"`
	User   string    `json:"u"`
	Epoch  int       `json:"e"`
	Params string    `json:"q"`           // the parameters of the first call
	Full   time.Time `json:"f"`           // when the full read began that this token goes back to
	Sync   bool      `json:"y,omitempty"` // page: of a read of changes
	After  int       `json:"a"`           // sync reads: changes after this sequence number
	At     int       `json:"s,omitempty"` // page: the book as it was then
	Next   int       `json:"n,omitempty"` // page: where the next sync token will start
	Offset int       `json:"o,omitempty"` // page: people already served
	Blank  bool      `json:"b,omitempty"` // page: an empty page comes first
	Token  string    `json:"t,omitempty"` // page: digest of the sync token of the first call
}

// seal makes a token that clients cannot read or change.
func (s *Server) seal(c any) string {
	b, err := json.Marshal(c)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(append(s.mac(b), b...))
}

// open reads a token that seal made.
func (s *Server) open(token string) (c cursor, ok bool) {
	ok = s.openInto(token, &c)
	return c, ok
}

func (s *Server) openInto(token string, into any) bool {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) < sha256.Size || !hmac.Equal(b[:sha256.Size], s.mac(b[sha256.Size:])) {
		return false
	}
	return json.Unmarshal(b[sha256.Size:], into) == nil
}

func (s *Server) mac(b []byte) []byte {
	h := hmac.New(sha256.New, s.secret)
	h.Write(b)
	return h.Sum(nil)
}

// listing is one call of people.connections.list, as its parameters say.
type listing struct {
	mask   []string
	size   int
	sort   string
	params string // what must match the first call
	token  string // digest of syncToken
}

var sortOrders = []string{"LAST_MODIFIED_ASCENDING", "LAST_MODIFIED_DESCENDING", "FIRST_NAME_ASCENDING", "LAST_NAME_ASCENDING"}

func readListing(c *call) (listing, *apiError) {
	mask, err := personMask(c.query, true)
	if err != nil {
		return listing{}, err
	}
	l := listing{mask: mask, size: 100, sort: cmp.Or(c.query.Get("sortOrder"), sortOrders[0])}
	if v := c.query.Get("pageSize"); v != "" && v != "0" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 1000 {
			return listing{}, invalid("Page size must be between 1 and 1000.")
		}
		l.size = n
	}
	if !slices.Contains(sortOrders, l.sort) {
		return listing{}, invalid("Invalid value at 'sort_order' (type.googleapis.com/google.people.v1.SortOrder), %q", l.sort)
	}
	sources := slices.Clone(c.query["sources"])
	slices.Sort(sources)
	l.params = strings.Join([]string{strings.Join(mask, ","), strconv.Itoa(l.size), l.sort, strings.Join(sources, ",")}, " ")
	if t := c.query.Get("syncToken"); t != "" {
		sum := sha256.Sum256([]byte(t))
		l.token = base64.RawURLEncoding.EncodeToString(sum[:12])
	}
	return l, nil
}

// listConnections serves people.connections.list: full reads, and reads of what changed since a sync token.
func (s *Server) listConnections(c *call) (any, *apiError) {
	l, err := readListing(c)
	if err != nil {
		return nil, err
	}
	cur, err := s.begin(c, l)
	if err != nil {
		return nil, err
	}
	people := c.book.changed(cur)
	if !cur.Sync {
		people = c.book.living(cur.At)
	}
	order(people, l.sort)
	out := map[string]any{"totalItems": len(people), "totalPeople": len(people)}
	if cur.Blank {
		cur.Blank = false
		out["nextPageToken"] = s.seal(cur)
		return out, nil
	}
	page, rest := s.cut(people, &cur, l.size)
	shown := make([]*Person, 0, len(page))
	for _, v := range page {
		shown = append(shown, s.listed(v, l.mask, cur.Sync))
	}
	if len(shown) > 0 {
		out["connections"] = shown
	}
	switch {
	case rest:
		cur.Blank = s.paging.Empty
		out["nextPageToken"] = s.seal(cur)
	case cur.Sync || c.query.Get("requestSyncToken") == "true":
		out["nextSyncToken"] = s.seal(cursor{User: c.user.email, Epoch: cur.Epoch, Params: l.params, Full: cur.Full, After: cur.Next})
	}
	return out, nil
}

// begin finds where a call starts: at a page token, at a sync token, or at the beginning.
func (s *Server) begin(c *call, l listing) (cursor, *apiError) {
	pageToken, syncToken := c.query.Get("pageToken"), c.query.Get("syncToken")
	fresh := cursor{Page: true, User: c.user.email, Epoch: c.book.epoch, Params: l.params, Token: l.token,
		Full: c.now, At: c.book.seq(), Next: c.book.settled(c.now, s.lag)}
	if pageToken == "" && syncToken == "" {
		return fresh, s.spendFullRead(c)
	}
	from, ok := s.open(cmp.Or(pageToken, syncToken))
	switch {
	case !ok || from.User != c.user.email || from.Page != (pageToken != ""):
		return cursor{}, invalid("Request contains an invalid argument.")
	case (from.Sync || !from.Page) && (from.Epoch != c.book.epoch || c.now.Sub(from.Full) >= s.cfg.SyncTokenLife):
		return cursor{}, expiredSyncToken()
	case from.Params != l.params || (from.Page && from.Token != l.token):
		return cursor{}, invalid("All request parameters must match the first call that provided the page token or sync token.")
	case from.Page:
		return from, nil
	}
	fresh.Full, fresh.Sync, fresh.After = from.Full, true, from.After
	fresh.Next = max(fresh.Next, from.After)
	fresh.At = fresh.Next
	return fresh, nil
}

// living is everybody in the book at a sequence number.
func (b *book) living(at int) []*version {
	var out []*version
	for _, c := range b.order {
		if v := c.asOf(at); v != nil && v.person != nil {
			out = append(out, v)
		}
	}
	return out
}

// changed is everybody who changed after cur.After, as they were at cur.At.
func (b *book) changed(cur cursor) []*version {
	if !cur.Sync {
		return nil
	}
	var out []*version
	seen := map[*contact]bool{}
	for _, e := range b.feed[min(cur.After, cur.At):cur.At] {
		if !seen[e.c] {
			seen[e.c] = true
			out = append(out, e.c.asOf(cur.At))
		}
	}
	return out
}

// listed is one person in a list. Former resource names are "Populated only for people.connections.list requests that
// include a sync token."
func (s *Server) listed(v *version, mask []string, sync bool) *Person {
	if v.person == nil {
		return shapeDeleted(v, mask)
	}
	p := s.shape(v, mask)
	if sync && p.Metadata != nil {
		p.Metadata.PreviousResourceNames = v.previous
	}
	return p
}

// cut takes the next page, moves the cursor behind it and tells whether more follows.
func (s *Server) cut(people []*version, cur *cursor, size int) (page []*version, rest bool) {
	if s.paging.Short && size > 1 {
		size = (size + 1) / 2
	}
	from, to := min(cur.Offset, len(people)), min(cur.Offset+size, len(people))
	if s.paging.Repeat && from > 0 {
		page = append(page, people[from-1])
	}
	page = append(page, people[from:to]...)
	if s.paging.Reverse {
		slices.Reverse(page)
	}
	cur.Offset = to
	return page, to < len(people)
}

// order sorts people as sortOrder says. Deleted ones have no names and come first among those.
func order(people []*version, by string) {
	name := func(v *version) (given, family string) {
		if v.person == nil || len(v.person.Names) == 0 {
			return "", ""
		}
		return strings.ToLower(v.person.Names[0].GivenName), strings.ToLower(v.person.Names[0].FamilyName)
	}
	slices.SortStableFunc(people, func(a, b *version) int {
		switch by {
		case "FIRST_NAME_ASCENDING", "LAST_NAME_ASCENDING":
			ag, af := name(a)
			bg, bf := name(b)
			if by == "FIRST_NAME_ASCENDING" {
				return cmp.Or(cmp.Compare(ag, bg), cmp.Compare(af, bf), cmp.Compare(a.seq, b.seq))
			}
			return cmp.Or(cmp.Compare(af, bf), cmp.Compare(ag, bg), cmp.Compare(a.seq, b.seq))
		case "LAST_MODIFIED_DESCENDING":
			return cmp.Compare(b.seq, a.seq)
		default:
			return cmp.Compare(a.seq, b.seq)
		}
	})
}
