package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const counted = `package p

import "sync"

type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) add(limit int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n < limit && limit > 0 {
		c.n++
		return true
	}
	return limit == 100
}
`

func TestMutants(t *testing.T) {
	all, err := mutantsIn("p.go", []byte(counted))
	if err != nil {
		t.Fatal(err)
	}
	got := make([]string, len(all))
	for i, m := range all {
		got[i] = m.String()
	}
	want := []string{
		"p.go:13: c.n < limit && limit > 0 -> !(c.n < limit && limit > 0)",
		"p.go:13: && -> ||",
		"p.go:13: < -> <=",
		"p.go:13: > -> >=",
		"p.go:13: 0 -> (0+1)",
		"p.go:14: ++ -> --",
		"p.go:15: true -> false",
		"p.go:17: == -> !=",
		"p.go:17: 100 -> (100*2)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mutants (-want +got):\n%s", diff)
	}
	if source := string(all[1].source()); !strings.Contains(source, "c.n < limit || limit > 0") || strings.Contains(source, "&&") {
		t.Errorf("the second mutant is\n%s", source)
	}
}

// What the tests hold is killed, what they do not survives, and the file is as it was.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"go.mod":    "module example.com/p\n\ngo 1.26\n",
		"p.go":      "package p\n\nfunc held() bool { return true }\n\nfunc loose() bool { return false }\n",
		"p_test.go": "package p\n\nimport \"testing\"\n\nfunc TestHeld(t *testing.T) {\n\tif loose(); !held() {\n\t\tt.Fail()\n\t}\n}\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	t.Setenv("GOWORK", "off")
	var stdout, stderr bytes.Buffer
	status := run([]string{"-seed", "1", "-min", "51", "."}, &stdout, &stderr)
	want := "again with: -seed 1 -n 20\nsurvived: p.go:5: false -> true\n.: 1 of 2 mutants killed\ntogether: 1 of 2 mutants killed\n"
	if stdout.String() != want || status != 1 || !strings.Contains(stderr.String(), "fewer than 51") {
		t.Errorf("run = %d, printed\n%s\nand %s\nwant 1 and\n%s", status, &stdout, &stderr, want)
	}
	if text, err := os.ReadFile("p.go"); err != nil || string(text) != files["p.go"] {
		t.Errorf("the file is now %q (%v)", text, err)
	}
}
