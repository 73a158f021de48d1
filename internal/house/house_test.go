package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// module is the prefix of every import path of ours.
const module = "github.com/repsync/repsync/"

// root is the repository's directory, seen from this package.
const root = "../.."

// goFile is one tracked Go file.
type goFile struct {
	path    string // from the root, with slashes
	pkg     string // its directory, "internal/record"
	test    bool
	imports []string
	syntax  *ast.File // imports, package clause and comments
	lines   int
}

// tracked lists the files that git tracks, from the root, with slashes.
var tracked = sync.OnceValues(func() ([]string, error) {
	out, err := exec.Command("git", "-C", root, "ls-files", "-z").Output()
	if err != nil {
		return nil, err
	}
	var files []string
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if info, err := os.Lstat(filepath.Join(root, name)); err == nil && info.Mode().IsRegular() { // deleted ones are still listed
			files = append(files, name)
		}
	}
	return files, nil
})

// goFiles parses every tracked Go file.
var goFiles = sync.OnceValues(func() ([]goFile, error) {
	names, err := tracked()
	if err != nil {
		return nil, err
	}
	fset := token.NewFileSet()
	var files []goFile
	for _, name := range names {
		if !strings.HasSuffix(name, ".go") || strings.Contains(name, "/testdata/") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return nil, err
		}
		syntax, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		f := goFile{path: name, pkg: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), syntax: syntax, lines: strings.Count(string(text), "\n")}
		for _, spec := range syntax.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return nil, err
			}
			f.imports = append(f.imports, imported)
		}
		files = append(files, f)
	}
	return files, nil
})

func source(t *testing.T) []goFile {
	t.Helper()
	files, err := goFiles()
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	return string(text)
}

// inside tells whether a package or file is dir or lies under it.
func inside(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }
