package client_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka"
	"heureka/client"
)

var ordersKey = heureka.Key{App: "ORDERS", ID: "h1:orders:8080"}

const (
	post = "POST /eureka/apps/ORDERS"
	del  = "DELETE /eureka/apps/ORDERS/h1:orders:8080"
)

// noFetch keeps fetches out of the log.
func noFetch(hosts ...string) client.Config {
	cfg := client.Config{DisableFetch: true}
	for _, h := range hosts {
		cfg.Servers = append(cfg.Servers, url(h))
	}
	return cfg
}

// start registers orders with one server and a running client.
func start(t *testing.T, edit func(*client.Config, *client.InstanceConfig)) (*world, *fake, *client.Client, *client.Registration, func() error) {
	t.Helper()
	w := newWorld(t)
	eureka := w.server("eureka")
	cfg, ic := noFetch("eureka"), orders("h1")
	if edit != nil {
		edit(&cfg, &ic)
	}
	c := w.client(cfg)
	reg, err := c.Register(ic)
	if err != nil {
		t.Fatal(err)
	}
	stop := w.run(c)
	synctest.Wait()
	return w, eureka, c, reg, stop
}

// verbs shortens a log: renewals to "PUT status", everything else as it is.
func verbs(log []string) []string {
	out := []string{}
	for _, line := range log {
		if rest, ok := strings.CutPrefix(line, "PUT /eureka/apps/ORDERS/h1:orders:8080?status="); ok {
			line, _, _ = strings.Cut(rest, "&")
			line = "PUT " + line
		}
		out = append(out, line)
	}
	return out
}

func wantRequests(t *testing.T, f *fake, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), verbs(f.requests())); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestRegisterAtOnceAndBeat(t *testing.T) { // G-RG-1, C-HB-1
	synctest.Test(t, func(t *testing.T) {
		_, eureka, c, reg, stop := start(t, nil)
		if err := reg.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantRequests(t, eureka, post)
		if got := eureka.get(ordersKey); got.Status != up || got.LastDirtyMS != reg.Instance().LastDirtyMS {
			t.Errorf("registered %+v", got)
		}
		sleep(95 * time.Second)
		wantRequests(t, eureka, "PUT UP", "PUT UP", "PUT UP")
		if got := c.Stats(); got.Heartbeats != 3 || got.HeartbeatFailures != 0 || time.Since(got.LastHeartbeat) != 5*time.Second {
			t.Errorf("stats = %+v", got)
		}
		if err := stop(); err != nil {
			t.Errorf("Run = %v", err)
		}
		wantRequests(t, eureka, del)
		if err := reg.Wait(t.Context()); err != nil { // it had been accepted
			t.Errorf("Wait after the end = %v", err)
		}
	})
}

// TestHeartbeatsGoOnInEveryStatus is C-HB-7.
func TestHeartbeatsGoOnInEveryStatus(t *testing.T) {
	for _, s := range []heureka.Status{heureka.StatusStarting, heureka.StatusDown, heureka.StatusUp} {
		synctest.Test(t, func(t *testing.T) {
			_, eureka, _, _, _ := start(t, func(_ *client.Config, ic *client.InstanceConfig) { ic.InitialStatus = s })
			sleep(31 * time.Second)
			wantRequests(t, eureka, post, "PUT "+s.String())
		})
	}
}

