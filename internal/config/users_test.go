package config_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rogpeppe/go-internal/txtar"

	"heureka.internal/heureka/internal/config"
)

var update = flag.Bool("update", false, "rewrite the want sections of testdata/users and testdata/corpus")

// TestUsers loads the configuration of typical users, TestCorpus those of Java servers as people publish them. Each archive
// holds files, arguments (args), environment variables (env), and under want what changed, what was said about it, and what
// is not used.
func TestUsers(t *testing.T)  { testArchives(t, "testdata/users/*.txtar", 10) }
func TestCorpus(t *testing.T) { testArchives(t, "testdata/corpus/*.txtar", 60) }

func testArchives(t *testing.T, pattern string, atLeast int) {
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) < atLeast {
		t.Fatal(len(paths), "archives", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { testUser(t, path) })
	}
}

func testUser(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := source{files: map[string]string{}}
	want := ""
	for _, f := range archive.Files {
		switch f.Name {
		case "args":
			s.args = lines(string(f.Data))
		case "env":
			s.env = lines(string(f.Data))
		case "want":
			want = string(f.Data)
		default:
			s.files[f.Name] = string(f.Data)
		}
	}
	var settings *config.Settings
	synctest.Test(t, func(t *testing.T) { settings, err = s.load(t) }) // some ask a config server six times
	said := append(summary(settings), problems(settings, err)...)
	for _, x := range settings.Unused {
		said = append(said, "unused: "+x.Name)
	}
	got := strings.Join(said, "\n") + "\n"
	if err == nil {
		sameNode(t, settings)
	}
	if *update {
		for i, f := range archive.Files {
			if f.Name == "want" {
				archive.Files[i].Data = []byte(got)
			}
		}
		if err := os.WriteFile(path, txtar.Format(archive), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// sameNode demands that what heureka config prints configures the node that heureka serve would run.
func sameNode(t *testing.T, s *config.Settings) {
	t.Helper()
	again := yamlFile(writeYAML(t, s, config.View{Secrets: true})).mustLoad(t)
	if diff := diffConfig(s.ServerConfig(8761), again.ServerConfig(8761)); diff != "" {
		t.Errorf("the printed settings configure another node (-read +printed):\n%s", diff)
	}
}

func summary(s *config.Settings) []string {
	return append([]string{
		"profiles: " + strings.Join(s.Profiles, ","),
		"files: " + strings.Join(s.Files, ","),
		"node: " + s.ServerConfig(s.Int("server.port")).Instance.Key().String(),
	}, changed(s)...)
}

func lines(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSuffix(line, "\n"); line != "" {
			list = append(list, line)
		}
	}
	return list
}
