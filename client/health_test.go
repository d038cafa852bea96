package client_test

import (
	"context"
	"errors"
	"strings"
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
