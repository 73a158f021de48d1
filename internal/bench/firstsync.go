package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	fromCRM     = "CRM to mailbox"
	fromMailbox = "mailbox to CRM"
)

// directions are the policies and contents of a first sync in each direction.
var directions = []struct {
	name, policy string
	fill         func(w *world, contacts, events int) error
	least        func(contacts, events int) int
}{
	{fromCRM, "contacts: {direction: crm_to_mailbox}\nevents: {direction: crm_to_mailbox}\n", (*world).fillCRM, leastFromCRM},
	{fromMailbox, "contacts: {direction: mailbox_to_crm}\nevents: {direction: mailbox_to_crm}\n", (*world).fillMailbox, leastFromMailbox},
}

// leastFromCRM is the least number of requests of a first sync into an empty mailbox: the pages of what the CRM has, one
// look at the address book and one at the calendar, and the largest batches of creates, whose answers carry versions. What
// the mailbox has is known from those looks, so that nothing is asked to match. A CRM event lies in several objects: Event,
// EventRelation (those of its page's events, and those by which the rep is invited), and its people, whose addresses are
// asked for once a page.
func leastFromCRM(contacts, events int) int {
	return keyset(contacts) + keyset(events) + per(events, crmIDs) + keyset(0) + pages(events, crmPage) +
		pages(0, peoplePage) + pages(0, eventPage) +
		per(contacts, peopleBatch) + per(events, eventBatch)
}

// leastFromMailbox is that of a first sync into a CRM where the rep owns nothing: the pages of what the mailbox has, one
// look at each object of the CRM (Contact, Event, EventRelation), one match query per 200 contacts and sort of key (address,
// name with company), one per 200 attendees and object of people (Contact, Lead, User) and one per 200 companies, the
// largest collections of creates, and as many reads back, since their answers carry no version: of an event's two objects.
func leastFromMailbox(contacts, events int) int {
	return pages(contacts, peoplePage) + pages(events, eventPage) + 3*keyset(0) +
		2*per(contacts, crmMatch) + 3*per(per(events, related), crmMatch) + per(min(contacts, companies), crmMatch) +
		2*per(contacts, crmBatch) + 3*per(events, crmBatch)
}

// firstSync measures the first sync of one rep in each direction.
func firstSync(ctx context.Context, s *bed, o Options) (all []Figure, err error) {
	for _, d := range directions {
		w, err := s.raise(ctx, setting{policy: d.policy, reps: []string{alice, bob}}, func(w *world) error { return d.fill(w, o.Contacts, o.Events) })
		if err != nil {
			return all, err
		}
		if err := w.settled(ctx); err != nil {
			w.close()
			return all, err
		}
		some, err := w.firstSync(ctx, d.name, o, d.least(o.Contacts, o.Events))
		w.close()
		all = append(all, some...)
		if err != nil {
			return all, fmt.Errorf("%s: %w", d.name, err)
		}
	}
	return all, nil
}

// settled has another rep sync, who has nothing: the org's feed has its place, and its objects are described.
func (w *world) settled(ctx context.Context) error {
	if err := w.start(ctx, bob); err != nil {
		return err
	}
	_, err := w.rest(ctx, bob, 0, time.Minute)
	return err
}

func (w *world) firstSync(ctx context.Context, name string, o Options, least int) ([]Figure, error) {
	items := o.Contacts + o.Events
	w.forget()
	idle, err := w.cpu()
	if err != nil {
		return nil, err
	}
	postgres, err := serverCPU(w.server)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := w.start(ctx, alice); err != nil {
		return nil, err
	}
	last, err := w.rest(ctx, alice, 0, time.Hour)
	if err != nil {
		return nil, err
	}
	took := time.Since(began)
	used, err := w.cpu()
	if err != nil {
		return nil, err
	}
	server, err := serverCPU(w.server)
	if err != nil {
		return nil, err
	}
	peak, err := peakOf(w.worker.PID())
	if err != nil {
		return nil, err
	}
	asked := w.asked()
	links, err := w.links(ctx)
	if err != nil {
		return nil, err
	}
	bytes, err := w.stored(ctx, o, "vacuum")
	if err != nil {
		return nil, err
	}
	packed, err := w.stored(ctx, o, "vacuum full")
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(o.Out, "  %s: %s, %d passes, %d linked, parked %v\n  calls: %s\n", name, took.Round(time.Second), last.Pass, links, last.ParkedWhy, asked)
	if links != items {
		return nil, fmt.Errorf("%d of %d items are linked: %+v", links, items, last)
	}
	what := fmt.Sprintf("first sync of %d contacts and %d events, %s: ", o.Contacts, o.Events, name)
	return []Figure{
		atMost(what+fmt.Sprintf("calls (%d) ÷ least (%d)", asked.sum(""), least), "%.3f", 1.02, float64(asked.sum(""))/float64(least)),
		shown(what+"parts of batches, as quota units", fmt.Sprint(asked.parts)),
		atMost(what+"worker CPU per item, ms", "%.2f", 0.5, ms(used-idle)/float64(items)),
		shown(what+"Postgres CPU per item, ms", fmt.Sprintf("%.2f", ms(server-postgres)/float64(items))),
		atMost(what+"peak memory of the worker, MB", "%.0f", 300, float64(peak)/1e6),
		atMost(what+"bytes stored per linked item", "%.0f", 2048, float64(bytes.all)/float64(links)),
		shown(what+"bytes stored per linked item, were no space free", fmt.Sprintf("%.0f", float64(packed.all)/float64(links))),
		shown(what+"the same once intents are pruned", fmt.Sprintf("%.0f", float64(packed.all-packed.intents)/float64(links))),
	}, nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// links is the number of links in force.
func (w *world) links(ctx context.Context) (n int, err error) {
	err = w.db.QueryRow(ctx, `select count(*) from link where state = 'active'`).Scan(&n)
	return n, err
}

// size is what tables and their indexes take, in bytes.
type size struct{ all, intents int64 }

// stored is the size of all tables once Postgres has tidied up: vacuum is what it does by itself in time, vacuum full gives
// free space back.
func (w *world) stored(ctx context.Context, o Options, tidy string) (sum size, err error) {
	if _, err := w.db.Exec(ctx, tidy); err != nil {
		return sum, err
	}
	rows, err := w.db.Query(ctx, `select relname, n_live_tup, pg_relation_size(relid), pg_indexes_size(relid), pg_total_relation_size(relid)
		from pg_stat_user_tables order by 5 desc`)
	if err != nil {
		return sum, err
	}
	type table struct {
		Name                    string
		Rows, Heap, Index, Size int64
	}
	tables, err := pgx.CollectRows(rows, pgx.RowToStructByPos[table])
	for _, t := range tables {
		sum.all += t.Size
		if t.Name == "intent" {
			sum.intents = t.Size
		}
		if t.Size > 1<<16 {
			fmt.Fprintf(o.Out, "  after %s: %-14s %7d rows, %6d KB, indexes %6d KB\n", tidy, t.Name, t.Rows, t.Heap>>10, t.Index>>10)
		}
	}
	return sum, err
}
