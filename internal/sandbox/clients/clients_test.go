package clients_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/sandbox"
)

// runTime is how long a script may take, and npm to install.
const runTime = 3 * time.Minute

// install returns a node_modules directory with the clients of the lock file. It is made once per lock file, in the user's
// cache directory.
var install = sync.OnceValues(func() (string, error) {
	lock, err := os.ReadFile("package-lock.json")
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a place to keep npm packages: %w: set HOME or XDG_CACHE_HOME", err)
	}
	sum := sha256.Sum256(lock)
	parent := filepath.Join(cache, "repsync", "clients")
	dir := filepath.Join(parent, hex.EncodeToString(sum[:8]))
	modules := filepath.Join(dir, "node_modules")
	if _, err := os.Stat(modules); err == nil {
		return modules, nil
	}
	if err := os.MkdirAll(parent, 0o750); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(parent, "new-") // installed aside and renamed, so that a run that is cut off leaves no half
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(fresh) }()
	for _, name := range []string{"package.json", "package-lock.json"} {
		content, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(fresh, name), content, 0o600); err != nil {
			return "", err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), runTime)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	npm.Dir = fresh
	if out, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w: the first run needs npm's registry\n%s", err, out)
	}
	// Another process may have been faster; its copy is as good.
	if err := os.Rename(fresh, dir); err != nil {
		if _, there := os.Stat(modules); there != nil {
			return "", err
		}
	}
	return modules, nil
})

// needNode skips a test on a machine without node or npm.
func needNode(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not on PATH: strangers' clients are Node packages; install Node 20 or later to run them", tool)
		}
	}
}

// call is what a script says of one call.
type call struct {
	Name  string   `json:"call"`
	HTTP  []string `json:"http"`  // "POST 201" for each request that it made, in order
	Got   any      `json:"got"`   // what the client returned
	Error any      `json:"error"` // what it threw
}

// run runs a script to its end and returns its calls. The script gets env as JSON in CLIENTS_ENV.
func run(t *testing.T, script string, env map[string]string, more ...string) []call {
	t.Helper()
	modules, err := install()
	require.NoError(t, err)
	// Imports resolve from where a script lies, and so the scripts lie beside the packages.
	dir := t.TempDir()
	require.NoError(t, os.Symlink(modules, filepath.Join(dir, "node_modules")))
	for _, name := range []string{"calls.mjs", script} {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	given, err := json.Marshal(env)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), runTime)
	defer cancel()
	node := exec.CommandContext(ctx, "node", script)
	node.Dir = dir
	node.Env = append(os.Environ(), append(more, "CLIENTS_ENV="+string(given))...)
	var out, complaints bytes.Buffer
	node.Stdout, node.Stderr = &out, &complaints
	failure := node.Run()
	var calls []call
	lines := bufio.NewScanner(&out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if testing.Verbose() {
			t.Log(lines.Text())
		}
		var c call
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c), "%s printed %q", script, lines.Text())
		calls = append(calls, c)
	}
	require.NoError(t, lines.Err())
	require.NoError(t, failure, "%s: %s", script, &complaints)
	return calls
}

// recorder notes what each request of a client came to.
type recorder struct {
	mu   sync.Mutex
	seen []string
}

// around notes the requests that a handler answers. GET /.recorder hands the notes out, and forgets them.
func (r *recorder) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/.recorder" {
			r.take(w)
			return
		}
		s := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(s, req)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.seen = append(r.seen, fmt.Sprintf("%s %d", req.Method, s.status))
	})
}

func (r *recorder) take(w http.ResponseWriter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, quoted(append([]string{}, r.seen...))) // a script that went away hears nothing
	r.seen = nil
}

// serve serves a handler until the test ends, and notes its requests.
func (r *recorder) serve(t *testing.T, h http.Handler) (address string) {
	t.Helper()
	srv := httptest.NewServer(r.around(h))
	t.Cleanup(srv.Close)
	return srv.URL
}

// statusWriter remembers a status.
type statusWriter struct {
	http.ResponseWriter

	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// start starts a sandbox until the test ends.
func start(t *testing.T) *sandbox.Sandbox {
	t.Helper()
	key, err := testKey()
	require.NoError(t, err)
	sb, err := sandbox.Start(t.Context(), sandbox.Config{Dir: t.TempDir(), Seed: 1, Key: key})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sb.Close()) })
	return sb
}

// testKey is one key for all of the sandbox's identities: making keys takes longer than anything else here.
var testKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// want is what a call must be.
type want struct {
	name string
	http string // "POST 401, POST 200": the requests that the client makes of it
	got  string // JSON that the answer must match; "" when an error is wanted
	err  string // JSON that the error must match
}

// check compares a script's calls with a table. Names are given once, in order.
func check(t *testing.T, table []want, calls []call) {
	t.Helper()
	byName := map[string]call{}
	var order []string
	for _, c := range calls {
		require.NotContains(t, byName, c.Name, "two calls of one name")
		byName[c.Name] = c
		order = append(order, c.Name)
	}
	var listed []string
	for _, w := range table {
		listed = append(listed, w.name)
	}
	require.Equal(t, listed, order, "the calls, against the table")
	for _, w := range table {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			c := byName[w.name]
			got, _ := json.MarshalIndent(c, "", "  ")
			require.Equal(t, w.http, strings.Join(c.HTTP, ", "), "requests and statuses: %s", got)
			pattern, value := w.got, c.Got
			if w.err != "" {
				pattern, value = w.err, c.Error
				require.NotNil(t, c.Error, "the call should have failed: %s", got)
			} else {
				require.Nil(t, c.Error, "the call failed: %s", got)
			}
			var p any
			require.NoError(t, json.Unmarshal([]byte(pattern), &p), "the table's JSON of %s: %s", w.name, pattern)
			require.Empty(t, mismatch("", p, value), "%s", got)
		})
	}
}
