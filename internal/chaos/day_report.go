package chaos

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/chaos/oracle"
)

// DayReport is how a day ended.
type DayReport struct {
	Day
	Began      time.Time // virtual
	Violations []oracle.Violation
	Unjudged   []string
	Passes     int
	Idle       int // passes that found nothing
	Troubles   int // passes that met trouble
	Polls      int // of the org's feed
	Calls      map[string]int
	Hits       map[string]int
	Deeds      int
	Before     map[string]int // rows by table once all had come to rest
	After      map[string]int // and some quiet hours later
	Runs       int            // of workflows
	Longest    int64          // history of a run, in events
	PerIdle    float64        // events of a pass in the quiet hours, sweeps included
	Commands   float64        // of a pass
	CPU        map[string]time.Duration
	CPUIdle    time.Duration // of an idle pass, in this process
	Postgres   time.Duration // of an idle pass, in Postgres
	Took       time.Duration

	deeds map[string][]string // by item
}

func newDayReport(d Day) *DayReport {
	return &DayReport{Day: d, CPU: map[string]time.Duration{}, Calls: map[string]int{}}
}

// judge has the oracle look once everything had time to come to rest, and counts rows.
func (d *day) judge(ctx context.Context) {
	snap, err := d.oracle.Look(ctx, Sites(d.p.world))
	d.fail(err)
	books, err := Books(ctx, d.p.bench.db, d.p.bench.schema)
	d.fail(err)
	if d.p.err != nil {
		return
	}
	for i := range books.Journal {
		books.Journal[i].Org = d.of[books.Journal[i].Rep]
	}
	for i := range books.Verdicts {
		books.Verdicts[i].Org = d.of[books.Verdicts[i].Rep]
	}
	for i := range books.Parked {
		books.Parked[i].Org = d.of[books.Parked[i].Rep]
	}
	d.p.report.Violations = append(d.p.report.Violations, d.oracle.Judge(snap.Split(d.part), books)...)
	d.report.Before = d.rows(ctx)
	if n := d.report.Before["staged"]; n > 0 {
		d.violate(oracle.Violation{Law: "restless", Want: "nothing left to do", Got: fmt.Sprint(n, " staged items")})
	}
	d.meter.held = d.places(ctx)
	d.meter.rested = snap.Split(d.part)
	d.meter.mark(d.lives[1:])
}

// quiet holds that nothing was written, nobody mailed and no row added in the quiet hours.
func (d *day) quiet(ctx context.Context) {
	d.report.Postgres, d.report.PerIdle = d.meter.since(d.lives[1:])
	if most := 12.0; d.report.PerIdle > most {
		d.violate(oracle.Violation{Law: "history", Item: "events of an idle pass", Want: fmt.Sprint("at most ", most), Got: fmt.Sprint(d.report.PerIdle)})
	}
	snap, err := d.oracle.Look(ctx, Sites(d.p.world))
	d.fail(err)
	d.p.report.Violations = append(d.p.report.Violations, d.oracle.Echoes(d.meter.rested, snap.Split(d.part))...)
	d.report.After = d.rows(ctx)
	for table, n := range d.report.After {
		if was := d.report.Before[table]; n > was {
			v := oracle.Violation{Law: "growth", Item: table, Want: fmt.Sprint(was, " rows"), Got: fmt.Sprint(n)}
			for place := range d.places(ctx) {
				if strings.HasPrefix(place, table+" ") && !d.meter.held[place] {
					v.Got += ", " + place
				}
			}
			d.violate(v)
		}
	}
	if n := d.p.world.Mails(); n > 0 {
		d.violate(oracle.Violation{Law: "no mail", Want: "0", Got: fmt.Sprint(n)})
	}
}

func (d *day) rows(ctx context.Context) map[string]int {
	out := map[string]int{}
	for _, t := range d.p.bench.tables {
		var n int
		from := t
		if t == "verdict" { // most stand in their links
			from = "told"
		}
		d.fail(d.p.bench.db.QueryRow(ctx, `select count(*) from `+d.p.bench.at(from)).Scan(&n))
		out[t] = n
	}
	return out
}

