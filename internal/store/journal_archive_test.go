package store_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/internal/store/storetest"
)

// export returns the records of an archive.
func (f *fixture) export(t *testing.T, in store.Export) []string {
	t.Helper()
	var out bytes.Buffer
	got, err := f.ExportJournal(f.ctx, acme, in, &out)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	require.Len(t, lines, int(got.Lines)+2*got.Reps+2)
	return lines
}

func verifyArchive(t *testing.T, ring *keyring.Ring, lines []string) store.Verified {
	t.Helper()
	v, err := store.VerifyArchive(strings.NewReader(strings.Join(lines, "\n")), ring)
	require.NoError(t, err)
	v.Ends = nil
	return v
}

func TestExportJournal(t *testing.T) {
	t.Parallel()
	f, alices := chain(t)
	f.destroyValues(t, "l2")
	plain := f.export(t, store.Export{})
	require.NotContains(t, strings.Join(plain, "\n"), "VP", "no value leaves")
	var first map[string]any
	require.NoError(t, json.Unmarshal([]byte(plain[2]), &first))
	for _, key := range []string{"digest", "values_sha256", "chain", "mac"} {
		require.Regexp(t, `^[0-9a-f]{32,64}$`, first[key])
		delete(first, key)
	}
	require.Equal(t, map[string]any{"record": "line", "rep": "alice", "n": 1.0, "seq": float64(alices[0].Seq), "at": "2026-03-02T12:00:00Z", "pass": 1.0,
		"policy_revision": 2.0, "kind": "contact", "side": "crm", "item": "c1", "link": "l1", "action": "update", "field": "title",
		"rule": "conflict: crm_wins", "code": "c", "reason": "merged", "values_are": "sealed"}, first)

	open := f.export(t, store.Export{Values: true})
	require.NoError(t, json.Unmarshal([]byte(open[2]), &first))
	require.Equal(t, map[string]any{"title": map[string]any{"before": "VP", "after": "A", "lost": "CEO"}}, first["values"])
	require.Contains(t, open[3], `"values_are":"erased"`)
	require.NotContains(t, open[3], `"values":`)
	require.Contains(t, open[5], `"values_are":"none"`)
	for name, lines := range map[string][]string{"plain": plain, "open": open} {
		require.Equal(t, store.Verified{Reps: 2, Lines: 7, Erased: 1, Keyed: true}, verifyArchive(t, f.ring, lines), name)
		require.Equal(t, store.Verified{Reps: 2, Lines: 7, Erased: 1}, verifyArchive(t, nil, lines), name)
	}
	one := f.export(t, store.Export{Rep: alice})
	require.Equal(t, store.Verified{Reps: 1, Lines: 5, Erased: 1, Keyed: true}, verifyArchive(t, f.ring, one))
	_, err := f.ExportJournal(f.ctx, "nobody", store.Export{}, &bytes.Buffer{})
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestArchivesThatFollowEachOther(t *testing.T) {
	t.Parallel()
	f, _ := chain(t)
	first := f.export(t, store.Export{})
	f.advance(time.Hour)
	f.save(t, store.PlanBatch{Journal: []store.Line{line("c6", "l6", "F"), line("c7", "l7", "G")}})
	f.advance(time.Hour)
	f.save(t, store.PlanBatch{Journal: []store.Line{line("c6", "l6", "H")}})
	second := f.export(t, store.Export{Since: noon.Add(30 * time.Minute)})
	third := f.export(t, store.Export{Since: noon.Add(90 * time.Minute)})
	none := f.export(t, store.Export{Since: noon.Add(48 * time.Hour)})
	overlap := f.export(t, store.Export{Since: noon.Add(time.Second)})
	require.Equal(t, store.Verified{Reps: 2, Lines: 3, Keyed: true, Partial: true}, verifyArchive(t, f.ring, second))
	require.Equal(t, store.Verified{Reps: 2, Keyed: true, Partial: true}, verifyArchive(t, f.ring, none))
	require.Equal(t, store.Verified{Reps: 2, Lines: 10, Keyed: true}, verifyArchive(t, f.ring, slices.Concat(first, second)))
	require.Equal(t, store.Verified{Reps: 2, Lines: 7 + 7, Keyed: true}, verifyArchive(t, f.ring, slices.Concat(first, overlap)))
	gap := verifyArchive(t, f.ring, slices.Concat(first, third))
	require.Equal(t, []store.Broken{{Org: acme, Rep: alice, N: 6, Fault: store.FaultMissing, Lines: 2}}, gap.Broken)
}

// TestTamperingWithAnArchive does to an archive's records what must be found; some of it needs the keyring.
func TestTamperingWithAnArchive(t *testing.T) {
	t.Parallel()
	f, _ := chain(t)
	lines := f.export(t, store.Export{Values: true}) // 0 archive, 1 rep alice, 2..6 lines, 7 end, 8 rep bob, 9 and 10 lines, 11 end, 12 close
	edit := func(at int, from, to string) func([]string) []string {
		return func(l []string) []string {
			require.Contains(t, l[at], from)
			l[at] = strings.Replace(l[at], from, to, 1)
			return l
		}
	}
	without := func(from, to int) func([]string) []string {
		return func(l []string) []string { return slices.Delete(l, from, to) }
	}
	for name, tt := range map[string]struct {
		do      func([]string) []string
		fault   store.Fault
		keyless bool // it is found without the keyring too
	}{
		"the first line":    {without(2, 3), store.FaultMissing, true},
		"one in the middle": {without(4, 5), store.FaultMissing, true},
		"the last":          {without(6, 7), store.FaultMissing, true},
		"all of a rep":      {without(2, 7), store.FaultMissing, true},
		"a rep":             {without(1, 8), store.FaultCut, true},
		"an end":            {without(7, 8), store.FaultCut, true},
		"the rest":          {without(9, 13), store.FaultCut, true},
		"the close":         {without(12, 13), store.FaultCut, true},
		"two are swapped":   {func(l []string) []string { l[3], l[4] = l[4], l[3]; return l }, store.FaultReordered, true},
		"one twice":         {func(l []string) []string { return slices.Insert(l, 4, l[3]) }, store.FaultInserted, true},
		"another rep's":     {func(l []string) []string { return slices.Insert(l, 4, l[9]) }, store.FaultInserted, true},
		"a time":            {edit(3, `"at":"2026-03-02T12:00:00Z"`, `"at":"2026-03-02T11:00:00Z"`), store.FaultAltered, true},
		"an item":           {edit(3, `"item":"c2"`, `"item":"c3"`), store.FaultAltered, true},
		"a reason":          {edit(5, `"reason":"merged"`, `"reason":"created"`), store.FaultAltered, true},
		"an action":         {edit(5, `"action":"refused"`, `"action":"update"`), store.FaultAltered, true},
		"a value":           {edit(3, `"before":"VP"`, `"before":"CEO"`), store.FaultValues, false},
		"values are taken":  {edit(3, `"title":{`, `"name":{`), store.FaultValues, false},
		"a mac":             {edit(3, `"mac":"`, `"mac":"00`), store.FaultForged, false},
		"a head":            {edit(7, `"head":"`, `"head":"00`), store.FaultEnd, false},
		"a rep with what counts them": {func(l []string) []string {
			return edit(5, `"reps":2,"lines_in_all":7`, `"reps":1,"lines_in_all":2`)(slices.Delete(l, 1, 8))
		}, store.FaultCut, false},
		"the last with what counts them": {func(l []string) []string {
			chain := regexp.MustCompile(`"chain":"[0-9a-f]+"`).FindString(l[5])
			l[7] = regexp.MustCompile(`"chain":"[0-9a-f]+"`).ReplaceAllString(strings.Replace(l[7], `"lines":5`, `"lines":4`, 1), chain)
			return edit(11, `"lines_in_all":7`, `"lines_in_all":6`)(slices.Delete(l, 6, 7))
		}, store.FaultEnd, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := tt.do(slices.Clone(lines))
			got := verifyArchive(t, f.ring, bad).Broken
			require.NotEmpty(t, got)
			require.Equal(t, tt.fault, got[0].Fault)
			got = verifyArchive(t, nil, bad).Broken
			require.Equal(t, tt.keyless, len(got) > 0)
			if tt.keyless {
				require.Equal(t, tt.fault, got[0].Fault)
			}
		})
	}
	t.Run("another keyring", func(t *testing.T) {
		t.Parallel()
		other, _ := storetest.Ring(t)
		require.Equal(t, store.FaultForged, verifyArchive(t, other, lines).Broken[0].Fault)
	})
}

