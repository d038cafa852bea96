package client_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

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

// TestStopDuringFirstRegistration is C-SD-7, G-CL-1: the registration may finish, so that a server that is slow with it
// does not hear of the cancellation before it.
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
		sleep(time.Minute)
		if in := eureka.get(ordersKey); in != nil {
			t.Errorf("left behind: %v", in)
		}
	})
}

// What a server does not answer is cut off after a while, and cancelled all the same.
func TestStopDuringRegistrationThatHangs(t *testing.T) { // G-CL-2
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.interfere(func(_ http.ResponseWriter, r *http.Request) bool { return r.Method == http.MethodPost && hang(r) })
		c := w.client(noFetch("eureka"))
		if _, err := c.Register(orders("h1")); err != nil {
			t.Fatal(err)
		}
		stop := w.run(c)
		synctest.Wait()
		began := time.Now()
		if err := stop(); err != nil || time.Since(began) != 2500*time.Millisecond {
			t.Errorf("Run = %v after %v", err, time.Since(began))
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

// TestStopBeforeFirstRegistration: an instance that was never sent is not cancelled either, because another process may
// have its key by now.
func TestStopBeforeFirstRegistration(t *testing.T) {
	for name, edit := range map[string]func(*client.Config, *client.InstanceConfig){
		"during the first fetch": func(cfg *client.Config, _ *client.InstanceConfig) { cfg.DisableFetch = false },
		"during the health check": func(_ *client.Config, ic *client.InstanceConfig) {
			ic.HealthCheck = client.Healthy(func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				eureka := w.server("eureka")
				eureka.interfere(func(_ http.ResponseWriter, r *http.Request) bool { return hang(r) })
				cfg, ic := noFetch("eureka"), orders("h1")
				edit(&cfg, &ic)
				c := w.client(cfg)
				reg, err := c.Register(ic)
				if err != nil {
					t.Fatal(err)
				}
				stop := w.run(c)
				sleep(time.Second)
				if err := stop(); err != nil {
					t.Errorf("Run = %v", err)
				}
				for _, line := range eureka.requests() {
					if line != getApps {
						t.Errorf("sent %s", line)
					}
				}
				if err := reg.Wait(context.Background()); !errors.Is(err, client.ErrStopped) {
					t.Errorf("Wait = %v", err)
				}
			})
		})
	}
}

// TestWaitEndsWithRun: a Run that fails before the instances' turn leaves nobody waiting for them.
func TestWaitEndsWithRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.server("eureka").interfere(answerAll(500))
		c := w.client(client.Config{Servers: []string{url("eureka")}, EnforceFetch: true})
		reg, err := c.Register(orders("h1"))
		if err != nil {
			t.Fatal(err)
		}
		waited := make(chan error, 1)
		go func() { waited <- reg.Wait(context.Background()) }()
		if err := c.Run(t.Context()); err == nil {
			t.Error("Run did not fail")
		}
		synctest.Wait()
		select {
		case err := <-waited:
			if !errors.Is(err, client.ErrStopped) {
				t.Errorf("Wait = %v", err)
			}
		default:
			t.Fatal("Wait goes on")
		}
	})
}
