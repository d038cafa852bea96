//go:build interop

package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestCommandLine runs every command of our program against each line of the reference, whose lists come from a cache as
// they do by default, and moves a registry from there to a heureka node and back.
func TestCommandLine(t *testing.T) {
	if target != heurekaGen {
		t.Skip("this is about our program, whatever the server under test")
	}
	for _, gen := range []string{"2025", "2021"} {
		t.Run(gen, func(t *testing.T) {
			t.Parallel()
			s := startShell(t, gen)
			s.tell(t, "looked at an empty registry", s.lookAround)
			s.tell(t, "registered and changed", s.change)
			s.tell(t, "listed", s.list)
			s.tell(t, "watched", s.watch)
			s.tell(t, "ran a program", s.supervise)
			s.tell(t, "moved the registry there and back", s.move)
			s.tell(t, "made mistakes", s.mistakes)
			s.story.end("")
		})
	}
}

// A shell runs our program against a Java server.
type shell struct {
	java, ours *server
	peer       string // a peer of the Java server that is not there
	story      *story
}

func startShell(t *testing.T, gen string) *shell {
	s := &shell{peer: eurekaURL(freePort(t)), story: &story{name: "command line on " + gen}}
	port := freePort(t)
	s.java = startJavaServer(t, gen, port, []string{eurekaURL(port), s.peer},
		"--eureka.server.use-read-only-response-cache=true", // the default, with a tenth of its usual age
		"--eureka.server.response-cache-update-interval-ms=3000",
		"--eureka.client.register-with-eureka=false",
		"--eureka.client.fetch-registry=false")
	s.ours = startServer(t, heurekaGen)
	return s
}

// tell runs one part of the story.
func (s *shell) tell(t *testing.T, name string, part func(*testing.T)) {
	t.Helper()
	began := time.Now()
	part(t)
	s.story.did(name, time.Since(began))
}

// command is our program with the Java server as the one to ask.
func (s *shell) command(t testing.TB, args ...string) *exec.Cmd {
	cmd := exec.Command(need(t, heurekaBinary), args...)
	cmd.Env = append(os.Environ(), "EUREKA_SERVER_URL="+s.java.eurekaURL())
	return cmd
}

// A step is a command and what it must say. Patterns are of single lines; an empty one admits anything.
type step struct {
	line           string // arguments, separated by spaces; JAVA and OURS stand for service URLs
	status         int
	stdout, stderr string
	stdin          string
}

// try runs a step and returns its standard output, with an error if the step is not as it must be.
func (s *shell) try(t testing.TB, step step) (string, error) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), limit)
	defer stop()
	line := strings.NewReplacer("JAVA", s.java.eurekaURL(), "OURS", s.ours.eurekaURL()).Replace(step.line)
	cmd := s.command(t, strings.Fields(line)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(step.stdin), &stdout, &stderr
	if err := cmd.Start(); err != nil {
		return "", err
	}
	defer context.AfterFunc(ctx, func() { cmd.Process.Kill() })()
	err := cmd.Wait()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		return "", err
	}
	status := cmd.ProcessState.ExitCode()
	if status != step.status || !matches(step.stdout, stdout.String()) || !matches(step.stderr, stderr.String()) {
		return "", fmt.Errorf("heureka %s: status %d, want %d; %q, want %q; complains %q, want %q",
			line, status, step.status, stdout.String(), step.stdout, stderr.String(), step.stderr)
	}
	return stdout.String(), nil
}

func matches(pattern, text string) bool {
	return regexp.MustCompile("(?m)" + pattern).MatchString(text)
}

// do runs steps that must be right at once.
func (s *shell) do(t testing.TB, steps ...step) {
	t.Helper()
	for _, step := range steps {
		if _, err := s.try(t, step); err != nil {
			t.Error(err)
		}
	}
}

// await repeats a step until it is right: lists of the Java server lag.
func (s *shell) await(t testing.TB, step step) {
	t.Helper()
	eventually(t, limit, func() error {
		_, err := s.try(t, step)
		return err
	})
}

// listsLag is the hint wherever an old list may be the reason.
const listsLag = `^heureka: hint: .*a Java server lists a change up to 30s late`

