package heureka_test

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport is the architecture: per package, what it may import from this module. ARCHITECTURE.md explains it; a change
// of the architecture starts here.
var mayImport = map[string][]string{
	"":                             {},
	"internal/packed":              {""},
	"internal/wire":                {"", "internal/packed"},
	"internal/registry":            {"", "internal/packed"},
	"heurekatest/memnet":           {},
	"internal/lockcheck":           {},
	"internal/logs":                {},
	"internal/listener":            {},
	"internal/admission":           {},
	"internal/lint":                {"", "internal/registry"},
	"internal/dashboard":           {"", "internal/lint"},
	"internal/respcache":           {"", "internal/wire", "internal/registry"},
	"internal/remote":              {"", "internal/wire", "internal/outbound"},
	"internal/replication":         {"", "internal/wire", "internal/registry", "internal/remote", "internal/discover", "internal/outbound"},
	"internal/changes":             {"", "internal/registry", "internal/wire"},
	"internal/httpapi":             {"", "internal/auth", "internal/wire", "internal/registry", "internal/respcache"},
	"client":                       {"", "internal/wire", "internal/remote", "internal/spring", "internal/discover", "internal/outbound"},
	"internal/discover":            {},
	"internal/outbound":            {},
	"internal/tlsconf":             {},
	"internal/tlsconf/tlsconftest": {},
	"internal/auth":                {""},
	"internal/jwt":                 {"internal/auth", "internal/outbound"},
	"internal/audit":               {""},
	"internal/snapshot":            {},
	"internal/spring":              {},
	"server": {"", "internal/wire", "internal/registry", "internal/respcache", "internal/replication",
		"internal/remote", "internal/httpapi", "internal/dashboard", "internal/changes", "internal/lint", "internal/listener", "internal/admission", "internal/outbound", "internal/logs", "internal/tlsconf", "internal/auth", "internal/jwt", "internal/audit", "internal/snapshot"},
	"heurekatest":     {"", "client", "server", "heurekatest/memnet"},
	"bench":           {"internal/bench", "internal/cgroup"},
	"bench/baseline":  {},
	"bench/ring":      {"", "internal/bench", "internal/remote", "internal/outbound"},
	"internal/bench":  {"", "internal/wire", "internal/outbound"},
	"release":         {},
	"internal/cgroup": {},
	"internal/scenario": {"", "internal/wire", "internal/registry", "internal/registry/registrytest", "internal/replication", "internal/httpapi",
		"internal/respcache", "internal/respcache/respcachetest"},
	"internal/scenario/cmd/sim": {"internal/scenario"},
	"internal/tools/mutate":     {},
	"internal/config":           {"", "server", "internal/spring", "internal/outbound", "internal/logs"},
	"examples":                  {},
	"examples/service":          {"client"},
	"examples/caller":           {"client"},
	"cmd/heureka": {"", "client", "server", "internal/config", "internal/bench", "internal/changes", "internal/lint", "internal/remote", "internal/wire", "internal/spring",
		"internal/outbound", "internal/logs", "internal/audit", "internal/auth", "internal/discover", "internal/tlsconf"},

	"internal/registry/registrytest":       {"internal/registry"},
	"internal/replication/replicationtest": {"internal/replication"},
	"internal/respcache/respcachetest":     {"internal/respcache"},
}

// pure lists the packages, and single files of other packages, that take the time as an argument and reach nothing
// outside themselves.
var pure = []string{
	"", "internal/packed", "internal/wire", "internal/registry", "internal/respcache", "internal/changes", "internal/lint", "internal/dashboard",
	"internal/replication/queue.go", "internal/replication/batch.go", "internal/replication/entry.go", "internal/replication/entrycodec.go",
	"internal/replication/drift.go", "internal/replication/health.go", "internal/replication/guard.go", "internal/replication/standing.go",
	"internal/replication/link.go", "internal/replication/pull.go", "internal/replication/join.go", "internal/replication/arrivals.go", "internal/replication/strangers.go",
}

