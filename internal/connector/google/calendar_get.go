package google

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// asking is one ref of a get, and where it is looked for: by its id, and an occurrence by the id that Google usually gives
// it and then by its original start in its series.
type asking struct {
	ref    connector.Ref
	ways   []request
	valid  map[string]bool // an occurrence's original start, in every form that its key may mean
	proved bool            // one of the ways said that it is not there
}

// get reads events by ref. A 404 for an id, and a series without the occurrence, prove a delete; so does what is there as
// cancelled. An id that is none, an event of a type that is no item and one that the rep may not see have left the view.
// An occurrence that a cut put into another series is Gone with Into. One that cannot be decoded comes back Partial.
func (c *calendar) get(ctx context.Context, refs []connector.Ref) ([]connector.Item, []connector.Gone, error) {
	var items []connector.Item
	var lost []connector.Gone
	var open []*asking
	asked := map[connector.Ref]bool{}
	for _, ref := range refs {
		if asked[ref] {
			continue
		}
		asked[ref] = true
		if a := c.ask(ref); a != nil {
			open = append(open, a)
		} else {
			lost = append(lost, connector.Gone{Ref: ref})
		}
	}
	for len(open) > 0 {
		var again []*asking
		for batch := range slices.Chunk(open, maxParts) {
			all := make([]request, len(batch))
			for i, a := range batch {
				all[i] = a.ways[0]
			}
			answers, err := c.client.batch(ctx, "google get event", all, c.alive)
			if err != nil {
				return nil, nil, err
			}
			for i, a := range batch {
				it, g, err := c.got(a, answers[i])
				switch {
				case err != nil:
					return nil, nil, err
				case it != nil:
					items = append(items, *it)
				case g != nil:
					lost = append(lost, *g)
				case len(a.ways) > 1:
					a.ways = a.ways[1:]
					again = append(again, a)
				default:
					lost = append(lost, connector.Gone{Ref: a.ref, Deleted: a.proved})
				}
			}
		}
		open = again
	}
	return items, lost, nil
}

// ask says where a ref is looked for; nil for one that no event has.
func (c *calendar) ask(ref connector.Ref) *asking {
	const op = "google get event"
	if !eventID.MatchString(ref.ID) {
		return nil
	}
	a := &asking{ref: ref, valid: map[string]bool{}}
	if ref.Occurrence == "" {
		a.ways = []request{{op: op, method: http.MethodGet, path: c.path(ref.ID)}}
		return a
	}
	starts, err := originals(ref.Occurrence)
	if err != nil {
		return nil
	}
	for _, at := range starts {
		a.ways = append(a.ways, request{op: op, method: http.MethodGet, path: c.path(instanceID(ref.ID, at))})
		a.valid[instant(at)] = true
	}
	for _, at := range starts {
		a.ways = append(a.ways, request{op: op, method: http.MethodGet, path: c.path(ref.ID, "instances"),
			query: url.Values{"originalStart": {instant(at)}, "showDeleted": {"true"}}})
	}
	return a
}

// instant is an original start as events.instances takes it.
func instant(at record.Moment) string {
	if at.Date {
		return at.String()
	}
	return at.At.UTC().Format(time.RFC3339)
}

// got reads one answer of a get. All three results are nil where it does not have what was asked for.
func (c *calendar) got(a *asking, answer answer) (*connector.Item, *connector.Gone, error) {
	if e := answer.err; e != nil {
		switch {
		case e.Class == connector.Missing, answer.status == http.StatusGone:
			a.proved = true
			return nil, nil, nil
		case answer.status == http.StatusBadRequest: // no id of Google's, or no series any more
			return nil, nil, nil
		case unseen(answer):
			return nil, &connector.Gone{Ref: a.ref}, nil
		default:
			return nil, nil, e
		}
	}
	list := []json.RawMessage{answer.body}
	if query := a.ways[0].query; query != nil {
		var page events
		if json.Unmarshal(answer.body, &page) != nil {
			return nil, nil, &connector.Error{Class: connector.Retry, Code: "answer_not_json", Op: a.ways[0].op}
		}
		list = page.Items
	}
	for _, raw := range list {
		one := c.read(raw)
		if one.unreadable() && (a.ref.Occurrence == "" || one.item.Occurrence == "") {
			return partial(one, a.ref), nil, nil
		}
		if !a.means(one.item.Ref) {
			if a.ref.Occurrence != "" && a.valid[instantOf(one.item.Occurrence)] && baseOf(one.item.ID) == baseOf(a.ref.ID) {
				return nil, &connector.Gone{Ref: a.ref, Deleted: true, Version: one.item.Version, Into: one.item.Ref.String()}, nil
			}
			continue
		}
		it := one.item
		it.Ref = a.ref // the same start, in another zone's words
		switch {
		case one.unreadable():
			return partial(one, a.ref), nil, nil
		case one.state == foreign:
			return nil, &connector.Gone{Ref: a.ref}, nil
		case one.state == gone:
			return nil, &connector.Gone{Ref: a.ref, Deleted: true, Version: it.Version}, nil
		}
		return &it, nil, nil
	}
	a.proved = a.proved || a.ways[0].query != nil // the series does not have it
	return nil, nil, nil
}

// partial is an event that cannot be decoded.
func partial(one seen, ref connector.Ref) *connector.Item {
	it := one.item
	it.Ref, it.Partial, it.Fields = ref, true, nil
	return &it
}