// lookAround asks an empty server.
func (s *shell) lookAround(t *testing.T) {
	s.do(t,
		step{line: "apps", stdout: `\AAPP +INSTANCES +STATUS\n\z`},
		step{line: "instances -o name", stdout: `\A\z`},
		step{line: "instances orders", status: 1, stderr: listsLag},
		step{line: "get ORDERS o1", status: 1, stderr: `^heureka: error: ORDERS/o1: no such instance$`},
		step{line: "export", stdout: `"application": \[\]`},
		step{line: "top --once", stdout: `^heureka  0 instances of 0 applications, hash - `},
		step{line: "health", stdout: `^\S+/eureka/ +UP +- +0 +- +- +-$`},
		step{line: "health --server OURS,JAVA", stdout: `^\S+/eureka/ +UP +open +0 +- +disabled `},
		step{line: "peers", stdout: `^\S+/eureka/ +` + s.peer + ` +unavailable +- +-$`},
		step{line: "top --once", stdout: ` +` + s.peer + ` +unavailable `},
		step{line: "completion bash", stdout: `^# bash completion`},
	)
}

// change registers instances and changes them; what the server has of a single one is always up to date.
func (s *shell) change(t *testing.T) {
	s.do(t,
		step{line: "register --app orders --id o1 --host h1 --ip 192.0.2.1 --port 8080 --metadata zone=eu-1a --lease 1h",
			stdout: `^registered ORDERS/o1 as UP, for 3600s unless somebody sends heartbeats$`},
		step{line: "register --app users --id h3:users:8443 --host h3 --ip 192.0.2.3 --secure-port 8443 --status STARTING --lease 1h",
			stdout: `^registered USERS/h3:users:8443 as STARTING`},
		step{line: "get ORDERS o1", stdout: `^status +UP$`},
		step{line: "get USERS/h3:users:8443", stdout: `^secure port +8443$`},
		step{line: "get ORDERS other", status: 1, stderr: `^heureka: error: ORDERS/other: no such instance$`},
		step{line: "metadata set ORDERS o1 version=2.0 canary=", stdout: `^set 2 entries of ORDERS/o1$`},
		step{line: "get ORDERS o1", stdout: `^metadata canary\nmetadata version +2\.0\nmetadata zone +eu-1a$`},
		step{line: "status set ORDERS o1 DOWN", stdout: `^ORDERS/o1 is DOWN until heureka status clear$`},
		step{line: "get ORDERS o1", stdout: `^status +DOWN\noverride +DOWN$`},
		step{line: "status clear ORDERS o1", stdout: `^ORDERS/o1 has no override any more, and is UNKNOWN until it registers again$`},
		step{line: "get ORDERS o1", stdout: `^status +UNKNOWN\nhost `},
		step{line: "status clear ORDERS o1 --as UP", stdout: `^ORDERS/o1 has no override, and is UNKNOWN$`},
		step{line: "status set ORDERS o1 DOWN"},
		step{line: "status clear ORDERS o1 --as UP", stdout: `^ORDERS/o1 has no override any more, and is UP until it registers again$`},
		step{line: "get ORDERS o1", stdout: `^status +UP\nhost `},
		step{line: "status set USERS h3:users:8443 --drain --drain-time 1s", stdout: `^drained USERS/h3:users:8443$`},
	)
	doc, err := s.try(t, step{line: "get ORDERS o1 -o json", stdout: `"instanceId": "o1"`})
	if err != nil {
		t.Fatal(err)
	}
	doc = strings.ReplaceAll(doc, `"o1"`, `"o2"`)
	s.do(t,
		step{line: "register -f -", stdin: doc, stdout: `^registered ORDERS/o2 as UP, for 3600s`},
		step{line: "get ORDERS o2", stdout: `^metadata version +2\.0$`},
	)
	// The last heartbeat, which the override of a moment ago was, is not shown as in the future.
	if age, err := s.lastRenewal(t, "USERS h3:users:8443"); err != nil || age < -time.Minute || age > time.Hour/2 {
		t.Errorf("renewed %v ago, %v", age, err)
	}
}

func (s *shell) lastRenewal(t *testing.T, instance string) (time.Duration, error) {
	out, err := s.try(t, step{line: "get " + instance})
	if err != nil {
		return 0, err
	}
	found := regexp.MustCompile(`(?m)^renewed +(\S+)$`).FindStringSubmatch(out)
	if found == nil {
		return 0, fmt.Errorf("no time in %q", out)
	}
	at, err := time.Parse(time.RFC3339, found[1])
	return time.Since(at), err
}

