package oracle

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/chaos/scenario"
)

// TestBooks shows the oracle a pair that is in step, and books that leave something out.
func TestBooks(t *testing.T) {
	t.Parallel()
	const seenLines = "crm alice p1 title=Boss\nbox alice p1 title=Boss"
	for _, c := range []struct {
		name string
		lie  func(*scenario.Books)
		want []string
	}{
		{"as they should be", func(*scenario.Books) {}, nil},
		{"no verdict", func(b *scenario.Books) { b.Verdicts = b.Verdicts[:1] }, []string{"unexplained mailbox"}},
		{"another rep's verdict", func(b *scenario.Books) { b.Verdicts[0].Rep = "bob" }, []string{"unexplained crm"}},
		{"a verdict without words", func(b *scenario.Books) { b.Verdicts[0].Explained = "" }, []string{"unexplained crm"}},
		{"a verdict without a reason", func(b *scenario.Books) { b.Verdicts[1].Reason = "" }, []string{"unexplained mailbox"}},
		{"parked for nothing", func(b *scenario.Books) {
			b.Parked = []scenario.Parked{{Org: "acme", Rep: "alice", Kind: contacts, Side: scenario.CRM, ID: "x", Explained: "?"}}
		}, []string{"unexplained crm"}},
		{"no line about what was made", func(b *scenario.Books) { b.Journal = b.Journal[:1] }, []string{"unjournalled mailbox"}},
		{"a line of long ago", func(b *scenario.Books) { b.Journal[1].At = scenario.Start.Add(-time.Hour) }, nil}, // nobody has looked before
		{"a line by the link", func(b *scenario.Books) {
			b.Journal[0].LinkID = "L"
			b.Journal[1] = scenario.Line{Org: "acme", Rep: "alice", Kind: contacts, Side: scenario.Mailbox, ID: b.Journal[1].ID, LinkID: "L"}
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := begin(t, change(scenario.Policy{}, []string{"contacts=both"}))
			s.play(linked)
			snap := snapshot(seenLines)
			books := s.books(snap)
			c.lie(&books)
			var got []string
			for _, v := range s.o.Judge(snap, books) {
				got = append(got, v.Law+" "+v.Field)
			}
			require.Equal(t, c.want, got)
		})
	}
}

// A line must be of the time in which the item changed, and an item of the recycle bin keeps its verdict.
func TestBooksAfterAnotherLook(t *testing.T) {
	t.Parallel()
	s := begin(t, change(scenario.Policy{}, []string{"contacts=both"}))
	s.play(linked)
	require.Empty(t, s.laws("crm alice p1 title=Boss\nbox alice p1 title=Boss"))
	s.at = s.at.Add(2 * time.Hour)
	s.play("crm alice edit p1 title=Chief\nrun alice")
	snap := snapshot("crm alice p1 title=Chief\nbox alice p1 title=Chief")
	books := s.books(snap)
	for i := range books.Journal {
		books.Journal[i].At = scenario.Start
	}
	found := s.o.Judge(snap, books)
	require.Len(t, found, 1)
	require.Equal(t, "unjournalled", found[0].Law, "of the mailbox: the record was edited by a person")
	require.Equal(t, scenario.Mailbox, found[0].Field)

	s.play("crm alice delete p1\nrun alice")
	snap = snapshot("bin alice p1")
	books = s.books(snap)
	books.Verdicts = nil
	found = s.o.Judge(snap, books)
	require.Len(t, found, 1)
	require.Equal(t, "unexplained", found[0].Law)
}

// What one org's people write stands in no other org.
func TestIsolation(t *testing.T) {
	t.Parallel()
	s := begin(t, change(scenario.Policy{}, []string{"contacts=both"}))
	s.play("crm alice create p1 title=globexBoss\nrun alice")
	require.Equal(t, []string{"isolated crm", "isolated mailbox"}, s.laws("crm alice p1 title=globexBoss\nbox alice p1 title=globexBoss"))
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	was := snapshot("crm alice p1 title=Boss\nbox alice p1 title=Boss\ncrm alice m1 start=60").Fingerprint()
	require.Len(t, was, 3)
	require.Equal(t, was, snapshot("crm alice m1 start=60\nbox alice p1 title=Boss\ncrm alice p1 title=Boss").Fingerprint())
	for _, other := range []string{
		"crm bob p1 title=Boss\nbox alice p1 title=Boss\ncrm alice m1 start=60",
		"bin alice p1 title=Boss\nbox alice p1 title=Boss\ncrm alice m1 start=60",
		"crm alice p1 title=Boss\nbox alice p1 title=Bos\ncrm alice m1 start=60",
		"crm alice p1 title=Boss\nbox alice p1 title=Boss\ncrm alice m1 start=61",
		"crm alice p1 title=Boss\nbox alice p1 title=Boss",
	} {
		require.NotEqual(t, was, snapshot(other).Fingerprint(), other)
	}
}
