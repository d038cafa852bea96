package heureka_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// statement is the id of a statement of the specification in docs/spec, and those that a list adds to it: "S-SP-6, -14".
var statement = regexp.MustCompile(`\b([SWCG]-[A-Z]+(?:-[A-Z]+)?-)([0-9]+[a-z]?)((?:(?:, | and |, and )-[0-9]+)*)\b`)

// TestStatementsAreSpecified: each id that code, tests or documents cite can be looked up.
func TestStatementsAreSpecified(t *testing.T) {
	anchors := specAnchors(t)
	for _, file := range treeFiles(t, ".go", ".md", ".txt", ".txtar") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range statement.FindAllSubmatch(text, -1) {
			for _, n := range append([]string{string(m[2])}, regexp.MustCompile("[0-9]+").FindAllString(string(m[3]), -1)...) {
				if id := string(m[1]) + n; !anchors[strings.ToLower(id)] {
					t.Errorf("%s cites %s, which docs/spec does not have", file, id)
				}
			}
		}
	}
}

func specAnchors(t *testing.T) map[string]bool {
	t.Helper()
	anchors := map[string]bool{}
	for _, name := range []string{"wire.md", "server.md", "client.md"} {
		text, err := os.ReadFile(filepath.Join("docs", "spec", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`<a id="([^"]+)"></a>`).FindAllSubmatch(text, -1) {
			if anchors[string(m[1])] {
				t.Errorf("docs/spec/%s: %s is there twice", name, m[1])
			}
			anchors[string(m[1])] = true
		}
	}
	return anchors
}

// TestUsersReadNoIDs: what a program says is in words. Ids are for comments.
func TestUsersReadNoIDs(t *testing.T) {
	for _, file := range treeFiles(t, ".go", ".html") {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, ".html") {
			if id := statement.Find(text); id != nil {
				t.Errorf("%s shows %s", file, id)
			}
			continue
		}
		fset := token.NewFileSet()
		tree, err := parser.ParseFile(fset, file, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && statement.MatchString(lit.Value) {
				t.Errorf("%s: %s", fset.Position(lit.Pos()), statement.FindString(lit.Value))
			}
			return true
		})
	}
}

// TestLinks: a link from one document to another leads to a file, and to a heading or anchor in it.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:\s]*)(?:#([^)\s]*))?\)`)
	for _, file := range treeFiles(t, ".md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllSubmatch(text, -1) {
			target, part := file, string(m[2])
			if len(m[1]) > 0 {
				target = filepath.Join(filepath.Dir(file), string(m[1]))
			}
			there, err := os.ReadFile(target)
			if info, dirErr := os.Stat(target); dirErr == nil && info.IsDir() {
				continue
			}
			if err != nil {
				t.Errorf("%s links to %s: %v", file, m[1], err)
			} else if part != "" && !hasPart(there, part) {
				t.Errorf("%s links to %s, which has no #%s", file, target, part)
			}
		}
	}
}

// hasPart reports whether a document has a heading or anchor of that name.
func hasPart(text []byte, name string) bool {
	if bytes.Contains(text, []byte(`<a id="`+name+`">`)) {
		return true
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") && slug(strings.TrimSpace(strings.TrimLeft(line, "#"))) == name {
			return true
		}
	}
	return false
}

// slug is what the usual renderers call a heading.
func slug(heading string) string {
	kept := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(heading), "")
	return strings.ReplaceAll(kept, " ", "-")
}

// treeFiles returns the files of the tree with one of the endings, without what is built.
func treeFiles(t *testing.T, endings ...string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == ".build" || d.Name() == "node_modules"):
			return filepath.SkipDir
		}
		for _, ending := range endings {
			if !d.IsDir() && strings.HasSuffix(path, ending) {
				files = append(files, path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
