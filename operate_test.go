package heureka_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/operate.md names log lines that are worth an alert: all of them are in the code, at that level.
func TestOperateNamesRealLogLines(t *testing.T) {
	var code strings.Builder
	for _, dir := range packageDirs(t) {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if !strings.HasSuffix(f, "_test.go") {
				code.WriteString(readFile(t, f))
			}
		}
	}
	call := map[string]string{"ERROR": ".Error(", "WARN": ".Warn("}
	rows := regexp.MustCompile("(?m)^\\| (ERROR|WARN) \\| `([^`]+)`").FindAllStringSubmatch(readFile(t, "docs/operate.md"), -1)
	if len(rows) == 0 {
		t.Fatal("docs/operate.md has no log lines")
	}
	for _, row := range rows {
		if !strings.Contains(code.String(), call[row[1]]+`"`+row[2]+`"`) {
			t.Errorf("docs/operate.md: no log call %s%q", call[row[1]], row[2])
		}
	}
}

// The sizes that docs/operate.md quotes are those that were measured.
func TestOperateQuotesMeasuredMemory(t *testing.T) {
	measured := readFile(t, "docs/performance.md")
	rows := regexp.MustCompile(`(?m)^\| ([\d,]+) \| (\d+ MB) \|$`).FindAllStringSubmatch(readFile(t, "docs/operate.md"), -1)
	if len(rows) == 0 {
		t.Fatal("docs/operate.md has no sizes")
	}
	for _, row := range rows {
		claim := regexp.MustCompile(`\| memory, ` + strings.ReplaceAll(row[1], ",", "") + ` instances.* \| ` + row[2] + ` \|`)
		if !claim.MatchString(measured) {
			t.Errorf("docs/operate.md: %s instances, %s is not in docs/performance.md", row[1], row[2])
		}
	}
}
