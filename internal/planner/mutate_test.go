//go:build mutate

package planner_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMutate disables the planner's branches one by one, and checks that for each some test fails: `make mutate`.
//
// Every condition of an if, every case of a switch and every operand of && and || is a site, and is forced to true, then
// to false. All sites are compiled into one test binary through an overlay, which the environment tells the one to force;
// so a mutant costs the run of the tests until the first failure, and no compilation.
func TestMutate(t *testing.T) {
	start := time.Now()
	sites, binary := instrument(t)
	out, err := run(binary, "")
	require.NoError(t, err, "the tests pass while nothing is forced:\n%s", out)

	var survivors []string
	var mu sync.Mutex
	var wait sync.WaitGroup
	slots := make(chan struct{}, 2)
	for id, site := range sites {
		for _, to := range []string{"true", "false"} {
			wait.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				if _, err := run(binary, fmt.Sprintf("%d=%s", id, to)); err == nil {
					mu.Lock()
					defer mu.Unlock()
					survivors = append(survivors, site+" forced to "+to)
				}
			})
		}
	}
	wait.Wait()
	slices.Sort(survivors)
	t.Logf("%d mutants, %d survive, %s", 2*len(sites), len(survivors), time.Since(start).Round(time.Second))
	require.Empty(t, survivors, "survivors:\n%s", strings.Join(survivors, "\n"))
}

// run runs the tests by tables, and where they pass, those by properties, which take longer.
func run(binary, mutant string) (out string, err error) {
	const properties = "TestProperties|TestEveryCombination"
	for _, which := range []string{"-test.skip=" + properties, "-test.run=" + properties} {
		cmd := exec.Command(binary, which, "-test.failfast", "-test.timeout=60s", "-rapid.checks=4000", "-rapid.seed=1", "-rapid.nofailfile", "-rapid.shrinktime=0s")
		cmd.Env = append(os.Environ(), "PLANNER_MUTANT="+mutant)
		text, failed := cmd.CombinedOutput()
		out, err = out+string(text), failed
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// support is compiled into the mutated package.
const support = `package planner

import ("os"; "strings")

var forcedSite, forcedTo, _ = strings.Cut(os.Getenv("PLANNER_MUTANT"), "=")

func mutant(site string, cond bool) bool {
	if site == forcedSite {
		return forcedTo == "true"
	}
	return cond
}

func mutantCase[T ~string](site string, tag, value T) T {
	switch {
	case site != forcedSite:
		return value
	case forcedTo == "true":
		return tag
	}
	return tag + "never"
}
`

// instrument builds the test binary and returns its sites, named by file and line.
func instrument(t *testing.T) (sites []string, binary string) {
	dir, err := filepath.Abs(".")
	require.NoError(t, err)
	tmp := t.TempDir()
	replace := map[string]string{}
	put := func(name, text string) {
		at := filepath.Join(tmp, name)
		require.NoError(t, os.WriteFile(at, []byte(text), 0o600))
		replace[filepath.Join(dir, name)] = at
	}
	put("mutant_support.go", support)
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		m := &mutator{file: token.NewFileSet(), source: string(source), name: name, sites: sites}
		tree, err := parser.ParseFile(m.file, name, source, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(tree, m.visit)
		put(name, m.rewritten())
		sites = m.sites
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(tmp, "overlay.json"), overlay, 0o600))
	binary = filepath.Join(tmp, "planner.test")
	out, err := exec.Command("go", "test", "-c", "-vet=off", "-overlay", filepath.Join(tmp, "overlay.json"), "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return sites, binary
}

// mutator wraps the conditions of one file.
type mutator struct {
	file   *token.FileSet
	source string
	name   string
	sites  []string
	edits  []edit
}

// edit inserts text. At one place, what closes comes before what opens, inner before outer to close, outer before inner
// to open.
type edit struct {
	at, order int
	text      string
}

func (m *mutator) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.IfStmt:
		if m.planted(n.Cond) {
			return false
		}
		m.condition(n.Cond)
	case *ast.CaseClause:
		if len(n.List) > 0 && m.planted(n.List[0]) {
			return false
		}
	case *ast.SwitchStmt:
		for _, clause := range n.Body.List {
			for _, e := range clause.(*ast.CaseClause).List {
				if n.Tag == nil {
					m.condition(e)
				} else {
					tag := m.source[m.offset(n.Tag.Pos()):m.offset(n.Tag.End())]
					m.wrap(e, "mutantCase(%q, "+tag+", ")
				}
			}
		}
	case *ast.BinaryExpr:
		if n.Op == token.LAND || n.Op == token.LOR {
			m.operand(n.X)
			m.operand(n.Y)
		}
	}
	return true
}

func (m *mutator) condition(e ast.Expr) { m.wrap(e, "mutant(%q, ") }

// operand wraps an operand of && or ||; one that is itself such an expression of the same kind has its own operands.
func (m *mutator) operand(e ast.Expr) {
	if b, ok := e.(*ast.BinaryExpr); ok && (b.Op == token.LAND || b.Op == token.LOR) {
		return
	}
	m.condition(e)
}

func (m *mutator) wrap(e ast.Expr, open string) {
	id := len(m.sites)
	from, to := m.offset(e.Pos()), m.offset(e.End())
	if m.planted(e) {
		return
	}
	m.sites = append(m.sites, fmt.Sprintf("%s: %s", m.file.Position(e.Pos()), m.source[from:to]))
	m.edits = append(m.edits, edit{from, id + 1, fmt.Sprintf(open, fmt.Sprint(id))}, edit{to, -id - 1, ")"})
}

// planted reports whether an expression asks for a planted bug first: no build that is tested has one.
func (m *mutator) planted(e ast.Expr) bool {
	return strings.HasPrefix(strings.TrimPrefix(m.source[m.offset(e.Pos()):m.offset(e.End())], "!"), "planted.Is(")
}

func (m *mutator) offset(p token.Pos) int { return m.file.Position(p).Offset }

func (m *mutator) rewritten() string {
	slices.SortFunc(m.edits, func(a, b edit) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.order, b.order)) })
	var out strings.Builder
	last := 0
	for _, e := range m.edits {
		out.WriteString(m.source[last:e.at] + e.text)
		last = e.at
	}
	out.WriteString(m.source[last:])
	return out.String()
}
