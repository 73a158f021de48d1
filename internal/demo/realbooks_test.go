package demo

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/demo/load"
	"github.com/repsync/repsync/internal/demo/scenario"
	"github.com/repsync/repsync/internal/demo/verify"
	"github.com/repsync/repsync/internal/demo/wire"
	"github.com/repsync/repsync/internal/planner"
)

// Real address books travel through the real engine: cards → alice's mailbox → CRM → bob's mailbox, and a Salesforce
// export of the same people → CRM → a mailbox. What must arrive stands in realPeople, field by field.
func TestRealAddressBooks(t *testing.T) {
	t.Parallel()
	dir := realData(t)
	var files []string
	for _, p := range realPeople {
		files = append(files, p.file)
	}
	onDisk, err := filepath.Glob(filepath.Join(dir, "*.vcf"))
	require.NoError(t, err)
	for i := range onDisk {
		onDisk[i] = filepath.Base(onDisk[i])
	}
	require.ElementsMatch(t, onDisk, files, "the table speaks of every file, and of no other")

	total := &tally{parked: map[string]int{}}
	t.Cleanup(func() {
		t.Logf("real address books: %d files; contacts compared, on either side: %d, with %d fields; parked: %v", len(files), total.contacts, total.fields, total.parked)
	})
	for _, p := range realPeople {
		t.Run(p.file, func(t *testing.T) {
			t.Parallel()
			realJourney(t, dir, []realPerson{p}, total)
		})
	}
	t.Run("all together", func(t *testing.T) {
		t.Parallel()
		realJourney(t, dir, realPeople, total)
	})
	t.Run("by a Salesforce export", func(t *testing.T) {
		t.Parallel()
		realExport(t, dir, realPeople, total)
	})
}

// tally is what was looked at, in all cases.
type tally struct {
	sync.Mutex
	contacts, fields int
	parked           map[string]int // reason and field → items
}

// realData is the directory of the address books: data that nobody on this project wrote, which is not part of it.
func realData(t *testing.T) string {
	t.Helper()
	root := os.Getenv("REPSYNC_TESTDATA")
	if root == "" {
		root = "../../../shared/data"
	}
	dir := filepath.Join(root, "vcf")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		t.Skip("no real address books in " + dir + ": set REPSYNC_TESTDATA to the directory that holds vcf/")
	}
	return dir
}

// companies are the accounts that the org has. A contact's company is its account, which a sync finds and never makes.
var companies = []string{"IBM", "Organization1", "TheCompany", "Viagenie"}

// realJourney brings cards into alice's mailbox, from there into the CRM, and, once carol has given the records to bob,
// into his.
func realJourney(t *testing.T, dir string, people []realPerson, total *tally) {
	t.Helper()
	b := newBench(t, scenario.Reps...)
	b.policy("name: journey\norg: acme\nassign: {reps: [alice, bob]}\ncontacts: {direction: both}\n")
	for _, name := range companies {
		_, err := b.world.CRM.Create(t.Context(), "Account", wire.Object{"Name": name})
		require.NoError(t, err)
	}
	var want []map[string]string
	entry := map[string]realPerson{} // id in alice's mailbox → who it is
	parks := map[string]string{}     // id → the reason that must be given
	for _, p := range people {
		card := readCard(t, dir, p)
		id, err := b.world.Books["alice"].Create(t.Context(), card)
		require.NoError(t, err)
		entry[id] = p
		if reason := p.reason(len(people) > 1); reason != "" {
			parks[id] = reason
		} else {
			want = append(want, p.fields(t, card))
		}
	}
	loaded := b.look().Books["alice"]

	b.settle("alice", "bob")
	crm := b.look().CRM
	total.compare(t, "Salesforce", crm, want, func(f map[string]string) map[string]string { return owned(f, "alice@acme.test") })
	got := map[string]string{}
	for _, p := range b.parked("alice") {
		got[p.ID] = parkedAs(p.Reason, p.Field)
	}
	require.Equal(t, parks, got, "what is parked, and why")
	total.park(got)
	require.ElementsMatch(t, loaded, b.look().Books["alice"], "nothing in alice's own address book was touched")
	require.Empty(t, b.look().Books["bob"])

	for _, record := range crm {
		require.NoError(t, b.world.CRM.Update(t.Context(), "Contact", record.ID, wire.Object{"OwnerId": b.vendor.userID("bob@acme.test")}))
	}
	b.settle("alice", "bob")
	total.compare(t, "bob's address book", b.look().Books["bob"], want, asEntry)
	total.compare(t, "Salesforce", b.look().CRM, want, func(f map[string]string) map[string]string { return owned(f, "bob@acme.test") })
	require.ElementsMatch(t, loaded, b.look().Books["alice"], "alice keeps her own entries as they were")
	require.Empty(t, b.parked("bob"))
}

