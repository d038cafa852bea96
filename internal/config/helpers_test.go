package config_test

import (
	"errors"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"heureka.internal/heureka/internal/config"
	"heureka.internal/heureka/internal/spring"
	"heureka.internal/heureka/server"
)

// machine stands in for the operating system.
func machine() spring.Host { return spring.Host{Name: "box", IP: "192.0.2.7"} }

// A source is everything that settings are read from.
type source struct {
	args  []string
	env   []string
	files map[string]string // by path below the working directory

	configServer http.RoundTripper // nil: there is none
}

// load writes the files to a directory of their own and reads all.
func (s source) load(t testing.TB) (*config.Settings, error) {
	t.Helper()
	dir := "/nonexistent" // most sources have no files
	if len(s.files) > 0 {
		dir = t.TempDir()
	}
	for _, path := range slices.Sorted(maps.Keys(s.files)) {
		full := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(s.files[path]), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	transport := s.configServer
	if transport == nil {
		transport = nobody{}
	}
	return config.Load(config.Options{Args: s.args, Env: s.env, Dir: dir, Host: machine, Transport: transport})
}

// nobody stands for a network without a config server.
type nobody struct{}

func (nobody) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("connection refused")
}

func (s source) mustLoad(t testing.TB) *config.Settings {
	t.Helper()
	settings, err := s.load(t)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return settings
}

func args(args ...string) source    { return source{args: args} }
func env(lines ...string) source    { return source{env: lines} }
func yamlFile(text string) source   { return source{files: map[string]string{"application.yml": text}} }
func file(path, text string) source { return source{files: map[string]string{path: text}} }
func (s source) and(o source) source {
	files := maps.Clone(s.files)
	if files == nil {
		files = map[string]string{}
	}
	maps.Copy(files, o.files)
	return source{args: slices.Concat(s.args, o.args), env: slices.Concat(s.env, o.env), files: files, configServer: s.configServer}
}

// problems returns the lines a user would see, each error or warning with its hint.
func problems(settings *config.Settings, err error) []string {
	var lines []string
	add := func(what string, errs []error) {
		for _, e := range errs {
			line := what + ": " + e.Error()
			if hint := config.HintOf(e); hint != "" {
				line += " | " + hint
			}
			lines = append(lines, line)
		}
	}
	add("error", config.Mistakes(err))
	add("warning", settings.Warnings)
	return lines
}

// changed returns what is not at its default as "key = value (origin)".
func changed(s *config.Settings) []string {
	var lines []string
	for _, x := range s.Changed() {
		lines = append(lines, x.Name+" = "+x.Shown(false)+" ("+x.Origin.String()+")")
	}
	return lines
}

// diffConfig compares server configurations.
func diffConfig(want, got server.Config) string {
	return cmp.Diff(want, got, cmpopts.IgnoreFields(server.Config{}, "Transport", "Logger", "Rand"))
}

func wantLines(t *testing.T, what string, got []string, want string) {
	t.Helper()
	if diff := cmp.Diff(strings.Fields(want), strings.Fields(strings.Join(got, "\n"))); diff != "" {
		t.Errorf("%s:\n%s\nwant:\n%s", what, strings.Join(got, "\n"), strings.TrimSpace(want))
	}
}