// TestUnknownInstanceRegistersAgain is C-HB-3 and C-HB-4: at once, with a newer stamp, whatever the 404 looks like.
func TestUnknownInstanceRegistersAgain(t *testing.T) {
	for name, body := range map[string]bool{"bare 404": false, "404 with HTML": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var beats []client.HeartbeatInfo
				_, eureka, _, reg, _ := start(t, func(cfg *client.Config, _ *client.InstanceConfig) {
					cfg.Hooks.Heartbeat = func(i client.HeartbeatInfo) { beats = append(beats, i) }
				})
				first := reg.Instance().LastDirtyMS
				eureka.remove(ordersKey)
				if body {
					eureka.interfere(func(w http.ResponseWriter, r *http.Request) bool {
						return r.Method == http.MethodPut && page(404)(w, r)
					})
				}
				sleep(30*time.Second + time.Millisecond)
				eureka.interfere(nil)
				wantRequests(t, eureka, post, "PUT UP", post)
				if got := eureka.get(ordersKey); got == nil || got.LastDirtyMS <= first {
					t.Errorf("registered %+v, want a stamp after %d", got, first)
				}
				sleep(30 * time.Second)
				wantRequests(t, eureka, "PUT UP")
				want := []client.HeartbeatInfo{{Key: ordersKey, Reregistered: true}, {Key: ordersKey}}
				if diff := cmp.Diff(want, beats); diff != "" {
					t.Errorf("heartbeats (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestFirstRegistrationIsRetried is G-RG-2.
func TestFirstRegistrationIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		begin := time.Now()
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.interfere(func(w http.ResponseWriter, r *http.Request) bool {
			at = append(at, time.Since(begin)/time.Second)
			return answerAll(500)(w, r)
		})
		c := w.client(noFetch("eureka"))
		reg, err := c.Register(orders("h1"))
		if err != nil {
			t.Fatal(err)
		}
		w.run(c)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
		defer cancel()
		err = reg.Wait(ctx)
		if _, ok := errors.AsType[*heureka.StatusError](err); !ok || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait = %v, want the context's error and the server's", err)
		}
		if diff := cmp.Diff([]time.Duration{0, 1, 3, 7, 15, 31, 61, 91}, at); diff != "" {
			t.Errorf("tries at (-want +got):\n%s", diff)
		}
		eureka.interfere(nil)
		eureka.requests()
		sleep(22 * time.Second)
		wantRequests(t, eureka, post)
		sleep(30 * time.Second)
		wantRequests(t, eureka, "PUT UP")
	})
}

func TestStatusChangeIsSentAtOnce(t *testing.T) { // C-IR-5, C-HC-3
	synctest.Test(t, func(t *testing.T) {
		var changes []client.StatusInfo
		_, eureka, _, reg, _ := start(t, func(cfg *client.Config, ic *client.InstanceConfig) {
			ic.InitialStatus = heureka.StatusStarting
			cfg.Hooks.Status = func(i client.StatusInfo) { changes = append(changes, i) }
		})
		sleep(5 * time.Second)
		if err := reg.SetStatus(up); err != nil {
			t.Fatal(err)
		}
		if err := reg.SetStatus(up); err != nil { // C-MD-5: no change
			t.Fatal(err)
		}
		if err := reg.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantRequests(t, eureka, post, post)
		if got := eureka.get(ordersKey).Status; got != up || reg.Status() != up {
			t.Errorf("status %v on the server, %v here", got, reg.Status())
		}
		want := []client.StatusInfo{{Key: ordersKey, Old: heureka.StatusStarting, New: up}}
		if diff := cmp.Diff(want, changes); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
		sleep(26 * time.Second)
		wantRequests(t, eureka, "PUT UP")
	})
}

// TestBurstOfChanges is C-IR-6 and C-IR-9: two at once, the last state as soon as it is allowed, not after 30 s.
func TestBurstOfChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, eureka, _, reg, _ := start(t, nil)
		sleep(time.Second)
		for _, s := range []heureka.Status{heureka.StatusDown, up, heureka.StatusDown, up} {
			_ = reg.SetStatus(s)
			sleep(100 * time.Millisecond)
		}
		_ = reg.SetStatus(heureka.StatusDown)
		wantRequests(t, eureka, post, post, post)
		sleep(14 * time.Second)
		wantRequests(t, eureka)
		sleep(time.Second)
		wantRequests(t, eureka, post)
		if got := eureka.get(ordersKey).Status; got != heureka.StatusDown {
			t.Errorf("status %v", got)
		}
	})
}

