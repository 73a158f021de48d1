package connectortest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// Fake is a side in memory that keeps every promise: of contacts, or of events with series, occurrences and a window. It
// serves the suite's own tests, and tests of whatever stands above a connector. Its server is itself: the methods that a
// World needs act on it directly.
type Fake struct {
	Org      string
	Kind     record.Kind
	PageSize int
	Guard    connector.CreateGuard // GuardUpsert, or GuardID, which answers Exists to a repeated create

	mu     sync.Mutex
	now    time.Time
	seq    int // counts states; feeds are reads of what changed after one
	epoch  int // tokens of an older epoch are lost
	nextID int
	items  map[connector.Ref]*fakeItem
	lose   bool          // the next write's answer is lost
	busy   bool          // the next call is refused
	hang   chan struct{} // calls wait for it to close
	bug    Bug
}

// fakeItem is one item and its latest state.
type fakeItem struct {
	ref      connector.Ref
	fields   record.Fields
	unmapped string
	key      string
	owner    string
	seq      int
	at       time.Time
	deleted  bool
	hidden   bool
	broken   bool
	orphan   bool // the feed shows it without details
	into     string
}

// NewFake returns an empty side.
func NewFake(org string, kind record.Kind, pageSize int) *Fake {
	return &Fake{Org: org, Kind: kind, PageSize: pageSize, Guard: connector.GuardUpsert,
		now: time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC), items: map[connector.Ref]*fakeItem{}}
}

func fakeError(class connector.Class, code string) *connector.Error {
	return &connector.Error{Class: class, Code: code, Op: "fake"}
}

// enter is what every call does first: it waits, or is refused.
func (f *Fake) enter(ctx context.Context, k record.Kind) error {
	if k != f.Kind {
		return fakeError(connector.Unsupported, "kind")
	}
	f.mu.Lock()
	hang := f.hang
	busy := f.busy
	f.busy = false
	f.mu.Unlock()
	if hang != nil {
		done := ctx.Done()
		if f.bug == BugIgnoresDeadline {
			done = nil
		}
		select {
		case <-hang:
		case <-done:
			return &connector.Error{Class: connector.Retry, Code: "timeout", Op: "fake", Cause: ctx.Err()}
		}
	}
	if busy {
		e := fakeError(connector.Retry, "busy")
		e.RetryAfter = 7 * time.Second
		if f.bug == BugForgetsRetryAfter {
			e.RetryAfter = 0
		}
		return e
	}
	return nil
}

// put gives an item a new state.
func (f *Fake) put(it *fakeItem) {
	f.seq++
	f.now = f.now.Add(time.Millisecond)
	if f.bug != BugVersionStandsStill || it.seq == 0 || it.deleted {
		it.seq, it.at = f.seq, f.now
	}
	f.items[it.ref] = it
}

// insert makes an item.
func (f *Fake) insert(fields record.Fields, key, owner string) *fakeItem {
	f.nextID++
	it := &fakeItem{ref: connector.Ref{ID: fmt.Sprintf("item-%06d", f.nextID)}, fields: maps.Clone(fields), key: key, owner: owner}
	it.fields = canonical(it.fields)
	f.put(it)
	return it
}

// canonical drops empty values and derives the list of addresses.
func canonical(fields record.Fields) record.Fields {
	out := record.Fields{}
	for k, v := range fields {
		if v = record.Canonical(k, v); v != "" && k != record.FieldEmails {
			out[k] = v
		}
	}
	if e := record.NormalEmail(out[record.FieldEmail]); e != "" {
		out[record.FieldEmails] = e
	}
	return out
}

// show is an item as the connector shows it.
func (f *Fake) show(it *fakeItem) connector.Item {
	image, err := json.Marshal(map[string]any{"fields": it.fields, "unmapped": it.unmapped})
	if err != nil {
		image = nil
	}
	key := it.key
	if f.bug == BugHidesForeignMarker {
		_, key, _ = strings.Cut(key, "/")
	}
	out := connector.Item{Ref: it.ref, Version: connector.Version{Tag: strconv.Itoa(it.seq), At: it.at},
		Fields: maps.Clone(it.fields), Key: key, Owner: it.owner, Image: image}
	if it.broken {
		out.Partial, out.Fields = true, nil
	}
	return out
}

// marker is what stands on an item for a key.
func (f *Fake) marker(key string) string {
	if key == "" || strings.HasPrefix(key, f.Org+"/") {
		return key
	}
	return f.Org + "/" + key
}

// fakeText is the field whose length the fake limits, fakeRequired one that it wants.
const (
	fakeMaxLen   = 40
	fakeRequired = record.FieldFamily
)

