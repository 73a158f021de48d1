package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/metrics"
)

func TestCountFrom(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		value string
		want  int
		says  string
	}{
		"nothing":     {"", 64, ""},
		"a number":    {"8", 8, ""},
		"none":        {"0", 0, "REPSYNC_SLOTS=0 is no number of at least 1"},
		"less":        {"-3", 0, "unset it for 64"},
		"not a count": {"many", 0, "REPSYNC_SLOTS=many"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := countFrom(func(string) string { return tt.value }, varSlots, defaultSlots)
			if tt.says != "" {
				require.ErrorContains(t, err, tt.says)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestLogForms(t *testing.T) {
	t.Parallel()
	for form, isJSON := range map[string]bool{"": false, "text": false, "json": true} {
		var out bytes.Buffer
		slog.New(logHandler(&out, form)).Info("parked", slog.String("item", "003A"))
		require.Equal(t, isJSON, json.Valid(out.Bytes()), form)
		require.Contains(t, out.String(), "003A")
	}
}

// A worker that stops lives, and is not ready.
func TestStoppingIsNotReady(t *testing.T) {
	t.Parallel()
	w := &Worker{metrics: metrics.New("")}
	w.stopping.Store(true)
	s := newHTTPServer(w)
	for path, want := range map[string]int{"/healthz": http.StatusOK, "/readyz": http.StatusServiceUnavailable, "/metrics": http.StatusOK, "/": http.StatusNotFound} {
		rec := httptest.NewRecorder()
		s.server.Handler.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
		require.Equal(t, want, rec.Code, path)
	}
}