// places are the rows that tables have of items.
func (d *day) places(ctx context.Context) map[string]bool {
	out := map[string]bool{}
	for _, t := range []string{"rank", "mailbox_key", "verdict", "link"} {
		id, from := "id", t
		switch t {
		case "link":
			id = "link_id"
		case "verdict":
			from = "told"
		}
		rows, err := d.p.bench.db.Query(ctx, fmt.Sprintf(`select concat_ws(' ', '%s', rep, kind, %s) from %s join %s on no = coll`, t, id, d.p.bench.at(from), d.p.bench.at("collection")))
		d.fail(err)
		all, err := pgx.CollectRows(rows, pgx.RowTo[string])
		d.fail(err)
		for _, place := range all {
			out[place] = true
		}
	}
	return out
}

// sum adds up what the day came to.
func (d *day) sum() {
	r := d.report
	var commands int64
	for _, l := range d.lives {
		r.Runs += l.runs
		r.Longest = max(r.Longest, l.longest)
		if l.rep != "" {
			r.Passes += len(l.passes)
			r.Troubles += l.troubles
			commands += l.commands
		}
	}
	if most := int64(suggested + 100); r.Longest > most {
		d.violate(oracle.Violation{Law: "history", Want: fmt.Sprintf("at most %d events", most), Got: fmt.Sprint(r.Longest)})
	}
	r.Commands = float64(commands) / float64(max(r.Passes, 1))
	m := d.meter
	r.Polls, r.Idle, r.CPU, r.Took = m.polls, m.idle, m.cpu, time.Since(m.began)
	r.CPUIdle = m.cpu["idle pass"] / time.Duration(max(m.idle, 1))
	r.Calls, r.Hits, r.Unjudged, r.Violations = d.p.asked, d.p.world.Hits(), d.oracle.Unjudged(), d.p.report.Violations
	for verb, n := range d.p.report.Steps {
		if slices.Contains([]string{"create", "edit", "delete", "restore", "reassign", "touch", "rename"}, string(verb)) {
			r.Deeds += n
		}
	}
	r.Deeds -= d.laid
	r.deeds = d.deeds
	for _, l := range d.lives[1:] { // one that waits for a vendor, or failed, still goes by its schedule
		if least := (d.Hours + d.Quiet) * 10; len(l.passes) < least && !l.paused(r.Began, d.p.clock.Now()) {
			d.violate(oracle.Violation{Law: "schedule", Rep: l.rep, Want: fmt.Sprintf("%d passes or more", least), Got: fmt.Sprint(len(l.passes))})
		}
	}
}

// meter measures CPU time. What is booked on a stage is all that this process uses while it runs: the stage, the workflow
// around it and the sandbox.
type meter struct {
	began  time.Time
	cpu    map[string]time.Duration
	idle   int
	polls  int
	rested oracle.Snapshot
	held   map[string]bool // places of rows, once all had come to rest
	server int             // process id of Postgres, 0 where it is not on this machine
	used   time.Duration
	passes int
	events int64
}

func newMeter(ctx context.Context, db *pgx.Conn) *meter {
	m := &meter{began: time.Now(), cpu: map[string]time.Duration{}}
	var backend int
	if db.QueryRow(ctx, `select pg_backend_pid()`).Scan(&backend) == nil {
		if stat := statOf(backend); stat != nil {
			m.server, _ = strconv.Atoi(stat[1])
		}
	}
	return m
}

// read is how much CPU time this process has used.
func (m *meter) read() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (m *meter) book(stage string, l *life, out any, err error, before time.Duration) {
	if f, ok := out.(activities.FetchOut); ok && err == nil && !f.Work && f.Trouble == nil {
		stage = "idle pass"
		m.idle++
	}
	if l.rep == "" {
		m.polls++
	}
	m.cpu[stage] += m.read() - before
}