// Caps implements connector.Connector.
func (f *Fake) Caps(ctx context.Context, k record.Kind, _ string) (connector.Caps, error) {
	if err := f.enter(ctx, k); err != nil {
		return connector.Caps{}, err
	}
	caps := connector.Caps{Batch: map[connector.Verb]int{connector.Create: 10, connector.Update: 10, connector.Delete: 10},
		GetBatch: 10, FindBatch: 10, Parallel: 1, Conditional: true, Create: f.Guard, Deletions: true, Metadata: "1",
		Fields: map[string]connector.FieldCaps{record.FieldEmails: {Read: true}}}
	for _, field := range record.ContactFields() {
		caps.Fields[field] = connector.FieldCaps{Read: true, Write: true}
	}
	caps.Fields[record.FieldTitle] = connector.FieldCaps{Read: true, Write: true, MaxLen: fakeMaxLen}
	if f.bug == BugClaimsGreaterLength {
		caps.Fields[record.FieldTitle] = connector.FieldCaps{Read: true, Write: true, MaxLen: 2 * fakeMaxLen}
	}
	caps.Fields[fakeRequired] = connector.FieldCaps{Read: true, Write: true, Required: true}
	caps.Fields[record.FieldBirthday] = connector.FieldCaps{Read: true, Write: true, FullDate: true}
	caps.Fields[record.FieldTime] = connector.FieldCaps{Read: true, Write: true}
	return caps, nil
}

// Get implements connector.Connector. A Get knows no window.
func (f *Fake) Get(ctx context.Context, k record.Kind, refs []connector.Ref, _ []string) ([]connector.Item, []connector.Gone, error) {
	if err := f.enter(ctx, k); err != nil {
		return nil, nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var items []connector.Item
	var gone []connector.Gone
	for _, ref := range refs {
		it := f.items[ref]
		switch {
		case it == nil && f.bug == BugGetSkipsUnknown:
		case it == nil || it.hidden && !it.deleted:
			gone = append(gone, connector.Gone{Ref: ref, Deleted: f.bug == BugAbsenceIsDelete})
		case it.deleted:
			gone = append(gone, connector.Gone{Ref: ref, Deleted: true, Version: f.show(it).Version, Into: it.into})
		default:
			items = append(items, f.show(it))
		}
	}
	return items, gone, nil
}

// Find implements connector.Connector.
func (f *Fake) Find(ctx context.Context, k record.Kind, by connector.By, keys []string, _ []string) (map[string][]connector.Item, error) {
	if err := f.enter(ctx, k); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	found := map[string][]connector.Item{}
	for _, key := range keys {
		for _, it := range f.sorted() {
			if key == "" || it.hidden || it.deleted && by != connector.ByKey || !f.matches(it, by, key) {
				continue
			}
			one := f.show(it)
			one.Deleted = it.deleted
			found[key] = append(found[key], one)
		}
	}
	return found, nil
}

func (f *Fake) matches(it *fakeItem, by connector.By, key string) bool {
	switch by {
	case connector.ByKey:
		return it.key == f.marker(key)
	case connector.ByEmail:
		return slices.Contains(record.Emails(it.fields), record.NormalEmail(key))
	default:
		return record.NameKey(it.fields) == key
	}
}

// sorted is every item, in the order of its latest change.
func (f *Fake) sorted() []*fakeItem {
	out := slices.Collect(maps.Values(f.items))
	slices.SortFunc(out, func(a, b *fakeItem) int {
		if a.seq != b.seq {
			return a.seq - b.seq
		}
		return strings.Compare(a.ref.ID+a.ref.Occurrence, b.ref.ID+b.ref.Occurrence)
	})
	return out
}

// check refuses what a vendor would, in words that quote values as vendors do.
func (f *Fake) check(fields record.Fields) *connector.Error {
	for field, v := range fields {
		e := fakeError(connector.Park, "")
		e.Words = field + ": bad value: " + v
		switch {
		case field == record.FieldTitle && utf8.RuneCountInString(v) > fakeMaxLen:
			e.Code = "too_long"
		case field == record.FieldBirthday && v != "" && !record.HasYear(v):
			e.Code = "date_needs_year"
		case field == record.FieldEmail && strings.Contains(v, " "):
			e.Code = "invalid_email"
		case field == fakeRequired && v == "":
			e.Code = "required"
		case !slices.Contains(record.ContactFields(), field) && field != record.FieldEmails && field != record.FieldTime:
			e.Code = "field_not_writable"
		default:
			continue
		}
		if f.bug == BugErrorQuotesValue {
			e.Op = e.Words
		}
		return e
	}
	return nil
}

// errNotHeld is the cause of a fake's parked items.
var errNotHeld = errors.New("cannot be decoded")
