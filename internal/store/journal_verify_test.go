package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/internal/store/storetest"
)

// chain is a fixture whose journal has five lines of alice's, #1 to #5 of them with values but the fourth, and two of bob's,
// written in several transactions and in turn.
func chain(t *testing.T) (f *fixture, alices []store.Line) {
	t.Helper()
	f = newFixture(t)
	bobs, err := f.Acquire(f.ctx, acme, bob, "worker-2", 1e12)
	require.NoError(t, err)
	plain := line("c4", "l4", "")
	plain.Action, plain.Values = "refused", nil
	f.save(t, store.PlanBatch{Journal: []store.Line{line("c1", "l1", "A"), line("c2", "l2", "B")}})
	require.NoError(t, f.SavePlan(f.ctx, acme, bob, bobs, store.PlanBatch{Journal: []store.Line{line("c9", "l9", "A")}}))
	f.advance(60e9)
	f.settle(t, store.SettleBatch{Journal: []store.Line{line("c3", "", "C"), plain}})
	require.NoError(t, f.SavePlan(f.ctx, acme, bob, bobs, store.PlanBatch{Journal: []store.Line{line("c4", "l4", "B")}}))
	f.save(t, store.PlanBatch{Journal: []store.Line{line("c1", "l1", "E")}})
	alices, err = f.Journal(f.ctx, acme, alice, 0, 10)
	require.NoError(t, err)
	require.Len(t, alices, 5)
	return f, alices
}

func (f *fixture) verify(t *testing.T, rep string) store.Verified {
	t.Helper()
	v, err := f.VerifyJournal(f.ctx, acme, rep)
	require.NoError(t, err)
	return v
}

// nth makes a statement's $n the number of alice's n-th line.
func nth(sql string, lines []store.Line) string {
	for i, l := range lines {
		sql = strings.ReplaceAll(sql, fmt.Sprintf("$%d", i+1), fmt.Sprint(l.Seq))
	}
	return sql
}

func TestVerifyJournal(t *testing.T) {
	t.Parallel()
	f, _ := chain(t)
	require.Equal(t, store.Verified{Reps: 2, Lines: 7, Keyed: true}, f.verify(t, ""))
	require.Equal(t, store.Verified{Reps: 1, Lines: 5, Keyed: true}, f.verify(t, alice))
	f.destroyValues(t, "l1")
	f.save(t, store.PlanBatch{Journal: []store.Line{line("c1", "l1", "Z")}})
	require.Equal(t, store.Verified{Reps: 2, Lines: 8, Erased: 3, Keyed: true}, f.verify(t, ""), "what was erased is no fault")
	none, err := f.VerifyJournal(f.ctx, "nobody", "")
	require.ErrorIs(t, err, store.ErrNotFound)
	require.Empty(t, none)
}

