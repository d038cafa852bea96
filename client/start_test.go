package client_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

// TestStartWithoutServer is G-ST-1: after 1, 2, 4 … seconds instead of a whole interval.
func TestStartWithoutServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.interfere(answerAll(500))
		var at []time.Duration
		start := time.Now()
		cfg := client.Config{Servers: []string{url("eureka")}}
		cfg.Hooks.Refresh = func(client.RefreshInfo) { at = append(at, time.Since(start)/time.Second) }
		c := w.client(cfg)
		w.run(c)
		sleep(100 * time.Second)
		if diff := cmp.Diff([]time.Duration{0, 1, 3, 7, 15, 31, 61, 91}, at); diff != "" {
			t.Errorf("refreshes at (-want +got):\n%s", diff)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Ready(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Ready = %v", err)
		}
		eureka.interfere(nil)
		if err := c.Ready(t.Context()); err != nil || time.Since(start) != 121*time.Second {
			t.Errorf("Ready = %v after %v", err, time.Since(start))
		}
	})
}

// Whoever has waited for the registry finds its fetch in the numbers.
func TestReadyMeansCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.interfere(answerAll(503))
		log := &onLine{Handler: slog.DiscardHandler, text: "works again"} // is written after the registry can be seen
		c := w.client(client.Config{Servers: []string{url("eureka")}, Logger: slog.New(log)})
		var ready error
		var seen client.Stats
		log.do = func() {
			ready = c.Ready(t.Context())
			seen = c.Stats()
		}
		w.run(c)
		synctest.Wait()
		eureka.interfere(nil)
		sleep(time.Minute)
		if ready != nil || seen.Generation != 1 || seen.Fetches != 2 || seen.LastFetch.IsZero() {
			t.Errorf("ready (%v) with %+v, want both fetches counted", ready, seen)
		}
	})
}

// onLine is a log that does something when it gets a line.
type onLine struct {
	slog.Handler
	text string
	do   func()
}

func (h *onLine) Enabled(context.Context, slog.Level) bool { return true }

func (h *onLine) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, h.text) {
		h.do()
	}
	return nil
}

func TestRetryAfterIsHeeded(t *testing.T) { // G-FO-3
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.put(inst("a", "1", up))
		c := w.client(client.Config{Servers: []string{url("eureka")}, Attempts: 1})
		w.run(c)
		sleep(time.Second)
		eureka.requests()
		eureka.interfere(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Retry-After", "100")
			w.WriteHeader(429)
			return true
		})
		sleep(128 * time.Second) // refreshes at 30 s and, now, 130 s
		if got := len(eureka.requests()); got != 1 {
			t.Errorf("%d requests", got)
		}
		sleep(2 * time.Second)
		if got := len(eureka.requests()); got != 1 {
			t.Errorf("%d requests at its time", got)
		}
	})
}

// TestRetryAfterAtTheStart is G-FO-3 for a server that is starting as well: it knows better than 1, 2, 4 … seconds.
func TestRetryAfterAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.interfere(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Retry-After", "20")
			w.WriteHeader(503)
			return true
		})
		c := w.client(client.Config{Servers: []string{url("eureka")}})
		w.run(c)
		sleep(19 * time.Second)
		if got := eureka.requests(); len(got) != 1 {
			t.Errorf("asked %d times in 19 s", len(got))
		}
		eureka.interfere(nil)
		sleep(time.Second)
		if err := c.Ready(t.Context()); err != nil || c.Stats().Fetches != 2 {
			t.Errorf("Ready = %v, stats %+v", err, c.Stats())
		}
	})
}

// TestCutOffRefreshSlowsDown is C-SV-2 as measured on the Java client: 2 s, a server that answers after 3 s.
func TestCutOffRefreshSlowsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.put(inst("a", "1", up))
		c := w.client(client.Config{Servers: []string{url("eureka")}, FetchInterval: 2 * time.Second})
		w.run(c)
		sleep(time.Second)
		start := time.Now().Add(time.Second)
		var at []time.Duration
		eureka.interfere(func(_ http.ResponseWriter, r *http.Request) bool {
			at = append(at, time.Since(start)/time.Second)
			time.Sleep(3 * time.Second)
			return false
		})
		sleep(80 * time.Second)
		if diff := cmp.Diff([]time.Duration{0, 6, 16, 34, 56, 78}, at); diff != "" { // 2 s + 4, 8, 16, 20, 20
			t.Errorf("refreshes at (-want +got):\n%s", diff)
		}
	})
}

