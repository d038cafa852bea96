package server_test

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/remote"
	"heureka.internal/heureka/server"
)

// keeping runs a test with a node that keeps its registry.
func keeping(t *testing.T, test func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.dataDir()
		r.start(r.config())
		test(r)
	})
}

// crash ends the node as a loss of power does: what it still writes is lost.
func (r *rig) crash() {
	r.t.Helper()
	copied := r.t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(r.data)); err != nil {
		r.t.Fatal(err)
	}
	r.stop()
	r.data = copied
}

func (r *rig) setStatus(id string, s heureka.Status) {
	r.t.Helper()
	if err := r.conn().SetOverride(r.t.Context(), heureka.Key{App: "ORDERS", ID: id}, s, 0); err != nil {
		r.t.Fatal(err)
	}
}

// snapshots returns the names of the snapshots and how large they are.
func (r *rig) snapshots() map[string]int64 {
	sizes := map[string]int64{}
	names, _ := filepath.Glob(filepath.Join(r.data, "*.gz"))
	for _, name := range names {
		if info, err := os.Stat(name); err == nil {
			sizes[filepath.Base(name)] = info.Size()
		}
	}
	return sizes
}

// A node that crashes has, a second after an operator's command and ten after other changes, who was there and what operators said.
// It answers reads from the first moment.
func TestRestartAfterACrash(t *testing.T) {
	keeping(t, func(r *rig) {
		r.register("x", "y", "gone")
		time.Sleep(11 * time.Second)
		r.setStatus("x", heureka.StatusOutOfService)
		r.cancel("ORDERS", "gone")
		time.Sleep(1500 * time.Millisecond)
		r.register("late")
		r.crash()
		r.start(r.config())
		if got := r.status("/eureka/apps"); got != "200" {
			t.Errorf("reads are answered with %s", got)
		}
		if !r.has("x") || !r.has("y") || r.has("gone") || r.has("late") {
			t.Errorf("restored: x %t, y %t, gone %t, late %t", r.has("x"), r.has("y"), r.has("gone"), r.has("late"))
		}
		if in, _ := r.server.Instance(heureka.Key{App: "ORDERS", ID: "x"}); in.Status != heureka.StatusOutOfService || in.OverriddenStatus != heureka.StatusOutOfService {
			t.Errorf("x is %v, overridden to %v", in.Status, in.OverriddenStatus)
		}
		if err := r.conn().Renew(r.t.Context(), heureka.Key{App: "ORDERS", ID: "y"}, remote.Renewal{Status: heureka.StatusUp}); err != nil {
			t.Errorf("heartbeat of a restored instance: %v", err)
		}
		if got := r.after(func() bool { return !r.has("x") && !r.has("y") }); got != "never" {
			t.Errorf("two instances that nobody has heard of since the start are gone after %s, though they were counted as expected", got)
		}
	})
}

// A node that is stopped writes what there is, however short ago it came.
func TestRestartAfterAStop(t *testing.T) {
	keeping(t, func(r *rig) {
		r.register("x")
		r.stop()
		time.Sleep(30 * time.Minute)
		r.start(r.config())
		if !r.has("x") {
			t.Error("x is gone")
		}
		r.stop()
		time.Sleep(61 * time.Minute)
		r.start(r.config())
		if got := r.status("/eureka/apps"); got != "200" || r.has("x") {
			t.Errorf("an hour later: %s, x %t", got, r.has("x"))
		}
	})
}

// Who has not been heard for longer than a snapshot may be old is not restored, although each snapshot is fresh.
func TestNobodyIsRestoredForEver(t *testing.T) {
	keeping(t, func(r *rig) {
		r.register("dead", "alive")
		for _, want := range []bool{true, false} {
			time.Sleep(15 * time.Second) // less than a lease, enough for a snapshot
			r.crash()
			time.Sleep(50 * time.Minute)
			r.start(r.config())
			if r.has("dead") != want || !r.has("alive") {
				t.Errorf("restored: dead %t, want %t; alive %t", r.has("dead"), want, r.has("alive"))
			}
			r.register("alive")
		}
	})
}

// An override that was set for a time ends although the node that was asked has crashed meanwhile, also if the time was up while it
// was away, or its instance comes back later than that.
func TestOverrideEndsAfterACrash(t *testing.T) {
	for name, away := range map[string]time.Duration{"shortly": time.Second, "too long": 20 * time.Minute, "so long that only overrides are taken": 2 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.dataDir()
				cfg := r.config()
				letAll(&cfg)
				r.start(cfg)
				r.register("x", "stays")
				r.setStatus("stays", heureka.StatusOutOfService)
				if code, body := r.do(http.MethodPost, "/heureka/v1/instance/override?app=ORDERS&id=x&for=10m&operator=alice", ""); code != http.StatusOK {
					t.Fatalf("override: %d %s", code, body)
				}
				time.Sleep(1500 * time.Millisecond)
				r.crash()
				time.Sleep(away)
				cfg.DataDir = r.data
				r.start(cfg)
				for range 15 * 60 / 20 { // both renew, or register anew
					for _, id := range []string{"x", "stays"} {
						if r.conn().Renew(t.Context(), heureka.Key{App: "ORDERS", ID: id}, remote.Renewal{Status: heureka.StatusUp}) != nil {
							r.register(id)
						}
					}
					time.Sleep(20 * time.Second)
				}
				for id, want := range map[string]heureka.Status{"x": heureka.StatusUnknown, "stays": heureka.StatusOutOfService} {
					if in, ok := r.server.Instance(heureka.Key{App: "ORDERS", ID: id}); !ok || in.OverriddenStatus != want {
						t.Errorf("%s is overridden to %v (there: %t), want %v", id, in.OverriddenStatus, ok, want)
					}
				}
				_, past := r.do(http.MethodGet, "/heureka/v1/history?app=ORDERS&id=x", "")
				if !strings.Contains(past, "the time is up that was set by") || !strings.Contains(past, "alice") {
					t.Errorf("the history: %s", past)
				}
			})
		})
	}
}

