package google

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

const (
	maxEventPage = 2500 // events of one page of events.list
	instancePage = 250  // of events.instances, of which up to maxParts pages come in one answer
)

// calendar is the part of a mailbox that serves events: those of one calendar, by the Calendar API v3.
type calendar struct {
	Config
	client *client
}

func (c *calendar) caps() connector.Caps {
	caps := connector.Caps{
		Batch:    map[connector.Verb]int{connector.Create: maxParts, connector.Update: maxPatches, connector.Delete: maxParts},
		GetBatch: maxParts, FindBatch: maxParts, Parallel: c.Parallel, Conditional: true, Create: connector.GuardID, Deletions: true,
		Fields: map[string]connector.FieldCaps{}, Metadata: calendarAPI, Silent: silent,
	}
	for _, f := range []string{
		record.FieldAnswer, record.FieldUID, record.FieldOccurrence, record.FieldStatus, record.FieldLabels, record.FieldSequence,
	} {
		caps.Fields[f] = connector.FieldCaps{Read: true}
	}
	for _, f := range []string{
		record.FieldSubject, record.FieldLocation, record.FieldDescription, record.FieldShowAs, record.FieldPrivacy,
		record.FieldAttendees, record.FieldRecurrence,
	} {
		caps.Fields[f] = connector.FieldCaps{Read: true, Write: true}
	}
	caps.Fields[record.FieldTime] = connector.FieldCaps{Read: true, Write: true, Required: true}
	if c.client != nil && c.client.singly.Load() {
		caps.Batch = map[connector.Verb]int{connector.Create: singleBatch, connector.Update: maxPatches, connector.Delete: singleBatch}
	}
	return caps
}

// silent tells which operations mail nobody. All are sent with sendUpdates=none unless Op.Invite is set; even so, says
// Google, some mail may be sent when an event is inserted with guests.
func silent(op connector.Op, it *connector.Item) bool {
	guests := op.Set[record.FieldAttendees] != "" || it != nil && it.Fields[record.FieldAttendees] != ""
	return !guests || !op.Invite && op.Verb != connector.Create
}

func (c *calendar) cursor() cursor {
	return cursor{Fields: "events/" + c.CalendarID, Size: c.EventPageSize}
}

// path is the address of the calendar's events, or of one of them, below the API's root.
func (c *calendar) path(more ...string) string {
	parts := []string{"calendars", url.PathEscape(c.CalendarID), "events"}
	for _, m := range more {
		parts = append(parts, url.PathEscape(m))
	}
	return strings.Join(parts, "/")
}

// events is one page of events.list or events.instances.
type events struct {
	Items         []json.RawMessage `json:"items"`
	NextPageToken string            `json:"nextPageToken"`
	NextSyncToken string            `json:"nextSyncToken"`
}

// changes reads the events, or what changed since a token: masters and singles, occurrences that differ from their master,
// and what was cancelled. With FromNow the pages are read and thrown away, since Google gives a token only at the end.
//
// A full read has no bounds in time (timeMin, timeMax): Google would bind its sync token to them, leave out a series whose
// occurrence was moved from far away into the window, and an event outside that is moved into it later would be new to
// nobody. So all is read, and singles outside of the window are left out here.
//
// showDeleted is not sent either. Without it a full read has the cancelled occurrences of living series, and no events that
// were deleted before; a read with a token has both.
//
// Where the server says less than Google, see gaps.go.
func (c *calendar) changes(ctx context.Context, q connector.Query) (connector.Delta, error) {
	const op = "google changes event"
	r, err := c.cursor().begin(op, q, c.Now())
	if err != nil {
		return connector.Delta{}, err
	}
	if r.looks() {
		page, all, err := c.fetch(ctx, op, "", "")
		if err != nil {
			return connector.Delta{}, err
		}
		list := make([]shown, len(all))
		for i, raw := range all {
			list[i] = c.seen(raw)
		}
		if same, err := r.look(list, page.NextPageToken); same || err != nil {
			return connector.Delta{Token: q.Token}, err
		}
	}
	page, all, err := c.list(ctx, op, r.sync, r.page)
	if err != nil {
		return connector.Delta{}, resumed(err, r.sync+r.page)
	}
	for i, one := range seenEvents(all) {
		r.note(one, one.gone && all[i].item.Occurrence == "") // lists go on showing a cancelled occurrence
	}
	var d connector.Delta
	if d.Page, d.Token, err = r.end(page.NextPageToken, page.NextSyncToken); err != nil {
		return connector.Delta{}, err
	}
	if !q.FromNow || q.Token != nil {
		all = slices.DeleteFunc(all, func(one seen) bool { return r.old(one.id) })
		collect(&d, all, q, r.full)
	}
	d.Complete = d.Token != nil && r.full && !q.FromNow
	return d, nil
}

