package house

import (
	"go/ast"
	"go/token"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planted"
)

const plantedPkg = "internal/planted"

// TestPlantedBugsAreListedAndUsed holds that every planted bug is listed with what it is, and is planted somewhere; and that
// nothing is planted that is not listed.
func TestPlantedBugsAreListedAndUsed(t *testing.T) {
	t.Parallel()
	names := map[string]planted.Bug{} // of constants
	used := map[string][]string{}     // where, by constant
	for _, f := range source(t) {
		if f.pkg == plantedPkg {
			maps.Copy(names, bugsOf(f.syntax))
			continue
		}
		if f.test || !slices.Contains(f.imports, module+plantedPkg) {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !isPlanted(call.Fun, "Is") {
				return true
			}
			require.Len(t, call.Args, 1, f.path)
			bug, ok := call.Args[0].(*ast.SelectorExpr)
			require.True(t, ok && isPlanted(bug, bug.Sel.Name), "%s: planted.Is takes one of package planted's constants", f.path)
			used[bug.Sel.Name] = append(used[bug.Sel.Name], f.path)
			return true
		})
	}
	require.NotEmpty(t, names)
	listed := map[planted.Bug]bool{}
	for _, e := range planted.All() {
		require.False(t, listed[e.Bug], "%s is listed twice", e.Bug)
		require.NotEmpty(t, e.What, e.Bug)
		require.NotContains(t, e.What, "\n", e.Bug)
		listed[e.Bug] = true
	}
	for name, bug := range names {
		require.True(t, listed[bug], "planted.%s is not in planted.All", name)
		require.NotEmpty(t, used[name], "planted.%s is planted nowhere", name)
	}
	for name, where := range used {
		require.Contains(t, names, name, "%v", where)
	}
	require.Len(t, listed, len(names))
}

// bugsOf returns the constants of type Bug of a file.
func bugsOf(file *ast.File) map[string]planted.Bug {
	out := map[string]planted.Bug{}
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, spec := range g.Specs {
			v := spec.(*ast.ValueSpec)
			kind, ok := v.Type.(*ast.Ident)
			if !ok || kind.Name != "Bug" {
				continue
			}
			for i, name := range v.Names {
				out[name.Name] = planted.Bug(strings.Trim(v.Values[i].(*ast.BasicLit).Value, `"`))
			}
		}
	}
	return out
}

func isPlanted(e ast.Expr, name string) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != name {
		return false
	}
	pkg, ok := s.X.(*ast.Ident)
	return ok && pkg.Name == "planted"
}

// TestPlantedImportsNothing holds that planting a bug brings nothing else along.
func TestPlantedImportsNothing(t *testing.T) {
	t.Parallel()
	for _, f := range source(t) {
		if f.pkg == plantedPkg && !f.test {
			require.Subset(t, []string{"os"}, f.imports, f.path)
		}
	}
}