// TestRefreshNeverOutlivesTheClient: whoever asks at the last moment is told.
func TestRefreshNeverOutlivesTheClient(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.server("eureka")
			b := &memoryBackup{apps: backedUp(inst("a", "1", up))}
			c := w.client(client.Config{Servers: []string{url("eureka")}, Backup: b, EnforceFetch: true})
			errs := make(chan error)
			go func() { errs <- c.Refresh(context.Background()) }()
			synctest.Wait()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := c.Run(ctx); err != nil {
				t.Errorf("Run = %v", err)
			}
			if err := <-errs; err == nil {
				t.Error("refreshed")
			}
			if b.loads > 0 {
				t.Error("asked the backup although nobody waits for it")
			}
		})
	}
}

// memoryBackup is a Backup that keeps what it is given.
type memoryBackup struct {
	apps  *heureka.Applications
	err   error
	saves int
	loads int

	mu   sync.Mutex
	full error
}

func (b *memoryBackup) Load(context.Context) (*heureka.Applications, error) {
	b.loads++
	return b.apps, b.err
}

func (b *memoryBackup) Save(_ context.Context, apps *heureka.Applications) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.full != nil {
		return b.full
	}
	b.apps, b.saves = apps, b.saves+1
	return nil
}

// fail makes saving fail with err.
func (b *memoryBackup) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.full = err
}

func backedUp(list ...*heureka.Instance) *heureka.Applications {
	return &heureka.Applications{Apps: []*heureka.Application{{Name: list[0].App, Instances: list}}}
}

func TestBackup(t *testing.T) { // C-BK-1, C-BK-3
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.put(inst("a", "2", up))
		eureka.interfere(answerAll(500))
		b := &memoryBackup{apps: backedUp(inst("a", "1", up))}
		c := w.client(client.Config{Servers: []string{url("eureka")}, Backup: b})
		w.run(c)
		sleep(10 * time.Second)
		if got := c.Snapshot(); !slices.Equal(ids(got.App("a")), []string{"1"}) || got.Source() != client.FromBackup {
			t.Errorf("copy = %v from %s", ids(got.App("a")), got.Source())
		}
		if b.loads != 1 {
			t.Errorf("loaded %d times", b.loads)
		}
		eureka.interfere(nil)
		sleep(10 * time.Second)
		if got := c.Snapshot(); !slices.Equal(ids(got.App("a")), []string{"2"}) || got.Source() != client.FromServer {
			t.Errorf("copy = %v from %s", ids(got.App("a")), got.Source())
		}
		for i := range 20 { // a change every 30 s
			eureka.put(inst("b", fmt.Sprint(i), up))
			sleep(30 * time.Second)
		}
		if b.saves < 8 || b.saves > 11 {
			t.Errorf("saved %d times in ten minutes, want about once a minute", b.saves)
		}
	})
}

// TestBackupOfTheLastChange: what changes within the minute after a save, and then no more, is saved all the same; so is
// what could not be saved, as soon as that works again. An empty registry does not replace a good one.
func TestBackupOfTheLastChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		b, log := new(memoryBackup), new(safeBuffer)
		w.run(w.client(client.Config{Servers: []string{url("eureka")}, Backup: b, Logger: log.logger()}))
		want := func(saves int, list ...string) {
			t.Helper()
			sleep(time.Hour)
			if b.saves != saves || b.apps != nil && !slices.Equal(ids(b.apps.Apps[0].Instances), list) {
				t.Errorf("saved %d times, last %+v; want %d, %v", b.saves, b.apps, saves, list)
			}
		}
		want(0)
		eureka.put(inst("a", "1", up))
		sleep(31 * time.Second)
		eureka.put(inst("a", "2", up))
		want(2, "1", "2")
		b.fail(errors.New("disk is full"))
		eureka.put(inst("a", "3", up))
		want(2, "1", "2")
		b.fail(nil)
		want(3, "1", "2", "3")
		for _, id := range []string{"1", "2", "3"} {
			eureka.remove(heureka.Key{App: "A", ID: id})
		}
		want(3, "1", "2", "3")
		if got := log.String(); strings.Count(got, "disk is full") != 6 || !strings.Contains(got, "backup of the registry works again") {
			t.Errorf("log:\n%s", got)
		}
	})
}

