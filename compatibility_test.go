package heureka_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// COMPATIBILITY.md names a test for each difference: all of them exist.
func TestCompatibilityNamesRealTests(t *testing.T) {
	page := readFile(t, "COMPATIBILITY.md")
	exists := map[string]bool{}
	for _, dir := range append(packageDirs(t), "internal/conformance") {
		files, err := filepath.Glob(filepath.Join(".", dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(readFile(t, f), -1) {
				exists[m[1]] = true
			}
		}
	}
	for _, m := range regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(page, -1) {
		if !exists[m[1]] {
			t.Errorf("COMPATIBILITY.md names %s, which does not exist", m[1])
		}
	}
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "| S-") || strings.HasPrefix(line, "| W-") || strings.HasPrefix(line, "| - ") {
			if !strings.Contains(line, "`Test") {
				t.Errorf("no test in the row %s", strings.TrimSpace(line))
			}
		}
	}
}

// Every marked difference from a recording has its row.
func TestCompatibilityHasARowForEachMarkedDifference(t *testing.T) {
	page := readFile(t, "COMPATIBILITY.md")
	files, err := filepath.Glob("internal/conformance/testdata/differences/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("differences: %v, %v", files, err)
	}
	for _, f := range files {
		var d struct{ Row string }
		if err := json.Unmarshal([]byte(readFile(t, f)), &d); err != nil {
			t.Fatal(err)
		}
		if d.Row == "" || !strings.Contains(page, d.Row) {
			t.Errorf("%s belongs to row %q, which COMPATIBILITY.md does not have", f, d.Row)
		}
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
