package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// touchesTies reports whether an op writes what stands in EventRelation.
func touchesTies(op connector.Op) bool {
	_, relations := op.Set[record.FieldRelations]
	_, answer := op.Set[record.FieldAnswer]
	return (relations || answer) && op.Verb != connector.Delete
}

// filed returns whom an event is with and what it is about, as it was last read.
func filed(op connector.Op) (who, what string) {
	if op.Current == nil {
		return "", ""
	}
	var image struct{ WhoID, WhatID string }
	_ = json.Unmarshal(op.Current.Image, &image)
	return image.WhoID, image.WhatID
}

// encodeRelations sets WhoId to the first contact or lead and WhatId to the first account, else the first other record. What
// people filed the event under stays: either is replaced only where it is empty, taken out, or listed further down.
// An event of a lead has no WhatId (Object Reference, Event, WhoId): where one stands, the lead is invited only.
func encodeRelations(w *writing, op connector.Op, v string, row map[string]any) *refusal {
	if op.Verb == connector.Update && op.Current == nil {
		return &refusal{connector.Bug, "relations_need_current"}
	}
	who, what := filed(op)
	var people, records []string
	gone, listed := map[string]bool{}, map[string]bool{}
	for _, r := range record.Relations(v) {
		switch {
		case !itemID.MatchString(r.ID):
			return &refusal{connector.Park, "relation_is_no_id"}
		case r.Gone:
			gone[same(r.ID)] = true
			continue
		case strings.HasPrefix(r.ID, prefixContact) || strings.HasPrefix(r.ID, prefixLead):
			people = append(people, r.ID)
		case !isPerson(r.ID):
			records = append(records, r.ID)
		}
		listed[same(r.ID)] = true
	}
	if w.ties == nil && len(listed) > min(len(people), 1)+min(len(records), 1) {
		return &refusal{connector.Park, "no_event_relation"} // WhoId and WhatId are all there is
	}
	slices.SortStableFunc(records, func(a, b string) int { return rank(a) - rank(b) })
	// place is what shall stand where now stands, of those listed.
	place := func(now string, list []string) string {
		switch {
		case now != "" && !gone[same(now)] && !listed[same(now)]:
			return now
		case len(list) > 0:
			return list[0]
		}
		return ""
	}
	newWhat := place(what, records)
	newWho := place(who, people)
	if strings.HasPrefix(newWho, prefixLead) && newWhat != "" {
		if same(newWhat) == same(what) && same(newWho) != same(who) {
			newWho = ""
			if who != "" && !gone[same(who)] {
				newWho = who
			}
		} else {
			newWhat = ""
		}
	}
	set := func(name, was, now string) {
		switch {
		case same(was) == same(now):
		case now == "":
			row[name] = nil
		default:
			row[name] = now
		}
	}
	set("WhoId", who, newWho)
	set("WhatId", what, newWhat)
	return nil
}

// rank puts accounts before other records.
func rank(id string) int {
	if strings.HasPrefix(id, prefixAccount) {
		return 0
	}
	return 1
}

// encodeAnswer refuses an answer that has no place. The owner of an event has none: that an event is in the own calendar is
// the answer. Whoever else answers and is not invited yet becomes an invitee with it (tieChanges): the rep attends.
func encodeAnswer(w *writing, op connector.Op, _ string, _ map[string]any) *refusal {
	if op.Verb == connector.Create || op.Current == nil || same(op.Current.Owner) == same(op.Owner) {
		return nil
	}
	if w.ties == nil {
		return &refusal{connector.Park, "no_event_relation"}
	}
	return nil
}

// change is one write of a tie.
type change struct {
	op   int // index of the op
	verb connector.Verb
	id   string
	row  map[string]any
}

// name tells which record a change is of.
func (ch change) name() string {
	return fmt.Sprint(ch.id, ch.row["EventId"], ch.row["RelationId"])
}

