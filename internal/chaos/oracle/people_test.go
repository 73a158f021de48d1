package oracle

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/chaos/scenario"
)

// linked is how most stories begin: made in the CRM, and copied.
const linked = `
crm alice create p1 title=Boss
run alice
`

// own is the same, made in the mailbox.
const own = `
box alice create p1 title=Boss
run alice
`

// Where the CRM shows late what people do, an entry may be paired with a record that is deleted already.
func TestMadeAgainBeforeTheDeleteShows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, story string
		late        string
		judged      bool
	}{
		{"the delete may not show", "crm alice create p1\ncrm alice delete p1\nbox alice create p1", scenario.CRM, false},
		{"nothing shows late", "crm alice create p1\ncrm alice delete p1\nbox alice create p1", "", true},
		{"the mailbox shows late", "crm alice create p1\ncrm alice delete p1\nbox alice create p1", scenario.Mailbox, true},
		{"somebody else's was deleted", "crm alice create p2\ncrm alice delete p2\nbox alice create p1", scenario.CRM, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := begin(t, change(scenario.Policy{}, []string{"contacts=both"}))
			if c.late != "" {
				s.o.lags[c.late] = true
			}
			s.play(c.story)
			require.Equal(t, c.judged, len(s.o.Unjudged()) == 0, s.o.Unjudged())
		})
	}
}

