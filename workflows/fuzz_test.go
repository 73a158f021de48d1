package workflows_test

import (
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"github.com/repsync/repsync/internal/fuzztest"
	"github.com/repsync/repsync/workflows"
)

// FuzzSignals sends any payload, in any encoding, with every signal and update that RepSync knows and with one that it may
// not know. The workflow stays alive and passes on; what it could not understand it says without quoting it, in few words;
// and what goes on to a stage is short.
func FuzzSignals(f *testing.F) {
	for _, data := range []string{
		`{"revision": 7}`, `{"revision": "7"}`, `{"revision": 9223372036854775808}`, `{"digest": "abc"}`, `{"digest": ["abc"]}`, `{"digest": "` + fuzztest.Canary + `"}`, `"` + fuzztest.Canary + `"`,
		``, `null`, `[]`, `{`, `{"revision": -1, "digest": ""}`, "\x00\xff", `{"Revision": 1e400}`,
	} {
		f.Add(workflows.SignalNudge, "json/plain", []byte(data))
	}
	for _, encoding := range []string{"", "binary/null", "binary/plain", "json/protobuf", "binary/protobuf", "binary/encrypted"} {
		f.Add("no-such-signal", encoding, []byte(`{"revision": 7}`))
	}
	f.Fuzz(func(t *testing.T, name, encoding string, data []byte) {
		if !utf8.ValidString(name) || !utf8.ValidString(encoding) {
			return // the server takes no such text
		}
		defer fuzztest.Within(30 * time.Second)()
		s := &script{}
		e := env(t, s)
		e.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: 10 * time.Second}) // a busy machine is no deadlock
		e.SetTestTimeout(20 * time.Second)
		junk := converter.NewRawValue(&commonpb.Payload{Metadata: map[string][]byte{converter.MetadataEncoding: []byte(encoding)}, Data: data})
		names := []string{
			workflows.SignalPolicy, workflows.SignalNudge, workflows.SignalSyncNow, workflows.SignalPause, workflows.SignalResume, workflows.SignalRelease, name,
		}
		for i, n := range names {
			e.RegisterDelayedCallback(func() { e.SignalWorkflow(n, junk) }, time.Duration(i+1)*time.Minute)
		}
		e.RegisterDelayedCallback(func() { e.SignalWorkflow(workflows.SignalResume, nil) }, 10*time.Minute)
		e.RegisterDelayedCallback(func() {
			st := status(t, e)
			require.Equal(t, workflows.Idle, st.State)
			require.LessOrEqual(t, len(st.Remarks), 5)
			for _, r := range st.Remarks {
				require.NotContains(t, r, fuzztest.Canary)
				require.Less(t, len(r), 400)
			}
		}, 11*time.Minute)
		start(e, 12*time.Minute)
		require.True(t, temporal.IsCanceledError(e.GetWorkflowError()), "%v", e.GetWorkflowError())
		require.Greater(t, len(s.fetched()), 2)
		for _, in := range s.fetched() {
			require.LessOrEqual(t, len(in.Release), 128, "a digest")
			require.NotContains(t, in.Release, fuzztest.Canary)
		}
	})
}