// list waits until the lists show what was changed; until then, the program says what may be the reason.
func (s *shell) list(t *testing.T) {
	eventually(t, limit, func() error {
		_, err := s.try(t, step{line: "instances orders -o name", stdout: `\AORDERS/o1\nORDERS/o2\n\z`})
		if err != nil {
			if _, other := s.try(t, step{line: "instances orders", status: 1, stderr: listsLag}); other != nil {
				return err
			}
		}
		return err
	})
	s.await(t, step{line: "instances -o wide", stdout: `^USERS +h3:users:8443 +OUT_OF_SERVICE +h3:8443 +OUT_OF_SERVICE `})
	s.do(t,
		step{line: "apps -o wide", stdout: `^ORDERS +2 +2 UP +orders +eu-1a$`},
		step{line: "apps -o yaml", stdout: `^ +app: USERS$`},
		step{line: "instances --status OUT_OF_SERVICE -o name", stdout: `\AUSERS/h3:users:8443\n\z`},
		step{line: "instances --zone eu-1a -o name", stdout: `\AORDERS/o1\nORDERS/o2\n\z`},
		step{line: "instances order", status: 1, stderr: `^heureka: hint: did you mean ORDERS\?$`},
		step{line: "top --once", stdout: `^heureka  3 instances of 2 applications, hash OUT_OF_SERVICE_1_UP_2_ `},
	)
}

// watch follows changes of all kinds.
func (s *shell) watch(t *testing.T) {
	p := start(t, "heureka-watch", s.command(t, "watch", "orders", "--initial", "--interval", "100ms"))
	says := func(line string) {
		t.Helper()
		awaitReady(t, p, func() error { return p.printed(`^\d\d:\d\d:\d\d ` + line + `$`) })
	}
	says("= ORDERS/o1 UP")
	says("= ORDERS/o2 UP")
	s.do(t, step{line: "status set ORDERS o1 OUT_OF_SERVICE"})
	says("~ ORDERS/o1 OUT_OF_SERVICE  status: UP -> OUT_OF_SERVICE  overriddenStatus: UNKNOWN -> OUT_OF_SERVICE")
	s.do(t, step{line: "register --app orders --id o3 --port 8080 --lease 1h"})
	says(`\+ ORDERS/o3 UP`)
	s.do(t, step{line: "deregister ORDERS/o3", stdout: `^removed ORDERS/o3$`})
	says("- ORDERS/o3 UP")
	p.cmd.Process.Signal(os.Interrupt)
	if status := p.status(t); status != 0 {
		t.Errorf("watch ended with status %d: %s", status, p.tail(5))
	}
}

// program says what signals it gets, and ends with a status of its own.
const program = `trap 'echo reloads' HUP; trap 'echo stops; exit 3' TERM; echo starts; while :; do sleep 0.1; done`