func TestWhatIsNoArchive(t *testing.T) {
	t.Parallel()
	f, _ := chain(t)
	lines := f.export(t, store.Export{})
	for name, text := range map[string]string{
		"nothing":        "",
		"blank":          "\n\n",
		"no JSON":        canary,
		"other JSON":     `{"` + canary + `":1}`,
		"a later format": strings.Replace(lines[0], `"format":1`, `"format":2`, 1),
		"no header":      strings.Join(lines[1:], "\n"),
		"half a line":    strings.Join(lines, "\n")[:900],
		"binary":         "\x1f\x8b\x08",
		"a strange word": lines[0] + "\n" + lines[1] + "\n" + strings.Replace(lines[2], `"values_are":"sealed"`, `"values_are":"`+canary+`"`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := store.VerifyArchive(strings.NewReader(text), f.ring)
			require.ErrorIs(t, err, store.ErrNoArchive)
			require.NotContains(t, err.Error(), canary)
		})
	}
}

type slowWriter struct {
	most, size int
	fail       error
}

func (w *slowWriter) Write(p []byte) (int, error) {
	w.most, w.size = max(w.most, len(p)), w.size+len(p)
	return len(p), w.fail
}

func TestExportStreams(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var lines []store.Line
	for i := range 2500 { // some pages
		lines = append(lines, line(fmt.Sprint("c", i), fmt.Sprint("l", i), "A"))
	}
	f.save(t, store.PlanBatch{Journal: lines})
	w := &slowWriter{}
	got, err := f.ExportJournal(f.ctx, acme, store.Export{Values: true}, w)
	require.NoError(t, err)
	require.Equal(t, store.Exported{Reps: 2, Lines: 2500}, got)
	require.Less(t, w.most, 2000, "line by line")
	require.Equal(t, store.Verified{Reps: 2, Lines: 2500, Keyed: true}, f.verify(t, ""))
	require.Equal(t, store.Verified{Reps: 2, Lines: 2500, Keyed: true}, verifyArchive(t, f.ring, f.export(t, store.Export{})))

	full := errors.New("no space left on device")
	_, err = f.ExportJournal(f.ctx, acme, store.Export{}, &slowWriter{fail: full})
	require.ErrorIs(t, err, full)
}

