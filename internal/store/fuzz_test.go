package store

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/fuzztest"
	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// FuzzStored reads any bytes as a packed base, and any file as an archive of the journal. A base that is read packs to what
// reads the same; an archive is looked through or is none, and neither is quoted.
func FuzzStored(f *testing.F) {
	ring, err := keyring.Generate(filepath.Join(f.TempDir(), "ring.json"))
	require.NoError(f, err)
	whole := pack(planner.Hashes{record.FieldGiven: 5, "custom": 6, record.FieldEmail: 0}, planner.Hashes{record.FieldGiven: 9, "custom": 6}, nil)
	const head = `{"record":"archive","format":1,"org":"acme","exported_at":"2026-11-22T10:00:00Z"}` + "\n"
	for _, archive := range []string{
		"", head, head + `{"record":"close","reps":0,"lines_in_all":0,"mac":""}`, head + `{"record":"rep","rep":"alice","lines_before":0,"chain_before":""}` + "\n" + `{"record":"end","rep":"alice","lines":0,"chain":"","head":"00"}`,
		head + `{"record":"rep","rep":"alice","lines_before":3,"chain_before":"zz"}`, head + `{"record":"` + fuzztest.Canary + `"}`, fuzztest.Canary, head + head, `{"record":"archive","format":2,"org":"acme"}`,
		head + `{"record":"rep","rep":"alice"}` + "\n" + `{"record":"line","rep":"alice","n":1,"seq":1,"at":"2026-11-22T10:00:00Z","kind":"contact","side":"crm","item":"003","action":"created","values_are":"none","digest":"00","chain":"00","mac":"00"}`,
		head + `{"record":"line","rep":"bob","n":-1,"values_are":"here","values":{"email":{"before":"` + fuzztest.Canary + `"}}}`,
	} {
		f.Add(whole, []byte(archive))
	}
	for _, packed := range [][]byte{{}, {packFormat}, {9}, {packFormat, 200, 0}, {packFormat, 1}, {packFormat, 1, 0x44}, {packFormat, 0, 40, 'x'}, whole[:len(whole)-3], append(bytes.Clone(whole), whole[1:]...)} {
		f.Add(packed, []byte(head))
	}
	f.Fuzz(func(t *testing.T, packed, archive []byte) {
		defer fuzztest.Within(10 * time.Second)()
		if shown, sent, err := unpack(packed, nil); err == nil {
			require.LessOrEqual(t, len(shown)+len(sent), 2*len(packed), "no base is larger than its bytes")
			again := pack(shown, sent, nil)
			require.LessOrEqual(t, len(again), max(len(packed), 1))
			shownAgain, sentAgain, err := unpack(again, nil)
			require.NoError(t, err)
			require.Equal(t, shown, shownAgain)
			require.Equal(t, sent, sentAgain)
		} else {
			require.Less(t, len(err.Error()), 200)
		}
		for _, r := range []*keyring.Ring{nil, ring} {
			out, err := VerifyArchive(bytes.NewReader(archive), r)
			if err != nil {
				require.ErrorIs(t, err, ErrNoArchive)
				require.NotContains(t, err.Error(), fuzztest.Canary)
				continue
			}
			require.Equal(t, r != nil, out.Keyed)
			require.LessOrEqual(t, out.Lines, int64(bytes.Count(archive, []byte("\n"))+1))
			require.LessOrEqual(t, len(out.Broken), bytes.Count(archive, []byte("\n"))+2)
			if r != nil && out.Lines > 0 {
				require.NotEmpty(t, out.Broken, "nobody made these lines with the ring")
			}
		}
	})
}
