package activities_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/sandbox/fault"
)

// chaos is a day on which people edit, vendors misbehave and workers die, in an order that a seed decides.
type chaos struct {
	*world
	r     *rand.Rand
	made  int
	trace []string
}

func (c *chaos) note(format string, args ...any) {
	c.trace = append(c.trace, fmt.Sprintf(format, args...))
}

// pick returns one key of a map, "" of none.
func pick[V any](r *rand.Rand, m map[string]V) string {
	keys := slices.Sorted(maps.Keys(m))
	if len(keys) == 0 {
		return ""
	}
	return keys[r.IntN(len(keys))]
}

// step does one thing.
func (c *chaos) step() {
	id, name := pick(c.r, c.crmContacts()), pick(c.r, c.people("alice"))
	value := fmt.Sprint("Title ", c.r.IntN(1000))
	c.clock.Advance(time.Duration(c.r.IntN(5000)) * time.Millisecond)
	switch n := c.r.IntN(20); {
	case n < 3:
		c.made++
		c.note("CRM creates %d", c.made)
		c.contact("alice", fields{"LastName": fmt.Sprint("Crm ", c.made), "Email": fmt.Sprintf("p%d@example.com", c.made)})
	case n < 6:
		c.made++
		c.note("mailbox creates %d", c.made)
		c.person("alice", fmt.Sprintf(`{"names":[{"familyName":"Box %d"}],"emailAddresses":[{"value":"p%d@example.com","type":"work"}]}`, c.made, c.made))
	case n < 9 && id != "":
		c.note("CRM edits %s: %s", id, value)
		c.editContact("alice", id, fields{[]string{"Title", "Department"}[c.r.IntN(2)]: value})
	case n < 12 && name != "":
		c.note("mailbox edits %s: %s", name, value)
		c.editPerson("alice", name, fmt.Sprintf(`{"organizations":[{%q:%q,"type":"work"}]}`, []string{"title", "department"}[c.r.IntN(2)], value))
	case n == 12 && id != "":
		c.note("CRM deletes %s", id)
		c.deleteContact("alice", id)
	case n == 13 && name != "":
		c.note("mailbox deletes %s", name)
		c.deletePerson("alice", name)
	case n == 14:
		c.note("tokens expire")
		c.box.Google.ExpireSyncTokens("")
	case n == 15:
		c.note("a session expires, the worker starts anew")
		c.box.Salesforce.ExpireSessions()
		c.open(c.ring)
	case n == 16:
		stages := 1 + c.r.IntN(6)
		c.note("a worker dies after stage %d", stages)
		c.upTo("alice", stages)
	case n == 17:
		rule := fault.Rule{Kind: []fault.Kind{fault.DropAfter, fault.StatusAfter, fault.Drop, fault.Status, fault.Truncate}[c.r.IntN(5)], Times: 1, Skip: c.r.IntN(3)}
		c.note("fault %s after %d", rule.Kind, rule.Skip)
		[]func(fault.Rule) string{c.google, c.salesforce}[c.r.IntN(2)](rule)
	default:
		c.note("pass")
		_, err := c.try("alice", "")
		require.NoError(c.t, err)
	}
}

// both maps each address to what a side shows of it.
func (c *chaos) both() (crm, mailbox map[string]string) {
	crm, mailbox = map[string]string{}, map[string]string{}
	text := func(v any) string {
		if v == nil {
			return ""
		}
		return fmt.Sprint(v)
	}
	for _, row := range c.crmContacts() {
		crm[text(row["Email"])] = text(row["LastName"]) + "/" + text(row["Title"]) + "/" + text(row["Department"])
	}
	for _, p := range c.people("alice") {
		title, department := "", ""
		if len(p.Organizations) > 0 {
			title, department = p.Organizations[0].Title, p.Organizations[0].Department
		}
		mailbox[p.EmailAddresses[0].Value] = p.Names[0].FamilyName + "/" + title + "/" + department
	}
	return crm, mailbox
}

// Whatever happened, the sides come to rest, agree, and hold each person once. REPSYNC_SEED runs one day again.
func TestRandomDaysEndInAgreement(t *testing.T) {
	seeds := []uint64{1, 2, 3, 4, 34, 76}
	if s, err := strconv.ParseUint(os.Getenv("REPSYNC_SEED"), 10, 64); err == nil {
		seeds = []uint64{s}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := newWorld(t)
			w.bothWays(propagate + "guard: {empty_side: ignore, deletes: {max: 1000, percent: 100}, overwrites: {max: 1000, percent: 100}}\n")
			c := &chaos{world: w, r: rand.New(rand.NewPCG(seed, 7))}
			t.Cleanup(func() {
				if t.Failed() {
					for _, line := range c.trace {
						t.Log(line)
					}
				}
			})
			for range 40 {
				c.step()
			}
			w.box.GoogleFaults.Clear()
			w.box.SalesforceFaults.Clear()
			w.clock.Advance(10 * time.Minute)
			w.converged()
			crm, mailbox := c.both()
			require.Equal(t, crm, mailbox)
			require.Len(t, w.crmContacts(), len(crm), "each person once")
			require.Len(t, w.people("alice"), len(mailbox))
			require.Empty(t, w.parked("alice"))
		})
	}
}