func TestFileBackup(t *testing.T) {
	name := filepath.Join(t.TempDir(), "registry.json")
	b := client.FileBackup(name)
	if _, err := b.Load(t.Context()); err == nil {
		t.Error("loaded a file that is not there")
	}
	apps := backedUp(inst("a", "1", up), inst("a", "2", heureka.StatusDown))
	for range 2 {
		if err := b.Save(t.Context(), apps); err != nil {
			t.Fatal(err)
		}
	}
	got, err := b.Load(t.Context())
	if err != nil || len(got.Apps) != 1 || !slices.Equal(ids(got.Apps[0].Instances), []string{"1", "2"}) {
		t.Errorf("loaded %+v, %v", got, err)
	}
	if files, _ := filepath.Glob(name + "*"); len(files) != 1 {
		t.Errorf("files: %v", files)
	}
	if err := client.FileBackup(filepath.Join(name, "x")).Save(t.Context(), apps); err == nil {
		t.Error("saved below a file")
	}
	dir := filepath.Join(t.TempDir(), "dir")
	if err := os.MkdirAll(filepath.Join(dir, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := client.FileBackup(dir).Save(t.Context(), apps); err == nil {
		t.Error("saved over a directory")
	}
	if files, _ := filepath.Glob(dir + ".*"); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
}

func TestEnforceFetch(t *testing.T) { // C-ST-1 (6)
	for name, backup := range map[string]client.Backup{
		"without backup": nil, "empty backup": &memoryBackup{err: errors.New("gone")}, "with backup": &memoryBackup{apps: backedUp(inst("a", "1", up))},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.server("eureka").interfere(answerAll(500))
				c := w.client(client.Config{Servers: []string{url("eureka")}, EnforceFetch: true, Backup: backup})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				err := c.Run(ctx)
				if (err == nil) != (name == "with backup") || err != nil && strings.Contains(err.Error(), "backup") != (backup != nil) {
					t.Errorf("Run = %v", err)
				}
			})
		})
	}
}

// TestHangingServerIsLogged: running out of time is a failure like others, while the end of the client is none.
func TestHangingServerIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.put(inst("a", "1", up))
		var log safeBuffer
		c := w.client(client.Config{Servers: []string{url("eureka")}, FetchInterval: 2 * time.Second, Logger: log.logger()})
		stop := w.run(c)
		sleep(time.Second)
		eureka.interfere(func(_ http.ResponseWriter, r *http.Request) bool { return hang(r) })
		sleep(time.Second + time.Millisecond)
		_ = stop()
		if got := log.String(); got != "" {
			t.Errorf("the end was logged:\n%s", got)
		}
		again := w.client(client.Config{Servers: []string{url("eureka")}, FetchInterval: 2 * time.Second, Logger: log.logger()})
		w.run(again)
		sleep(20 * time.Second)
		if got := log.String(); !strings.Contains(got, "registry fetch fails") {
			t.Errorf("log: %q", got)
		}
	})
}

// TestRegisterWhileFetching is C-ST-1: the registry comes first, also for instances that are added meanwhile.
func TestRegisterWhileFetching(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.interfere(func(http.ResponseWriter, *http.Request) bool {
			time.Sleep(3 * time.Second)
			return false
		})
		c := w.client(client.Config{Servers: []string{url("eureka")}})
		before, err := c.Register(orders("h1"))
		if err != nil {
			t.Fatal(err)
		}
		w.run(c)
		sleep(time.Second)
		during, err := c.Register(orders("h2"))
		if err != nil {
			t.Fatal(err)
		}
		sleep(time.Second)
		if diff := cmp.Diff([]string{getApps}, eureka.requests()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
		if err := errors.Join(before.Wait(t.Context()), during.Wait(t.Context())); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{post, post}, eureka.requests()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
		if err := c.Run(t.Context()); err == nil {
			t.Error("ran twice")
		}
	})
}

// TestNothingToDo is C-ST-1 (2): a client that neither fetches nor registers only waits.
func TestNothingToDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		cfg := noFetch("eureka")
		cfg.DisableRegistration = true
		c := w.client(cfg)
		if _, err := c.Register(orders("h1")); err != nil {
			t.Fatal(err)
		}
		stop := w.run(c)
		sleep(time.Hour)
		if err := c.Refresh(t.Context()); err == nil {
			t.Error("refreshed although fetching is disabled")
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		wantRequests(t, eureka)
	})
}

// TestRemoteRegions is C-RR-5 and C-RR-6 through a whole client.
func TestRemoteRegions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		far := inst("a", "far", up)
		far.DataCenter = &heureka.DataCenter{
			Name: heureka.Amazon, Metadata: heureka.NewMetadata(map[string]string{"availability-zone": "us-west-2a", "instance-id": "i-1"}),
		}
		eureka.put(far)
		eureka.put(inst("a", "near", up))
		c := w.client(client.Config{Servers: []string{url("eureka")}, RemoteRegions: []string{"us-west-2"}})
		w.run(c)
		sleep(31 * time.Second)
		there := client.App("a")
		there.Region = "us-west-2"
		if got, got2 := ids(c.Instances(client.App("a"))), ids(c.Instances(there)); !slices.Equal(got, []string{"near"}) || !slices.Equal(got2, []string{"far"}) {
			t.Errorf("here %v, there %v", got, got2)
		}
		if in, err := c.Pick(there); err != nil || in.ID != "far" {
			t.Errorf("Pick = %v, %v", in, err)
		}
		if diff := cmp.Diff([]string{getApps + "?regions=us-west-2", getDelta + "?regions=us-west-2"}, eureka.requests()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}