func TestOnDemandUpdatesCanBeDisabled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, eureka, _, reg, _ := start(t, func(cfg *client.Config, _ *client.InstanceConfig) { cfg.DisableOnDemandUpdates = true })
		_ = reg.SetStatus(heureka.StatusDown)
		sleep(29 * time.Second)
		wantRequests(t, eureka, post)
		sleep(2 * time.Second) // the heartbeat carries the newer stamp, and is answered 404 (C-HB-6)
		wantRequests(t, eureka, "PUT DOWN", post)
		_ = reg.SetStatus(up)
		sleep(10 * time.Second) // the first round of changes comes after 40 s (C-ST-2)
		wantRequests(t, eureka, post)
	})
}

// TestFailedPushIsNotRepeated: a change that could not be sent waits for the heartbeat, as it does in Java.
func TestFailedPushIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, eureka, _, reg, _ := start(t, func(cfg *client.Config, _ *client.InstanceConfig) { cfg.Attempts = 1 })
		eureka.interfere(answerAll(500))
		sleep(time.Second)
		_ = reg.SetStatus(heureka.StatusDown)
		sleep(25 * time.Second)
		eureka.interfere(nil)
		wantRequests(t, eureka, post, post)
		sleep(10 * time.Second)
		wantRequests(t, eureka, "PUT DOWN", post)
	})
}

// TestFailedPushIsRepaired: a change that could not be sent goes out with the next heartbeat (C-HB-6, C-IR-8).
func TestFailedPushIsRepaired(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, eureka, _, reg, _ := start(t, nil)
				eureka.interfere(fault)
				_ = reg.SetStatus(heureka.StatusDown)
				sleep(25 * time.Second)
				eureka.interfere(nil)
				sleep(66 * time.Second)
				// Even a proxy that answers 2xx in the server's place only delays it: the stamp tells (C-HB-6).
				if got := eureka.get(ordersKey).Status; got != heureka.StatusDown {
					t.Errorf("status %v", got)
				}
			})
		})
	}
}

// TestHeartbeatSurvivesEverything: whatever happens to heartbeats for a while, they go on afterwards, and the instance is
// registered.
func TestHeartbeatSurvivesEverything(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, eureka, c, _, stop := start(t, nil)
				eureka.interfere(fault)
				sleep(10 * time.Minute)
				failures := c.Stats().HeartbeatFailures
				if (failures == 0) != success[name] {
					t.Errorf("%d failures", failures)
				}
				eureka.interfere(nil)
				eureka.remove(ordersKey)
				sleep(10 * time.Minute)
				if eureka.get(ordersKey) == nil {
					t.Error("not registered afterwards")
				}
				if err := stop(); err != nil || eureka.get(ordersKey) != nil {
					t.Errorf("stop = %v", err)
				}
			})
		})
	}
}

// TestCancelFaults is C-SD-4: any status ends it, failures are told, nothing takes longer than allowed.
func TestCancelFaults(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, eureka, _, _, stop := start(t, nil)
				eureka.requests()
				eureka.interfere(fault)
				begin := time.Now()
				err := stop()
				if took := time.Since(begin); took > 5*time.Second {
					t.Errorf("took %v", took)
				}
				// Neither a 404 nor any other refusal of a status is worth an error, as there is nothing left to do.
				_, answered := errors.AsType[*heureka.StatusError](err)
				silent := name == "reset before the header" || name == "hang before the header"
				if silent != (err != nil && !answered) || success[name] && err != nil {
					t.Errorf("Run = %v", err)
				}
				for _, line := range eureka.requests() {
					if line != del {
						t.Errorf("sent %s after the end", line)
					}
				}
			})
		})
	}
}

