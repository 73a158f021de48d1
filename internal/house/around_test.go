package house

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector/salesforce"
	"github.com/repsync/repsync/internal/keyring"
)

func TestEveryLinterExceptionHasItsReason(t *testing.T) {
	t.Parallel()
	_, list, ok := strings.Cut(read(t, ".golangci.yml"), "\n  disable:\n")
	require.True(t, ok)
	exception := regexp.MustCompile(`^    - [a-z0-9_]+ # .{8,}$`)
	n := 0
	for line := range strings.Lines(list) {
		line = strings.TrimRight(line, "\n")
		if !strings.HasPrefix(line, "    ") {
			break
		}
		if strings.HasPrefix(line, "    -") {
			require.Regexp(t, exception, line, "a linter is off without a reason")
			n++
		}
	}
	require.Positive(t, n)
}

func TestMakeTargetsExplainThemselves(t *testing.T) {
	t.Parallel()
	makefile := read(t, "Makefile")
	for _, target := range []string{"build", "demo", "dev", "test", "lint", "verify", "mutate", "bench", "record-histories", "clean"} {
		require.Regexp(t, `(?m)^`+target+`:.*## \S+`, makefile, "make %s", target)
	}
	out, err := exec.Command("make", "-C", root, "--no-print-directory").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "record-histories", "plain make lists the targets")
}

func TestScriptsParse(t *testing.T) {
	t.Parallel()
	for _, script := range []string{".ci/run", ".ci/install"} {
		out, err := exec.Command("bash", "-n", filepath.Join(root, script)).CombinedOutput()
		require.NoError(t, err, "%s: %s", script, out)
		require.Contains(t, read(t, script), "set -euo pipefail")
	}
}

func TestKeyringScriptMakesAKeyring(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyring.json")
	script := filepath.Join(root, "deploy", "keyring.sh")
	out, err := exec.Command("sh", script, path).CombinedOutput()
	require.NoError(t, err, "%s", out)
	ring, err := keyring.Open(path)
	require.NoError(t, err)
	sealed := ring.Seal([]byte("value"), "context")
	plain, err := ring.Open(sealed, "context")
	require.NoError(t, err)
	require.Equal(t, "value", string(plain))

	out, err = exec.Command("sh", script, path).CombinedOutput()
	require.Error(t, err, "an existing keyring is left alone")
	require.Contains(t, string(out), "exists")
	_, err = keyring.Open(path)
	require.NoError(t, err)
}

func TestComposePinsItsImages(t *testing.T) {
	t.Parallel()
	var compose struct {
		Services map[string]struct {
			Image string
			Ports []string
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "docker-compose.yml")), &compose))
	for _, name := range []string{"postgres", "temporal", "temporal-ui", "worker", "starter"} {
		require.Contains(t, compose.Services, name)
	}
	for name, service := range compose.Services {
		require.Regexp(t, `:(local|v?[0-9]+\.[0-9]+\.[0-9]+|[0-9]+\.[0-9]+)$`, service.Image, "%s: an image without a version changes by itself", name)
		for _, port := range service.Ports {
			require.True(t, strings.HasPrefix(port, "127.0.0.1:"), "%s publishes %s on every address", name, port)
		}
	}
	for line := range strings.Lines(read(t, "deploy/Dockerfile")) {
		if from, ok := strings.CutPrefix(line, "FROM "); ok {
			require.Regexp(t, `^[a-z/]+:[0-9]+\.[0-9]`, from)
		}
	}
}

func TestSalesforceMetadataHoldsTheFieldThatTheConnectorUses(t *testing.T) {
	t.Parallel()
	field := salesforce.Config{}.WithDefaults().KeyField
	const base = "deploy/salesforce/force-app/main/default/"
	metadata := read(t, base+"objects/Contact/fields/"+field+".field-meta.xml")
	for _, want := range []string{"<fullName>" + field + "</fullName>", "<externalId>true</externalId>", "<unique>true</unique>", "<caseSensitive>true</caseSensitive>"} {
		require.Contains(t, metadata, want, "a create is guarded by an upsert on it")
	}
	activity := read(t, base+"objects/Activity/fields/"+field+".field-meta.xml")
	require.Contains(t, activity, "<fullName>"+field+"</fullName>")
	for _, object := range []string{"Contact", "Event"} {
		require.Contains(t, read(t, base+"permissionsets/Repsync.permissionset-meta.xml"), "<field>"+object+"."+field+"</field>")
	}
}
