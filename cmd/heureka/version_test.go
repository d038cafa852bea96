package main

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestVersion(t *testing.T) {
	vcs := []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.time", Value: "2026-11-28T10:00:00Z"}}
	modified := append(vcs[:2:2], debug.BuildSetting{Key: "vcs.modified", Value: "true"})
	tests := []struct {
		name     string
		version  string
		settings []debug.BuildSetting
		linked   build
		want     string
	}{
		{"a checkout", "(devel)", nil, build{}, "devel"},
		{"go install …@v0.1.0", "v0.1.0", nil, build{}, "v0.1.0"},
		{"a release", "v0.1.0", vcs, build{}, "v0.1.0 (abc, 2026-11-28T10:00:00Z)"},
		{"a tree with changes", "v0.1.0+dirty", modified, build{}, "v0.1.0+dirty (abc, 2026-11-28T10:00:00Z, modified)"},
		{"the linker says", "(devel)", nil, build{revision: "def", date: "2026-11-27T10:00:00Z"}, "devel (def, 2026-11-27T10:00:00Z)"},
		{"version control knows better", "v0.1.0", vcs, build{revision: "def", date: "2026-11-27T10:00:00Z"}, "v0.1.0 (abc, 2026-11-28T10:00:00Z)"},
		{"a version from the linker", "v0.0.0-20261127100000-def", vcs, build{version: "v0.2.0"}, "v0.2.0 (abc, 2026-11-28T10:00:00Z)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			info := &debug.BuildInfo{Main: debug.Module{Version: tt.version}, Settings: tt.settings}
			want := tt.want + " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
			if got := describe(info, tt.linked).String(); got != want {
				t.Errorf("describe = %q, want %q", got, want)
			}
		})
	}
}