func TestDirtyStampsGrow(t *testing.T) { // C-MD-4
	synctest.Test(t, func(t *testing.T) {
		_, _, _, reg, _ := start(t, nil)
		last := reg.Instance().LastDirtyMS
		for i := range 100 { // within one millisecond
			reg.SetMetadata(map[string]string{"n": strings.Repeat("x", i)})
			if now := reg.Instance().LastDirtyMS; now <= last {
				t.Fatalf("stamp %d after %d", now, last)
			} else {
				last = now
			}
		}
	})
}

// TestChangeDuringRegistration: what changes while a registration is under way is sent again (C-MD-4, C-MD-7).
func TestChangeDuringRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.interfere(func(http.ResponseWriter, *http.Request) bool {
			time.Sleep(3 * time.Second)
			return false
		})
		c := w.client(noFetch("eureka"))
		ic := orders("h1")
		ic.InitialStatus = heureka.StatusStarting
		reg, err := c.Register(ic)
		if err != nil {
			t.Fatal(err)
		}
		w.run(c)
		sleep(time.Second)
		_ = reg.SetStatus(up)
		if err := reg.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := eureka.get(ordersKey).Status; got != up {
			t.Errorf("status %v although Wait has returned", got)
		}
		wantRequests(t, eureka, post, post)
	})
}

func TestMetadataAndLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, eureka, _, reg, _ := start(t, func(_ *client.Config, ic *client.InstanceConfig) {
			ic.Metadata = map[string]string{"zone": "a", "old": "1", "empty": ""}
		})
		reg.SetMetadata(map[string]string{"old": "", "new": "2"})
		reg.Update(func(in *heureka.Instance) {
			in.Lease.RenewalIntervalSecs = 10
			in.App, in.ID, in.LastDirtyMS = "OTHER", "other", 0 // which it may not
		})
		if err := reg.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"zone": "a", "new": "2"} // C-MD-11
		if diff := cmp.Diff(want, eureka.get(ordersKey).Metadata.Map()); diff != "" {
			t.Errorf("metadata (-want +got):\n%s", diff)
		}
		eureka.requests()
		sleep(31 * time.Second)
		wantRequests(t, eureka, "PUT UP", "PUT UP", "PUT UP") // C-MD-15
	})
}

func TestHealthCheck(t *testing.T) { // C-HC-1, C-HC-7
	tests := []struct {
		name  string
		check client.HealthCheck
		first heureka.Status
		want  heureka.Status
	}{
		{"healthy", client.Healthy(func(context.Context) error { return nil }), up, up},
		{"unhealthy", client.Healthy(func(context.Context) error { return errors.New("no disk") }), up, heureka.StatusDown},
		{"C-HC-2 starting", client.Healthy(func(context.Context) error { return nil }), heureka.StatusStarting, heureka.StatusStarting},
		{"recovers", client.Healthy(func(context.Context) error { return nil }), heureka.StatusDown, up},
		{"error", func(context.Context, heureka.Status) (heureka.Status, error) { return up, errors.New("?") }, up, heureka.StatusDown},
		{"C-HC-7 out of service", func(context.Context, heureka.Status) (heureka.Status, error) { return heureka.StatusOutOfService, nil }, up, heureka.StatusDown},
		{"G-RG-6 too slow", func(context.Context, heureka.Status) (heureka.Status, error) {
			time.Sleep(11 * time.Second)
			return up, nil
		}, up, heureka.StatusDown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, eureka, _, _, _ := start(t, func(_ *client.Config, ic *client.InstanceConfig) {
					ic.HealthCheck, ic.InitialStatus = tt.check, tt.first
				})
				sleep(15 * time.Second)
				if got := eureka.get(ordersKey).Status; got != tt.want {
					t.Errorf("registered as %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// TestHealthCheckEveryRound: after 40 s and then every 30 s, with the change in the same round (C-ST-2, C-IR-3).
func TestHealthCheckEveryRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var at []time.Duration
		_, eureka, _, _, _ := start(t, func(_ *client.Config, ic *client.InstanceConfig) {
			ic.HealthCheck = func(context.Context, heureka.Status) (heureka.Status, error) {
				at = append(at, time.Since(begin)/time.Second)
				if time.Since(begin) > time.Minute {
					return heureka.StatusDown, nil
				}
				return up, nil
			}
		})
		sleep(71 * time.Second)
		if diff := cmp.Diff([]time.Duration{0, 40, 70}, at); diff != "" {
			t.Errorf("checks at (-want +got):\n%s", diff)
		}
		if got := eureka.get(ordersKey).Status; got != heureka.StatusDown {
			t.Errorf("status %v", got)
		}
	})
}

// TestSlowHealthCheckDoesNotUndo is C-IR-10: a status that was set while the check ran wins.
func TestSlowHealthCheckDoesNotUndo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, eureka, _, reg, _ := start(t, func(_ *client.Config, ic *client.InstanceConfig) {
			n := 0
			ic.HealthCheck = func(context.Context, heureka.Status) (heureka.Status, error) {
				if n++; n > 1 {
					time.Sleep(5 * time.Second)
				}
				return up, nil
			}
		})
		sleep(42 * time.Second)
		_ = reg.SetStatus(heureka.StatusDown)
		sleep(4 * time.Second)
		if got := eureka.get(ordersKey).Status; got != heureka.StatusDown {
			t.Errorf("status %v", got)
		}
	})
}