// realExport builds a Salesforce export of the people, loads it into a CRM, and syncs it into an empty mailbox.
func realExport(t *testing.T, dir string, people []realPerson, total *tally) {
	t.Helper()
	b := newBench(t, scenario.Reps[0])
	b.policy("name: export\norg: acme\nassign: {reps: [alice]}\ncontacts: {direction: crm_to_mailbox}\n")
	heads := map[string]string{"Account": "Account Name"}
	columns := slices.Sorted(maps.Keys(places))
	var file bytes.Buffer
	w := csv.NewWriter(&file)
	head := slices.Clone(columns)
	for i, c := range head {
		if heads[c] != "" {
			head[i] = heads[c]
		}
	}
	require.NoError(t, w.Write(head))
	var want []map[string]string
	for _, p := range people {
		fields := p.fields(t, readCard(t, dir, p))
		row := make([]string, len(columns))
		for i, c := range columns {
			row[i] = fields[c]
		}
		require.NoError(t, w.Write(row))
		want = append(want, fields)
	}
	w.Flush()
	rows, ignored, problems, err := load.CSV(&file)
	require.NoError(t, err)
	require.Empty(t, ignored)
	require.Empty(t, problems)
	n, refused, err := load.IntoCRM(t.Context(), b.world.CRM, b.vendor.userID("alice@acme.test"), rows)
	require.NoError(t, err)
	require.Empty(t, refused)
	require.Equal(t, len(people), n)
	before := b.look().CRM
	total.compare(t, "Salesforce", before, want, func(f map[string]string) map[string]string { return owned(f, "alice@acme.test") })

	b.settle("alice")
	total.compare(t, "alice's address book", b.look().Books["alice"], want, asEntry)
	require.ElementsMatch(t, before, b.look().CRM, "no record was touched")
	require.Empty(t, b.parked("alice"))
}

// compare holds a side against what must be there, item by item and field by field: nothing is missing, nothing is there
// twice, no field differs, and none is there that nobody expects.
func (total *tally) compare(t *testing.T, side string, items []verify.Item, want []map[string]string, as func(map[string]string) map[string]string) {
	t.Helper()
	var expected, got []map[string]string
	for _, w := range want {
		expected = append(expected, as(w))
	}
	for _, it := range items {
		got = append(got, it.Fields)
	}
	require.ElementsMatch(t, expected, got, side)
	total.Lock()
	defer total.Unlock()
	for _, f := range got {
		total.contacts++
		total.fields += len(f)
	}
}

// park counts what is parked, by reason.
func (total *tally) park(reasons map[string]string) {
	total.Lock()
	defer total.Unlock()
	for _, r := range reasons {
		total.parked[r]++
	}
}

// readCard reads the one card of a person's file.
func readCard(t *testing.T, dir string, p realPerson) wire.Object {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, p.file))
	require.NoError(t, err)
	defer f.Close()
	cards, problems, err := load.VCF(f)
	require.NoError(t, err)
	require.Empty(t, problems)
	require.Len(t, cards, 1)
	return cards[0].Fields
}

// fields are the person's, with a long note read from the card after its length, start and end were checked.
func (p realPerson) fields(t *testing.T, card wire.Object) map[string]string {
	t.Helper()
	f := maps.Clone(p.crm)
	if p.note.runes > 0 {
		text := verify.FlattenPerson(wire.Clean(card))["biographies"]
		require.Equal(t, p.note.runes, utf8.RuneCountInString(text))
		require.True(t, strings.HasPrefix(text, p.note.starts) && strings.HasSuffix(text, p.note.ends), "the note is another one")
		f["Description"] = text
	}
	return f
}

// reason is why the card is parked, "" when it is not. Cards that share an address are parked when they are together.
func (p realPerson) reason(together bool) string {
	if p.parked == "" && together {
		return parkedAs(p.together, "")
	}
	return parkedAs(p.parked, p.field)
}

func parkedAs(r planner.Reason, field string) string {
	if r == "" || field == "" {
		return string(r)
	}
	return string(r) + " " + field
}

func owned(f map[string]string, owner string) map[string]string {
	f = maps.Clone(f)
	f["Owner"] = owner
	return f
}

// asEntry is what an entry that Repsync makes of a record must read.
func asEntry(f map[string]string) map[string]string {
	e := map[string]string{}
	for name, v := range f {
		e[places[name]] = v
	}
	return e
}