func TestAnArchiveTellsThatTheDatabaseWasCutBack(t *testing.T) {
	t.Parallel()
	f, alices := chain(t)
	ends := func() []store.End {
		v, err := store.VerifyArchive(strings.NewReader(strings.Join(f.export(t, store.Export{}), "\n")), f.ring)
		require.NoError(t, err)
		return v.Ends
	}
	require.NoError(t, store.Exec(f.ctx, f.Store, `create table old as select journal_lines, journal_chain, journal_head from rep where rep = 'alice'`))
	f.save(t, store.PlanBatch{Journal: []store.Line{line("c6", "l6", "F")}})
	kept := ends()
	behind, err := f.BehindArchive(f.ctx, kept)
	require.NoError(t, err)
	require.Empty(t, behind)

	require.NoError(t, store.Exec(f.ctx, f.Store, `delete from journal where rep = 'alice' and seq > $1`, alices[4].Seq))
	require.NoError(t, store.Exec(f.ctx, f.Store, `update rep set (journal_lines, journal_chain, journal_head) = (select * from old) where rep = 'alice'`))
	require.Empty(t, f.verify(t, "").Broken, "the database alone cannot tell")
	want := []store.Broken{{Org: acme, Rep: alice, N: 6, Fault: store.FaultBack}}
	behind, err = f.BehindArchive(f.ctx, kept)
	require.NoError(t, err)
	require.Equal(t, want, behind)
	f.save(t, store.PlanBatch{Journal: []store.Line{line("c6", "l6", "another")}})
	behind, err = f.BehindArchive(f.ctx, kept)
	require.NoError(t, err)
	require.Equal(t, want, behind, "another line stands in its place by now")
}
