package demo_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/demo"
)

// The whole demo, as `make demo ONCE=1` plays it: real servers, a real worker process, and the verifier's agreement.
func TestWholeDemo(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts Temporal, Postgres and a worker: not with -short")
	}
	worker := buildWorker(t)
	cases := []struct {
		name  string
		files func(t *testing.T) (vcf, csv, ics string)
		want  []string
	}{
		{"the story", func(*testing.T) (string, string, string) { return "", "", "" },
			[]string{"rep:acme:alice", "Act 5 of 5", "the verifier agrees after the first sync", "the verifier agrees at the end"}},
		{"own data", ownFiles,
			[]string{"own.vcf: 3 cards loaded, 1 skipped", "line 16: ", "own.csv: 2 rows loaded, 1 skipped", "line 4: ",
				"own.ics: 2 events loaded, 1 skipped", "the event has no readable start", "inside the window your calendar shows 5 occurrences: 5 to be in Salesforce at the same instants, 0 parked", "the verifier agrees on your data"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			vcf, csv, ics := c.files(t)
			var out bytes.Buffer
			err := demo.Run(t.Context(), demo.Config{Out: &out, Once: true, VCF: vcf, CSV: csv, ICS: ics, Dir: t.TempDir(), WorkerBin: worker, AnyPorts: true})
			t.Log(out.String())
			require.NoError(t, err)
			for _, w := range c.want {
				require.Contains(t, out.String(), w)
			}
		})
	}
}

// A file that is not there is said before a minute of starting servers.
func TestMissingFileAndWorker(t *testing.T) {
	t.Parallel()
	bin := filepath.Join(t.TempDir(), "worker")
	var out bytes.Buffer
	require.ErrorContains(t, demo.Run(t.Context(), demo.Config{Out: &out, VCF: filepath.Join(t.TempDir(), "none.vcf"), WorkerBin: bin}), "open your file")
	require.ErrorContains(t, demo.Run(t.Context(), demo.Config{Out: &out, WorkerBin: bin}), "make build")
}

// buildWorker builds the worker's binary.
func buildWorker(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "worker")
	build := exec.Command("go", "build", "-o", bin, "../../worker")
	said, err := build.CombinedOutput()
	require.NoError(t, err, string(said))
	return bin
}

// ownFiles writes an address book and an export that share a person, and a calendar, each with one broken entry.
func ownFiles(t *testing.T) (vcf, csv, ics string) {
	t.Helper()
	dir := t.TempDir()
	vcf, csv, ics = filepath.Join(dir, "own.vcf"), filepath.Join(dir, "own.csv"), filepath.Join(dir, "own.ics")
	start := time.Now().AddDate(0, 0, -10).Format("20060102")
	require.NoError(t, os.WriteFile(ics, []byte(`BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
UID:one
SUMMARY:Amara
DTSTART;TZID=Europe/Berlin:`+start+`T090000
DTEND;TZID=Europe/Berlin:`+start+`T100000
RRULE:FREQ=DAILY;COUNT=4
ATTENDEE:mailto:amara@halden.test
END:VEVENT
BEGIN:VEVENT
SUMMARY:Fair
DTSTART;VALUE=DATE:`+start+`
END:VEVENT
BEGIN:VEVENT
SUMMARY:Broken
END:VEVENT
END:VCALENDAR
`), 0o600))
	require.NoError(t, os.WriteFile(vcf, []byte(`BEGIN:VCARD
VERSION:3.0
N:Okafor;Amara;;;
EMAIL;TYPE=WORK:amara@halden.test
TEL;TYPE=CELL:+1 617 555 0151
NICKNAME:Ama
END:VCARD
BEGIN:VCARD
VERSION:2.1
N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:S=C3=B8rensen;J=C3=B8rgen
TEL;WORK;VOICE:+45 55 55 01 02
BDAY:19800322
ORG:Nordlys;Grid
END:VCARD

BEGIN:VCARD
this is no property
END:VCARD
BEGIN:VCARD
VERSION:4.0
FN:Plumber
N:;Plumber;;;
TEL;TYPE=cell:+1 617 555 0194
END:VCARD
`), 0o600))
	require.NoError(t, os.WriteFile(csv, []byte(`"Last Name","First Name","Email","Title","Business Phone","Account Name"
"Okafor","Amara","amara@halden.test","Head of Procurement","+1 617 555 0101","Halden"
"Dahl","Henrik","henrik@nordlys.test","Planner","","Nordlys"
"Broken","Row"
`), 0o600))
	return vcf, csv, ics
}