func TestOutOfServiceIsAnOverride(t *testing.T) { // C-HC-6
	synctest.Test(t, func(t *testing.T) {
		var seen []client.StatusInfo
		_, eureka, c, reg, _ := start(t, func(cfg *client.Config, _ *client.InstanceConfig) {
			cfg.DisableFetch, cfg.FetchInterval = false, 7*time.Second // out of step with heartbeats
			cfg.Hooks.Status = func(i client.StatusInfo) { seen = append(seen, i) }
		})
		if err := reg.SetStatus(heureka.StatusOutOfService); err == nil {
			t.Error("OUT_OF_SERVICE accepted as own status")
		}
		sleep(31 * time.Second)
		if err := c.API().SetStatus(t.Context(), ordersKey, heureka.StatusOutOfService); err != nil {
			t.Fatal(err)
		}
		sleep(61 * time.Second)
		if got := reg.RemoteStatus(); got != heureka.StatusOutOfService || reg.Status() != up {
			t.Errorf("remote status %v, own %v", got, reg.Status())
		}
		if got := c.Instances(client.App("orders")); len(got) != 0 {
			t.Errorf("lookups return %v", ids(got))
		}
		if err := c.API().ClearStatus(t.Context(), ordersKey, heureka.StatusUnknown); err != nil {
			t.Fatal(err)
		}
		eureka.requests()
		sleep(61 * time.Second) // W-STAT-9: 404 for the next heartbeat, and a new registration
		if got := reg.RemoteStatus(); got != up {
			t.Errorf("remote status %v after the override was removed", got)
		}
		if !slices.Contains(eureka.requests(), post) {
			t.Error("did not register again")
		}
		want := []client.StatusInfo{
			{Key: ordersKey, Old: heureka.StatusUnknown, New: up, Remote: true},
			{Key: ordersKey, Old: up, New: heureka.StatusOutOfService, Remote: true},
			{Key: ordersKey, Old: heureka.StatusOutOfService, New: heureka.StatusUnknown, Remote: true},
			{Key: ordersKey, Old: heureka.StatusUnknown, New: up, Remote: true},
		}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("remote status changes (-want +got):\n%s", diff)
		}
	})
}

func TestSeveralInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, eureka, c, first, stop := start(t, nil)
		second, err := c.Register(orders("h2")) // while running
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Register(orders("h1")); err == nil { // G-RG-5
			t.Error("the same instance registered twice")
		}
		if err := errors.Join(first.Wait(t.Context()), second.Wait(t.Context())); err != nil {
			t.Fatal(err)
		}
		eureka.requests()
		if err := first.Deregister(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := first.Deregister(t.Context()); err != nil {
			t.Errorf("again: %v", err)
		}
		sleep(31 * time.Second)
		got := eureka.requests()
		if len(got) != 2 || got[0] != del || !strings.HasPrefix(got[1], "PUT /eureka/apps/ORDERS/h2:") {
			t.Errorf("requests %v", got)
		}
		again, err := c.Register(orders("h1"))
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := stop(); err != nil || len(eureka.records) != 0 {
			t.Errorf("stop = %v, left behind %v", err, eureka.records)
		}
		if _, err := c.Register(orders("h3")); !errors.Is(err, client.ErrStopped) {
			t.Errorf("Register after the end = %v", err)
		}
	})
}

func TestDeregisterBeforeRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		c := w.client(noFetch("eureka"))
		reg, err := c.Register(orders("h1"))
		if err != nil {
			t.Fatal(err)
		}
		if err := reg.Deregister(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.run(c)
		sleep(time.Minute)
		wantRequests(t, eureka)
		if err := reg.Wait(t.Context()); !errors.Is(err, client.ErrStopped) {
			t.Errorf("Wait = %v", err)
		}
	})
}

func TestDeregisterIsBounded(t *testing.T) { // G-CL-2
	synctest.Test(t, func(t *testing.T) {
		_, eureka, _, reg, _ := start(t, nil)
		eureka.interfere(func(_ http.ResponseWriter, r *http.Request) bool { return hang(r) })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := reg.Deregister(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Deregister = %v", err)
		}
	})
}

func TestDrain(t *testing.T) { // C-SD-5
	synctest.Test(t, func(t *testing.T) {
		_, eureka, _, _, stop := start(t, func(_ *client.Config, ic *client.InstanceConfig) {
			ic.DownBeforeCancel, ic.DrainTime = true, 10*time.Second
		})
		begin := time.Now()
		done := make(chan error)
		go func() { done <- stop() }()
		sleep(9 * time.Second)
		if got := eureka.get(ordersKey).Status; got != heureka.StatusDown {
			t.Errorf("status %v while draining", got)
		}
		if err := <-done; err != nil || time.Since(begin) != 10*time.Second {
			t.Errorf("Run = %v after %v", err, time.Since(begin))
		}
		wantRequests(t, eureka, post, post, del)
	})
}

func TestKeepRegistered(t *testing.T) { // C-SD-6
	synctest.Test(t, func(t *testing.T) {
		_, eureka, _, _, stop := start(t, func(cfg *client.Config, ic *client.InstanceConfig) {
			cfg.KeepRegistered, ic.DownBeforeCancel = true, true
		})
		_ = stop()
		wantRequests(t, eureka, post)
	})
}

// TestStopDuringFirstRegistration: a server may have accepted what was cut off, so it is cancelled all the same.
func TestStopDuringFirstRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.interfere(func(_ http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPost {
				time.Sleep(time.Second)
			}
			return false
		})
		c := w.client(noFetch("eureka"))
		if _, err := c.Register(orders("h1")); err != nil {
			t.Fatal(err)
		}
		stop := w.run(c)
		synctest.Wait()
		if err := stop(); err != nil {
			t.Errorf("Run = %v", err)
		}
		wantRequests(t, eureka, post, del)
	})
}

func TestNothingIsCancelledThatNeverWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.interfere(answerAll(500))
		c := w.client(noFetch("eureka"))
		if _, err := c.Register(orders("h1")); err != nil {
			t.Fatal(err)
		}
		stop := w.run(c)
		sleep(10 * time.Second)
		if err := stop(); err != nil {
			t.Errorf("Run = %v", err)
		}
		if slices.Contains(eureka.requests(), del) {
			t.Error("cancelled")
		}
	})
}

