package scenario

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Generate makes the story of a seed: the same one for ever, as long as this file does not change.
func Generate(seed uint64) Scenario {
	g := newGenerator(seed)
	g.kinds = pick(g, people, people, meetings, meetings, both)
	g.s = Scenario{Seed: seed, Orgs: []Org{
		{Name: "east", Reps: []string{"ann", "bob"}[:1+g.r.IntN(2)], Policy: g.policy()},
		{Name: "west", Reps: []string{"cid"}, Policy: g.policy()},
	}}
	if g.one(4) {
		g.s.Skew = []string{"30s", "-30s", "5m", "-5m"}[g.r.IntN(4)]
	}
	if seed > 15 && seed%6 == 1 {
		g.lives()
		return g.s
	}
	for range 1 + g.r.IntN(3) {
		for range 4 + g.r.IntN(16) {
			g.s.Steps = append(g.s.Steps, g.next()...)
		}
		g.s.Steps = append(g.s.Steps, Step{Do: Calm})
	}
	if seed > 15 && seed%3 == 2 {
		g.season()
	}
	return g.s
}

// What a story is about.
const (
	people = iota
	meetings
	both
)

type generator struct {
	r      *rand.Rand
	s      Scenario
	kinds  int
	prefix string         // of the items' numbers
	crowd  int            // people of an org, at most
	diary  int            // meetings of an org, at most
	made   map[string]int // people by org
	met    map[string]int // meetings by org
	series map[string]int // occurrences of the meetings that recur, by org and item
	values int
	backup bool
}

func newGenerator(seed uint64) *generator {
	source := rand.NewPCG(seed, 0x9e3779b97f4a7c15)
	return &generator{r: rand.New(source), //nolint:gosec // a story is to be repeated
		crowd: 6, diary: 5, made: map[string]int{}, met: map[string]int{}, series: map[string]int{}}
}

// one is true once in n.
func (g *generator) one(n int) bool { return g.r.IntN(n) == 0 }

func pick[T any](g *generator, of ...T) T { return of[g.r.IntN(len(of))] }

// policy draws what a policy says.
func (g *generator) policy() Policy {
	p := Policy{Contacts: pick(g, "both", "both", "both", "crm_to_mailbox", "mailbox_to_crm"), Conflict: pick(g, "", "mailbox_wins", "newest", "review"),
		FromCRM: pick(g, "", "propagate", "unlink", "review"), FromMailbox: pick(g, "", "propagate", "unlink", "review"), Drift: pick(g, "", "keep", "revert")}
	if g.one(4) {
		p.Filter, p.OnExit = "Sales", pick(g, "", "remove", "keep")
	}
	if g.one(8) {
		p.MaxDeletes = 1 + g.r.IntN(2)
	}
	switch g.kinds {
	case meetings:
		p.Contacts, p.Filter, p.OnExit = "off", "", ""
		fallthrough
	case both:
		p.Events = pick(g, "both", "both", "both", "crm_to_mailbox", "mailbox_to_crm")
		p.Private, p.NoSeries = pick(g, "", "skip", "busy", "sync"), g.one(12)
		if g.one(4) {
			p.Past, p.Future = pick(g, 1, 30), pick(g, 3, 10, 365)
		}
	}
	return p
}

// org and rep draw who acts.
func (g *generator) who() (org, rep string) {
	o := g.s.Orgs[0]
	if g.one(4) && len(g.s.Orgs) > 1 {
		o = g.s.Orgs[1]
	}
	return o.Name, o.Reps[g.r.IntN(len(o.Reps))]
}

// value is one that was never written before. It names its org, and has a canary in it.
func (g *generator) value(org, field, item string) string {
	g.values++
	switch field {
	case "phone":
		return fmt.Sprintf("+1%s555%04d", or(map[string]string{"east": "202", "west": "303"}[org], "212"), g.values)
	case "email":
		return fmt.Sprintf("%s.%szqx%d@example.com", item, org, g.values)
	case "department":
		if g.one(2) {
			return "Sales"
		}
	}
	return fmt.Sprintf("%szqx%d", org, g.values)
}

var fields = []string{"title", "department", "phone", "email", "given"}

// byHand is something that a person does.
func (g *generator) byHand() Step {
	if g.kinds == meetings || g.kinds == both && g.one(2) {
		return g.meeting()
	}
	return g.person()
}

// item is what the n-th of a kind is called.
func (g *generator) item(kind string, n int) string { return fmt.Sprint(kind, g.prefix, n) }

