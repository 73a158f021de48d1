package oracle

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

//go:embed js
var scripts embed.FS

// offline are npm's codes for a registry that cannot be reached.
var offline = regexp.MustCompile(`\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ENOTCACHED)\b`)

var installing sync.Mutex

// install puts the scripts and ical.js into a folder of the user's cache, once for each content of js/, and returns it.
// The lock lets test packages that run at once wait for the one that installs.
func install(t testing.TB) string {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("calendars are not judged: %s is not installed", program)
		}
	}
	installing.Lock()
	defer installing.Unlock()
	names, err := scripts.ReadDir("js")
	require.NoError(t, err)
	sum := sha256.New()
	files := map[string][]byte{}
	for _, n := range names {
		content, err := scripts.ReadFile("js/" + n.Name())
		require.NoError(t, err)
		files[n.Name()] = content
		sum.Write([]byte(n.Name() + "\x00"))
		sum.Write(content)
	}
	cache, err := os.UserCacheDir()
	if err != nil { // no home: the cache lasts as long as the machine
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "repsync", "oracle-"+hex.EncodeToString(sum.Sum(nil))[:16])
	require.NoError(t, os.MkdirAll(dir, 0o750))
	lock, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	require.NoError(t, err)
	defer func() { _ = lock.Close() }() // gives the lock back
	require.NoError(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	done := filepath.Join(dir, ".installed")
	if _, err := os.Stat(done); err == nil {
		return dir
	}
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	cmd := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil && offline.Match(out) {
		t.Skipf("calendars are not judged: npm cannot fetch ical.js: %s", offline.Find(out))
	}
	require.NoError(t, err, "npm ci: %s", out)
	require.NoError(t, os.WriteFile(done, nil, 0o600))
	return dir
}
