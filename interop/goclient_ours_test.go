//go:build interop

package interop

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heureka.internal/heureka"
	registryclient "heureka.internal/heureka/client"
)

// TestOurClient runs our own client against both kinds of servers, two nodes each.
func TestOurClient(t *testing.T) {
	t.Parallel()
	for _, gen := range slices.Compact([]string{target, "2025"}) {
		t.Run(gen, func(t *testing.T) {
			t.Parallel()
			one, two := startPair(t, gen)
			between := newTamper(t, one.url)
			s := &story{}
			app := startOurs(t, "OURS", registryclient.Config{
				Region: "here", AvailabilityZones: map[string][]string{"here": {"near", "far"}}, // the near one first
				ServiceURLs: map[string][]string{"near": {one.eurekaURL()}, "far": {two.eurekaURL()}},
			})
			viewer := startOurs(t, "VIEWER", registryclient.Config{Servers: []string{between.URL + "/eureka/"}})
			s.did("registered", eventually(t, limit, func() error { return listed(two.url, app.key, "UP") }))
			if gen == target {
				java := startClients(t, one, "OURS-JAVA", clientStart{spring("2025", "restclient"), one.eurekaURL()})
				s.meet(t, one, app.client, java[0])
			}
			s.meet(t, one, app.client, viewer.client)
			s.readDeltas(t, one, app, viewer)
			s.repairHash(t, one, app, viewer, between)
			s.obeyOverride(t, one, app, viewer)
			s.scripted(t, one)
			viewer.leaveOurs(t, one)
			s.failOver(t, one, two, app)
			s.did("left cleanly", app.leaveOurs(t, two))
			logf("our Go client against two nodes of %s: %s", gen, strings.Join(s.steps, ", "))
		})
	}
}

// startPair starts two nodes of a generation that know each other, at the same time.
func startPair(t *testing.T, gen string) (one, two *server) {
	t.Helper()
	ports := []int{freePort(t), freePort(t)}
	peers := []string{eurekaURL(ports[0]), eurekaURL(ports[1])}
	one, two = launch(t, gen, ports[0], peers), launch(t, gen, ports[1], peers)
	for _, srv := range []*server{one, two} {
		if err := srv.awaitOpen(t); err != nil {
			t.Fatal(err)
		}
	}
	return one, two
}

// An ours is an application with our client in this process, which answers the same
// HTTP interface as the other fixtures.
type ours struct {
	*client
	eureka  *registryclient.Client
	reg     *registryclient.Registration
	journal *journal
	applied atomic.Int32 // entries of deltas
	leave   func() error // ends the client and returns what Run returned
}

func startOurs(t *testing.T, app string, cfg registryclient.Config) *ours {
	t.Helper()
	o := &ours{journal: &journal{next: &http.Transport{}}}
	t.Cleanup(o.journal.next.CloseIdleConnections)
	web := httptest.NewServer(o)
	t.Cleanup(web.Close)
	u, _ := url.Parse(web.URL)
	port, _ := strconv.Atoi(u.Port())
	cfg.Transport = o.journal
	cfg.Hooks.Refresh = o.refreshed
	cfg.FetchInterval, cfg.FetchBackoffBound, cfg.HeartbeatBackoffBound = time.Second, 1, 1
	cfg.ReplicationInterval, cfg.InitialReplicationDelay = time.Second, time.Second
	cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), nil)).With("app", app)
	var err error
	if o.eureka, err = registryclient.New(cfg); err != nil {
		t.Fatal(err)
	}
	o.reg, err = o.eureka.Register(registryclient.InstanceConfig{
		App: app, HostName: "127.0.0.1", IPAddr: "127.0.0.1", Port: port, Metadata: map[string]string{"fixture": "heureka"},
		RenewalInterval: time.Second, LeaseDuration: leaseSecs * time.Second, DownBeforeCancel: app == scriptedApp,
	})
	if err != nil {
		t.Fatal(err)
	}
	o.client = &client{
		proc: &proc{name: app}, kind: kind{name: "heureka"}, url: web.URL, since: time.Now(),
		key: key{app, o.reg.Instance().ID},
	}
	o.run(t)
	return o
}

// run runs the client until leave, and waits until it is registered.
func (o *ours) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- o.eureka.Run(ctx) }()
	o.leave = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = o.leave() })
	waiting, stop := context.WithTimeout(t.Context(), limit)
	defer stop()
	if err := o.reg.Wait(waiting); err != nil {
		t.Fatal(err)
	}
}

func (o *ours) refreshed(info registryclient.RefreshInfo) {
	if !info.Full {
		o.applied.Add(int32(info.Applied))
	}
}

