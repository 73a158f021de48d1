package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/repsync/repsync/internal/devstack/stage"
	"github.com/repsync/repsync/workflows"
)

// both is the policy of the rows that are not about a first sync.
const both = "schedule: {every: %s}\ncontacts: {direction: both, conflict: newest}\nevents: {direction: both, conflict: newest}\n"

const (
	rounds  = 6   // of changes, the first of which warms up
	changed = 100 // items in each round
)

// changes measures a pass over 100 changes among many linked items and among few. A round of changes is followed by one in
// which the vendors show what the round before wrote, so that echoes are in the figures, for both alike.
func changes(ctx context.Context, s *bed, o Options) ([]Figure, error) {
	var seen []round
	for _, items := range []int{1_000, 10_000} {
		w, err := s.raise(ctx, setting{policy: fmt.Sprintf(both, "1h")}, func(w *world) error {
			return w.fillCRM(items*2/3, items-items*2/3)
		})
		if err != nil {
			return nil, err
		}
		r, err := w.changes(ctx, o)
		w.close()
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(o.Out, "  %d changes among %d: %.0f ms of CPU, calls: %s\n", changed, items, ms(r.cpu), r.asked)
		seen = append(seen, r)
	}
	few, many := seen[0], seen[1]
	what := fmt.Sprintf("%d changes among 10,000 linked items against 1,000: ", changed)
	equal := atMost(what+"calls, more", "%.0f", 0, float64(many.asked.sum("")-few.asked.sum("")))
	equal.Over = few.asked.String() != many.asked.String()
	equal.Seen += fmt.Sprintf(" (%d, %d)", many.asked.sum(""), few.asked.sum(""))
	return []Figure{
		equal,
		atMost(what+fmt.Sprintf("worker CPU (%.0f ms) ÷ CPU (%.0f ms)", ms(many.cpu), ms(few.cpu)), "%.2f", 1.2, float64(many.cpu)/float64(few.cpu)),
	}, nil
}

// round is what one round of changes took.
type round struct {
	asked calls
	cpu   time.Duration
}

// changes syncs a world, plays rounds of changes, and returns the median one by CPU; all make the same calls, or it is an
// error.
func (w *world) changes(ctx context.Context, o Options) (round, error) {
	if err := w.start(ctx, alice); err != nil {
		return round{}, err
	}
	if _, err := w.rest(ctx, alice, 0, time.Hour); err != nil {
		return round{}, err
	}
	items, err := w.items()
	if err != nil {
		return round{}, err
	}
	var all []round
	for n := range rounds {
		was, err := status[workflows.Status](ctx, w, workflows.RepID(org, alice))
		if err != nil {
			return round{}, err
		}
		if err := w.edit(items, n); err != nil {
			return round{}, err
		}
		w.forget()
		before, err := w.cpu()
		if err != nil {
			return round{}, err
		}
		last, err := w.syncNow(ctx, alice, 10*time.Minute)
		if err != nil {
			return round{}, err
		}
		after, err := w.cpu()
		if err != nil {
			return round{}, err
		}
		if wrote := last.Totals.Updated.CRM + last.Totals.Updated.Mailbox - was.Totals.Updated.CRM - was.Totals.Updated.Mailbox; wrote != changed {
			return round{}, fmt.Errorf("round %d: %d of %d changes were written: %+v", n, wrote, changed, last)
		}
		r := round{w.asked(), after - before}
		fmt.Fprintf(o.Out, "  round %d: %.0f ms, %s\n", n, ms(r.cpu), r.asked)
		if n == 0 {
			continue
		}
		if all = append(all, r); all[0].asked.String() != r.asked.String() {
			fmt.Fprintf(o.Out, "  round %d makes other calls than the first\n", n)
		}
	}
	slices.SortFunc(all, func(a, b round) int { return int(a.cpu - b.cpu) })
	return all[len(all)/2], nil
}

// items are the ids of what the two sides have, by what the item is made from: the n-th contact and the n-th event.
type items struct {
	contacts, crmEvents, people, events map[string]string
}

// items finds the ids of what the two sides have.
func (w *world) items() (items, error) {
	it := items{map[string]string{}, map[string]string{}, map[string]string{}, map[string]string{}}
	for _, row := range w.box.Salesforce.All("Contact") {
		it.contacts[fmt.Sprint(row["Email"])] = fmt.Sprint(row["Id"])
	}
	for _, row := range w.box.Salesforce.All("Event") {
		it.crmEvents[fmt.Sprint(row["Subject"])] = fmt.Sprint(row["Id"])
	}
	for _, c := range w.box.Google.Living(address(alice)) {
		text, err := json.Marshal(c.Person["emailAddresses"])
		if err != nil {
			return it, err
		}
		var emails []struct{ Value string }
		if err := json.Unmarshal(text, &emails); err != nil || len(emails) == 0 {
			return it, fmt.Errorf("a contact has no address: %w", err)
		}
		it.people[emails[0].Value] = c.ResourceName
	}
	list, err := w.box.Google.Calendar(address(alice)).List(nil)
	for _, e := range list {
		it.events[fmt.Sprint(e["summary"])] = fmt.Sprint(e["id"])
	}
	return it, err
}

// edit changes so many items of either kind, half of them on either side, which are other ones in each round.
func (w *world) edit(it items, round int) error {
	owner, calendar := w.users[alice], w.box.Google.Calendar(address(alice))
	for n := range changed / 4 {
		at := 2 * (round*changed/4 + n)
		text := fmt.Sprint("Round ", round)
		if err := w.box.Salesforce.Update("Contact", it.contacts[customer(at)], fields{"Title": text}, owner); err != nil {
			return err
		}
		if err := w.box.Salesforce.Update("Event", it.crmEvents[fmt.Sprint("Call ", at)], fields{"Location": text}, owner); err != nil {
			return err
		}
		if err := w.editPerson(it.people[customer(at+1)], text); err != nil {
			return err
		}
		if _, err := calendar.Patch(it.events[fmt.Sprint("Call ", at+1)], fields{"location": text}); err != nil {
			return err
		}
	}
	return nil
}

// editPerson changes a contact as its owner would.
func (w *world) editPerson(name, text string) error {
	p, err := json.Marshal(fields{"biographies": []fields{{"value": text, "contentType": "TEXT_PLAIN"}}})
	if err != nil {
		return err
	}
	return w.box.Google.Update(address(alice), name, string(p))
}

// nudgeFeed has the org's feed poll now, and waits until it has.
func (w *world) nudgeFeed(ctx context.Context) error {
	before, err := status[workflows.FeedStatus](ctx, w, workflows.FeedID(org))
	if err != nil {
		return err
	}
	if err := w.client.SignalWorkflow(ctx, workflows.FeedID(org), "", workflows.SignalNudge, nil); err != nil {
		return err
	}
	return stage.Until(ctx, time.Minute, func() bool {
		st, err := status[workflows.FeedStatus](ctx, w, workflows.FeedID(org))
		return err == nil && st.PollAt.After(before.PollAt)
	})
}