func TestEnforceRegistration(t *testing.T) { // C-ST-1 (8)
	for _, code := range []int{200, 204, 400, 500} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.server("eureka").interfere(answerAll(code))
			cfg := noFetch("eureka")
			cfg.EnforceRegistration = true
			c := w.client(cfg)
			if _, err := c.Register(orders("h1")); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			err := c.Run(ctx)
			if (err == nil) != (code/100 == 2) {
				t.Errorf("%d: Run = %v", code, err)
			}
		})
	}
}

func TestDisableRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, eureka, _, reg, stop := start(t, func(cfg *client.Config, _ *client.InstanceConfig) {
			cfg.DisableRegistration, cfg.EnforceRegistration = true, true
		})
		if err := reg.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		sleep(time.Minute)
		if err := errors.Join(reg.Deregister(t.Context()), stop()); err != nil {
			t.Error(err)
		}
		wantRequests(t, eureka)
	})
}

// TestRefusedRegistrationStays is C-FO-4: no server will take what one refuses for what it is.
func TestRefusedRegistrationStays(t *testing.T) {
	for code, want := range map[int]int{400: 1, 401: 1, 403: 1, 409: 2, 500: 2} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			asked := 0
			for _, h := range []string{"s1", "s2"} {
				w.server(h).interfere(func(w http.ResponseWriter, r *http.Request) bool {
					asked++
					return answerAll(code)(w, r)
				})
			}
			c := w.client(noFetch("s1", "s2"))
			in := inst("orders", "x", up)
			if err := c.API().Register(t.Context(), in); err == nil || asked != want {
				t.Errorf("%d: %d servers asked, want %d; %v", code, asked, want, err)
			}
		})
	}
}

func TestInstanceConfigMistakes(t *testing.T) {
	c, err := client.New(client.Config{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Register(client.InstanceConfig{
		SecurePort: 70000, RenewalInterval: 1500 * time.Millisecond, InitialStatus: heureka.StatusOutOfService, HostName: "h",
	})
	for _, want := range []string{"App is required", "no such port: 70000", "whole seconds", "OUT_OF_SERVICE"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
	if _, err := c.Register(client.InstanceConfig{App: "a", HostName: "h"}); err == nil || !strings.Contains(err.Error(), "Port") {
		t.Errorf("no port: %v", err)
	}
}

func TestRecord(t *testing.T) { // C-MD-6 to C-MD-12
	c, err := client.New(client.Config{})
	if err != nil {
		t.Fatal(err)
	}
	reg, err := c.Register(client.InstanceConfig{
		App: "Orders", HostName: "h1", IPAddr: "192.0.2.1", Port: 8080, SecurePort: 8443, StatusPageURL: "http://${eureka.hostname}/s",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := reg.Instance()
	want := &heureka.Instance{
		App: "ORDERS", ID: "h1:Orders:8080", HostName: "h1", IPAddr: "192.0.2.1", Status: up, CountryID: 1,
		Port: heureka.Port{Number: 8080, Enabled: true}, SecurePort: heureka.Port{Number: 8443, Enabled: true},
		DataCenter: heureka.OwnDataCenter, Lease: heureka.LeaseInfo{RenewalIntervalSecs: 30, DurationSecs: 90},
		HomePageURL: "http://h1:8080/", StatusPageURL: "http://h1/s", HealthCheckURL: "http://h1:8080/actuator/health",
		SecureHealthCheckURL: "https://h1:8443/actuator/health", VIPAddress: "Orders", SecureVIPAddress: "Orders",
		LastDirtyMS: got.LastDirtyMS, LastUpdatedMS: got.LastUpdatedMS,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	own, err := c.Register(client.InstanceConfig{App: "own", Port: 1, PreferIP: true})
	if err != nil {
		t.Fatal(err)
	}
	if in := own.Instance(); in.IPAddr == "" || in.HostName != in.IPAddr || in.SecureHealthCheckURL != "" || in.SecurePort.Enabled {
		t.Errorf("detected %+v", in)
	}
}