// list reads one page of the events.
func (c *calendar) list(ctx context.Context, op, syncToken, pageToken string) (events, []seen, error) {
	page, items, err := c.fetch(ctx, op, syncToken, pageToken)
	if err != nil {
		return page, nil, err
	}
	all, err := c.decodeAll(ctx, items)
	return page, all, err
}

// fetch reads one page of the events as they are.
func (c *calendar) fetch(ctx context.Context, op, syncToken, pageToken string) (page events, items []json.RawMessage, err error) {
	r := url.Values{"singleEvents": {"false"}, "maxResults": {strconv.Itoa(c.EventPageSize)}}
	if syncToken != "" {
		r.Set("syncToken", syncToken)
	}
	if pageToken != "" {
		r.Set("pageToken", pageToken)
	}
	read := func(_ *http.Response, body io.Reader) error {
		return connector.DecodeList(body, "items", func(raw json.RawMessage) error {
			items = append(items, bytes.Clone(raw))
			return nil
		}, &page)
	}
	err = c.client.list(ctx, call{op: op, method: http.MethodGet, path: c.path(), query: r, read: read})
	return page, items, noCalendar(err)
}

// alive asks for the calendar's first event.
func (c *calendar) alive(ctx context.Context) error {
	r := call{op: "google probe event", method: http.MethodGet, path: c.path(), query: url.Values{"maxResults": {"1"}}}
	return c.client.do(ctx, r, &events{})
}

// seen is an event as a memory knows it: a whole calendar may be looked at in every pass, so that no more is decoded than tells
// one state from another.
func (c *calendar) seen(raw []byte) shown {
	var e struct{ ID, Etag, Status, EventType string }
	plain := len(raw) <= connector.MaxItem && connector.Unmarshal(raw, &e) == nil && eventID.MatchString(e.ID) && e.Etag != ""
	if !plain || e.Status == cancelled || e.EventType != "" && e.EventType != "default" {
		return seenEvents([]seen{c.read(raw)})[0]
	}
	return shown{id: e.ID, tag: e.Etag}
}

// seenEvents are events as a memory knows them.
func seenEvents(all []seen) []shown {
	out := make([]shown, len(all))
	for i, one := range all {
		out[i] = shown{id: one.id, tag: one.item.Version.Tag, gone: one.bad == nil && one.state == gone}
	}
	return out
}

// noCalendar is the error of a listing: what is missing there is the calendar, and an admin has to say which one it is.
func noCalendar(err error) error {
	var e *connector.Error
	if errors.As(err, &e) && e.Class == connector.Missing {
		e.Class = connector.Reconnect
	}
	return err
}

// collect sorts events into a delta.
func collect(d *connector.Delta, all []seen, q connector.Query, full bool) {
	for _, one := range all {
		switch {
		case one.bad != nil:
			if d.Bad == nil {
				d.Bad = map[connector.Ref]error{}
			}
			d.Bad[one.item.Ref] = badEvent(one.bad)
		case one.state == foreign:
		case one.state == gone:
			d.Gone = append(d.Gone, one.gone())
		case full && outside(one.item, q.From, q.To):
		default:
			d.Items = append(d.Items, one.item)
		}
	}
}

// gone is an event or an occurrence that was cancelled.
func (d seen) gone() connector.Gone {
	return connector.Gone{Ref: d.item.Ref, Deleted: true, Version: d.item.Version}
}

// badEvent is the error of an event that cannot be decoded; its cause names a member and quotes nothing.
func badEvent(err error) error {
	return &connector.Error{Class: connector.Park, Code: "unreadable", Op: "google decode event", Cause: err}
}

// outside reports whether a single event has nothing in [from, to). The dates of an all-day event are those of a wall
// calendar: it is given a day to each side, for the zones.
func outside(it connector.Item, from, to time.Time) bool {
	if it.Occurrence != "" || it.Fields[record.FieldRecurrence] != "" {
		return false
	}
	span, err := record.ParseSpan(it.Fields[record.FieldTime])
	if err != nil {
		return false
	}
	start, end := span.Start.At, span.End.At
	if span.AllDay() {
		start, end = start.AddDate(0, 0, -1), end.AddDate(0, 0, 1)
	}
	return !to.IsZero() && !start.Before(to) || !from.IsZero() && end.Before(from)
}
