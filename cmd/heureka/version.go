package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// version, commit and date (RFC 3339) are set by the linker: -ldflags '-X main.version=v0.1.0 -X main.commit=… -X main.date=…'.
// Releases are built so, without version control, because what that says depends on the place.
var version, commit, date string

// A build says which program this is.
type build struct {
	version  string // of the module, or "devel"
	revision string // of the source tree, or ""
	date     string // of the revision, or ""
	modified bool   // the source tree had changes
}

// thisBuild reads what the go command and the linker noted.
func thisBuild() build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = new(debug.BuildInfo)
	}
	return describe(info, build{version: version, revision: commit, date: date})
}

// describe prefers what version control said of the revision to what the linker was told, because the go command checks it. A
// version that somebody gave the linker is meant; the go command makes one up for every revision.
func describe(info *debug.BuildInfo, linked build) build {
	b := linked
	if v := info.Main.Version; b.version == "" && v != "(devel)" {
		b.version = v
	}
	b.version = cmp.Or(b.version, "devel")
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.revision = s.Value
		case "vcs.time":
			b.date = s.Value
		case "vcs.modified":
			b.modified = s.Value == "true"
		}
	}
	return b
}

// String returns all on one line.
func (b build) String() string {
	s := b.version
	var source []string
	for _, part := range []string{b.revision, b.date} {
		if part != "" {
			source = append(source, part)
		}
	}
	if b.modified {
		source = append(source, "modified")
	}
	if len(source) > 0 {
		s += " (" + strings.Join(source, ", ") + ")"
	}
	return fmt.Sprintf("%s %s %s/%s", s, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(p.stdout, "heureka", thisBuild())
			return err
		},
	}
}
