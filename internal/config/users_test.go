package config_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"heureka.internal/heureka/internal/config"
)

var update = flag.Bool("update", false, "rewrite the want sections of testdata/users")

// TestUsers loads the configuration of typical users. Each archive holds files, arguments (args), environment variables
// (env), and under want what changed and what was said about it.
func TestUsers(t *testing.T) {
	paths, err := filepath.Glob("testdata/users/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no archives", err)
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
	settings, err := s.load(t)
	got := strings.Join(append(summary(settings), problems(settings, err)...), "\n") + "\n"
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