// writeTies brings the ties of the written events in line, in collections over all ops. What is there is read anew, since
// the vendor makes and moves ties by itself when WhoId changes, and so that repeating an op that was half done is safe.
func (w *writing) writeTies(ctx context.Context) {
	var at []int
	var events []string
	for i, op := range w.ops {
		if w.results[i].Err == nil && touchesTies(op) {
			at = append(at, i)
			events = append(events, w.results[i].Ref.ID)
		}
	}
	if len(at) == 0 || w.ties == nil {
		return
	}
	const op = "salesforce ties of Event"
	if w.stop != nil {
		w.half(at, &connector.Error{Class: connector.Retry, Code: "not_sent", Op: op, RetryAfter: w.stop.RetryAfter})
		return
	}
	have, err := w.tiesOf(ctx, events)
	if err != nil {
		e := &connector.Error{Class: connector.Bug, Code: "unknown_code", Op: op}
		errors.As(err, &e)
		w.half(at, e)
		return
	}
	changes := map[connector.Verb][]change{}
	for _, i := range at {
		for _, ch := range w.tieChanges(i, have[same(w.results[i].Ref.ID)]) {
			changes[ch.verb] = append(changes[ch.verb], ch)
		}
	}
	for _, verb := range []connector.Verb{connector.Delete, connector.Update, connector.Create} {
		var part []change
		seen := map[string]bool{} // the vendor refuses one record twice in a collection
		for _, ch := range changes[verb] {
			if len(part) == batchSize || seen[ch.name()] {
				w.sendTies(ctx, verb, part)
				part = nil
				clear(seen)
			}
			seen[ch.name()] = true
			part = append(part, ch)
		}
		if len(part) > 0 {
			w.sendTies(ctx, verb, part)
		}
	}
}

// tieChanges compares what an op wants with the ties that there are.
func (w *writing) tieChanges(i int, have []tie) []change {
	op, event := w.ops[i], w.results[i].Ref.ID
	owner := op.Owner
	who, _ := filed(op)
	if op.Verb == connector.Update && op.Current != nil {
		owner = op.Current.Owner
	}
	if now, set := w.who[i]; set {
		who = now
	}
	want := record.Relations(op.Set[record.FieldRelations])
	if answer, set := op.Set[record.FieldAnswer]; set && op.Owner != "" && answer != "" {
		at := slices.IndexFunc(want, func(r record.Relation) bool { return same(r.ID) == same(op.Owner) })
		if at < 0 {
			want = append(want, record.Relation{ID: op.Owner, Answer: answer})
		} else if !want[at].Gone {
			want[at].Answer = answer
		}
	}
	var out []change
	for _, r := range want {
		if same(r.ID) == same(owner) || !r.Gone && !isPerson(r.ID) {
			continue
		}
		found := slices.IndexFunc(have, func(t tie) bool { return same(t.RelationID) == same(r.ID) })
		switch {
		case r.Gone && found >= 0:
			out = append(out, change{op: i, verb: connector.Delete, id: have[found].ID})
		case r.Gone:
		case found < 0 && same(r.ID) == same(who) && r.Answer == "": // WhoId says it
		case found < 0:
			out = append(out, change{op: i, verb: connector.Create, row: w.newTie(event, r)})
		default:
			if row := w.changedTie(have[found], r, same(r.ID) == same(who)); row != nil {
				out = append(out, change{op: i, verb: connector.Update, id: have[found].ID, row: row})
			}
		}
	}
	return out
}

func tieRow() map[string]any {
	return map[string]any{"attributes": map[string]string{"type": tieObject}}
}

func (w *writing) newTie(event string, r record.Relation) map[string]any {
	row := tieRow()
	row["EventId"], row["RelationId"] = event, r.ID
	if f := w.ties.byName["IsInvitee"]; f != nil && f.Createable {
		row["IsInvitee"] = true
	}
	if r.Answer != "" {
		row["Status"] = status(w.ties, r.Answer)
	}
	return row
}

