package oracle

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/chaos/scenario"
)

// BenchmarkJudge judges twenty people after a race about each of them.
func BenchmarkJudge(b *testing.B) {
	s := &story{t: b, policy: scenario.Policy{Contacts: "both"}, at: scenario.Start}
	var story, seen strings.Builder
	for i := range 20 {
		fmt.Fprintf(&story, "crm alice create p%d title=A\n", i)
		fmt.Fprintf(&seen, "crm alice p%d title=C phone=7\nbox alice p%d title=C phone=7\n", i, i)
	}
	story.WriteString("run alice\nbegan alice\n")
	for i := range 20 {
		fmt.Fprintf(&story, "box alice edit p%d phone=7\ncrm alice edit p%d title=B\ncrm alice edit p%d title=C\n", i, i, i)
	}
	story.WriteString("cut alice\n")
	snap := snapshot(seen.String())
	for b.Loop() {
		b.StopTimer()
		s.o, s.told = New(scenario.Scenario{Orgs: []scenario.Org{{Name: "acme", Reps: []string{"alice", "bob"}, Policy: s.policy}}}), nil
		s.play(story.String())
		books := s.books(snap)
		b.StartTimer()
		require.Empty(b, s.o.Judge(snap, books))
	}
}