// TestTampering does to the journal, with SQL alone, each thing that must be found.
func TestTampering(t *testing.T) {
	t.Parallel()
	const (
		copied  = `org, rep, pass, revision, kind, side, id, link_id, action, field, rule, code, reason, values_sealed, at, digest`
		headTo4 = `; update rep set journal_lines = 4 where rep = 'alice'`
	)
	for name, tt := range map[string]struct {
		sql   string
		bad   int // which of alice's lines is the first bad one; 0 is the end
		n     int64
		fault store.Fault
		lines int64
	}{
		"the first line is removed":             {`delete from journal where seq = $1`, 2, 1, store.FaultMissing, 1},
		"one in the middle":                     {`delete from journal where seq = $3`, 4, 3, store.FaultMissing, 1},
		"two in the middle":                     {`delete from journal where seq in ($2, $3)`, 4, 2, store.FaultMissing, 2},
		"the last":                              {`delete from journal where seq = $5`, 0, 5, store.FaultMissing, 1},
		"the last two":                          {`delete from journal where seq in ($4, $5)`, 0, 4, store.FaultMissing, 2},
		"all":                                   {`delete from journal where rep = 'alice'`, 0, 1, store.FaultMissing, 5},
		"the last, and the count is corrected":  {`delete from journal where seq = $5` + headTo4, 0, 5, store.FaultEnd, 0},
		"the last, and count and chain are":     {`delete from journal where seq = $5; update rep set journal_lines = 4, journal_chain = (select chain from journal where seq = $4) where rep = 'alice'`, 0, 5, store.FaultEnd, 0},
		"the last, and the end is its mac":      {`delete from journal where seq = $5; update rep r set journal_lines = 4, journal_chain = j.chain, journal_head = j.mac from journal j where j.seq = $4 and r.rep = 'alice'`, 0, 5, store.FaultEnd, 0},
		"all, and the end looks like a new one": {`delete from journal where rep = 'alice'; update rep set journal_lines = 0, journal_chain = null, journal_head = null where rep = 'alice'`, 0, 1, store.FaultEnd, 0},
		"all, and the end is another rep's":     {`delete from journal where rep = 'alice'; update rep set (journal_lines, journal_chain, journal_head) = (select journal_lines, journal_chain, journal_head from rep where rep = 'bob') where rep = 'alice'`, 0, 1, store.FaultEnd, 0},
		"two are swapped":                       {`update journal set seq = -1 where seq = $2; update journal set seq = $2 where seq = $3; update journal set seq = $3 where seq = -1`, 2, 2, store.FaultReordered, 0},
		"two are swapped with their places":     {`update journal set seq = -1 where seq = $2; update journal set seq = $2, n = 2 where seq = $3; update journal set seq = $3, n = 3 where seq = -1`, 2, 2, store.FaultAltered, 0},
		"the first is put last":                 {`update journal set seq = 1000 where seq = $1`, 2, 1, store.FaultReordered, 0},
		"a copy is put at the end":              {`insert into journal select (jsonb_populate_record(j, '{"seq": 1000, "digest": "\\x00"}')).* from journal j where seq = $5`, 0, 6, store.FaultInserted, 0},
		"a made-up line is put at the end":      {`insert into journal (` + copied + `, n, chain, mac) select org, rep, pass, revision, kind, side, 'c7', link_id, action, field, rule, code, reason, null, at, '\x07', 6, '\x00', '\x00' from journal where seq = $5`, 0, 6, store.FaultInserted, 0},
		"a copy is put in between":              {`update journal set seq = seq + 1000 where rep = 'alice' and seq > $2; insert into journal select (jsonb_populate_record(j, jsonb_build_object('seq', $2 + 500, 'digest', '\x00'))).* from journal j where seq = $2`, 0, 3, store.FaultInserted, 0},
		"one goes to another rep":               {`update journal set rep = 'bob' where seq = $3`, 4, 3, store.FaultMissing, 1},
		"one goes to another org":               {`update journal set org = 'other' where seq = $3`, 4, 3, store.FaultMissing, 1},
		"the count is altered":                  {`update rep set journal_lines = 7 where rep = 'alice'`, 0, 6, store.FaultEnd, 0},
		"the end's chain is altered":            {`update rep set journal_chain = '\x00' where rep = 'alice'`, 0, 6, store.FaultEnd, 0},
		"the end is altered":                    {`update rep set journal_head = '\x00' where rep = 'alice'`, 0, 6, store.FaultEnd, 0},
		"a salt is altered":                     {`update journal set values_salt = '\x00' where seq = $2`, 2, 2, store.FaultValues, 0},
		"a salt is another's":                   {`update journal set values_salt = (select values_salt from journal where seq = $1) where seq = $2`, 2, 2, store.FaultValues, 0},
	} {
		for _, erased := range []bool{false, true} {
			if erased && tt.fault == store.FaultValues {
				continue // nothing is left to alter
			}
			t.Run(fmt.Sprintf("%s, erased %t", name, erased), func(t *testing.T) {
				t.Parallel()
				f, alices := chain(t)
				if erased {
					require.NoError(t, store.Exec(f.ctx, f.Store, `update journal set values_salt = null`))
				}
				require.Empty(t, f.verify(t, "").Broken)
				for sql := range strings.SplitSeq(nth(tt.sql, alices), "; ") {
					require.NoError(t, store.Exec(f.ctx, f.Store, sql), sql)
				}
				got := f.verify(t, alice).Broken
				require.Len(t, got, 1)
				require.Equal(t, tt.fault, got[0].Fault)
				require.Equal(t, tt.n, got[0].N)
				require.Equal(t, tt.lines, got[0].Lines)
				if tt.bad > 0 && tt.fault != store.FaultInserted {
					require.Equal(t, alices[tt.bad-1].Seq, got[0].Seq)
				}
				require.Contains(t, f.verify(t, "").Broken, got[0])

				// What a worker writes next does not heal it.
				f.save(t, store.PlanBatch{Journal: []store.Line{line("c5", "l5", "after")}})
				after := f.verify(t, alice).Broken
				require.Len(t, after, 1)
				require.GreaterOrEqual(t, after[0].N, tt.n)
			})
		}
	}
}