// means reports whether an event that came back is what was asked for.
func (a *asking) means(ref connector.Ref) bool {
	if a.ref.Occurrence == "" {
		return ref == a.ref
	}
	return ref.ID == a.ref.ID && (ref.Occurrence == a.ref.Occurrence || a.valid[instantOf(ref.Occurrence)])
}

func instantOf(key string) string {
	at, err := record.ParseMoment(key)
	if err != nil {
		return ""
	}
	return instant(at)
}

// unseen reports whether an answer says of one event that the rep may not see it.
func unseen(a answer) bool {
	return a.status == http.StatusForbidden && a.err.Class == connector.Reconnect && !ofAll[a.err.Code]
}

// ofAll are the reasons of a 403 that concern the mailbox, and not one event in it.
var ofAll = map[string]bool{
	"insufficientPermissions": true, "ACCESS_TOKEN_SCOPE_INSUFFICIENT": true, "accessNotConfigured": true, "SERVICE_DISABLED": true,
	"notACalendarUser": true, "domainPolicy": true,
}

// find looks events up by our marker: by the id that was made from it, so that absence is certain, and a deleted one is found
// cancelled. An event that a person made, and that was marked later, has an id of its own and is found by reading it. Error:
// Unsupported for other keys.
func (c *calendar) find(ctx context.Context, by connector.By, keys []string) (map[string][]connector.Item, error) {
	if by != connector.ByKey {
		return nil, &connector.Error{Class: connector.Unsupported, Code: "find_by", Op: "google find event"}
	}
	asked := map[string][]string{} // id → the keys as given
	var refs []connector.Ref
	for _, key := range keys {
		if key == "" {
			continue
		}
		id := idFor(c.marker(key))
		if asked[id] == nil {
			refs = append(refs, connector.Ref{ID: id})
		}
		if !slices.Contains(asked[id], key) {
			asked[id] = append(asked[id], key)
		}
	}
	items, lost, err := c.get(ctx, refs)
	if err != nil {
		return nil, err
	}
	for _, g := range lost {
		if g.Deleted && g.Version != (connector.Version{}) { // cancelled; of what never was there is no version
			items = append(items, connector.Item{Ref: g.Ref, Version: g.Version, Deleted: true})
		}
	}
	found := map[string][]connector.Item{}
	for _, it := range items {
		for _, key := range asked[it.ID] {
			found[key] = append(found[key], it)
		}
	}
	return found, nil
}

// occurrences implements connector.Calendar: the first page of every series in batches, then the second pages, and so on.
// A series that is not there any more is Gone itself.
func (c *calendar) occurrences(ctx context.Context, masters []string, from, to time.Time) ([]connector.Item, []connector.Gone, error) {
	const op = "google occurrences event"
	type reading struct{ master, page string }
	var open []reading
	given := map[reading]bool{}
	var items []connector.Item
	var lost []connector.Gone
	for _, id := range slices.Compact(slices.Sorted(slices.Values(masters))) {
		if !eventID.MatchString(id) {
			lost = append(lost, connector.Gone{Ref: connector.Ref{ID: id}})
			continue
		}
		open = append(open, reading{master: id})
	}
	for len(open) > 0 {
		batch := open[:min(len(open), maxParts)]
		open = open[len(batch):]
		all := make([]request, len(batch))
		for i, r := range batch {
			q := url.Values{"showDeleted": {"true"}, "maxResults": {strconv.Itoa(instancePage)},
				"timeMin": {from.UTC().Format(time.RFC3339)}, "timeMax": {to.UTC().Format(time.RFC3339)}}
			if r.page != "" {
				q.Set("pageToken", r.page)
			}
			all[i] = request{op: op, method: http.MethodGet, path: c.path(r.master, "instances"), query: q}
		}
		answers, err := c.client.batch(ctx, op, all, c.alive)
		if err != nil {
			return nil, nil, err
		}
		for i, a := range answers {
			ref := connector.Ref{ID: batch[i].master}
			switch {
			case a.err != nil && (a.err.Class == connector.Missing || a.status == http.StatusGone):
				lost = append(lost, connector.Gone{Ref: ref, Deleted: true})
				continue
			case a.err != nil && (unseen(a) || a.status == http.StatusBadRequest): // of others, or a series no more
				lost = append(lost, connector.Gone{Ref: ref})
				continue
			case a.err != nil:
				return nil, nil, a.err
			}
			var page events
			if json.Unmarshal(a.body, &page) != nil {
				return nil, nil, &connector.Error{Class: connector.Retry, Code: "answer_not_json", Op: op}
			}
			if next := (reading{batch[i].master, page.NextPageToken}); given[next] {
				return nil, nil, repeated(op)
			} else if next.page != "" {
				given[next] = true
			}
			all, err := c.decodeAll(ctx, page.Items)
			if err != nil {
				return nil, nil, err
			}
			shown, cancelled := instances(all)
			items, lost = append(items, shown...), append(lost, cancelled...)
			if page.NextPageToken != "" {
				open = append(open, reading{batch[i].master, page.NextPageToken})
			}
		}
	}
	return items, lost, nil
}

// instances sorts the occurrences of a page. One that cannot be decoded comes back Partial.
func instances(all []seen) (items []connector.Item, lost []connector.Gone) {
	for _, one := range all {
		switch {
		case one.bad != nil && one.item.ID != "":
			items = append(items, *partial(one, one.item.Ref))
		case one.bad != nil || one.state == foreign:
		case one.state == gone:
			lost = append(lost, one.gone())
		default:
			items = append(items, one.item)
		}
	}
	return items, lost
}