// ServeHTTP answers /hello, /instances and /call.
func (o *ours) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	app := r.FormValue("app")
	switch r.URL.Path {
	case "/hello":
		io.WriteString(w, o.key.id)
	case "/instances":
		list := []found{}
		for _, in := range o.eureka.Instances(registryclient.App(app)) {
			list = append(list, found{ID: in.ID, Host: in.HostName, Port: in.Port.Number})
		}
		json.NewEncoder(w).Encode(list)
	case "/call":
		transport := &registryclient.Transport{Client: o.eureka}
		defer transport.CloseIdleConnections()
		resp, err := (&http.Client{Transport: transport}).Get("http://" + app + r.FormValue("path"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		io.Copy(w, resp.Body)
	default:
		http.NotFound(w, r)
	}
}

// seesAs returns nil if the view of other is as wanted: how many are up, and the
// status and colour of the instance whether up or not.
func (o *ours) seesAs(other *ours, up int, status heureka.Status, colour string) error {
	if n := len(o.eureka.Instances(registryclient.VIP(other.key.app))); n != up {
		return fmt.Errorf("%s sees %d instances of %s up, want %d", o.name, n, other.name, up)
	}
	in, ok := o.eureka.Snapshot().Instance(other.key.app, other.key.id)
	if !ok || in.Status != status || in.Metadata.Get("colour") != colour {
		return fmt.Errorf("%s sees %+v, want %s as %s with colour %q", o.name, in, other.key, status, colour)
	}
	return nil
}

// readDeltas changes one application and sees the change arrive at another in a delta.
func (s *story) readDeltas(t *testing.T, srv *server, app, viewer *ours) {
	t.Helper()
	before := viewer.applied.Load()
	app.reg.SetMetadata(map[string]string{"colour": "green"})
	eventually(t, limit, func() error { return hasMetadata(srv.url, app.key, "colour", "green") })
	took := eventually(t, limit, func() error { return viewer.seesAs(app, 1, heureka.StatusUp, "green") })
	if viewer.applied.Load() == before {
		t.Errorf("%s applied no delta", viewer.name)
	}
	if st := viewer.eureka.Stats(); st.FullFetches == 0 || st.Fetches <= st.FullFetches {
		t.Errorf("%d fetches, %d in full, want some of each kind", st.Fetches, st.FullFetches)
	}
	s.did("changed metadata came in a delta", took)
}

// repairHash falsifies the hash of one delta and sees a full fetch repair it. It takes
// a change: otherwise the answer of a heureka server is 304, which has no hash.
func (s *story) repairHash(t *testing.T, srv *server, app, viewer *ours, between *tamper) {
	t.Helper()
	before := viewer.eureka.Stats()
	fullBefore, _ := between.counts()
	between.arm()
	app.reg.SetMetadata(map[string]string{"colour": "red"})
	took := eventually(t, limit, func() error {
		if st := viewer.eureka.Stats(); st.Mismatches <= before.Mismatches || st.FullFetches <= before.FullFetches {
			return fmt.Errorf("%d mismatches, %d full fetches; before %d, %d", st.Mismatches, st.FullFetches, before.Mismatches, before.FullFetches)
		}
		return nil
	})
	if full, falsified := between.counts(); falsified != 1 || full <= fullBefore {
		t.Errorf("proxy falsified %d deltas and saw %d full fetches after it, want 1 and some", falsified, full-fullBefore)
	}
	eventually(t, limit, func() error { return viewer.seesAs(app, 1, heureka.StatusUp, "red") })
	eventually(t, limit, func() error { return sameHash(springStats{LocalHash: viewer.eureka.Snapshot().Hash()}, srv) })
	s.did("repaired a hash mismatch by a full fetch", took)
}

// obeyOverride takes the application out of service from outside: it knows, goes on
// beating as UP, may register again, and stays out until the override is removed.
func (s *story) obeyOverride(t *testing.T, srv *server, app, viewer *ours) {
	t.Helper()
	began := time.Now()
	if err := override(srv.url, app.key, "OUT_OF_SERVICE"); err != nil {
		t.Fatal(err)
	}
	eventually(t, limit, func() error { return viewer.seesAs(app, 0, heureka.StatusOutOfService, "red") })
	app.reg.SetMetadata(map[string]string{"colour": "blue"}) // registers again
	eventually(t, limit, func() error { return viewer.seesAs(app, 0, heureka.StatusOutOfService, "blue") })
	eventually(t, limit, func() error {
		if local, remote := app.reg.Status(), app.reg.RemoteStatus(); local != heureka.StatusUp || remote != heureka.StatusOutOfService {
			return fmt.Errorf("own status %s, as the registry shows it %s, want UP and OUT_OF_SERVICE", local, remote)
		}
		return nil
	})
	if err := removeOverride(srv.url, app.key); err != nil {
		t.Fatal(err)
	}
	eventually(t, limit, func() error { return viewer.seesAs(app, 1, heureka.StatusUp, "blue") })
	s.did("respected an override and its end", time.Since(began))
}

// failOver kills the node that the application uses. The other one must never miss it,
// and its lease there must live on the heartbeats that come now.
func (s *story) failOver(t *testing.T, used, other *server, app *ours) {
	t.Helper()
	if st := app.eureka.Stats(); !strings.HasPrefix(st.WriteServer, used.url) {
		t.Fatalf("%s writes to %q, want %s", app.name, st.WriteServer, used.url)
	}
	stop := watch(t, []*server{other}, app.key)
	began := time.Now()
	used.kill()
	eventually(t, limit, func() error {
		st := app.eureka.Stats()
		if !strings.HasPrefix(st.WriteServer, other.url) || !strings.HasPrefix(st.QueryServer, other.url) {
			return fmt.Errorf("%s writes to %q and reads from %q, want %s", app.name, st.WriteServer, st.QueryServer, other.url)
		}
		return nil
	})
	s.did("went to the other node when one was killed", time.Since(began))
	app.since = time.Now()
	s.outlive(t, other, app.client)
	stop()
}

// leaveOurs ends a client, which must be off the list by then.
func (o *ours) leaveOurs(t *testing.T, srv *server) time.Duration {
	t.Helper()
	began := time.Now()
	if err := o.leave(); err != nil {
		t.Errorf("%s: %v", o.name, err)
	}
	eventually(t, leaseSecs*time.Second/2, func() error { return gone(srv.url, o.key) })
	return time.Since(began)
}

const scriptedApp = "SCRIPTED"

// scripted is the life of a Spring client that was recorded: start, some heartbeats and
// deltas, end. Ours sends the same requests in the same order. Heartbeats and fetches
// have timers of their own, so their order is compared apart.
func (s *story) scripted(t *testing.T, srv *server) {
	t.Helper()
	// A watch is what heureka's nodes offer beside what Spring's clients know.
	o := startOurs(t, scriptedApp, registryclient.Config{Servers: []string{srv.eurekaURL()}, DisableWatch: true})
	eventually(t, limit, func() error {
		requests := o.journal.all()
		if beats, deltas := count(requests, "PUT "), count(requests, "GET /eureka/apps/delta"); beats < 2 || deltas < 2 {
			return fmt.Errorf("only %v", requests)
		}
		return nil
	})
	o.leaveOurs(t, srv)
	recorded, err := os.ReadFile("testdata/java-client-requests.txt")
	if err != nil {
		t.Fatal(err)
	}
	java, own := strings.Split(strings.TrimSpace(string(recorded)), "\n"), o.journal.all()
	// The recording ends with the last POST; what must follow is in C-SD-5.
	wantWrites := append(phases(java, false), "DELETE /eureka/apps/APP/ID")
	if got := phases(own, false); !slices.Equal(got, wantWrites) {
		t.Errorf("writes %q, want %q", got, wantWrites)
	}
	if got, want := phases(own, true), phases(java, true); !slices.Equal(got, want) {
		t.Errorf("reads %q, want %q", got, want)
	}
	if got, want := phases(own[:2], true)[0], phases(java[:2], true)[0]; got != want {
		t.Errorf("begins with %q, want %q", got, want)
	}
	s.did("requests in the order of Spring's", 0)
}

func count(requests []string, begin string) (n int) {
	for _, r := range requests {
		if strings.HasPrefix(r, begin) {
			n++
		}
	}
	return n
}

var (
	keyInPath = regexp.MustCompile(`/apps/[A-Z-]+(/[^?]+)?`)
	dirty     = regexp.MustCompile(`lastDirtyTimestamp=\d+`)
)

// phases returns the reads or the writes among requests without names and times,
// and each but once in a row.
func phases(requests []string, reads bool) []string {
	var list []string
	for _, r := range requests {
		if strings.HasPrefix(r, "GET ") != reads {
			continue
		}
		r = keyInPath.ReplaceAllStringFunc(r, func(path string) string {
			if strings.Count(path, "/") == 2 {
				return "/apps/APP"
			}
			return "/apps/APP/ID"
		})
		list = append(list, dirty.ReplaceAllString(r, "lastDirtyTimestamp=N"))
	}
	return slices.Compact(list)
}

// A journal remembers what a client sent.
type journal struct {
	next *http.Transport

	mu       sync.Mutex
	requests []string
}

func (j *journal) RoundTrip(r *http.Request) (*http.Response, error) {
	j.mu.Lock()
	j.requests = append(j.requests, r.Method+" "+r.URL.RequestURI())
	j.mu.Unlock()
	return j.next.RoundTrip(r)
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.requests)
}
