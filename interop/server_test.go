//go:build interop

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A server is a running registry node of either kind.
type server struct {
	*proc
	gen  string // heureka, 2025 or 2021
	port int
	url  string // http://127.0.0.1:8761, without a path
}

// eurekaURL is what clients and peers are configured with. Both Spring's client
// and its server make their own URLs end in a slash.
func (s *server) eurekaURL() string { return eurekaURL(s.port) }

func eurekaURL(port int) string { return fmt.Sprintf("http://127.0.0.1:%d/eureka/", port) }

// startServer starts a node of that generation alone, on a port of its own choice.
func startServer(t testing.TB, gen string, extra ...string) *server {
	t.Helper()
	for range 3 {
		s := launch(t, gen, freePort(t), nil, extra...)
		err := s.awaitOpen(t)
		if err == nil {
			return s
		}
		if !portTaken(s.proc) {
			t.Fatal(err)
		}
	}
	t.Fatalf("three ports in a row were taken by others")
	return nil
}

// startNode starts a node of that generation on a given port, as a member of a ring
// with peers, and waits until it answers reads.
func startNode(t testing.TB, gen string, port int, peers []string, extra ...string) *server {
	t.Helper()
	s := launch(t, gen, port, peers, extra...)
	if err := s.awaitOpen(t); err != nil {
		t.Fatal(err)
	}
	return s
}

// startJavaServer starts the reference server of the Spring Cloud line gen, 2025 or
// 2021, and waits until it answers reads. peers are the URLs it replicates to; its
// own may be among them.
func startJavaServer(t testing.TB, gen string, port int, peers []string, extra ...string) *server {
	t.Helper()
	if gen == heurekaGen {
		t.Fatalf("no Java server is called %s", gen)
	}
	return startNode(t, gen, port, peers, extra...)
}

// launch starts a node and waits for nothing.
func launch(t testing.TB, gen string, port int, peers []string, extra ...string) *server {
	t.Helper()
	return launchWith(t, nil, gen, port, peers, extra...)
}

// launchWith gives it more variables of the environment.
func launchWith(t testing.TB, env []string, gen string, port int, peers []string, extra ...string) *server {
	t.Helper()
	args := replacing(serverSettings(port, peers), extra)
	s := &server{gen: gen, port: port, url: fmt.Sprintf("http://127.0.0.1:%d", port)}
	if slices.Contains(args, tlsEnabled) {
		s.url = fmt.Sprintf("https://127.0.0.1:%d", port)
	}
	var cmd *exec.Cmd
	switch gen {
	case heurekaGen, previousGen:
		binary := heurekaBinary
		if gen == previousGen {
			binary = previousBinary
		}
		cmd = exec.Command(need(t, binary), append([]string{"serve"}, args...)...)
	default:
		cmd = javaCommand(need(t, javaFixtures), "server-"+gen, nil, "heureka.interop.Server", 256, replacing(javaServerSettings(port), args))
	}
	cmd.Env = append(os.Environ(), env...)
	s.proc = start(t, fmt.Sprintf("server-%s-%d", gen, port), cmd)
	return s
}

// replacing appends extra to settings, without those that extra sets anew: Spring
// would join the two values of a repeated argument with a comma.
func replacing(settings, extra []string) []string {
	set := map[string]bool{}
	for _, arg := range extra {
		name, _, _ := strings.Cut(arg, "=")
		set[name] = true
	}
	kept := slices.DeleteFunc(slices.Clone(settings), func(arg string) bool {
		name, _, _ := strings.Cut(arg, "=")
		return set[name]
	})
	return append(kept, extra...)
}

// awaitOpen waits until the node answers reads; it returns an error if it ended.
func (s *server) awaitOpen(t testing.TB) error {
	t.Helper()
	var ended error
	eventually(t, limit, func() error {
		if s.ended() {
			ended = fmt.Errorf("%s ended, %v: %s", s.name, s.cmd.ProcessState, s.tail(20))
			return nil
		}
		_, err := apps(s.url)
		return err
	})
	return ended
}

// serverSettings are what every node gets, heureka and Java alike: no
// self-preservation, so that killed clients expire, short intervals, fresh reads.
func serverSettings(port int, peers []string) []string {
	ring := fmt.Sprint(len(peers) > 0)
	if len(peers) == 0 {
		peers = []string{eurekaURL(port)}
	}
	return []string{
		fmt.Sprintf("--server.port=%d", port),
		"--server.address=127.0.0.1",
		"--spring.application.name=registry",
		"--eureka.instance.hostname=127.0.0.1",
		fmt.Sprintf("--eureka.instance.instance-id=127.0.0.1:registry:%d", port),
		"--eureka.instance.lease-renewal-interval-in-seconds=1",
		"--eureka.instance.lease-expiration-duration-in-seconds=6",
		"--eureka.client.service-url.defaultZone=" + strings.Join(peers, ","),
		"--eureka.client.register-with-eureka=" + ring,
		"--eureka.client.fetch-registry=" + ring,
		"--eureka.client.registry-fetch-interval-seconds=1",
		"--eureka.server.enable-self-preservation=false",
		"--eureka.server.eviction-interval-timer-in-ms=1000",
		"--eureka.server.use-read-only-response-cache=false",
		"--eureka.server.wait-time-in-ms-when-sync-empty=1000",
		"--eureka.server.registry-sync-retries=5",
		"--eureka.server.registry-sync-retry-wait-ms=500",
		"--eureka.server.peer-node-connect-timeout-ms=1000",
		"--eureka.server.peer-node-read-timeout-ms=3000",
	}
}

// javaServerSettings are for the reference only. It takes a peer for itself if the
// URL's host is its own host name, whatever the port, and then replicates to itself
// or, as here where all nodes are on 127.0.0.1, to nobody. With my-url set it
// compares whole URLs instead, trailing slash included, and several servers can
// share one host. Both Spring lines do this alike.
func javaServerSettings(port int) []string {
	return []string{
		"--eureka.server.my-url=" + eurekaURL(port),
		"--eureka.dashboard.enabled=false",
		// A change that comes while the reference encodes an answer is missing from
		// the copy it then caches, for 180 s by default. Polling tests do meet that.
		"--eureka.server.response-cache-auto-expiration-in-seconds=1",
		"--logging.level.com.netflix.eureka.registry=WARN", // it logs every eviction tick
	}
}

// javaCommand runs a Maven module of the fixtures, with others and their libraries
// behind it on the class path. The first compiler tier alone makes a JVM that lives
// for a minute start faster.
func javaCommand(fixtures, module string, more []string, main string, heapMB int, args []string) *exec.Cmd {
	target := filepath.Join(fixtures, module, "target")
	path := []string{filepath.Join(target, "app.jar"), filepath.Join(target, "lib", "*")}
	for _, other := range more {
		behind := filepath.Join(fixtures, other, "target")
		path = append(path, filepath.Join(behind, "app.jar"), filepath.Join(behind, "lib", "*"))
	}
	jvm := []string{
		fmt.Sprintf("-Xmx%dm", heapMB), "-Xss512k", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
		"-Dfile.encoding=UTF-8", "-cp", strings.Join(path, ":"), main,
	}
	return exec.Command("java", append(jvm, args...)...)
}
