package chaos

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/chaos/oracle"
	"github.com/repsync/repsync/internal/chaos/scenario"
	"github.com/repsync/repsync/internal/chaos/world"
	"github.com/repsync/repsync/internal/demo/wire"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/workflows"
)

// calm ends all faults, lets everything run until nothing is left to do, and has the oracle judge. Then everything is read
// and planned anew, and nothing may be written any more.
func (p *player) calm(ctx context.Context) {
	if p.frame() != nil {
		return
	}
	p.world.Quiet()
	p.each(p.resume)
	p.clock.Advance(settling)
	p.settle()
	if p.world.Unheard() || p.reread { // as the daily sweep would
		p.each(func(org, rep string) { p.fail(p.worker.store.RequestReread(ctx, org, rep)) })
		p.reread = false
		p.settle()
	}
	if p.retry(ctx) {
		p.settle()
	}
	if p.stuck() {
		return
	}
	p.note(scenario.Entry{What: scenario.Rested})
	snap, books, ok := p.look(ctx)
	if !ok {
		return
	}
	p.report.Violations = append(p.report.Violations, p.oracle.Judge(snap, books)...)
	tables, err := p.bench.unsealed(ctx, p.story)
	p.fail(err)
	for _, t := range tables {
		p.violate(oracle.Violation{Law: "sealed", Want: "no customer's value as it is in Postgres", Got: "one in table " + t})
	}
	if n := p.world.Mails(); n > 0 {
		p.violate(oracle.Violation{Law: "no mail", Want: "0", Got: fmt.Sprint(n)})
	}
	if p.stuck() {
		return
	}
	p.each(func(org, rep string) { p.fail(p.worker.store.RequestReread(ctx, org, rep)) })
	p.settle()
	if p.stuck() {
		return
	}
	again, _, ok := p.look(ctx)
	if !ok {
		return
	}
	p.report.Violations = append(p.report.Violations, p.oracle.Echoes(snap, again)...)
	p.note(scenario.Entry{What: scenario.Rested})
	p.oracle.Judge(again, books)
}

func (p *player) stuck() bool { return p.err != nil || len(p.report.Violations) > 0 }

// retry has what is parked tried again at once, as it would be in some hours: rest comes after that.
func (p *player) retry(ctx context.Context) (tried bool) {
	p.each(func(org, rep string) {
		n, err := p.worker.store.RetryParked(ctx, org, rep, nil)
		p.fail(err)
		tried = tried || n > 0
	})
	return tried
}

// each visits the reps in order.
func (p *player) each(visit func(org, rep string)) {
	for _, o := range p.story.Orgs {
		for _, rep := range o.Reps {
			visit(o.Name, rep)
		}
	}
}

// settle runs every rep until none finds work.
func (p *player) settle() {
	for range rounds {
		rest := true
		p.each(func(org, rep string) {
			if p.stuck() {
				return
			}
			p.run("calm", scenario.Step{Do: scenario.Run, Org: org, Rep: rep, For: "1m"})
			o := p.last[workflows.RepID(org, rep)]
			rest = rest && (!o.work || o.held != "") && o.trouble == ""
		})
		if rest || p.stuck() {
			return
		}
		p.clock.Advance(10 * time.Second)
	}
	p.violate(oracle.Violation{Law: "restless", Want: "rest", Got: fmt.Sprintf("%+v", p.last)})
}

// look reads both sides of all orgs, and what Repsync says of itself.
func (p *player) look(ctx context.Context) (snap oracle.Snapshot, books scenario.Books, ok bool) {
	snap, err := p.oracle.Look(ctx, Sites(p.world))
	p.fail(err)
	if err == nil {
		books, err = Books(ctx, p.bench.db, p.bench.schema)
		p.fail(err)
		p.counted(books)
	}
	return snap, books, p.err == nil
}

// Sites are the vendors of a world as the oracle reads them: through their APIs, each mailbox as its own user, each CRM as
// its integration user.
func Sites(w *world.World) (sites []oracle.Site) {
	for _, name := range slices.Sorted(maps.Keys(w.Orgs)) {
		o := w.Orgs[name]
		session := ""
		crm := wire.Endpoint{BaseURL: o.Box.SalesforceURL, Once: true, Token: func(context.Context) (string, error) {
			if session == "" {
				for _, u := range o.Box.Salesforce.All("User") {
					if id, isText := u["Id"].(string); isText && u["Username"] == o.Box.IntegrationUser() {
						session = o.Box.Salesforce.NewSession(id)
					}
				}
			}
			return session, nil
		}}
		site := oracle.Site{Org: name, Salesforce: wire.Salesforce{Endpoint: crm, Version: "65.0"}, People: map[string]wire.People{}, Calendars: map[string]wire.Calendar{}, Users: o.Users}
		for rep := range o.Users {
			box := wire.Endpoint{BaseURL: o.Box.GoogleURL, Once: true, Token: func(context.Context) (string, error) { return o.Box.Google.MintToken(world.Address(name, rep)) }}
			site.People[rep], site.Calendars[rep] = wire.People{Endpoint: box}, wire.Calendar{Endpoint: box}
		}
		sites = append(sites, site)
	}
	return sites
}

// Books reads what Repsync says of itself, as plain rows.
func Books(ctx context.Context, db *pgx.Conn, schema string) (out scenario.Books, err error) {
	at := func(table string) string { return pgx.Identifier{schema, table}.Sanitize() }
	rows, err := db.Query(ctx, fmt.Sprintf(`select org, rep, kind, side, id, link_id, action, field, reason, at from %s order by org, seq`, at("journal")))
	if err == nil {
		out.Journal, err = pgx.CollectRows(rows, pgx.RowToStructByPos[scenario.Line])
	}
	if err != nil {
		return out, fmt.Errorf("read the journal: %w", err)
	}
	explained := func(reason string) string { return planner.Reason(reason).Explain() }
	rows, err = db.Query(ctx, fmt.Sprintf(`select org, rep, kind, side, id, reason, rule, pass from %s join %s on no = coll order by 1, 2, 3, 4, 5`, at("told"), at("collection")))
	if err == nil {
		out.Verdicts, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (v scenario.Verdict, err error) {
			err = row.Scan(&v.Org, &v.Rep, &v.Kind, &v.Side, &v.ID, &v.Reason, &v.Rule, &v.Pass)
			v.Explained = explained(v.Reason)
			return v, err
		})
	}
	if err != nil {
		return out, fmt.Errorf("read the verdicts: %w", err)
	}
	rows, err = db.Query(ctx, fmt.Sprintf(`select org, rep, kind, side, id, reason from %s order by 1, 2, 3, 4, 5`, at("parked")))
	if err == nil {
		out.Parked, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (v scenario.Parked, err error) {
			err = row.Scan(&v.Org, &v.Rep, &v.Kind, &v.Side, &v.ID, &v.Reason)
			v.Explained = explained(v.Reason)
			return v, err
		})
	}
	if err != nil {
		return out, fmt.Errorf("read what is parked: %w", err)
	}
	return out, nil
}
