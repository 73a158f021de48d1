package google

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// book is one user's address book: contacts, each a list of versions, and the order in which versions were written.
// Guarded by Server.mu.
type book struct {
	owner    string
	seed     uint64
	made     uint64
	contacts map[string]*contact // by current resource name
	order    []*contact
	former   map[string]string // a renamed contact's old resource name → its name now
	feed     []entry           // entry i has sequence number i+1
	epoch    int               // rises when all sync tokens are made to expire
	searched int               // the sequence number that searchContacts has in its cache
}

// contact is one contact through time.
type contact struct{ versions []*version }

// version is one state of a contact. It is never changed once stored.
type version struct {
	seq      int
	at       time.Time
	name     string
	etag     string   // the source's, without the leading #
	person   *Person  // fields as kept; nil for a deleted contact
	previous []string // former resource names
}

// entry is one line of the sync feed.
type entry struct {
	at time.Time
	c  *contact
}

func newBook(owner string, seed uint64) *book {
	return &book{owner: owner, seed: seed, contacts: map[string]*contact{}, former: map[string]string{}}
}

// now is the contact's newest version.
func (c *contact) now() *version { return c.versions[len(c.versions)-1] }

// asOf is the newest version up to a sequence number, nil when the contact did not exist then.
func (c *contact) asOf(seq int) *version {
	i := sort.Search(len(c.versions), func(i int) bool { return c.versions[i].seq > seq })
	if i == 0 {
		return nil
	}
	return c.versions[i-1]
}

// sourceID is the id of the contact source: the resource's number in hexadecimal.
func (v *version) sourceID() string {
	n, err := strconv.ParseUint(strings.TrimPrefix(v.name, "people/c"), 10, 64)
	if err != nil {
		return ""
	}
	return strconv.FormatUint(n, 16)
}

// seq is the sequence number of the last write.
func (b *book) seq() int { return len(b.feed) }

// settled is the sequence number up to which the sync feed shows writes when it lags.
func (b *book) settled(now time.Time, lag time.Duration) int {
	return sort.Search(len(b.feed), func(i int) bool { return b.feed[i].at.Add(lag).After(now) })
}

// hash makes ids and etags that look random and are the same in every run with the same seed.
func (b *book) hash(what string, n uint64) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%d %s %s %d", b.seed, b.owner, what, n))
}

// newName makes a resource name that no contact of the book has or had.
func (b *book) newName() string {
	b.made++
	h := b.hash("resource", b.made)
	return "people/c" + strconv.FormatUint(binary.BigEndian.Uint64(h[:])>>1|1<<60, 10)
}

// write appends a version to a contact, with the book's next sequence number and a new etag.
func (b *book) write(c *contact, name string, p *Person, previous []string, now time.Time) *version {
	b.feed = append(b.feed, entry{at: now, c: c})
	h := b.hash("etag", uint64(len(b.feed)))
	v := &version{seq: len(b.feed), at: now, name: name, person: p, previous: previous,
		etag: base64.StdEncoding.EncodeToString(h[:8])}
	c.versions = append(c.versions, v)
	return v
}

// insert adds a contact. It becomes a member of myContacts unless it names groups of its own.
func (b *book) insert(p *Person, now time.Time) *version {
	if len(p.Memberships) == 0 {
		p.Memberships = []Membership{{ContactGroupMembership: &ContactGroupMembership{ContactGroupResourceName: "contactGroups/myContacts"}}}
	}
	c, name := &contact{}, b.newName()
	b.contacts[name] = c
	b.order = append(b.order, c)
	return b.write(c, name, p, nil, now)
}

// find returns a living contact by its resource name or a former one.
func (b *book) find(name string) (*contact, *version, bool) {
	for b.former[name] != "" {
		name = b.former[name]
	}
	c, ok := b.contacts[name]
	if !ok || c.now().person == nil {
		return nil, nil, false
	}
	return c, c.now(), true
}

// update replaces the named fields of a contact.
func (b *book) update(c *contact, from *Person, fields []string, now time.Time) *version {
	old := c.now()
	p := old.person.clone()
	copyFields(p, from, fields)
	return b.write(c, old.name, p, old.previous, now)
}

// remove deletes a contact and leaves a tombstone in the feed.
func (b *book) remove(c *contact, now time.Time) { b.write(c, c.now().name, nil, nil, now) }

// rename gives a contact another resource name, as happens when it is linked to a profile.
func (b *book) rename(c *contact, now time.Time) string {
	old := c.now()
	name := b.newName()
	delete(b.contacts, old.name)
	b.contacts[name] = c
	b.former[old.name] = name
	b.write(c, name, old.person, append(slices.Clone(old.previous), old.name), now)
	return name
}

// merge joins contacts into the first: what is single-valued stays as the first has it, lists are joined.
func (b *book) merge(into *contact, others []*contact, now time.Time) {
	keep := into.now()
	p, previous := keep.person.clone(), slices.Clone(keep.previous)
	for _, c := range others {
		src := c.now()
		for _, f := range updateFields {
			dst, add := fieldOf(p, f), fieldOf(src.person.clone(), f)
			if dst.Len() == 0 || (!slices.Contains(singleFields, f) && f != "memberships") {
				for i := range add.Len() {
					dst.Set(reflect.Append(dst, add.Index(i)))
				}
			}
		}
		previous = append(append(previous, src.previous...), src.name)
		b.remove(c, now)
	}
	b.write(into, keep.name, p, previous, now)
}
