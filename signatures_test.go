package heureka_test

import (
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// exported are the packages that others import.
var exported = []string{"", "client", "server", "heurekatest", "heurekatest/memnet", "grpcresolver"}

// TestExportedSignatures: everything that importers can reach is of types that they can name.
func TestExportedSignatures(t *testing.T) {
	imports := exportData(t)
	for _, dir := range exported {
		pkg, err := imports.Import(strings.TrimSuffix(modulePath(t)+"/"+dir, "/"))
		if err != nil {
			t.Fatal(err)
		}
		w := walker{pkg: pkg, seen: map[types.Type]bool{}}
		for _, name := range pkg.Scope().Names() {
			if obj := pkg.Scope().Lookup(name); obj.Exported() {
				w.visit(obj.Type(), pkg.Name()+"."+name)
			}
		}
		for _, fault := range w.faults {
			t.Error(fault)
		}
	}
}

// exportData has the go command compile the packages, and imports what the compiler says of them.
func exportData(t *testing.T) types.Importer {
	t.Helper()
	args := []string{"list", "-deps", "-export", "-f", "{{.ImportPath}} {{.Export}}"}
	for _, dir := range exported {
		args = append(args, "./"+dir)
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		files[path] = file
	}
	return importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) { return os.Open(files[path]) })
}

// A walker goes through what is reachable from a package's exported names.
type walker struct {
	pkg    *types.Package
	seen   map[types.Type]bool
	faults []string
}

func (w *walker) visit(t types.Type, where string) {
	if w.seen[t] {
		return
	}
	w.seen[t] = true
	switch t := t.(type) {
	case *types.Alias:
		w.visit(types.Unalias(t), where)
	case *types.Named:
		w.named(t, where)
	case *types.Signature:
		w.tuple(t.Params(), where)
		w.tuple(t.Results(), where)
	case *types.Struct:
		w.fields(t, where)
	case *types.Interface:
		for m := range t.Methods() {
			w.visit(m.Type(), where+"."+m.Name())
		}
	case *types.Map:
		w.visit(t.Key(), where)
		w.visit(t.Elem(), where)
	case interface{ Elem() types.Type }: // pointer, slice, array, channel
		w.visit(t.Elem(), where)
	}
}

// named looks into the package's own types, and at the names of others.
func (w *walker) named(t *types.Named, where string) {
	obj := t.Obj()
	for arg := range t.TypeArgs().Types() {
		w.visit(arg, where)
	}
	switch {
	case obj.Pkg() == nil: // error, comparable
	case obj.Pkg() != w.pkg:
		if strings.Contains("/"+obj.Pkg().Path()+"/", "/internal/") {
			_, path, _ := strings.Cut(obj.Pkg().Path(), "/internal/")
			w.faults = append(w.faults, fmt.Sprintf("%s: internal/%s.%s is internal", where, path, obj.Name()))
		}
	case !obj.Exported():
		w.faults = append(w.faults, fmt.Sprintf("%s: %s is not exported", where, obj.Name()))
	default:
		w.visit(t.Underlying(), where)
		for m := range t.Methods() {
			if m.Exported() {
				w.visit(m.Type(), obj.Pkg().Name()+"."+obj.Name()+"."+m.Name())
			}
		}
	}
}

func (w *walker) fields(t *types.Struct, where string) {
	for f := range t.Fields() {
		if f.Exported() {
			w.visit(f.Type(), where+"."+f.Name())
		}
	}
}

func (w *walker) tuple(t *types.Tuple, where string) {
	for v := range t.Variables() {
		w.visit(v.Type(), where)
	}
}