// Whatever is on the disk, the node starts, says what is wrong, and has what can be read.
func TestDisksInAllStates(t *testing.T) {
	const current, previous = "registry.gz", "registry.previous.gz"
	damage := func(t *testing.T, dir string, names ...string) {
		for _, name := range names {
			if err := os.Truncate(filepath.Join(dir, name), 40); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, tt := range map[string]struct {
		disk func(t *testing.T, dir string)
		has  bool
		says string
	}{
		"as it was": {func(*testing.T, string) {}, true, "registry restored from snapshot"},
		"torn":      {func(t *testing.T, dir string) { damage(t, dir, current) }, true, "snapshot unreadable"},
		"both torn": {func(t *testing.T, dir string) { damage(t, dir, current, previous) }, false, "snapshot unreadable"},
		"no snapshot": {func(t *testing.T, dir string) {
			os.Remove(filepath.Join(dir, current))
			os.Remove(filepath.Join(dir, previous))
		}, false, "snapshot not found"},
		"foreign": {func(t *testing.T, dir string) {
			for _, name := range []string{current, previous} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte("something else"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}, false, "it is no snapshot"},
		"a directory in its place": {func(t *testing.T, dir string) {
			os.Remove(filepath.Join(dir, current))
			if err := os.MkdirAll(filepath.Join(dir, current, "x"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, true, "snapshot unreadable"},
	} {
		t.Run(name, func(t *testing.T) {
			keeping(t, func(r *rig) {
				r.register("x")
				time.Sleep(15 * time.Second)
				r.stop()
				tt.disk(t, r.data)
				cfg := r.config()
				cfg.Logger = r.logger()
				r.start(cfg)
				if got := r.status("/eureka/apps"); got != "200" || r.has("x") != tt.has {
					t.Errorf("reads %s, restored %t, want %t", got, r.has("x"), tt.has)
				}
				if log := r.log.String(); !strings.Contains(log, tt.says) {
					t.Errorf("the log does not say %q:\n%s", tt.says, log)
				}
				r.register("x")
				r.stop()
				if r.snapshots()[current] == 0 {
					t.Error("no snapshot written at the end")
				}
			})
		})
	}
}

// A directory that cannot be used does not keep the node from working, and is used when it can be.
func TestDirectoryThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		file := filepath.Join(r.dataDir(), "file")
		if err := os.WriteFile(file, nil, fs.ModePerm); err != nil {
			t.Fatal(err)
		}
		r.data = filepath.Join(file, "dir")
		cfg := r.config()
		cfg.Logger = r.logger()
		r.start(cfg)
		r.register("x")
		time.Sleep(15 * time.Second)
		if n := strings.Count(r.log.String(), "snapshot not written"); n != 1 || !r.has("x") {
			t.Errorf("the log says %d times that there is no snapshot:\n%s", n, r.log.String())
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Second)
		if !strings.Contains(r.log.String(), "snapshots written again") || r.snapshots()["registry.gz"] == 0 {
			t.Errorf("no snapshot: %v\n%s", r.snapshots(), r.log.String())
		}
	})
}

// The second process on a directory says who has it. When that one ends, its registry stays for its next start.
func TestTwoProcessesOnOneDirectory(t *testing.T) {
	keeping(t, func(r *rig) {
		r.register("x")
		cfg := r.config()
		cfg.HostName, cfg.Logger = "b", r.logger()
		second, stop := startBeside(r.t, cfg)
		defer stop()
		time.Sleep(15 * time.Second)
		if log := r.log.String(); strings.Count(log, "another process has the directory") != 1 || !strings.Contains(log, "node a:eureka:8761, process") {
			t.Errorf("the second process does not say who has the directory:\n%s", log)
		}
		if _, ok := second.Instance(heureka.Key{App: "ORDERS", ID: "x"}); ok {
			t.Error("the second process has restored what belongs to the first")
		}
		r.stop()
		time.Sleep(15 * time.Second)
		if !strings.Contains(r.log.String(), "the directory has the registry of node a:eureka:8761") {
			t.Errorf("the second process does not say whose registry it leaves alone:\n%s", r.log.String())
		}
		r.start(r.config())
		if !r.has("x") {
			t.Error("the second process has overwritten the registry of the first")
		}
	})
}

// A process of the same node that came too early takes the directory over, with what the other one knew last. Who was cancelled here
// meanwhile stays gone.
func TestTheSameNodeTakesTheDirectoryOver(t *testing.T) {
	keeping(t, func(r *rig) {
		r.register("x", "gone")
		cfg := r.config()
		cfg.Logger = r.logger()
		second, stop := startBeside(r.t, cfg)
		defer stop()
		for _, do := range []struct{ method, path string }{{http.MethodPost, "ORDERS"}, {http.MethodDelete, "ORDERS/gone"}} {
			req := httptest.NewRequest(do.method, "/eureka/apps/"+do.path, strings.NewReader(strings.ReplaceAll(orders, `"x"`, `"gone"`)))
			req.Header.Set("Content-Type", "application/json")
			answer := httptest.NewRecorder()
			if second.Handler().ServeHTTP(answer, req); answer.Code/100 != 2 {
				r.t.Fatalf("%s %s: %d", do.method, do.path, answer.Code)
			}
		}
		time.Sleep(15 * time.Second)
		r.setStatus("x", heureka.StatusOutOfService) // as the first process alone knows
		r.stop()
		time.Sleep(15 * time.Second)
		if !strings.Contains(r.log.String(), "snapshots written again") {
			t.Errorf("the second process does not take the directory over:\n%s", r.log.String())
		}
		in, ok := second.Instance(heureka.Key{App: "ORDERS", ID: "x"})
		if _, back := second.Instance(heureka.Key{App: "ORDERS", ID: "gone"}); !ok || in.OverriddenStatus != heureka.StatusOutOfService || back {
			t.Errorf("the second process has %+v; who is cancelled: %t\n%s", in, back, r.log.String())
		}
		if n := strings.Count(r.log.String(), "directory taken over"); n != 1 {
			t.Errorf("the log tells %d times of the directory", n)
		}
	})
}

// A directory that comes only when the node works already, as a late mount does, is read before it is written.
func TestDirectoryThatComesLate(t *testing.T) {
	keeping(t, func(r *rig) {
		r.register("x")
		r.stop()
		kept := r.data
		away := kept + ".away"
		if err := errors.Join(os.Rename(kept, away), os.WriteFile(kept, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		r.start(r.config())
		r.register("y")
		time.Sleep(15 * time.Second)
		if err := errors.Join(os.Remove(kept), os.Rename(away, kept)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Second)
		if !r.has("x") || !r.has("y") {
			t.Errorf("x %t, y %t", r.has("x"), r.has("y"))
		}
		r.stop()
		r.start(r.config())
		if !r.has("x") || !r.has("y") {
			t.Errorf("after the next start: x %t, y %t", r.has("x"), r.has("y"))
		}
	})
}

// What the node tells of its snapshots, in health and metrics; without a directory nothing.
func TestNumbersOfSnapshots(t *testing.T) {
	keeping(t, func(r *rig) {
		r.register("x", "y")
		time.Sleep(15 * time.Second)
		for key, want := range map[string]string{"directory": r.data, "records": "2", "restored": "0", "age": "6s"} {
			if got := r.detail("snapshot", key); got != want {
				r.t.Errorf("%s is %q, want %q", key, got, want)
			}
		}
		for name, want := range map[string]string{"writes_total": "1", "records": "2", "failing": "0", "write_errors_total": "0"} {
			if got := r.metric("snapshot_" + name); got != want {
				r.t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		if r.metric("snapshot_bytes") == "0" {
			r.t.Error("a snapshot has no bytes")
		}
		r.stop()
		r.start(r.config())
		if got := r.metric("snapshot_restored_instances"); got != "2" {
			r.t.Errorf("%s instances restored", got)
		}
		r.stop()
		r.data = ""
		r.start(r.config())
		if got := r.metric("snapshot_failing") + r.detail("snapshot", "directory"); got != "" {
			r.t.Errorf("a node that keeps nothing says %q", got)
		}
	})
}

// startBeside runs a node that nobody talks to.
func startBeside(t *testing.T, cfg server.Config) (*server.Server, func()) {
	t.Helper()
	s, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Run(ctx)
	}()
	return s, func() { stop(); <-ended }
}