// changedTie is what to write to a tie so that it says r, nil when it does. Whom the event is with need not be invited.
func (w *writing) changedTie(t tie, r record.Relation, isWho bool) map[string]any {
	row := tieRow()
	row["id"] = t.ID
	fields := len(row)
	if f := w.ties.byName["IsInvitee"]; f != nil && f.Updateable && t.IsInvitee != nil && !*t.IsInvitee && (!isWho || r.Answer != "") {
		row["IsInvitee"] = true
	}
	now := t.Status
	if now == "" {
		now = "New"
	}
	switch want := status(w.ties, r.Answer); {
	case r.Answer == "" && t.Status == "Uninvited" && !isWho:
		row["Status"] = "New"
	case r.Answer != "" && want != now:
		row["Status"] = want
	}
	if len(row) == fields {
		return nil
	}
	return row
}

// sendTies sends one collection of changes of one verb.
func (w *writing) sendTies(ctx context.Context, verb connector.Verb, part []change) {
	r := call{op: "salesforce " + string(verb) + " " + tieObject, path: "/composite/sobjects", write: true}
	at := make([]int, len(part))
	rows, ids := make([]map[string]any, len(part)), make([]string, len(part))
	for n, ch := range part {
		at[n], rows[n], ids[n] = ch.op, ch.row, ch.id
	}
	if w.stop != nil {
		w.half(at, &connector.Error{Class: connector.Retry, Code: "not_sent", Op: r.op, RetryAfter: w.stop.RetryAfter})
		return
	}
	switch r.method, r.body = http.MethodPost, map[string]any{"allOrNone": false, "records": rows}; verb {
	case connector.Update:
		r.method = http.MethodPatch
	case connector.Delete:
		r.method, r.body = http.MethodDelete, nil
		r.path += "?ids=" + url.QueryEscape(strings.Join(ids, ",")) + "&allOrNone=false"
	}
	if w.noCollections.Load() {
		w.tiesSingly(ctx, verb, part)
		return
	}
	var answers []json.RawMessage
	_, err := w.client.do(ctx, r, &answers)
	w.refresh(err)
	if notThere(err) && w.alive(ctx, tieObject) == nil {
		w.noCollections.Store(true)
		w.tiesSingly(ctx, verb, part)
		return
	}
	var e *connector.Error
	switch {
	case errors.As(err, &e):
		w.half(at, e)
		if e.Class != connector.Bug { // else it is this collection that the vendor does not take
			w.stop = e
		}
	case len(answers) != len(part):
		w.half(at, &connector.Error{Class: connector.Unclear, Code: "answer_incomplete", Op: r.op})
	default:
		for n, ch := range part {
			// Each op has several ties: what went through before makes the op half done where this one fails.
			w.tied(verb, ch, w.result(r.op, verb, connector.Ref{ID: ch.id}, answers[n]).Err)
		}
	}
}

// tiesSingly sends changes one by one, to a server without collections.
func (w *writing) tiesSingly(ctx context.Context, verb connector.Verb, part []change) {
	for _, ch := range part {
		if w.stop != nil {
			w.half([]int{ch.op}, &connector.Error{Class: connector.Retry, Code: "not_sent", Op: w.stop.Op, RetryAfter: w.stop.RetryAfter})
			continue
		}
		got, stop := w.single(ctx, verb, tieObject, connector.Ref{ID: ch.id}, ch.row)
		w.tied(verb, ch, got.Err)
		if e := (*connector.Error)(nil); stop && errors.As(got.Err, &e) {
			w.stop = e
		}
	}
}

// tied notes what became of one change.
func (w *writing) tied(verb connector.Verb, ch change, err error) {
	var e *connector.Error
	switch {
	case err == nil:
		w.sent[ch.op] = true
	case verb == connector.Delete && connector.ClassOf(err) == connector.Missing: // gone already
	case verb == connector.Create && connector.ClassOf(err) == connector.Exists: // there already
	case errors.As(err, &e):
		w.half([]int{ch.op}, e)
	}
}

// half notes that the ties of ops failed: an op that wrote something before is half done, and so unclear.
func (w *writing) half(at []int, e *connector.Error) {
	for _, i := range at {
		if w.results[i].Err != nil {
			continue
		}
		own := *e
		switch {
		case w.sent[i]:
			own.Class = connector.Unclear
		case own.Class == connector.Bug || own.Class == connector.Missing:
			own.Class = connector.Park // a person who is not there any more is not the event
		}
		w.results[i].Err = &own
	}
}
