//go:build interop

package interop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	registryclient "heureka.internal/heureka/client"
)

// defaults undoes what the other tests set so that they end soon.
var defaults = []string{
	"--eureka.instance.lease-renewal-interval-in-seconds=30",
	"--eureka.instance.lease-expiration-duration-in-seconds=90",
	"--eureka.client.registry-fetch-interval-seconds=30",
	"--eureka.client.initial-instance-info-replication-interval-seconds=40",
	"--eureka.client.instance-info-replication-interval-seconds=30",
	"--eureka.client.heartbeat-executor-exponential-back-off-bound=10",
	"--eureka.client.cache-refresh-executor-exponential-back-off-bound=10",
}

var serverDefaults = append(slices.Clone(defaults),
	"--eureka.server.enable-self-preservation=true",
	"--eureka.server.eviction-interval-timer-in-ms=60000",
	"--eureka.server.use-read-only-response-cache=true",
	"--eureka.server.wait-time-in-ms-when-sync-empty=300000",
	"--eureka.server.registry-sync-retry-wait-ms=30000",
	"--eureka.server.peer-node-connect-timeout-ms=200",
	"--eureka.server.peer-node-read-timeout-ms=200",
)

// disk marks a ring whose nodes keep their registries.
const disk = " with a data directory"

// TestFullRestart kills and starts a whole ring under 300 clients with default intervals, ours and one of Java servers: 200 scripted
// ones, 94 of our client, three Spring and three Python applications. No reader may get half a picture from ours.
func TestFullRestart(t *testing.T) {
	nightly(t)
	t.Parallel()
	for _, ring := range slices.Compact([]string{target, target + disk, "2025"}) {
		gen, onItsDisk := strings.CutSuffix(ring, disk)
		if onItsDisk && target != heurekaGen {
			continue
		}
		t.Run(ring, func(t *testing.T) {
			t.Parallel()
			r, s := newTrio(t), &story{name: "300 clients with default intervals, a ring of " + ring + " that restarts as a whole"}
			dir := t.TempDir()
			launchRing := func() {
				r.nodes = nil
				for i, port := range r.ports {
					settings := slices.Clone(serverDefaults)
					if onItsDisk {
						settings = append(settings, onDisk(dir, i))
					}
					r.nodes = append(r.nodes, launch(t, gen, port, r.peers, settings...))
				}
			}
			launchRing()
			for _, n := range r.nodes {
				eventually(t, limit, func() error { return do("GET", n.url+"/actuator/health", nil) })
			}
			fleet := &fleet{every: 30 * time.Second, leaseSecs: 90}
			fleet.start(t, r)
			keys := slices.Clone(fleet.keys)
			var viewers []*viewer
			for i := range 94 {
				v := startViewer(t, r, i)
				viewers = append(viewers, v)
				keys = append(keys, v.key)
			}
			urls := strings.Join(r.peers, ",")
			var apps []*client
			for i := range 6 {
				k := spring("2025", "restclient", defaults...)
				if i >= 3 {
					k = python("--interval=30", "--lease=90")
				}
				port, app := freePort(t), fmt.Sprintf("RESTART-%c", 'A'+i)
				apps = append(apps, &client{kind: k, url: fmt.Sprintf("http://127.0.0.1:%d", port), proc: start(t, app, k.command(t, urls, app, port)), key: key{app: app}})
			}
			for _, c := range apps {
				awaitReady(t, c.proc, func() error { return do("GET", c.url+"/hello", &c.key.id) })
				keys = append(keys, c.key)
			}
			for _, n := range r.nodes {
				eventually(t, 6*time.Minute, func() error { return hasAll(n.url, keys) })
			}
			for _, v := range viewers {
				eventually(t, 3*time.Minute, func() error { return v.sees(len(keys)) })
			}
			for _, c := range apps {
				eventually(t, 3*time.Minute, func() error { return seesFleet(c, "FLEET-9") })
			}

			again := fleet.again.Load()
			for _, n := range r.nodes {
				n.kill()
			}
			began := time.Now()
			launchRing()
			w := watchRestart(r.nodes, keys)
			for _, v := range viewers {
				w.done.Go(func() { w.every(time.Second, func() { v.look(len(keys)) }) })
			}
			for _, c := range apps {
				w.done.Go(func() { w.every(time.Second, func() { w.view(c, "FLEET-9") }) })
			}
			for _, n := range r.nodes {
				eventually(t, 7*time.Minute, func() error { return hasAll(n.url, keys) })
			}
			s.did("all nodes whole again", time.Since(began))
			for _, v := range viewers {
				eventually(t, 3*time.Minute, func() error { return v.fetchedSince(began) })
			}
			s.did("all of our clients have fetched", time.Since(began))
			time.Sleep(90 * time.Second) // a lease: nobody is missing who was counted too early
			w.stop()
			partial, oldest := w.partial.Load(), time.Duration(0)
			var halves int
			for _, v := range viewers {
				oldest = max(oldest, v.oldest)
				if v.half {
					halves++
				}
			}
			s.steps = append(s.steps, fmt.Sprintf("first answer after %.1f s, first whole one after %.1f s, %d partial answers of %d", w.first.Sub(began).Seconds(),
				w.whole.Sub(began).Seconds(), partial, w.answers.Load()), fmt.Sprintf("%d of 94 copies lacked somebody, the oldest was %.0f s old; %d times an application lacked somebody",
				halves, oldest.Seconds(), len(w.errors)), fmt.Sprintf("%d of 200 clients registered again", fleet.again.Load()-again))
			s.end("")
			if gen == heurekaGen && (partial > 0 || halves > 0 || len(w.errors) > 0) {
				t.Errorf("%d partial answers, %d copies that lacked somebody, %d looks at applications: %v", partial, halves, len(w.errors), w.errors[:min(3, len(w.errors))])
			}
		})
	}
}