// person is something that a person does to people.
func (g *generator) person() Step {
	org, rep := g.who()
	side := pick(g, CRM, Mailbox)
	n := g.made[org]
	item := g.item("p", 1+g.r.IntN(max(n, 1)))
	step := Step{Org: org, Rep: rep, Side: side, Item: item, Do: Edit}
	switch k := g.r.IntN(20); {
	case n == 0 || k < 4 && n < g.crowd:
		g.made[org]++
		step.Do, step.Item = Create, g.item("p", n+1)
		if n > 0 && g.one(5) { // somebody whom another rep may have already
			g.made[org]--
			step.Item = item
		}
		step.Set = map[string]string{"email": step.Item + "@example.com", "title": g.value(org, "title", step.Item)}
		if g.s.policyOf(org).Filter != "" && !g.one(4) {
			step.Set["department"] = "Sales"
		}
	case k < 13:
		step.Set = map[string]string{}
		for range 1 + g.r.IntN(2) {
			field := pick(g, fields...)
			step.Set[field] = g.value(org, field, item)
			if g.one(10) && field != "email" {
				step.Set[field] = ""
			}
		}
	case k < 16:
		step.Do = Delete
	case k == 16 && side == CRM:
		step.Do = Restore
	case k == 17 && side == CRM && len(g.s.orgOf(org).Reps) > 1:
		step.Do, step.To = Reassign, pick(g, g.s.orgOf(org).Reps...)
	case k == 18 && side == Mailbox:
		step.Do = Rename
	default:
		step.Do = Touch
	}
	return step
}

// meeting is something that a person does to meetings.
func (g *generator) meeting() Step {
	org, rep := g.who()
	n := g.met[org]
	item := g.item("m", 1+g.r.IntN(max(n, 1)))
	step := Step{Org: org, Rep: rep, Side: pick(g, CRM, Mailbox), Item: item, Do: Edit}
	k := g.r.IntN(20)
	if n == 0 || k < 4 && n < g.diary {
		g.met[org]++
		step.Do, step.Item = Create, g.item("m", n+1)
		step.Set = map[string]string{"subject": g.value(org, "subject", step.Item), "start": g.start(), "length": pick(g, "30", "60")}
		if step.Side == Mailbox {
			g.arrange(step)
		}
		return step
	}
	if count := g.series[org+item]; count > 0 && !g.one(4) {
		step.Item = fmt.Sprint(item, "@", g.r.IntN(count))
	}
	switch {
	case k < 13:
		step.Set = map[string]string{}
		for range 1 + g.r.IntN(2) {
			switch field := pick(g, "subject", "location", "description", "start", "length", "private"); field {
			case "start":
				step.Set[field] = g.start()
			case "length":
				step.Set[field] = pick(g, "15", "45", "90")
			case "private":
				if step.Side == Mailbox {
					step.Set[field] = pick(g, "true", "false")
				}
			default:
				step.Set[field] = g.value(org, field, item)
			}
		}
		if len(step.Set) == 0 {
			step.Do = Touch
		}
	case k < 16:
		step.Do = Delete
	case k == 16 && step.Side == CRM:
		step.Do = Restore
	default:
		step.Do = Touch
	}
	return step
}

// arrange makes a mailbox's new meeting a series, or one with guests.
func (g *generator) arrange(step Step) {
	reps := g.s.orgOf(step.Org).Reps
	if g.one(3) {
		count := 2 + g.r.IntN(4)
		step.Set["rule"] = fmt.Sprintf("FREQ=%s;COUNT=%d", pick(g, "DAILY", "WEEKLY"), count)
		g.series[step.Org+step.Item] = count
	}
	switch g.r.IntN(5) {
	case 0:
		step.Set["private"] = "true"
	case 1:
		step.Set["guests"] = "guest." + step.Item + "@example.com"
		if n := g.made[step.Org]; g.kinds == both && n > 0 && g.one(2) {
			step.Set["guests"] = g.item("p", 1+g.r.IntN(n)) + "@example.com"
		}
	case 2:
		if other := pick(g, reps...); other != step.Rep {
			step.Set["guests"] = other
		}
	}
}

// start is when a meeting starts, in minutes after the story's start: some days before or after.
func (g *generator) start() string { return fmt.Sprint((g.r.IntN(20)-4)*24*60 + g.r.IntN(16)*30) }

func (s Scenario) orgOf(name string) Org {
	return s.Orgs[slices.IndexFunc(s.Orgs, func(o Org) bool { return o.Name == name })]
}

func (s Scenario) policyOf(name string) Policy { return s.orgOf(name).Policy }

