package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// due is what the next pass will read on a side of a kind: an item that is in it is not forgotten, only not read yet.
type due struct {
	all bool // a full read is due, or under way
	ids map[string]bool
}

func (d *due) has(id string) bool {
	return d.all || d.ids[id] || d.ids[connector.ParseRef(id).ID]
}

// mostPages bounds what is read ahead; who is further behind than that has everything still to come.
const mostPages = 50

// comes reports of which of these deleted items the next pass will read on a side, by its cursor. A CRM's feed shows again
// what was new before its token: what the log has already, the rep has read.
func (p *patient) comes(ctx context.Context, at sideOf, ids []string) (*due, error) {
	cur, there := p.cursors[at]
	if !there || cur.Broken || underWay(cur.Page) || p.silent[at] {
		return &due{all: true}, nil
	}
	ahead, err := p.ahead(ctx, at)
	if err != nil || ahead.all || at.side == record.Mailbox {
		return ahead, err
	}
	next := max(cur.Offset, cur.NextOffset)
	if next == 0 || next < p.feeds[at.kind].First || cur.Full && cur.NextOffset == 0 { // all of the rep's records are
		return &due{all: true}, nil
	}
	logged, err := p.Store.FeedTells(ctx, p.Org, at.kind, next, ids)
	d := &due{ids: map[string]bool{}}
	for _, id := range ids {
		d.ids[id] = logged[id].Ahead || ahead.ids[id] && !logged[id].Deleted
	}
	return d, err
}

// unlogged reports of which of these deleted CRM records the org's feed has not told yet.
func (p *patient) unlogged(ctx context.Context, k record.Kind, ids []string) (*due, error) {
	ahead, err := p.ahead(ctx, sideOf{k, record.CRM})
	if err != nil || ahead.all {
		return ahead, err
	}
	logged, err := p.Store.FeedTells(ctx, p.Org, k, 0, ids)
	d := &due{ids: map[string]bool{}}
	for _, id := range ids {
		d.ids[id] = ahead.ids[id] && !logged[id].Deleted
	}
	return d, err
}

// ahead reads what the vendor has for the mailbox's cursor, or for the org's feed, beyond where it stands. Nothing of it
// is kept but the ids.
func (p *patient) ahead(ctx context.Context, at sideOf) (*due, error) {
	if d := p.due[at]; d != nil {
		return d, nil
	}
	d := &due{ids: map[string]bool{}}
	p.due[at] = d
	cur, q := p.cursors[at], connector.Query{}
	if at.side == record.Mailbox {
		if q.Token = cur.Token; len(cur.Next) > 0 {
			q.Token = cur.Next
		}
	} else {
		feed, there := p.feeds[at.kind]
		d.all = !there || feed.Broken
		q.Token, q.Page = feed.Token, feed.Page
	}
	d.all = d.all || len(q.Token) == 0
	for n := 0; !d.all; n++ {
		page, err := p.side(at.side).Changes(ctx, at.kind, q)
		if connector.ClassOf(err) == connector.CursorLost || n == mostPages {
			d.all = true
			break
		}
		if err != nil {
			d.all = true
			return d, p.refused(at, err)
		}
		for _, it := range page.Items {
			if at.side == record.Mailbox { // an occurrence goes when its series changes
				d.add(append([]string{it.String(), it.ID}, it.Previous...)...)
			}
		}
		for _, g := range page.Gone {
			d.add(g.String(), g.ID)
		}
		if q.Page = page.Page; len(q.Page) == 0 {
			break
		}
	}
	return d, nil
}

func (d *due) add(ids ...string) {
	for _, id := range ids {
		d.ids[id] = true
	}
}

// underWay reports whether a cursor stands inside a read: its page has a place of the connector's, or what the read did not
// show is still to be looked up. The form is that of the stage Fetch.
func underWay(page []byte) bool {
	var place struct {
		Page  []byte `json:"page"`
		Check bool   `json:"check"`
	}
	return len(page) > 0 && (json.Unmarshal(page, &place) != nil || len(place.Page) > 0 || place.Check)
}

// vacant stands before the CRM's half of a link whose record was deleted before the link was made; no CRM knows the id.
const vacant = "deleted/"

func isVacant(id string) bool { return strings.HasPrefix(id, vacant) }

// markerOf takes a marker apart: "<org>/<link id>.<generation>".
func markerOf(key string) (org, link string) {
	org, rest, _ := strings.Cut(key, "/")
	link, _, _ = strings.Cut(rest, ".")
	return org, link
}

// slot names a mailbox item, an occurrence by its instant, whatever zone it is told in.
func slot(id string) string {
	ref := connector.ParseRef(id)
	at, err := record.ParseMoment(ref.Occurrence)
	switch {
	case ref.Occurrence == "" || err != nil:
		return id
	case at.Date:
		return ref.ID + "#" + at.Key()
	}
	return ref.ID + "#" + at.At.UTC().Format("20060102T150405Z")
}

// codeOf is a connector's code, "" of an error that is none of a connector's.
func codeOf(err error) string {
	var e *connector.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// keysOf are an item's strong keys as claims have them.
func (p *patient) keysOf(k record.Kind, f record.Fields) [][]byte {
	var keys [][]byte
	for _, key := range planner.StrongKeys(f) {
		keys = append(keys, p.Ring.Lookup(p.Org, k, key))
	}
	return keys
}
