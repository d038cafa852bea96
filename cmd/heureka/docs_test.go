package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/server"
)

var update = flag.Bool("update", false, "rewrite docs/cli.md from what the commands print")

// recordings are the sections of docs/cli.md about client commands, in an order in which each command finds what it needs.
var recordings = []struct {
	command string // whose help makes the text
	lines   []string
}{
	{"register", []string{
		"heureka register --app orders --id orders-1 --host h1 --ip 192.0.2.1 --port 8080 --metadata zone=eu-1a",
		"heureka register --app orders --id orders-2 --host h2 --ip 192.0.2.2 --port 8080 --metadata zone=eu-1b --status STARTING",
		"heureka register --app users --id users-1 --host h3 --ip 192.0.2.3 --port 8081 --secure-port 8443 --lease 1h",
		"heureka register --app users",
	}},
	{"apps", []string{"heureka apps", "heureka apps -o wide"}},
	{"instances", []string{
		"heureka instances", "heureka instances orders -o wide", "heureka instances --zone eu-1b -o name", "heureka instances oders",
	}},
	{"get", []string{"heureka get USERS users-1", "heureka get ORDERS/orders-1 -o json", "heureka get ORDERS order-1"}},
	{"metadata set", []string{"heureka metadata set ORDERS orders-1 version=2.0"}},
	{"status set", []string{
		"heureka status set ORDERS orders-1 OUT_OF_SERVICE --reason disk", "heureka status set ORDERS orders-2 --drain --drain-time 10ms",
	}},
	{"status clear", []string{"heureka status clear ORDERS orders-1 --as UP"}},
	{"history", []string{"heureka history ORDERS orders-1", "heureka history ORDERS/orders-2 --limit 1 -o json"}},
	{"health", []string{"heureka health -o wide", "heureka health --server $ONE,$DEAD"}},
	{"lint", []string{"heureka lint"}},
	{"doctor", []string{"heureka doctor --server $ONE", "heureka doctor --server $DEAD"}},
	{"protection release", []string{"heureka protection release"}},
	{"auth denied", []string{"heureka auth denied"}},
	{"auth user", nil},
	{"auth token", nil},
	{"auth check", []string{"heureka auth check register orders"}},
	{"evict", []string{"heureka evict"}},
	{"peers", []string{"heureka peers --server $RING"}},
	{"top", []string{"heureka top --once"}},
	{"watch", []string{"heureka watch orders --initial --count 2", "heureka watch users --initial --count 1 -o json"}},
	{"export", []string{"heureka export registry.json"}},
	{"import", []string{
		"heureka import --server $TWO --dry-run registry.json", "heureka import --server $TWO registry.json",
		"heureka import --server $TWO registry.json",
	}},
	{"deregister", []string{"heureka deregister ORDERS/orders-2", "heureka deregister ORDERS/orders-2"}},
	{"diff", []string{"heureka diff $ONE $TWO"}},
	{"run", []string{
		"heureka run --app orders --id orders-3 --host h4 --ip 192.0.2.4 --port 8082 -- ./orders-service",
		"heureka run --app orders --id orders-3 --port 8082 -- no-such-program",
	}},
	{"context", []string{
		"heureka context add test --server $ONE --user-file ann.credential --use",
		"heureka context add prod --server https://reg1.corp.example:8761/eureka/,https://reg2.corp.example:8761/eureka/ --token-file token",
		"heureka context list", "heureka context show", "heureka context show prod -o json",
		"heureka context use live", "heureka context use prod", "heureka context remove prod",
	}},
}

// TestDocumentation keeps docs/cli.md what the commands really print; -update rewrites it.
func TestDocumentation(t *testing.T) {
	file, err := filepath.Abs("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	got := document(t)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("docs/cli.md is not what the commands print; go test ./cmd/heureka -run TestDocumentation -update rewrites it (-file +printed):\n%s", diff)
	}
}

// TestEveryClientCommandIsDocumented keeps recordings complete.
func TestEveryClientCommandIsDocumented(t *testing.T) {
	p := &program{}
	for _, cmd := range p.clientCommands() {
		if !slices.ContainsFunc(recordings, func(r struct {
			command string
			lines   []string
		}) bool {
			return strings.Split(r.command, " ")[0] == cmd.Name()
		}) {
			t.Errorf("docs/cli.md says nothing of heureka %s", cmd.Name())
		}
	}
}

const preface = `# The command line

<!-- Generated: go test ./cmd/heureka -run TestDocumentation -update -->

These commands work with any Eureka server: heureka, Spring Cloud Netflix, Netflix. heureka serve, config and bench are described
by their own help.

Common to all:

- --server URL: the service URL; may be repeated or be a list with commas. The first one is asked, and another if it fails. Default:
  what heureka context says, the environment variable EUREKA_SERVER_URL, else http://localhost:8761/eureka/.
- --context NAME, or the variable HEUREKA_CONTEXT: a context, which has the servers and files of the flags below; see heureka context.
- --user-file, --token-file: files with NAME:PASSWORD or a bearer token, which are read again while a command runs. A password in a
  URL works too, but other users see arguments; heureka run takes it out of EUREKA_SERVER_URL for its program.
- --cacert, --cert, --key: whom to trust under https, and the certificate to show.
- Credentials go to servers that are named, by a flag, a context or the variable: not where these redirect to, nor to peers that they tell of.
- HTTP_PROXY, HTTPS_PROXY and NO_PROXY count, as for curl; heureka bench goes past proxies.
- --timeout 8s: how long to wait for each server.
- -o FORMAT: table, wide, json, yaml, name, as far as a command has them. JSON of instances is that of the servers' own API. Colours are
  for terminals only, and not if NO_COLOR is set. --no-headers leaves out the heading of a table.
- An instance is named by APP ID or, as -o name prints it, APP/ID.
- Exit status: 0 done; 1 a server said no, or cannot be reached, or what was asked for is not there, or differs; 2 a mistake in the
  command line, and nothing was sent.
- Java servers answer lists from a cache: apps, instances, watch, top, export and diff see a change up to 30 s late there. heureka get
  asks behind the cache, and so do all commands that change something.
- heureka completion bash|zsh|fish|powershell prints a completion script; heureka completion bash --help tells how to load it.
  It offers applications, ids, statuses, zones and metadata as the server has them, and the keys of heureka serve and config.
`