// TestEveryColumnIsCovered alters each column of a line by itself, before and after values were erased.
func TestEveryColumnIsCovered(t *testing.T) {
	t.Parallel()
	all, _ := chain(t)
	columns, err := store.Strings(all.ctx, all.Store, `select column_name || ' ' || data_type from information_schema.columns
		where table_schema = current_schema() and table_name = 'journal' order by 1`)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(columns), 20)
	for _, column := range columns {
		name, kind, _ := strings.Cut(column, " ")
		for _, of := range []int{1, 3, 4} { // with a link, without one, without values
			value := map[string]string{
				"text": name + ` || 'x'`, "bigint": name + ` - 1`, "integer": name + ` - 1`, "bytea": `'\x01'::bytea || coalesce(` + name + `, '')`,
				"timestamp with time zone": name + ` + interval '1 microsecond'`,
			}[kind]
			require.NotEmpty(t, value, kind)
			if name == "values_salt" && of == 4 {
				continue // there is nothing that it could open
			}
			if name == "seq" {
				value = `10 * seq - 100000` // nowhere else
				if of > 1 {
					value = `seq + 1000`
				}
			}
			for _, erased := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s of line %d, erased %t", name, of, erased), func(t *testing.T) {
					t.Parallel()
					f, alices := chain(t)
					if erased {
						require.NoError(t, store.Exec(f.ctx, f.Store, `update journal set values_salt = null`))
					}
					require.NoError(t, store.Exec(f.ctx, f.Store, fmt.Sprintf(`update journal set %s = %s where seq = %d`, name, value, alices[of-1].Seq)))
					got := f.verify(t, alice).Broken
					require.Len(t, got, 1)
					require.EqualValues(t, of, got[0].N)
					switch name {
					case "org", "rep":
						require.Equal(t, store.FaultMissing, got[0].Fault)
					case "seq":
						require.Contains(t, []store.Fault{store.FaultAltered, store.FaultReordered}, got[0].Fault)
					case "mac":
						require.Equal(t, store.FaultForged, got[0].Fault)
					case "values_salt":
						require.Equal(t, store.FaultValues, got[0].Fault)
					default:
						require.Equal(t, store.FaultAltered, got[0].Fault)
						require.Equal(t, alices[of-1].Seq, got[0].Seq)
					}
				})
			}
		}
	}
}

func TestMovedLinesAreStrangersWhereTheyCome(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		to, sql string
	}{
		"to a rep with lines":    {bob, `update journal set rep = 'bob' where seq = $3`},
		"to a rep without lines": {"carol", `update journal set rep = 'carol' where seq = $1`},
		"to nobody":              {"ghost", `update journal set rep = 'ghost' where seq = $1`},
		"all to nobody":          {"ghost", `update journal set rep = 'ghost' where rep = 'alice'`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, alices := chain(t)
			require.NoError(t, f.AddRep(f.ctx, store.Rep{Org: acme, Rep: "carol"}))
			require.NoError(t, store.Exec(f.ctx, f.Store, nth(tt.sql, alices)))
			broken := map[string]store.Broken{}
			for _, b := range f.verify(t, "").Broken {
				broken[b.Rep] = b
			}
			require.Len(t, broken, 2)
			require.Equal(t, store.FaultMissing, broken[alice].Fault)
			require.Equal(t, store.FaultInserted, broken[tt.to].Fault)
		})
	}
}

