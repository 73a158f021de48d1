package house

import (
	"go/ast"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// leastDoc is the shortest package comment that can teach anything, in characters.
const leastDoc = 60

func TestEveryPackageTeaches(t *testing.T) {
	t.Parallel()
	docs := map[string]string{}
	for _, f := range source(t) {
		if f.test {
			continue
		}
		docs[f.pkg] += f.syntax.Doc.Text()
	}
	require.NotEmpty(t, docs)
	for _, pkg := range slices.Sorted(maps.Keys(docs)) {
		doc := docs[pkg]
		require.Regexp(t, `(^|\n)(Package|Command) [a-z]`, doc, "%s has no package comment; say what it is for, before the package clause of one file", pkg)
		require.GreaterOrEqual(t, utf8.RuneCountInString(doc), leastDoc, "%s: the package comment is too short to teach", pkg)
	}
}

// mostLines is the length at which a Go file has to be cut.
const mostLines = 500

func TestNoFileIsTooLong(t *testing.T) {
	t.Parallel()
	for _, f := range source(t) {
		if ast.IsGenerated(f.syntax) {
			continue
		}
		require.LessOrEqual(t, f.lines, mostLines, "%s has %d lines; cut it where it changes its subject", f.path, f.lines)
	}
}

// notInTests are calls that make a test slow, flaky or silent, with what to do instead.
var notInTests = map[string]*regexp.Regexp{
	"wait for a condition (require.Eventually, a channel), not for time": regexp.MustCompile(`\btime\.Sleep\(`),
	"say why a test is skipped":                      regexp.MustCompile(`\bt\.Skip(Now)?\(\)`),
	"finish it, or leave it out and say so in issue": regexp.MustCompile(`\b(TODO|FIXME|XXX)\b`),
}

func TestTestsWaitForConditions(t *testing.T) {
	t.Parallel()
	for _, f := range source(t) {
		if !f.test || inside(f.pkg, "internal/house") {
			continue
		}
		text := read(t, f.path)
		for remedy, pattern := range notInTests {
			require.Nil(t, pattern.FindStringIndex(text), "%s contains %s; %s", f.path, pattern, remedy)
		}
	}
}

// foreign are texts that tie a file to one machine or one mirror; written in two parts so that this file passes.
var foreign = []string{
	"proxy.golang" + ".org", "sum.golang" + ".org", "registry.npmjs" + ".org", "deb.debian" + ".org", "pypi" + ".org",
	"ghcr" + ".io", "docker" + ".io", "gcr" + ".io", "quay" + ".io", "repo1.maven" + ".org",
	"/home" + "/", "/Users" + "/", "C:" + `\Users`,
}

func TestNoFileKnowsAMachineOrARegistry(t *testing.T) {
	t.Parallel()
	texts := slices.Clone(foreign)
	here, err := filepath.Abs(root)
	require.NoError(t, err)
	texts = append(texts, here+"/")
	if home, err := os.UserHomeDir(); err == nil && strings.Count(home, "/") > 1 { // root's is in every Linux image
		texts = append(texts, home+"/")
	}
	names, err := tracked()
	require.NoError(t, err)
	for _, name := range names {
		if name == "go.sum" {
			continue
		}
		text := read(t, name)
		for _, no := range texts {
			require.NotContains(t, text, no, "%s names a registry or a machine; let configuration decide", name)
		}
	}
}