func document(t *testing.T) []byte {
	rec := newRecorder(t)
	var b bytes.Buffer
	b.WriteString(preface)
	for _, section := range recordings {
		cmd, _, err := (&program{}).command().Find(strings.Split(section.command, " "))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "\n## heureka %s\n\n%s\n", section.command, strings.TrimSpace(text(cmd)))
		if flags := ownFlags(cmd); flags != "" {
			fmt.Fprintf(&b, "\n```\n%s```\n", flags)
		}
		if len(section.lines) == 0 {
			fmt.Fprintf(&b, "\n```console\n%s\n```\n", strings.ReplaceAll(cmd.Example, "  heureka", "$ heureka"))
			continue
		}
		fmt.Fprintf(&b, "\n```console\n")
		for _, line := range section.lines {
			b.WriteString(rec.record(line))
		}
		b.WriteString("```\n")
	}
	return b.Bytes()
}

func text(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return cmd.Long
	}
	return cmd.Short + "."
}

// ownFlags are those that the preface does not explain.
func ownFlags(cmd *cobra.Command) string {
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if !slices.Contains([]string{"server", "context", "timeout", "output", "no-headers", "help"}, f.Name) {
			own.AddFlag(f)
		}
	})
	return own.FlagUsages()
}

// A recorder runs commands and replaces what differs from run to run. All of its URLs have the same length as what
// stands for them, so that columns stay aligned.
type recorder struct {
	vars  map[string]string
	shown *strings.Replacer
}

func newRecorder(t *testing.T) *recorder {
	one, two, dead := heurekatest.NewServer(t).URL, heurekatest.NewServer(t).URL, heurekatest.NewServer(t)
	dead.Stop()
	ring := heurekatest.NewServer(t, func(cfg *server.Config) {
		cfg.ServiceURLs = map[string][]string{"defaultZone": {dead.URL}}
		cfg.WaitTimeWhenSyncEmpty, cfg.SyncRetries = -1, -1
	}).URL
	t.Setenv(serverVariable, one)
	t.Setenv("USER", "alice")
	t.Setenv("SUDO_USER", "")
	home := t.TempDir()
	t.Chdir(home)
	t.Setenv(contextsVariable, filepath.Join(home, "contexts.json"))
	for name, text := range map[string]string{"orders-service": service, "ann.credential": "ann:secret", "token": "secret"} {
		if err := os.WriteFile(name, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	r := &recorder{vars: map[string]string{"ONE": one, "TWO": two, "DEAD": dead.URL, "RING": ring}}
	pairs := []string{home, "/home/ann"}
	for i, u := range []string{one, two, dead.URL, ring} {
		host := []string{"one", "two", "off", "out"}[i]
		pairs = append(pairs, u, "http://eureka-"+host+":8761/eureka/", strings.TrimPrefix(strings.TrimSuffix(u, "/eureka/"), "http://"), "eureka-"+host+":8761")
	}
	r.shown = strings.NewReplacer(pairs...)
	return r
}

// service is a program for heureka run. It does nothing until its input ends, so that its words come after those of the
// registration, and fails.
const service = `#!/bin/sh
read never
echo "orders-service: the database is gone"
exit 3
`

// A terminal takes in what a command and the program that it runs print. When it reads that an instance is registered, it
// ends their input.
type terminal struct {
	input io.Closer

	mu    sync.Mutex
	shown bytes.Buffer
}

func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.shown.Write(p)
	if bytes.Contains(p, []byte("msg=registered")) {
		return len(p), t.input.Close()
	}
	return len(p), nil
}

// volatile is what differs from run to run.
var volatile = []struct {
	what *regexp.Regexp
	by   string
}{
	{regexp.MustCompile(`20\d\d-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)`), "2026-01-02T15:04:05Z"},
	{regexp.MustCompile(`20\d\d-\d\d-\d\d \d\d:\d\d:\d\d`), "2026-01-02 15:04:05"},
	{regexp.MustCompile(`\b\d\d:\d\d:\d\d\b`), "15:04:05"},
	{regexp.MustCompile(`\b1\d{12}\b`), "1767366245000"},
	{regexp.MustCompile(`(unavailable +)\d+ +\S+`), "${1}0        0s"},
	{regexp.MustCompile(`(ready +)\d+/\d+ `), "${1}0/3 "},
	{regexp.MustCompile(`(?m)(ready +)\d+/\d+$`), "${1}0/3"},
}

// record runs one command line and returns it as a terminal would show it.
func (r *recorder) record(line string) string {
	stdin, input := io.Pipe()
	out := &terminal{input: input}
	args := strings.Fields(os.Expand(line, func(name string) string { return r.vars[name] }))
	status := run(args[1:], stdin, out, out)
	if status != 0 {
		fmt.Fprintf(out, "(exit status %d)\n", status)
	}
	text := r.shown.Replace("$ " + strings.Join(args, " ") + "\n" + out.shown.String())
	for _, v := range volatile {
		text = v.what.ReplaceAllString(text, v.by)
	}
	return text
}
