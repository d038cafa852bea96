//go:build interop

package interop

import (
	"fmt"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// leaseSecs is the lease that every client asks for; they beat once a second.
const leaseSecs = 6

// A kind is one sort of client application. All of them answer the same small HTTP
// interface, by which a test asks them what they see and tells them what to do.
type kind struct {
	name    string // as in the fixture's metadata entry "fixture"
	command func(t testing.TB, eureka, app string, port int) *exec.Cmd

	// away is the status other than UP that it can give itself, if it can.
	away string
	// noMetadata says that the library has no means to change metadata.
	noMetadata bool
}

// A client is a running application.
type client struct {
	*proc
	kind  kind
	key   key    // how it is registered
	url   string // its own endpoints
	since time.Time
}

// startClients starts one application per kind, all named after the test's prefix and
// their position, and waits until srv lists them. eureka may lead by way of a proxy.
func startClients(t testing.TB, srv *server, prefix string, starts ...clientStart) []*client {
	t.Helper()
	clients := make([]*client, len(starts))
	for i, s := range starts {
		port := freePort(t)
		app := fmt.Sprintf("%s-%c", prefix, 'A'+i)
		clients[i] = &client{
			kind: s.kind, key: key{app: app}, url: fmt.Sprintf("http://127.0.0.1:%d", port),
			proc: start(t, app, s.kind.command(t, s.eureka, app, port)),
		}
	}
	for _, c := range clients {
		c.awaitRegistered(t, srv)
	}
	return clients
}

// A clientStart says what to start and which registry URL to give it.
type clientStart struct {
	kind   kind
	eureka string
}

func (c *client) awaitRegistered(t testing.TB, srv *server) {
	t.Helper()
	awaitReady(t, c.proc, func() error { return do("GET", c.url+"/hello", &c.key.id) })
	awaitReady(t, c.proc, func() error { return listed(srv.url, c.key, "UP") })
	c.since = time.Now()
}

// ask calls one of the application's endpoints, with parameters in pairs.
func (c *client) ask(out any, path string, params ...string) error {
	query := url.Values{}
	for pair := range slices.Chunk(params, 2) {
		query.Set(pair[0], pair[1])
	}
	return do("GET", c.url+path+"?"+query.Encode(), out)
}

// A found instance is how an application sees another.
type found struct {
	ID       string         `json:"id"`
	Host     string         `json:"host"`
	Port     int            `json:"port"`
	Metadata map[string]any `json:"metadata"`
}

// sees returns nil if the client's own view of other is as wanted: found or not.
func (c *client) sees(other *client, want bool) error {
	var all []found
	if err := c.ask(&all, "/instances", "app", other.key.app); err != nil {
		return err
	}
	got := slices.ContainsFunc(all, func(f found) bool { return f.ID == other.key.id })
	if got != want {
		return fmt.Errorf("%s sees %v of %s, want found=%v", c.name, all, other.key.app, want)
	}
	return nil
}

// A story collects what a client was seen doing, for one line at the end.
type story struct {
	name  string
	steps []string
}

func (s *story) did(step string, took time.Duration) {
	s.steps = append(s.steps, fmt.Sprintf("%s (%.1f s)", step, took.Seconds()))
}

// end prints the line, with the version that the client reports of itself.
func (s *story) end(version string) {
	logf("%s %s against %s: %s", s.name, version, target, strings.Join(s.steps, ", "))
}

// version asks the client for its library's version.
func (c *client) version(t testing.TB) string {
	t.Helper()
	var stats struct{ Version string }
	if err := c.ask(&stats, "/stats"); err != nil {
		t.Fatal(err)
	}
	return stats.Version
}

// meet has two applications discover and call each other.
func (s *story) meet(t *testing.T, srv *server, a, b *client) {
	t.Helper()
	took := eventually(t, limit, func() error {
		if err := a.sees(b, true); err != nil {
			return err
		}
		return b.sees(a, true)
	})
	s.did("discovered", took)
	for _, pair := range [][2]*client{{a, b}, {b, a}} {
		var id string
		if err := pair[0].ask(&id, "/call", "app", pair[1].key.app, "path", "/hello"); err != nil || id != pair[1].key.id {
			t.Fatalf("%s calls %s: got %q, %v, want %q", pair[0].name, pair[1].name, id, err, pair[1].key.id)
		}
		if err := hasMetadata(srv.url, pair[0].key, "fixture", pair[0].kind.name); err != nil {
			t.Error(err)
		}
	}
	s.did("called", 0)
}

// outlive waits until a client has been listed for longer than its lease. watch
// sees to it that it never was not.
func (s *story) outlive(t *testing.T, srv *server, c *client) {
	t.Helper()
	eventually(t, limit, func() error {
		if age := time.Since(c.since); age <= (leaseSecs+1)*time.Second {
			return fmt.Errorf("%s is only %v old", c.key, age)
		}
		return listed(srv.url, c.key, "UP")
	})
	s.did("outlived its lease", time.Since(c.since))
}

// changeStatus takes a client out of service and back; watcher must notice.
func (s *story) changeStatus(t *testing.T, srv *server, c, watcher *client) {
	t.Helper()
	if c.kind.away == "" {
		return
	}
	began := time.Now()
	for _, status := range []string{c.kind.away, "UP"} {
		if err := c.ask(nil, "/status", "value", status); err != nil {
			t.Fatal(err)
		}
		eventually(t, limit, func() error { return listed(srv.url, c.key, status) })
		eventually(t, limit, func() error { return watcher.sees(c, status == "UP") })
	}
	s.did("changed status", time.Since(began))
}

// changeMetadata adds an entry; the server and then watcher must show it.
func (s *story) changeMetadata(t *testing.T, srv *server, c, watcher *client) {
	t.Helper()
	if c.kind.noMetadata {
		return
	}
	began := time.Now()
	if err := c.ask(nil, "/metadata", "key", "colour", "value", "green"); err != nil {
		t.Fatal(err)
	}
	eventually(t, limit, func() error { return hasMetadata(srv.url, c.key, "colour", "green") })
	eventually(t, limit, func() error {
		var all []found
		if err := watcher.ask(&all, "/instances", "app", c.key.app); err != nil {
			return err
		}
		if len(all) != 1 || all[0].Metadata["colour"] != "green" {
			return fmt.Errorf("%s sees %v, want colour=green", watcher.name, all)
		}
		return nil
	})
	s.did("changed metadata", time.Since(began))
}

// leave stops a client cleanly: it is off the list as soon as it has ended, long
// before its lease would have.
func (s *story) leave(t *testing.T, srv *server, c *client) {
	t.Helper()
	began := time.Now()
	c.stop(t)
	eventually(t, leaseSecs*time.Second/2, func() error { return gone(srv.url, c.key) })
	s.did("left cleanly", time.Since(began))
}

// crash kills a client, which then stays listed until its lease has run out.
func (s *story) crash(t *testing.T, srv *server, c *client) {
	t.Helper()
	began := time.Now()
	c.kill()
	if err := listed(srv.url, c.key, "UP"); err != nil {
		t.Error(err)
	}
	eventually(t, limit, func() error { return gone(srv.url, c.key) })
	s.did("expired when killed", time.Since(began))
}

// watch polls servers until stop is called, and fails the test if an answer lacks
// one of the keys or if a server does not answer.
func watch(t testing.TB, servers []*server, keys ...key) (stop func()) {
	end := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
				for _, srv := range servers {
					if err := hasAll(srv.url, keys); err != nil {
						t.Error(err)
						return // one is enough to fail
					}
				}
			}
		}
	})
	stop = sync.OnceFunc(func() { close(end); done.Wait() })
	t.Cleanup(stop)
	return stop
}

