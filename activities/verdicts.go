package activities

import (
	"time"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/planted"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// Actions of journal lines.
const (
	ActionCreate = "create"
	ActionUpdate = "update"
	ActionDelete = "delete"
	ActionPark   = "park"
	ActionUnlink = "unlink"
	ActionBury   = "tombstone"
	ActionLink   = "link"
	ActionDrop   = "drop_link"
	// ActionConflict tells of one field that both sides had changed: the rule, and the value that lost.
	ActionConflict = "conflict"
)

// verdict is what explain tells about an item.
func (s *session) verdict(k record.Kind, side record.Side, id string, d planner.Decision, link *planner.Link) store.Verdict {
	v := store.Verdict{Kind: k, Side: side, ID: id, Pass: s.pass, Revision: s.revision, Reason: d.Reason, Field: d.Field}
	if link != nil {
		v.LinkID = link.ID
	}
	if len(d.Conflicts) > 0 {
		v.Field, v.Rule = d.Conflicts[0].Field, d.Conflicts[0].Rule
	}
	if d.Why != "" {
		v.Code = string(d.Why)
	}
	return v
}

// verdicts notes the decision on both items of a pair. What a write will make true is noted when it is settled.
func (m *matcher) verdicts(p planner.Pair, d planner.Decision, link *planner.Link) {
	if len(d.Ops) > 0 && !d.Reason.Parked() {
		return
	}
	for _, side := range []record.Side{record.CRM, record.Mailbox} {
		if id := idOf(p, side); id != "" && !(planted.Is(planted.VerdictMissing) && p.Of(side).Presence == planner.Present && !p.Of(side).In) {
			m.batch.Verdicts = append(m.batch.Verdicts, m.verdict(m.k, side, id, d, link))
		}
	}
}

// journalState tells of a link that changes without a write: found, unlinked, buried, dropped. The change is stored with
// the line, so that it is told once.
func (m *matcher) journalState(p planner.Pair, d planner.Decision, link *planner.Link) {
	action := ""
	switch {
	case d.Drop && len(d.Ops) == 0:
		action = ActionDrop
	case d.Link == nil:
	case p.Link == nil && p.CRM.Presence == planner.Present && p.Mailbox.Presence == planner.Present:
		action = ActionLink
	case p.Link != nil && p.Link.State != d.Link.State && d.Link.State == planner.Left:
		action = ActionUnlink
	case p.Link != nil && p.Link.State != d.Link.State && d.Link.State == planner.Tombstone:
		action = ActionBury
	}
	if action != "" {
		m.batch.Journal = append(m.batch.Journal, m.line(p, action, d, link))
	}
}

// line is a journal line about a pair.
func (m *matcher) line(p planner.Pair, action string, d planner.Decision, link *planner.Link) store.Line {
	side := record.CRM
	if idOf(p, side) == "" {
		side = record.Mailbox
	}
	l := store.Line{Pass: m.pass, Revision: m.revision, Kind: m.k, Side: side, ID: idOf(p, side), Action: action, Field: d.Field, Code: string(d.Why), Reason: d.Reason}
	if link != nil {
		l.LinkID = link.ID
	}
	return l
}

// park gives an item a row of its own, which retries it. It is journalled once, not again while nothing changes.
func (m *matcher) park(p planner.Pair, d planner.Decision, link *planner.Link) {
	side := record.CRM
	if p.Mailbox.Presence == planner.Present && (p.CRM.Presence != planner.Present || p.Link == nil) {
		side = record.Mailbox
	}
	id := idOf(p, side)
	if id == "" {
		return
	}
	row := store.Parked{Kind: m.k, Side: side, ID: id, Reason: d.Reason, Field: d.Field, Revision: m.revision, Metadata: m.meta}
	if link != nil {
		row.LinkID = link.ID
	}
	if o := p.Mailbox; o.Unread != "" && side == record.Mailbox {
		row.Code = o.Unread
	} else if p.CRM.Unread != "" {
		row.Code = p.CRM.Unread
	}
	was, again := m.parked[store.SideID{Side: side, ID: id}]
	row.Attempts = was.Attempts + 1
	row.NextTry = m.a.Now().Add(retryParkedAfter(row.Attempts))
	m.batch.Parked = append(m.batch.Parked, row)
	if !again || was.Reason != row.Reason || was.Field != row.Field || was.Code != row.Code {
		m.batch.Journal = append(m.batch.Journal, m.line(p, ActionPark, d, link))
		m.tellParked(row)
	}
}

// retryParkedAfter backs off from one minute to a day.
func retryParkedAfter(attempts int) time.Duration {
	return min(time.Minute<<min(2*(attempts-1), 20), 24*time.Hour)
}