// mark begins to measure hours in which nearly all passes are idle.
func (m *meter) mark(reps []*life) {
	m.used = m.serverTime()
	m.passes, m.events = passesOf(reps)
}

// since is what Postgres used since then, by pass (the polls of the feed are in it), and the events of a pass.
func (m *meter) since(reps []*life) (time.Duration, float64) {
	passes, events := passesOf(reps)
	n := max(passes-m.passes, 1)
	return (m.serverTime() - m.used) / time.Duration(n), float64(events-m.events) / float64(n)
}

func passesOf(reps []*life) (passes int, events int64) {
	for _, l := range reps {
		passes += len(l.passes)
		events += l.ended + l.tally.Events()
	}
	return passes, events
}

// statOf are the fields of /proc/PID/stat after the name, nil where there is none.
func statOf(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return strings.Fields(rest)
}

// serverTime is what Postgres and its backends have used, those that have ended too.
func (m *meter) serverTime() (sum time.Duration) {
	if m.server == 0 {
		return 0
	}
	all, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	ticks := func(fields []string) time.Duration {
		var n time.Duration
		for _, f := range fields {
			v, _ := strconv.Atoi(f)
			n += time.Duration(v) * 10 * time.Millisecond
		}
		return n
	}
	for _, e := range all {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat := statOf(pid)
		switch {
		case len(stat) < 15:
		case pid == m.server:
			sum += ticks(stat[11:15]) // with the children that were waited for
		case stat[1] == strconv.Itoa(m.server):
			sum += ticks(stat[11:13])
		}
	}
	return sum
}

// DayMain plays a day on a bench of its own, in the Postgres at url or one that it starts, tells out about it, and returns
// how many laws broke. An error is one of the harness.
func DayMain(ctx context.Context, what Day, url string, out io.Writer) (bad int, err error) {
	b, err := NewBench(ctx, url, nil)
	if err != nil {
		return 0, err
	}
	defer b.Close()
	r, err := b.PlayDay(ctx, what, func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) })
	if err != nil {
		return 0, err
	}
	r.Print(out)
	return len(r.Violations), nil
}

// Print tells the day as tables.
func (r *DayReport) Print(out io.Writer) {
	fmt.Fprintf(out, "%d reps, %d hours and %d quiet ones of virtual time, in %s\n", r.Reps, r.Hours, r.Quiet, r.Took.Round(time.Second))
	fmt.Fprintf(out, "passes %d, idle %d, in trouble %d; polls of the feed %d; deeds of people %d\n", r.Passes, r.Idle, r.Troubles, r.Polls, r.Deeds)
	fmt.Fprintf(out, "calls: %s\nfaults: %s\n", counts(r.Calls), counts(r.Hits))
	fmt.Fprintf(out, "workflow runs %d, longest history %d events (Temporal suggests %d), %.1f commands a pass, %.1f events an idle pass\n", r.Runs, r.Longest, suggested, r.Commands, r.PerIdle)
	fmt.Fprintf(out, "CPU of an idle pass: %s here (worker, workflow and sandbox), %s in Postgres\n", r.CPUIdle.Round(10*time.Microsecond), r.Postgres.Round(10*time.Microsecond))
	for _, stage := range slices.Sorted(maps.Keys(r.CPU)) {
		fmt.Fprintf(out, "  CPU in %-18s %s\n", stage, r.CPU[stage].Round(time.Millisecond))
	}
	fmt.Fprintf(out, "%-16s %9s %9s\n", "rows of", "at rest", fmt.Sprintf("+%dh", r.Quiet))
	for _, t := range slices.Sorted(maps.Keys(r.Before)) {
		fmt.Fprintf(out, "%-16s %9d %9d\n", t, r.Before[t], r.After[t])
	}
	fmt.Fprintf(out, "not judged: %d %v\nviolations: %d\n", len(r.Unjudged), r.Unjudged, len(r.Violations))
	for _, v := range r.Violations {
		fmt.Fprintln(out, " ", v)
		for _, deed := range r.deeds[v.Item] {
			fmt.Fprintln(out, "     ", deed)
		}
	}
}
