package main

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func contents(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCheckChangelog(t *testing.T) {
	const log = "# Changelog\n\n## [Unreleased]\n\n## [0.3.0]\n\n- x\n\n## [0.2.0] - 2026-12-01\n\n- more\n\n## [0.1.0] - 2026-11-01\n"
	for version, want := range map[string]string{
		"v0.2.0": "", "v0.2.0-rc.1": "", "v0.4.0-rc.1": "",
		"v0.4.0": "no section", "v0.3.0": "no date", "v0.1.0": "says nothing",
	} {
		if err := checkChangelog(log, version); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", version, err, want)
		}
	}
}

// released are the sections of this repository's changelog that are of a version, the newest first.
func released(t *testing.T) []section {
	t.Helper()
	all := sections(contents(t, "../CHANGELOG.md"))
	if len(all) < 2 || all[0].version != "Unreleased" {
		t.Fatalf("CHANGELOG.md has %d sections, want [Unreleased] and versions", len(all))
	}
	return all[1:]
}

func TestChangelogHasTheFormOfReleases(t *testing.T) {
	text := contents(t, "../CHANGELOG.md")
	if got, want := len(sections(text)), strings.Count(text, "\n## "); got != want {
		t.Errorf("%d of %d headings are ## [VERSION] - DATE", got, want)
	}
	all := released(t)
	for i, s := range all {
		if err := checkChangelog(text, "v"+s.version); err != nil {
			t.Error(err)
		}
		if _, err := time.Parse(time.DateOnly, s.date); err != nil {
			t.Errorf("[%s]: %v", s.version, err)
		}
		if i > 0 && (slices.Compare(numbers(s.version), numbers(all[i-1].version)) >= 0 || s.date > all[i-1].date) {
			t.Errorf("[%s] - %s stands below [%s] - %s", s.version, s.date, all[i-1].version, all[i-1].date)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^### (.*)$`).FindAllStringSubmatch(text, -1) {
		if !slices.Contains([]string{"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}, m[1]) {
			t.Errorf("### %s is no heading of keepachangelog.com", m[1])
		}
	}
}

func numbers(version string) (all []int) {
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			n = -1
		}
		all = append(all, n)
	}
	return all
}

// What names a version names the newest one: chart, compose file, and the page that tells how to install it.
func TestVersionsAgree(t *testing.T) {
	newest := released(t)[0].version
	for name, pattern := range map[string]string{
		"../deploy/helm/heureka/Chart.yaml": `(?m)^(?:version|appVersion): (.*)$`,
		"../deploy/compose.yaml":            `heureka[:_](\d[\w.-]*?)(?:\}|_image)`,
		"../docs/install.md":                `heureka[:_](\d+\.\d+\.\d+)`,
	} {
		found := regexp.MustCompile(pattern).FindAllStringSubmatch(contents(t, name), -1)
		if len(found) < 2 {
			t.Errorf("%s names %d versions, want 2 or more", name, len(found))
		}
		for _, m := range found {
			if m[1] != newest {
				t.Errorf("%s names version %s, the newest of CHANGELOG.md is %s", name, m[1], newest)
			}
		}
	}
}