// hasAll returns nil if the registry at base lists all keys, whatever their status.
func hasAll(base string, keys []key) error {
	all, err := apps(base)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if _, ok := all.instances[k.String()]; !ok {
			return &missingError{base, k}
		}
	}
	return nil
}

// A missingError is an answer without an instance that should be in it.
type missingError struct {
	base string
	key  key
}

func (e *missingError) Error() string { return fmt.Sprintf("%s is missing from %s", e.key, e.base) }

// tellPair runs the whole story with two clients of one kind: the first leaves
// cleanly in the end, the second crashes.
func tellPair(t *testing.T, name string, first, second kind) {
	srv := startServer(t, target)
	pair := startClients(t, srv, name, clientStart{first, srv.eurekaURL()}, clientStart{second, srv.eurekaURL()})
	a, b := pair[0], pair[1]
	s := &story{name: name, steps: []string{"registered"}}
	stop := watch(t, []*server{srv}, a.key, b.key)
	s.meet(t, srv, a, b)
	s.changeStatus(t, srv, a, b)
	s.changeMetadata(t, srv, a, b)
	s.outlive(t, srv, b)
	stop()
	version := a.version(t)
	s.leave(t, srv, a)
	s.crash(t, srv, b)
	s.end(version)
	s.see(first.name, version)
}