func TestARepIsNotTakenAwayUnseen(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"with all that it has":           `delete from journal where rep = 'alice'; delete from rep where rep = 'alice'`,
		"and another put in its place":   `delete from journal where rep = 'alice'; update rep set rep = 'carol', journal_lines = 0, journal_chain = null where rep = 'alice'`,
		"with the others and the roster": `delete from journal; delete from rep where rep = 'alice'; update org set roster = '\x00'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, _ := chain(t)
			for part := range strings.SplitSeq(sql, "; ") {
				require.NoError(t, store.Exec(f.ctx, f.Store, part))
			}
			require.Equal(t, store.FaultRep, f.verify(t, "").Broken[0].Fault)
			require.NoError(t, f.AddRep(f.ctx, store.Rep{Org: acme, Rep: "dave"}))
			require.Equal(t, store.FaultRep, f.verify(t, "").Broken[0].Fault, "the next rep does not heal it")
		})
	}
}

// TestForgery is done by somebody who has the database, the formulas and time, and not the keyring: the whole chain is made
// anew behind the removed line.
func TestForgery(t *testing.T) {
	t.Parallel()
	f, alices := chain(t)
	require.NoError(t, store.Exec(f.ctx, f.Store, fmt.Sprintf(`delete from journal where seq = %d`, alices[1].Seq)))
	forger, _ := storetest.Ring(t)
	require.NoError(t, store.Rechain(f.ctx, f.Store, forger, acme, alice))
	got := f.verify(t, alice).Broken
	require.Len(t, got, 1)
	require.Equal(t, store.FaultForged, got[0].Fault)
	require.EqualValues(t, 1, got[0].N)
}

func TestABackupThatIsRestoredIsWhole(t *testing.T) {
	t.Parallel()
	f, _ := chain(t)
	tables := []string{"org", "rep", "journal", "erased"}
	for _, table := range tables {
		require.NoError(t, store.Exec(f.ctx, f.Store, `create table old_`+table+` as select * from `+table))
	}
	f.save(t, store.PlanBatch{Journal: []store.Line{line("c6", "l6", "F")}})
	require.NoError(t, f.AddRep(f.ctx, store.Rep{Org: acme, Rep: "carol"}))
	require.Equal(t, store.Verified{Reps: 3, Lines: 8, Keyed: true}, f.verify(t, ""))
	for _, table := range slices.Backward(tables) {
		require.NoError(t, store.Exec(f.ctx, f.Store, `delete from `+table))
	}
	for _, table := range tables {
		require.NoError(t, store.Exec(f.ctx, f.Store, `insert into `+table+` select * from old_`+table))
	}
	require.Equal(t, store.Verified{Reps: 2, Lines: 7, Keyed: true}, f.verify(t, ""))
	f.save(t, store.PlanBatch{Journal: []store.Line{line("c6", "l6", "another")}})
	require.Equal(t, store.Verified{Reps: 2, Lines: 8, Keyed: true}, f.verify(t, ""))
}

func TestVerifyWhileLinesAreWritten(t *testing.T) {
	t.Parallel()
	f, _ := chain(t)
	done := make(chan error)
	go func() {
		for i := range 60 {
			l := line("c1", "l1", fmt.Sprint("v", i))
			if err := f.SavePlan(f.ctx, acme, alice, f.epoch, store.PlanBatch{Journal: []store.Line{l, line("c2", "l2", l.Values["title"].After)}}); err != nil {
				done <- err
				return
			}
		}
		close(done)
	}()
	for {
		require.Empty(t, f.verify(t, "").Broken)
		select {
		case err := <-done:
			require.NoError(t, err)
			require.Equal(t, store.Verified{Reps: 2, Lines: 127, Keyed: true}, f.verify(t, ""))
			return
		default:
		}
	}
}

func TestJournalCostsNoRoundTripMore(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	n := store.CountRoundTrips(f.Store)
	write := func(after string) int64 {
		before := n.Load()
		f.settle(t, store.SettleBatch{Kind: record.Contact, Journal: []store.Line{line("c1", "l1", after), line("c2", "l2", after)}})
		return n.Load() - before
	}
	write("warm") // connects and prepares
	write("warmer")
	require.EqualValues(t, 5, write("A"), "begin, the rep's row, what the lines need, all writes, commit")
}