// supervise runs a program under a short lease: it stays registered by heartbeats, leaves before it gets the signal
// to stop, and its exit status is kept.
func (s *shell) supervise(t *testing.T) {
	const leaseSecs = 3
	p := start(t, "heureka-run", s.command(t, "run", "--app", "runs", "--id", "r1", "--port", "8080",
		"--lease", fmt.Sprint(leaseSecs, "s"), "--renewal-interval", "1s", "--drain-time", "1h", "--", "sh", "-c", program))
	is := func(status string) {
		t.Helper()
		awaitReady(t, p, func() error {
			_, err := s.try(t, step{line: "get RUNS r1", stdout: `^status +` + status + `$`})
			return err
		})
	}
	is("UP")
	awaitReady(t, p, func() error { return p.printed(`^starts$`) })
	p.cmd.Process.Signal(syscall.SIGHUP)
	awaitReady(t, p, func() error { return p.printed(`^reloads$`) })
	// The reference keeps a renewed lease for twice its duration.
	for began := time.Now(); time.Since(began) < (2*leaseSecs+2)*time.Second; awaitTick() {
		s.do(t, step{line: "get RUNS r1", stdout: `^status +UP$`})
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	is("DOWN")
	if p.printed(`^stops$`) == nil {
		t.Error("the program was stopped before callers had time to notice")
	}
	p.cmd.Process.Signal(syscall.SIGTERM) // ends the wait
	if status := p.status(t); status != 3 || p.printed(`^stops$`) != nil {
		t.Errorf("ended with status %d, want the program's 3: %s", status, p.tail(10))
	}
	s.do(t,
		step{line: "get RUNS r1", status: 1, stderr: `no such instance`},
		step{line: "run --app runs --id r2 --port 8080 -- false", status: 1, stderr: `false ended with status 1$`},
		step{line: "get RUNS r2", status: 1},
	)
}

// move takes the registry to a heureka node, and what is missing back again.
func (s *shell) move(t *testing.T) {
	file := filepath.Join(t.TempDir(), "registry.json")
	s.await(t, step{line: "instances -o name", stdout: `\AORDERS/o1\nORDERS/o2\nUSERS/h3:users:8443\n\z`})
	s.do(t,
		step{line: "export " + file, stdout: `^exported 3 instances of 2 applications to `},
		step{line: "import --server OURS --dry-run " + file, stdout: `^would register 3 instances, leave 0 alone$`},
		step{line: "import --server OURS " + file, stdout: `^registered 3 instances, left 0 alone$`},
		step{line: "diff JAVA OURS", stdout: `^no difference in 3 instances$`},
		step{line: "import --server OURS " + file, stdout: `^registered 0 instances, left 3 alone$`},
	)
	// An override and metadata leave the dirty timestamp as it is; they are moved all the same.
	s.do(t,
		step{line: "status set ORDERS o2 OUT_OF_SERVICE"},
		step{line: "metadata set ORDERS o2 moved=twice"},
	)
	s.await(t, step{line: "instances orders -o wide", stdout: `o2 .*moved=twice`})
	s.do(t,
		step{line: "diff JAVA OURS", status: 1, stdout: `^    metadata.moved: "twice" -> \(none\)$`, stderr: listsLag},
		step{line: "export " + file},
		step{line: "import --server OURS " + file, stdout: `^registered 1 instance, left 2 alone$`},
		step{line: "diff JAVA OURS", stdout: `^no difference in 3 instances$`},
		step{line: "deregister ORDERS o1"},
	)
	s.await(t, step{line: "diff JAVA OURS", status: 1, stdout: `\A\+ ORDERS/o1 only in the second, OUT_OF_SERVICE\n\z`})
	s.do(t,
		step{line: "export --server OURS " + file},
		step{line: "import " + file, stdout: `^registered 1 instance, left 2 alone$`},
	)
	s.await(t, step{line: "diff JAVA OURS", stdout: `^no difference in 3 instances$`})
}

// mistakes makes those of which Java servers have their own opinion.
func (s *shell) mistakes(t *testing.T) {
	s.do(t,
		step{line: "deregister ORDERS o1", stdout: `^removed ORDERS/o1$`},
		step{line: "deregister ORDERS o1", status: 1, stderr: `^heureka: error: ORDERS/o1: no such instance$`},
		step{line: "status set ORDERS o1 UP", status: 1, stderr: `^heureka: error: ORDERS/o1: no such instance$`},
		step{line: "metadata set ORDERS o1 a=b", status: 1, stderr: `^heureka: error: ORDERS/o1: no such instance$`},
		step{line: "register --app slash --id a/b --port 8080"},
		step{line: "deregister SLASH/a/b", status: 1, stderr: `^heureka: hint: a Java server takes no id with / `},
	)
	for _, line := range []string{"apps", "get ORDERS o2", "peers", "health", "register --app orders --port 1", "watch"} {
		s.do(t, step{line: line + " --server " + s.java.url, status: 1, stderr: `^heureka: hint: is this the service URL\? Spring's servers have /eureka/ at its end`})
	}
}

// printed returns nil if the process has printed a line of this pattern.
func (p *proc) printed(line string) error {
	out, err := os.ReadFile(p.log)
	if err != nil {
		return err
	}
	if !matches(line, string(out)) {
		return fmt.Errorf("%s has not printed %s, only %s", p.name, line, out)
	}
	return nil
}

// status waits until the process has ended, and returns its exit status.
func (p *proc) status(t testing.TB) int {
	t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(limit):
		t.Fatalf("%s is still running after %v", p.name, limit)
		return 0
	}
}
