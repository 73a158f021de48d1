package whole

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/chaos"
	"github.com/repsync/repsync/internal/chaos/oracle"
	"github.com/repsync/repsync/internal/chaos/scenario"
	"github.com/repsync/repsync/internal/devstack/stage"
	"github.com/repsync/repsync/workflows"
)

// calm ends all faults, waits until everything is at rest, and has the oracle judge; then everything is read anew, and
// nothing may be written.
func (p *player) calm(ctx context.Context) error {
	p.world.Quiet()
	for _, o := range p.story.Orgs { // whoever was paused goes on
		for _, rep := range o.Reps {
			p.signal(ctx, scenario.Step{Org: o.Name, Rep: rep, What: "resume"})
		}
	}
	if !p.rest(ctx) {
		return nil
	}
	if p.world.Unheard() || p.reread {
		p.reread = false
		if err := p.readAnew(ctx); err != nil {
			return err
		}
		if !p.rest(ctx) {
			return nil
		}
	}
	if tried, err := p.retry(ctx); err != nil || tried && !p.rest(ctx) {
		return err
	}
	snap, err := p.judge(ctx)
	if err != nil || len(p.report.Violations) > 0 {
		return err
	}
	if err := p.readAnew(ctx); err != nil {
		return err
	}
	if !p.rest(ctx) {
		return nil
	}
	again, err := p.oracle.Look(ctx, chaos.Sites(p.world))
	if err != nil {
		return err
	}
	p.report.Violations = append(p.report.Violations, p.oracle.Echoes(snap, again)...)
	return nil
}

// readAnew asks every rep to read everything.
func (p *player) readAnew(ctx context.Context) error {
	for _, o := range p.story.Orgs {
		for _, rep := range o.Reps {
			if err := p.office.RequestReread(ctx, o.Name, rep); err != nil {
				return err
			}
		}
	}
	return nil
}

// retry has what is parked tried again at once, as it would be in some hours: rest comes after that.
func (p *player) retry(ctx context.Context) (tried bool, err error) {
	for _, o := range p.story.Orgs {
		for _, rep := range o.Reps {
			n, err := p.office.RetryParked(ctx, o.Name, rep, nil)
			if err != nil {
				return tried, err
			}
			tried = tried || n > 0
		}
	}
	return tried, nil
}

// judge has the oracle look at the world at rest.
func (p *player) judge(ctx context.Context) (oracle.Snapshot, error) {
	for _, o := range p.story.Orgs { // whatever ran has ended, and what begins begins anew
		for _, rep := range o.Reps {
			p.note(scenario.Entry{What: scenario.Ended, Org: o.Name, Rep: rep, Step: scenario.Step{Do: scenario.Run, Org: o.Name, Rep: rep}})
		}
	}
	p.note(scenario.Entry{What: scenario.Rested})
	snap, err := p.oracle.Look(ctx, chaos.Sites(p.world))
	if err != nil {
		return snap, err
	}
	conn, err := pgx.Connect(ctx, p.database)
	if err != nil {
		return snap, err
	}
	defer func() { _ = conn.Close(ctx) }()
	books, err := chaos.Books(ctx, conn, "public")
	if err != nil {
		return snap, err
	}
	for _, v := range p.oracle.Judge(snap, books) {
		p.violate(v)
	}
	if n := p.world.Mails(); n > 0 {
		p.violate(oracle.Violation{Law: "no mail", Want: "0", Got: fmt.Sprint(n)})
	}
	for id := range p.running {
		org, rep := chaos.RepOf(id)
		p.note(scenario.Entry{What: scenario.Began, Org: org, Rep: rep, Step: scenario.Step{Do: scenario.Run, Org: org, Rep: rep}})
	}
	return snap, nil
}

func (p *player) violate(v oracle.Violation) { p.report.Violations = append(p.report.Violations, v) }

// rest asks every rep for passes until each has made one that found nothing left.
func (p *player) rest(ctx context.Context) bool {
	limit := time.Now().Add(settling)
	last := map[string]workflows.Status{}
	for quiet := 0; quiet < 2; { // one rep's last write may be another's news
		if time.Now().After(limit) {
			p.violate(oracle.Violation{Law: "restless", Want: "rest", Got: fmt.Sprintf("%+v", last)})
			return false
		}
		still := true
		for _, o := range p.story.Orgs {
			for _, rep := range o.Reps {
				id := workflows.RepID(o.Name, rep)
				before, err := p.status(ctx, id)
				if p.wish(ctx, o.Name, rep) != nil {
					still = false
					continue
				}
				ok := stage.Until(ctx, passing, func() bool {
					st, failed := p.status(ctx, id)
					last[id] = st
					return failed == nil && (err != nil || st.Pass > before.Pass) && st.State != workflows.Syncing && st.Pass > 0
				}) == nil
				st := last[id]
				quietly := st.Trouble == nil && (st.Totals.Created == before.Totals.Created && st.Totals.Updated == before.Totals.Updated && st.Totals.Deleted == before.Totals.Deleted && st.Totals.Linked == before.Totals.Linked)
				still = still && ok && err == nil && quietly && time.Until(st.NextAt) > 2*time.Second
			}
		}
		quiet++
		if !still {
			quiet = 0
		}
	}
	return true
}

// leaks looks for what people wrote in the workers' logs and in Temporal's database.
func (p *player) leaks(context.Context) error {
	paths, err := filepath.Glob(p.file("worker-*.log"))
	if err != nil {
		return err
	}
	for _, path := range append(paths, p.Dir+"/temporal.db", p.Dir+"/temporal.db-wal") {
		text, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return err
		}
		if bytes.Contains(text, []byte(chaos.Canary)) {
			p.violate(oracle.Violation{Law: "sealed", Want: "no customer's value outside of sealed columns", Got: "one in " + path})
		}
	}
	return nil
}