func TestPeople(t *testing.T) {
	t.Parallel()
	outcomes(t, []outcome{
		{
			name: "a new record", policy: "contacts=both", story: linked,
			ok: []string{"crm alice p1 title=Boss\nbox alice p1 title=Boss"},
			bad: map[string]string{
				"crm alice p1 title=Boss":                                                     "lost mailbox",
				"crm alice p1 title=Boss\nbox alice p1 title=Bos":                             "lost mailbox title",
				"crm alice p1 title=Boss\nbox alice p1 title=Boss\nbox alice p1 title=Boss":   "doubled mailbox",
				"crm alice p1 title=Boss\nbox alice p1 title=Boss\ncrm alice p1":              "doubled crm",
				"crm alice p1 title=Boss\nbox alice p1 title=Boss\nbox bob p1 title=Boss":     "forbidden mailbox",
				"crm bob p1 title=Boss\nbox alice p1 title=Boss":                              "forbidden crm owner",
				"crm alice p1 title=Boss\nbox alice p1 title=Boss phone=1":                    "diverged mailbox phone",
				"crm alice p1 title=Boss\nbox alice p1 title=Boss\nbox alice p9 title=Nobody": "unexplained",
				"box alice p1 title=Boss\nbin alice p1 title=Boss":                            "lost crm",
				"crm alice p1 title=Boss phone=1\nbox alice p1 title=Boss phone=1":            "diverged crm phone, diverged mailbox phone",
			},
		},
		{
			name: "one way, the source is written to", policy: "contacts=crm_to_mailbox", story: linked,
			ok:  []string{"crm alice p1 title=Boss\nbox alice p1 title=Boss"},
			bad: map[string]string{"crm alice p1 title=Boss phone=1\nbox alice p1 title=Boss": "forbidden crm phone"},
		},
		{
			name: "one way, the mailbox's own", policy: "contacts=crm_to_mailbox", story: own,
			ok:  []string{"box alice p1 title=Boss"},
			bad: map[string]string{"box alice p1 title=Boss\ncrm alice p1 title=Boss": "forbidden crm", "": "lost mailbox"},
		},
		{
			name: "the other way", policy: "contacts=mailbox_to_crm", story: own,
			ok:  []string{"box alice p1 title=Boss\ncrm alice p1 title=Boss"},
			bad: map[string]string{"box alice p1 title=Boss": "lost crm"},
		},
		{
			name: "one edit", policy: "contacts=both", story: linked + "crm alice edit p1 title=Chief\nrun alice",
			ok: []string{"crm alice p1 title=Chief\nbox alice p1 title=Chief"},
			bad: map[string]string{
				"crm alice p1 title=Chief\nbox alice p1 title=Boss": "lost mailbox title",
				"crm alice p1 title=Boss\nbox alice p1 title=Boss":  "lost crm title, lost mailbox title",
			},
		},
		{
			name: "one edit, the other way", policy: "contacts=both", story: linked + "box alice edit p1 title=Chief\nrun alice",
			ok:  []string{"crm alice p1 title=Chief\nbox alice p1 title=Chief"},
			bad: map[string]string{"crm alice p1 title=Boss\nbox alice p1 title=Chief": "lost crm title"},
		},
		{
			name: "a field is cleared", policy: "contacts=both", story: linked + "box alice edit p1 title=\nrun alice",
			ok:  []string{"crm alice p1\nbox alice p1"},
			bad: map[string]string{"crm alice p1 title=Boss\nbox alice p1": "lost crm title"},
		},
		{
			name: "two fields, one on each side", policy: "contacts=both", story: linked + "box alice edit p1 title=Chief\ncrm alice edit p1 phone=7\nrun alice",
			ok:  []string{"crm alice p1 title=Chief phone=7\nbox alice p1 title=Chief phone=7"},
			bad: map[string]string{"crm alice p1 title=Chief phone=7\nbox alice p1 title=Chief": "lost mailbox phone"},
		},
		{
			name: "conflict, the CRM wins", policy: "contacts=both", story: linked + "box alice edit p1 title=B\ncrm alice edit p1 title=C\nrun alice",
			ok:  []string{"crm alice p1 title=C\nbox alice p1 title=C"},
			bad: map[string]string{"crm alice p1 title=B\nbox alice p1 title=B": "lost crm title, lost mailbox title"},
		},
		{
			name: "conflict, the mailbox wins", policy: "contacts=both conflict=mailbox_wins", story: linked + "box alice edit p1 title=B\ncrm alice edit p1 title=C\nrun alice",
			ok: []string{"crm alice p1 title=B\nbox alice p1 title=B"},
		},
		{
			name: "conflict, the newest wins", policy: "contacts=both conflict=newest", story: linked + "crm alice edit p1 title=C\nbox alice edit p1 title=B\nrun alice",
			ok:  []string{"crm alice p1 title=B\nbox alice p1 title=B"},
			bad: map[string]string{"crm alice p1 title=C\nbox alice p1 title=C": "x"},
		},
		{
			name: "conflict, the newest wins, touched since", policy: "contacts=both conflict=newest", story: linked + "crm alice edit p1 title=C\nbox alice edit p1 title=B\ncrm alice touch p1\nrun alice",
			ok: []string{"crm alice p1 title=C\nbox alice p1 title=C"},
		},
		{
			name: "conflict, for review", policy: "contacts=both conflict=review", story: linked + "crm alice edit p1 title=C phone=7\nbox alice edit p1 title=B\nrun alice",
			ok:  []string{"crm alice p1 title=C phone=7\nbox alice p1 title=B phone=7"},
			bad: map[string]string{"crm alice p1 title=C phone=7\nbox alice p1 title=C phone=7": "lost mailbox title", "crm alice p1 title=C phone=7\nbox alice p1 title=B": "lost mailbox phone"},
		},
		{
			name: "drift is kept", policy: "contacts=crm_to_mailbox", story: linked + "box alice edit p1 title=B\nrun alice\ncrm alice edit p1 phone=7",
			ok:  []string{"crm alice p1 title=Boss phone=7\nbox alice p1 title=B phone=7"},
			bad: map[string]string{"crm alice p1 title=B phone=7\nbox alice p1 title=B phone=7": "forbidden crm title"},
		},
		{
			name: "drift is kept until the source changes", policy: "contacts=crm_to_mailbox", story: linked + "box alice edit p1 title=B\nrun alice\ncrm alice edit p1 title=C",
			ok: []string{"crm alice p1 title=C\nbox alice p1 title=C"},
		},
		{
			name: "drift is reverted", policy: "contacts=crm_to_mailbox drift=revert", story: linked + "box alice edit p1 title=B\nrun alice",
			ok:  []string{"crm alice p1 title=Boss\nbox alice p1 title=Boss"},
			bad: map[string]string{"crm alice p1 title=Boss\nbox alice p1 title=B": "lost mailbox title"},
		},
		{
			name: "both had it", policy: "contacts=both", story: "crm alice create p1 title=C\nbox alice create p1 phone=7 title=B\nrun alice",
			ok:  []string{"crm alice p1 title=C phone=7\nbox alice p1 title=C phone=7"},
			bad: map[string]string{"crm alice p1 title=C\nbox alice p1 title=B phone=7\ncrm alice p1 title=B phone=7": "doubled crm, lost mailbox title"},
		},
		{
			name: "two reps have the same new person", policy: "contacts=both", story: "box alice create p1 title=B\nbox bob create p1 phone=7\nbegan alice\nbegan bob\ncut alice\ncut bob",
			ok: []string{"crm alice p1 title=B phone=7\nbox alice p1 title=B phone=7\nbox bob p1 title=B phone=7", "crm bob p1 title=B phone=7\nbox alice p1 title=B phone=7\nbox bob p1 title=B phone=7",
				"crm alice p1 title=B\nbox alice p1 title=B\nbox bob p1 phone=7"}, // which bob may not see: it waits
			bad: map[string]string{"crm alice p1 title=B\nbox alice p1 title=B": "lost mailbox", "crm alice p1 title=B\ncrm bob p1 phone=7\nbox alice p1 title=B\nbox bob p1 phone=7": "x"},
		},
		{
			name: "deleted in the CRM", policy: "contacts=both", story: linked + "crm alice delete p1\nrun alice",
			ok:  []string{"bin alice p1"},
			bad: map[string]string{"box alice p1 title=Boss": "resurrected mailbox", "crm alice p1 title=Boss\nbox alice p1 title=Boss": "resurrected crm, resurrected mailbox"},
		},
		{
			name: "deleted in the mailbox, unlinked", policy: "contacts=both", story: linked + "box alice delete p1\nrun alice\ncrm alice edit p1 title=C\nrun alice",
			ok:  []string{"crm alice p1 title=C"},
			bad: map[string]string{"": "lost crm", "crm alice p1 title=C\nbox alice p1 title=C": "resurrected mailbox"},
		},
		{
			name: "deleted in the mailbox, carried over", policy: "contacts=both from_mailbox=propagate", story: linked + "box alice delete p1\nrun alice",
			ok:  []string{""},
			bad: map[string]string{"crm alice p1 title=Boss": "resurrected crm"},
		},
		{
			name: "deleted here, edited there", policy: "contacts=both", story: linked + "crm alice delete p1\nbox alice edit p1 title=B\nrun alice",
			ok:  []string{"crm alice p1 title=B\nbox alice p1 title=B"},
			bad: map[string]string{"": "x", "box alice p1 title=B": "lost crm"},
		},
		{
			name: "deleted here, edited there, one way", policy: "contacts=crm_to_mailbox", story: linked + "crm alice delete p1\nbox alice edit p1 title=B\nrun alice",
			ok: []string{""},
		},
		{
			name: "deletes for review", policy: "contacts=both from_crm=review", story: linked + "crm alice delete p1\nrun alice",
			ok:  []string{"box alice p1 title=Boss"},
			bad: map[string]string{"": "lost mailbox", "crm alice p1 title=Boss\nbox alice p1 title=Boss": "resurrected crm"},
		},
		{
			name: "restored from the bin before anything was carried over", policy: "contacts=both", story: linked + "crm alice delete p1\ncrm alice restore p1\nrun alice",
			ok: []string{"crm alice p1 title=Boss\nbox alice p1 title=Boss"},
		},
		{
			name: "restored to a copy that was left", policy: "contacts=both from_crm=unlink", story: linked + "crm alice delete p1\nrun alice\nbox alice edit p1 phone=7\nrun alice\ncrm alice restore p1\nrun alice",
			ok: []string{"crm alice p1 title=Boss phone=7\nbox alice p1 title=Boss phone=7"},
		},
		{
			name: "leaves the filter", policy: "contacts=both filter=Sales", story: "crm alice create p1 department=Sales\nrun alice\ncrm alice edit p1 department=Ops\nrun alice",
			ok:  []string{"crm alice p1 department=Ops"},
			bad: map[string]string{"crm alice p1 department=Ops\nbox alice p1 department=Sales": "resurrected mailbox", "crm alice p1 department=Ops\nbox alice p1 department=Ops": "resurrected mailbox"},
		},
		{
			name: "leaves the filter and returns", policy: "contacts=both filter=Sales", story: "crm alice create p1 department=Sales\nrun alice\ncrm alice edit p1 department=Ops\nrun alice\ncrm alice edit p1 department=Sales",
			ok:  []string{"crm alice p1 department=Sales\nbox alice p1 department=Sales"},
			bad: map[string]string{"crm alice p1 department=Sales": "lost mailbox"},
		},
		{
			name: "leaves the filter, adopted", policy: "contacts=both filter=Sales", story: "crm alice create p1 department=Sales\nbox alice create p1\nrun alice\ncrm alice edit p1 department=Ops\nrun alice",
			ok:  []string{"crm alice p1 department=Ops\nbox alice p1 department=Sales"},
			bad: map[string]string{"crm alice p1 department=Ops": "lost mailbox"},
		},
		{
			name: "leaves the filter, kept", policy: "contacts=both filter=Sales on_exit=keep", story: "crm alice create p1 department=Sales\nrun alice\ncrm alice edit p1 department=Ops title=C\nrun alice",
			ok: []string{"crm alice p1 department=Ops title=C\nbox alice p1 department=Sales"},
		},
		{
			name: "never was in the filter", policy: "contacts=both filter=Sales", story: "crm alice create p1 department=Ops\nbox alice create p2 department=Sales\nrun alice",
			ok:  []string{"crm alice p1 department=Ops\nbox alice p2 department=Sales"},
			bad: map[string]string{"crm alice p1 department=Ops\nbox alice p1 department=Ops\nbox alice p2 department=Sales": "forbidden mailbox"},
		},
		{
			name: "given to another rep", policy: "contacts=both", story: linked + "crm alice reassign p1 bob\nrun alice\nrun bob",
			ok:  []string{"crm bob p1 title=Boss\nbox bob p1 title=Boss"},
			bad: map[string]string{"crm bob p1 title=Boss\nbox bob p1 title=Boss\nbox alice p1 title=Boss": "resurrected mailbox", "crm bob p1 title=Boss": "lost mailbox"},
		},
		{
			name: "given away, and the CRM could not be read then", policy: "contacts=both filter=Sales on_exit=keep",
			story: "crm alice create p1 department=Sales title=A\nrun alice\ncrm alice edit p1 title=B\nrun bob\ncrm alice reassign p1 bob\nbegan alice\ncut alice\nrun alice\nrun bob",
			ok: []string{
				"crm bob p1 department=Sales title=B\nbox alice p1 department=Sales title=A\nbox bob p1 department=Sales title=B",
				"crm bob p1 department=Sales title=B\nbox alice p1 department=Sales title=B\nbox bob p1 department=Sales title=B", // the log told of the title, and not yet of the owner
			},
		}, {
			name: "given away before anybody read of the edit", policy: "contacts=both filter=Sales on_exit=keep",
			story: "crm alice create p1 department=Sales title=A\nrun alice\ncrm alice edit p1 title=B\ncrm alice reassign p1 bob\nbegan alice\ncut alice\nrun alice\nrun bob",
			ok:    []string{"crm bob p1 department=Sales title=B\nbox alice p1 department=Sales title=A\nbox bob p1 department=Sales title=B"},
			bad:   map[string]string{"crm bob p1 department=Sales title=B\nbox alice p1 department=Sales title=B\nbox bob p1 department=Sales title=B": "lost mailbox title"},
		}, {
			name: "the policy is turned", policy: "contacts=crm_to_mailbox", story: linked + "box alice edit p1 title=B\nrun alice\npolicy contacts=both",
			ok: []string{"crm alice p1 title=B\nbox alice p1 title=B"},
		},
		{
			name: "the policy is off", policy: "contacts=both", story: linked + "policy contacts=off\ncrm alice edit p1 title=C\nrun alice",
			ok:  []string{"crm alice p1 title=C\nbox alice p1 title=Boss"},
			bad: map[string]string{"crm alice p1 title=C\nbox alice p1 title=C": "forbidden mailbox title"},
		},
		{
			name: "an entry gets another id", policy: "contacts=both", story: linked + "box alice rename p1\nrun alice",
			ok: []string{"crm alice p1 title=Boss\nbox alice p1 title=Boss"},
		},
		{
			name: "a race: edited on both sides inside a run", policy: "contacts=both", story: linked + "box alice edit p1 title=B\nbegan alice\ncrm alice edit p1 title=C\ncut alice",
			ok: []string{"crm alice p1 title=C\nbox alice p1 title=C"},
		},
		{
			name: "a race, and the mailbox wins what it can", policy: "contacts=both conflict=mailbox_wins", story: linked + "box alice edit p1 title=B\nbegan alice\ncrm alice edit p1 title=C\ncut alice",
			ok:  []string{"crm alice p1 title=C\nbox alice p1 title=C", "crm alice p1 title=B\nbox alice p1 title=B"},
			bad: map[string]string{"crm alice p1 title=C\nbox alice p1 title=B": "x", "crm alice p1 title=Boss\nbox alice p1 title=Boss": "x"},
		},
		{
			name: "a race: deleted in a run that carries an edit", policy: "contacts=both", story: linked + "box alice edit p1 title=B\nbegan alice\ncrm alice delete p1\ncut alice",
			ok: []string{"", "crm alice p1 title=B\nbox alice p1 title=B"},
		},
		{
			name: "held by the guard", policy: "contacts=both max_deletes=1", story: "crm alice create p1\ncrm alice create p2\nrun alice\ncrm alice delete p1\ncrm alice delete p2",
			ok:  []string{"box alice p1\nbox alice p2", "box alice p1"},
			bad: map[string]string{"": "guard deletes"},
		},
		{
			name: "the guard has room", policy: "contacts=both max_deletes=2", story: "crm alice create p1\ncrm alice create p2\nrun alice\ncrm alice delete p1\ncrm alice delete p2",
			ok:  []string{""},
			bad: map[string]string{"box alice p1\nbox alice p2": "resurrected mailbox, resurrected mailbox"},
		},
		{
			name: "released", policy: "contacts=both max_deletes=1", story: "crm alice create p1\ncrm alice create p2\nrun alice\ncrm alice delete p1\ncrm alice delete p2\nbegan alice\ncut alice\nrelease alice\nbegan alice\nended alice",
			ok: []string{""},
		},
		{
			name: "restored from a backup", policy: "contacts=both", story: "crm alice create p1 title=A\nrun alice\nbackup\ncrm alice edit p1 title=B\nrun alice\nrecover\ncrm alice edit p1 title=C",
			ok:  []string{"crm alice p1 title=C\nbox alice p1 title=C"},
			bad: map[string]string{"crm alice p1 title=B\nbox alice p1 title=B": "x", "crm alice p1 title=C\nbox alice p1 title=C\nbox alice p1 title=B": "doubled mailbox"},
		},
		{
			name: "made after the backup", policy: "contacts=both", story: "backup\ncrm alice create p1 title=A\nrun alice\nrecover\ncrm alice edit p1 phone=7\nbox alice edit p1 phone=7\n",
			ok:  []string{"crm alice p1 title=A phone=7\nbox alice p1 title=A phone=7"},
			bad: map[string]string{"crm alice p1 title=A phone=7\ncrm alice p1 title=A phone=7\nbox alice p1 title=A phone=7": "doubled crm"},
		},
	})
}
