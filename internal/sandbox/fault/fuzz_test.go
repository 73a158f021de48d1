package fault_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/fuzztest"
	"github.com/repsync/repsync/internal/sandbox/fault"
)

// FuzzRule reads any JSON as a rule. What is taken is listed as it was given, survives its own JSON, and can be applied to
// requests; what is not taken changes nothing.
func FuzzRule(f *testing.F) {
	for _, rule := range []string{
		`{"name":"busy","method":"POST","path":"^/v1/people:batch","kind":"status","status":429,"retry_after":"30s","times":2}`,
		`{"kind":"latency","latency":"1ns","probability":0.5,"skip":1}`, `{"kind":"huge","size":10}`, `{"kind":"truncate","query":"q=SELECT"}`, `{"kind":"status_after","body":"[]","status":299}`,
		`{"kind":"status","retry_after":1e300}`, `{"kind":"status","retry_after":-0.5}`, `{"kind":"drop","path":"("}`, `{"kind":"huge","size":-1}`, `{"kind":"status","times":-1,"skip":-9}`,
		`{"kind":"latency","latency":1e-10}`, `{}`, `null`, `[]`, `{"kind":"status","code":"` + fuzztest.Canary + `"}`,
	} {
		f.Add([]byte(rule))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		defer fuzztest.Within(10 * time.Second)()
		var rule fault.Rule
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if d.Decode(&rule) != nil {
			return
		}
		i := fault.New(1)
		id, err := i.Add(rule)
		if err != nil {
			require.Empty(t, i.Rules())
			return
		}
		listed := i.Rules()
		require.Len(t, listed, 1)
		shown, err := json.Marshal(listed[0])
		require.NoError(t, err)
		var again fault.Rule
		require.NoError(t, json.Unmarshal(shown, &again))
		require.Equal(t, listed[0], again, "%s", shown)
		require.NoError(t, again.Validate())
		if quick := rule.Latency <= fault.Duration(time.Millisecond) && rule.Size <= 1<<20 && rule.Kind != fault.Huge; quick && rule.Kind != fault.Gate && rule.Kind != fault.GateAfter {
			strike(t, i)
		}
		require.True(t, i.Remove(id))
		require.Empty(t, i.Rules())
	})
}

// strike sends one request through; a dropped connection is a panic that net/http knows.
func strike(t *testing.T, i *fault.Injector) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			require.Equal(t, http.ErrAbortHandler, p)
		}
	}()
	served := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"ok":true}`)) })
	w := httptest.NewRecorder()
	i.Middleware(served).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/people:batchGet?q=x", nil))
	require.True(t, w.Code >= 200 && w.Code <= 599)
}