// impureImports and impureCalls are what pure code must do without, with the reason.
var (
	impureImports = map[string]string{
		"os":            "reaches the machine",
		"net":           "reaches the network",
		"net/http":      "importing the core must not pull in HTTP",
		"log":           "pure packages return, callers log",
		"log/slog":      "pure packages return, callers log",
		"math/rand":     "randomness comes from a generator in the configuration",
		"testing":       "tests only",
		"sync/errgroup": "starts goroutines",
	}
	impureCalls = map[string]map[string]bool{
		"time": {"Now": true, "Since": true, "Until": true, "Sleep": true, "After": true, "AfterFunc": true, "NewTimer": true, "NewTicker": true, "Tick": true},
		// The global generator; rand.New with a source of the caller's is fine.
		"rand": {"Int": true, "IntN": true, "N": true, "Float64": true, "Shuffle": true, "Perm": true, "Uint64": true, "Uint32": true, "Int64": true, "Int64N": true},
	}
)

// standardLibraryOnly are the packages whose importers must not be given any dependency.
var standardLibraryOnly = []string{"", "client", "internal/packed", "internal/wire", "internal/remote", "internal/spring", "internal/discover", "internal/outbound"}

func TestImportDirection(t *testing.T) {
	for _, dir := range packageDirs(t) {
		allowed, known := mayImport[dir]
		if !known {
			t.Errorf("package %q is not in the architecture table", dir)
			continue
		}
		for _, imp := range moduleImports(t, dir) {
			if !slices.Contains(allowed, imp) {
				t.Errorf("%q imports %q, which the architecture does not allow", dir, imp)
			}
		}
	}
}

func TestPurePackages(t *testing.T) {
	for _, place := range pure {
		for _, file := range goFiles(t, place) {
			checkPure(t, file)
		}
	}
}

func TestStandardLibraryOnly(t *testing.T) {
	for _, dir := range standardLibraryOnly {
		for _, imp := range imports(t, dir) {
			first, _, _ := strings.Cut(imp, "/")
			if _, own := inModule(t, imp); strings.Contains(first, ".") && !own {
				t.Errorf("%q imports %q: its importers should need the standard library only", dir, imp)
			}
		}
	}
}

func checkPure(t *testing.T, file string) {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range f.Imports {
		if why, bad := impureImports[importPath(spec)]; bad {
			t.Errorf("%s imports %s: %s", file, importPath(spec), why)
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			t.Errorf("%s: go statement in pure code", fset.Position(n.Pos()))
		case *ast.SelectorExpr:
			if pkg, ok := n.X.(*ast.Ident); ok && pkg.Obj == nil && impureCalls[pkg.Name][n.Sel.Name] {
				t.Errorf("%s: %s.%s in pure code", fset.Position(n.Pos()), pkg.Name, n.Sel.Name)
			}
		}
		return true
	})
}

// packageDirs returns the directories of this module that hold product code, relative to its root.
func packageDirs(t *testing.T) []string {
	t.Helper()
	dirs := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || isModule(path)) {
			return filepath.SkipDir
		}
		if !d.IsDir() && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			dirs[strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), ".")] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(dirs))
}

func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func moduleImports(t *testing.T, dir string) []string {
	t.Helper()
	var own []string
	for _, imp := range imports(t, dir) {
		if dir, ok := inModule(t, imp); ok {
			own = append(own, dir)
		}
	}
	return own
}

// inModule returns the directory of a package of this module.
func inModule(t *testing.T, path string) (dir string, ok bool) {
	t.Helper()
	if path == modulePath(t) {
		return "", true
	}
	return strings.CutPrefix(path, modulePath(t)+"/")
}

// modulePath is what go.mod says: the module may be moved, and the tests with it.
func modulePath(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimPrefix(line, "module ")
}

func imports(t *testing.T, dir string) []string {
	t.Helper()
	p, err := build.ImportDir(filepath.Join(".", dir), 0)
	if err != nil {
		t.Fatal(err)
	}
	return p.Imports
}

func goFiles(t *testing.T, place string) []string {
	t.Helper()
	if strings.HasSuffix(place, ".go") {
		return []string{place}
	}
	p, err := build.ImportDir(filepath.Join(".", place), 0)
	if err != nil {
		t.Fatal(err)
	}
	files := make([]string, len(p.GoFiles))
	for i, f := range p.GoFiles {
		files[i] = filepath.Join(place, f)
	}
	return files
}

func importPath(spec *ast.ImportSpec) string {
	path, _ := strconv.Unquote(spec.Path.Value)
	return path
}
