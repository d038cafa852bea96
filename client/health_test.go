package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

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
		{"G-RG-6 panic", func(context.Context, heureka.Status) (heureka.Status, error) { panic("no driver") }, up, heureka.StatusDown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, eureka, _, _, stop := start(t, func(_ *client.Config, ic *client.InstanceConfig) {
					ic.HealthCheck, ic.InitialStatus = tt.check, tt.first
				})
				sleep(15 * time.Second)
				if got := eureka.get(ordersKey).Status; got != tt.want {
					t.Errorf("registered as %v, want %v", got, tt.want)
				}
				_ = stop()
				sleep(15 * time.Second) // the slow one ends
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

// TestFailingHealthCheckIsLogged: why an instance is DOWN is worth a line, and so is its recovery; repetitions are not.
func TestFailingHealthCheckIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log safeBuffer
		var broken atomic.Bool
		_, _, _, _, _ = start(t, func(cfg *client.Config, ic *client.InstanceConfig) {
			cfg.Logger = log.logger()
			ic.HealthCheck = client.Healthy(func(context.Context) error {
				if broken.Load() {
					panic("disk is full")
				}
				return nil
			})
		})
		broken.Store(true)
		sleep(3 * time.Minute)
		broken.Store(false)
		sleep(time.Minute)
		got := log.String()
		if strings.Count(got, "health check fails") != 1 || !strings.Contains(got, "disk is full") || !strings.Contains(got, "health check works again") {
			t.Errorf("log:\n%s", got)
		}
	})
}

// A program that is not ready when it registers is UP within seconds of being ready, not at the next round.
func TestFirstUpComesSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ready := time.Now().Add(5 * time.Second)
		_, eureka, _, _, _ := start(t, func(_ *client.Config, ic *client.InstanceConfig) {
			ic.InitialStatus = heureka.StatusStarting
			ic.HealthCheck = func(context.Context, heureka.Status) (heureka.Status, error) {
				if time.Now().Before(ready) {
					return heureka.StatusStarting, nil
				}
				return up, nil
			}
		})
		sleep(7 * time.Second)
		if got := eureka.get(ordersKey).Status; got != up {
			t.Errorf("status %v 2 s after it was ready", got)
		}
	})
}

func TestCheckNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		healthy := true
		var mu sync.Mutex
		_, eureka, _, reg, _ := start(t, func(_ *client.Config, ic *client.InstanceConfig) {
			ic.HealthCheck = client.Healthy(func(context.Context) error {
				mu.Lock()
				defer mu.Unlock()
				if healthy {
					return nil
				}
				return errors.New("no disk")
			})
		})
		sleep(time.Second)
		mu.Lock()
		healthy = false
		mu.Unlock()
		reg.Check()
		sleep(time.Second)
		if got := eureka.get(ordersKey).Status; got != heureka.StatusDown {
			t.Errorf("status %v after Check", got)
		}
	})
}

// DOWN does not wait for other changes to have been few.
func TestDownIsSentAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, eureka, _, reg, _ := start(t, nil)
		sleep(time.Second)
		for i := range 5 {
			reg.SetMetadata(map[string]string{"n": fmt.Sprint(i)})
			sleep(100 * time.Millisecond)
		}
		if err := reg.SetStatus(heureka.StatusDown); err != nil {
			t.Fatal(err)
		}
		sleep(time.Second)
		if got := eureka.get(ordersKey).Status; got != heureka.StatusDown {
			t.Errorf("status %v", got)
		}
	})
}

// A drain that takes longer than the lease does not lose it.
func TestHeartbeatsDuringTheDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, eureka, _, _, stop := start(t, func(_ *client.Config, ic *client.InstanceConfig) {
			ic.DownBeforeCancel, ic.DrainTime = true, 5*time.Minute
		})
		sleep(time.Second)
		eureka.requests()
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		beats := 0
		for _, r := range eureka.requests() {
			if strings.HasPrefix(r, "PUT ") {
				beats++
			}
		}
		if beats < 9 {
			t.Errorf("%d heartbeats in a drain of 5 min", beats)
		}
	})
}

// Programs that start together do not ask together for ever.
func TestJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.put(inst("a", "1", up))
		var at []time.Time
		eureka.interfere(func(_ http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodGet {
				at = append(at, time.Now())
			}
			return false
		})
		w.run(w.client(client.Config{Servers: []string{url("eureka")}, Jitter: 0.1}))
		sleep(30 * time.Minute)
		pauses := make(map[time.Duration]bool)
		for i := range len(at) - 1 {
			d := at[i+1].Sub(at[i])
			if pauses[d.Round(100*time.Millisecond)] = true; d < 27*time.Second || d > 30*time.Second {
				t.Errorf("a pause of %v", d)
			}
		}
		if len(pauses) < 10 {
			t.Errorf("%d different pauses of %d", len(pauses), len(at))
		}
	})
}

// A registry that takes longer than FetchInterval to come is there in the end.
func TestSlowFirstFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.put(inst("a", "1", up))
		eureka.interfere(func(rw http.ResponseWriter, _ *http.Request) bool {
			body := document([]*heureka.Instance{inst("a", "1", up)}, 1, "UP_1_")
			for _, part := range [][]byte{body[:10], body[10:]} {
				time.Sleep(6 * time.Second)
				_, _ = rw.Write(part)
				_ = http.NewResponseController(rw).Flush()
			}
			return true
		})
		c := w.client(client.Config{Servers: []string{url("eureka")}, FetchInterval: 5 * time.Second})
		w.run(c)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := c.Ready(ctx); err != nil {
			t.Errorf("Ready = %v", err)
		}
	})
}
