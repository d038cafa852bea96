package main

import (
	"fmt"
	"regexp"
	"strings"
)

// A section is what CHANGELOG.md says of one version, in the form of keepachangelog.com.
type section struct {
	version string // "0.1.0", or "Unreleased"
	date    string
	text    string
}

var heading = regexp.MustCompile(`(?m)^## \[([^\]]+)\](?: - (\d{4}-\d\d-\d\d))?$`)

// sections returns those of a changelog, as they stand in it.
func sections(changelog string) (all []section) {
	found := heading.FindAllStringSubmatchIndex(changelog, -1)
	for i, at := range found {
		end := len(changelog)
		if i+1 < len(found) {
			end = found[i+1][0]
		}
		s := section{version: changelog[at[2]:at[3]], text: strings.TrimSpace(changelog[at[1]:end])}
		if at[4] >= 0 {
			s.date = changelog[at[4]:at[5]]
		}
		all = append(all, s)
	}
	return all
}

// checkChangelog refuses to release a version of which the changelog says nothing. What comes before a release, such as
// v0.2.0-rc.1, may still be among what is not released.
func checkChangelog(changelog, version string) error {
	number, before, _ := strings.Cut(strings.TrimPrefix(version, "v"), "-")
	for _, s := range sections(changelog) {
		switch {
		case s.version == number && s.text == "":
			return fmt.Errorf("CHANGELOG.md says nothing below [%s]", number)
		case s.version == number && s.date == "":
			return fmt.Errorf("CHANGELOG.md has no date for [%s]: want ## [%s] - 2026-01-31", number, number)
		case s.version == number:
			return nil
		}
		if before != "" && s.version == "Unreleased" {
			return nil
		}
	}
	return fmt.Errorf("CHANGELOG.md has no section ## [%s] - DATE: give what stands below [Unreleased] that heading", number)
}
