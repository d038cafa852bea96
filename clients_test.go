package heureka_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/clients.md is written by the interop tests, which need more than this machine may have. Here is seen at least that
// it names the versions they run with.
func TestClientsNamesPinnedVersions(t *testing.T) {
	var pins strings.Builder
	for _, pattern := range []string{"java/*/pom.xml", "python/requirements.txt", "node/package.json", "goclient/go.mod"} {
		files, err := filepath.Glob("interop/" + pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("interop/%s: %v, %v", pattern, files, err)
		}
		for _, f := range files {
			pins.WriteString(readFile(t, f))
		}
	}
	rows := regexp.MustCompile(`(?m)^\| ([^|]+) \| (v?\d[^|]+) \|`).FindAllStringSubmatch(readFile(t, "docs/clients.md"), -1)
	if len(rows) < 10 {
		t.Fatalf("docs/clients.md has %d clients", len(rows))
	}
	for _, row := range rows {
		version := row[2]
		// Spring's line decides about the version of its Eureka client, and its name has the line.
		if _, line, spring := strings.Cut(row[1], "Spring Cloud "); spring {
			version, _, _ = strings.Cut(line, ",")
		}
		if !strings.Contains(pins.String(), version) {
			t.Errorf("docs/clients.md: nothing in interop asks for %s %s", row[1], version)
		}
	}
}
