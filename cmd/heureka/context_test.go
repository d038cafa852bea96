package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"
)

// Flags win over a context that is named, that over the variable with a URL, that over the current context; and the credentials of a
// context that is not named on the command line are for its own servers only.
func TestContextThatCounts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "contexts.json")
	credential := filepath.Join(t.TempDir(), "credential")
	text := `{"current": "now", "contexts": {"now": {"servers": ["https://now:1/eureka/"], "userFile": "` + credential + `"},
		"other": {"servers": ["https://a/eureka/", "https://b/eureka/"], "userFile": "` + credential + `"}}}`
	if err := errors.Join(os.WriteFile(file, []byte(text), 0o600), os.WriteFile(credential, []byte("ann:geheim"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		flags   []string
		env     []string
		servers string
		shows   bool
	}{
		{"the current one", nil, nil, "https://now:1/eureka/", true},
		{"by flag", []string{"--context=other"}, []string{"HEUREKA_CONTEXT=now"}, "https://a/eureka/ https://b/eureka/", true},
		{"by variable", nil, []string{"HEUREKA_CONTEXT=other", "EUREKA_SERVER_URL=http://x/"}, "https://a/eureka/ https://b/eureka/", true},
		{"a variable with a URL before the current one", nil, []string{"EUREKA_SERVER_URL=http://x/"}, "http://x/", false},
		{"another server", []string{"--server=http://x/"}, nil, "http://x/", false},
		{"another server and the variable", []string{"--server=http://x/"}, []string{"HEUREKA_CONTEXT=other"}, "http://x/", false},
		{"another server and the flag", []string{"--server=http://x/", "--context=other"}, nil, "http://x/", true},
		{"one of its own servers", []string{"--server=https://b/eureka"}, []string{"HEUREKA_CONTEXT=other"}, "https://b/eureka", true},
		{"its own server without TLS", []string{"--server=http://now:1/eureka/"}, nil, "http://now:1/eureka/", false},
		{"one of its own and another", []string{"--server=https://now:1/eureka/,http://x/"}, nil, "https://now:1/eureka/ http://x/", false},
		{"no file", nil, []string{"HEUREKA_CONFIG=" + file + ".none"}, localServer, false},
	} {
		p := &program{env: slices.Concat([]string{"HEUREKA_CONFIG=" + file}, tt.env)}
		r := prepared(t, p, tt.flags)
		if got := strings.Join(r.servers, " "); got != tt.servers || r.login.given() != tt.shows {
			t.Errorf("%s: %s, credentials %v, want %s, %v", tt.name, got, r.login.given(), tt.servers, tt.shows)
		}
	}
}

// prepared is what a command with these flags works with.
func prepared(t *testing.T, p *program, flags []string) (got *remote) {
	t.Helper()
	cmd := p.remoteCommand(&cobra.Command{Use: "test"}, nil, func(_ context.Context, r *remote, _ []string) error {
		got = r
		return nil
	})
	cmd.SetArgs(flags)
	if err := cmd.Execute(); err != nil {
		t.Fatalf("%v: %v", flags, err)
	}
	return got
}

// Credentials go to servers that somebody has named, not to those that a server names as its peers.
func TestPeersOfServersGetNoCredentials(t *testing.T) {
	r := &remote{named: []string{"https://a/"}, servers: []string{"https://a/", "https://peer/"}}
	r.login.user = namedFile{"x", "--user-file"}
	if !r.loginFor([]string{"https://a/"}).given() {
		t.Error("the server gets none")
	}
	if r.loginFor([]string{"https://peer/"}).given() || r.loginFor(r.servers).given() {
		t.Error("its peer gets some")
	}
}

// The file is in the user's directory for settings, for the user alone, and a link to it stays a link.
func TestContextsFile(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the directory has other names elsewhere")
	}
	home, real := t.TempDir(), filepath.Join(t.TempDir(), "real.json")
	t.Setenv("XDG_CONFIG_HOME", home)
	p := &program{stdout: &strings.Builder{}}
	add := func(name string) {
		t.Helper()
		if err := p.change(func(all *contexts) (string, error) {
			return all.add(name, &serverContext{Servers: []string{"https://a/"}}, false, false)
		}); err != nil {
			t.Fatal(err)
		}
	}
	add("a")
	path := filepath.Join(home, "heureka", "contexts.json")
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if err := errors.Join(os.Rename(path, real), os.Symlink(real, path)); err != nil {
		t.Fatal(err)
	}
	add("b")
	if to, err := os.Readlink(path); err != nil || to != real {
		t.Errorf("link to %q, %v", to, err)
	}
	if all, err := p.contexts(); err != nil || !slices.Equal(all.names(), []string{"a", "b"}) {
		t.Errorf("%v, %v", all.names(), err)
	}
}

// Of commands that run at the same time each keeps what the others have done.
func TestContextsAddedAtTheSameTime(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files are not locked there")
	}
	env := []string{contextsVariable + "=" + filepath.Join(t.TempDir(), "new", "contexts.json")}
	const n = 30
	var adding sync.WaitGroup
	for i := range n {
		adding.Go(func() {
			p := &program{stdout: io.Discard, env: env}
			if err := p.change(func(all *contexts) (string, error) {
				return all.add(fmt.Sprint("c", i), &serverContext{Servers: []string{"https://a/"}}, false, false)
			}); err != nil {
				t.Error(err)
			}
		})
	}
	adding.Wait()
	if all, err := (&program{env: env}).contexts(); err != nil || len(all.Contexts) != n {
		t.Errorf("%d contexts of %d, %v", len(all.Contexts), n, err)
	}
}