// next is what happens next.
func (g *generator) next() []Step {
	switch k := g.r.IntN(30); {
	case k < 14:
		return []Step{g.byHand()}
	case k < 23:
		return []Step{g.run(true)}
	case k < 26:
		return []Step{{Do: Fault, Org: pick(g, g.s.Orgs...).Name, Fault: g.fault()}}
	case k == 26:
		return []Step{g.weather()}
	case k == 27:
		org, rep := g.who()
		return []Step{{Do: pick(g, Stop, Kill, Release), Org: org, Rep: rep}}
	case k == 28:
		org, _ := g.who()
		policy := g.policy()
		return []Step{{Do: Apply, Org: org, Policy: &policy}}
	default:
		return g.operate()
	}
}

// run is a rep's workflow, with what happens in it.
func (g *generator) run(deep bool) Step {
	org, rep := g.who()
	step := Step{Do: Run, Org: org, Rep: rep}
	if !deep || g.one(3) {
		return step
	}
	for range 1 + g.r.IntN(2) {
		step.When = append(step.When, g.moment(step))
	}
	return step
}

func (g *generator) moment(run Step) Moment {
	if g.one(4) {
		return Moment{Statement: 1 + g.r.IntN(120), Steps: []Step{{Do: Die}}}
	}
	m := Moment{Request: 1 + g.r.IntN(45), After: g.one(2)}
	switch k := g.r.IntN(10); {
	case k < 4:
		m.Steps = []Step{g.byHand()}
	case k < 6:
		m.Steps = []Step{{Do: Die}}
	case k == 6:
		m.Steps = []Step{g.run(false)}
	case k == 7: // the worker is thought dead, and another one takes the mailbox over
		m.Steps = []Step{{Do: Kill, Org: run.Org, Rep: run.Rep}, {Do: Wait, For: "10m"}, {Do: Run, Org: run.Org, Rep: run.Rep}}
	case k == 8:
		m.Steps = []Step{{Do: pick(g, Stop, Kill), Org: run.Org, Rep: run.Rep}}
	default:
		m.Steps = []Step{{Do: Fault, Org: run.Org, Fault: g.fault()}}
	}
	return m
}

// fault draws one that PROVIDERS lists.
func (g *generator) fault() *Trouble {
	f := &Trouble{Vendor: pick(g, "google", "salesforce"), Skip: g.r.IntN(12), Times: 1}
	if g.one(5) {
		f.Times = 3
	}
	switch g.r.IntN(9) {
	case 0:
		f.Kind, f.Status, f.After = "status", 429, pick(g, "", "20s", "1h")
	case 1:
		f.Kind, f.Status = "status", 503
	case 2:
		f.Kind, f.Status = "status_after", pick(g, 500, 503)
	case 3:
		f.Kind = "drop"
	case 4:
		f.Kind = "drop_after"
	case 5:
		f.Kind = "truncate"
	case 6:
		f.Kind, f.Status = "status", 403
		f.Code = pick(g, "userRateLimitExceeded", "rateLimitExceeded")
		if f.Vendor == "salesforce" {
			f.Code = "REQUEST_LIMIT_EXCEEDED"
		}
	case 7:
		f.Kind, f.Status, f.Vendor, f.Code = "status", 400, "salesforce", "UNABLE_TO_LOCK_ROW"
	default:
		f.Kind, f.Method = pick(g, "drop_after", "status_after", "truncate"), "POST"
	}
	return f
}

// weather is what vendors do by themselves.
func (g *generator) weather() Step {
	if g.one(3) {
		return Step{Do: Lag, For: pick(g, "1m", "3m", "0s")}
	}
	return Step{Do: Expire, What: pick(g, "sessions", "tokens", "sync", "calendar", "cursors")}
}

// operate is what operators do, and machines to them.
func (g *generator) operate() []Step {
	switch g.r.IntN(6) {
	case 0:
		return []Step{pick(g, Step{Do: Restart}, Step{Do: Outage, What: "postgres"}, Step{Do: Outage, What: "temporal"})}
	case 1:
		return []Step{{Do: Rotate}}
	case 2:
		return []Step{{Do: Wait, For: pick(g, "5m", "3h", "26h", "200h")}}
	case 3:
		if g.backup {
			g.backup = false
			return []Step{{Do: Recover}}
		}
		g.backup = true
		return []Step{{Do: Backup}}
	case 4:
		org, _ := g.who()
		return []Step{{Do: Feed, Org: org}}
	default:
		return []Step{{Do: Die}}
	}
}