// A viewer is our client with default intervals.
type viewer struct {
	key    key
	client *registryclient.Client
	half   bool
	oldest time.Duration
}

func startViewer(t *testing.T, r *trio, i int) *viewer {
	t.Helper()
	servers := append(slices.Clone(r.peers[i%3:]), r.peers[:i%3]...)
	c, err := registryclient.New(registryclient.Config{Servers: servers, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	app := fmt.Sprint("VIEWERS-", i/20)
	reg, err := c.Register(registryclient.InstanceConfig{App: app, ID: fmt.Sprint("viewer-", i), HostName: "127.0.0.1", IPAddr: "127.0.0.1", Port: 1000 + i})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() { end(); <-ended })
	return &viewer{key: key{app, reg.Instance().ID}, client: c}
}

func (v *viewer) sees(n int) error {
	if st := v.client.Stats(); st.Instances < n {
		return fmt.Errorf("%s sees %d instances of %d", v.key, st.Instances, n)
	}
	return nil
}

func (v *viewer) look(n int) {
	v.half = v.half || v.sees(n) != nil
	v.oldest = max(v.oldest, time.Since(v.client.Stats().LastFetch))
}

func (v *viewer) fetchedSince(at time.Time) error {
	if last := v.client.Stats().LastFetch; last.Before(at) {
		return fmt.Errorf("%s has not fetched since %v", v.key, last)
	}
	return nil
}

// A restartWatch reads every node while a ring comes back.
type restartWatch struct {
	*observer
	partial, answers atomic.Int64
	first, whole     time.Time // guarded by the observer's mutex
}

func watchRestart(nodes []*server, keys []key) *restartWatch {
	w := &restartWatch{observer: observe(nil, nil, nil)}
	for _, n := range nodes {
		w.done.Go(func() {
			w.every(250*time.Millisecond, func() {
				err := hasAll(n.url, keys)
				if _, missing := errors.AsType[*missingError](err); err != nil && !missing {
					return
				}
				w.answers.Add(1)
				w.mu.Lock()
				defer w.mu.Unlock()
				if w.first.IsZero() {
					w.first = time.Now()
				}
				if err != nil {
					w.partial.Add(1)
				} else if w.whole.IsZero() {
					w.whole = time.Now()
				}
			})
		})
	}
	return w
}
