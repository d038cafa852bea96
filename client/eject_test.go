package client_test

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

// One instance of three hangs and one answers 503: callers with a time-out of their own notice in the first seconds, and
// then never again, although both are tried again and again.
func TestBadInstancesAreLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, nil)
		s.web.Timeout = 2 * time.Second
		s.act["h1"] = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		s.act["h2"] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }
		begin := time.Now()
		const callers, each = 10, 1000
		var failed, late atomic.Int64
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for range each {
					resp, err := s.web.Get("http://orders/")
					if err != nil || resp.StatusCode != 200 {
						if failed.Add(1); time.Since(begin) > 10*time.Second {
							late.Add(1)
						}
					}
					if err == nil {
						_, _ = io.Copy(io.Discard, resp.Body)
						_ = resp.Body.Close()
					}
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		wg.Wait()
		t.Logf("%d of %d calls failed, %d after the first seconds; %+v", failed.Load(), callers*each, late.Load(), s.tr.Stats())
		if failed.Load() > callers*each/100 || late.Load() > 0 {
			t.Errorf("%d of %d calls failed, %d after the first seconds", failed.Load(), callers*each, late.Load())
		}
		if st := s.tr.Stats(); st.Ejected != 2 || st.Probes == 0 {
			t.Errorf("stats %+v", st)
		}
	})
}

// Whoever works again gets calls again, after one of them has tried.
func TestEjectedInstancesComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ejected []heureka.Key
		s := newShop(t, func(tr *client.Transport) {
			tr.Hooks.Eject = func(k heureka.Key) { ejected = append(ejected, k) }
		})
		s.act["h2"] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }
		for range 30 {
			if _, status, err := s.do(t, "GET", "http://orders/", nil); err != nil || status != 200 {
				t.Fatalf("status %d, error %v", status, err)
			}
		}
		if len(ejected) != 1 || ejected[0].ID != "h2" {
			t.Errorf("ejected: %v", ejected)
		}
		s.mu.Lock()
		delete(s.act, "h2")
		s.mu.Unlock()
		sleep(11 * time.Second)
		seen := 0
		for range 30 {
			hits, _, _ := s.do(t, "GET", "http://orders/", nil)
			for _, h := range hits {
				if h == "h2" {
					seen++
				}
			}
		}
		if seen < 8 {
			t.Errorf("h2 got %d of 30 calls after it came back", seen)
		}
		if st := s.tr.Stats(); st.Ejected != 0 || st.Probes != 1 {
			t.Errorf("stats %+v", st)
		}
	})
}

// If all fail, all are called: what they have in common is at fault.
func TestNotAllAreEjected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, func(tr *client.Transport) { tr.Retries = -1 })
		for _, h := range []string{"h1", "h2", "h3"} {
			s.act[h] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }
		}
		for range 60 {
			if hits, _, _ := s.do(t, "GET", "http://orders/", nil); len(hits) != 1 {
				t.Fatalf("hits %v", hits)
			}
		}
	})
}

// An instance has TryTimeout to begin its answer; what begins in time may last.
func TestTryTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, func(tr *client.Transport) { tr.TryTimeout, tr.Retries = time.Second, -1 })
		slow := func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(200)
			_ = http.NewResponseController(w).Flush()
			time.Sleep(5 * time.Second)
			_, _ = io.WriteString(w, "late")
		}
		for _, h := range []string{"h1", "h2", "h3"} {
			s.act[h] = slow
		}
		resp, err := s.web.Get("http://orders/")
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); string(body) != "late" {
			t.Errorf("body %q, %v", body, err)
		}
		_ = resp.Body.Close()
		for _, h := range []string{"h1", "h2", "h3"} {
			s.act[h] = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		}
		begin := time.Now()
		_, err = s.web.Get("http://orders/")
		if late, ok := errors.AsType[*client.TryTimeoutError](err); !ok || !late.Timeout() || time.Since(begin) != time.Second {
			t.Errorf("error %v after %v", err, time.Since(begin))
		}
	})
}

// A refused connection, and a service without instances, let the client look at once rather than in half a minute.
func TestRefreshOutOfTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.put(inst("other", "1", up))
		c := w.client(client.Config{Servers: []string{url("eureka")}})
		w.run(c)
		sleep(time.Second)
		eureka.put(inst("orders", "1", up))
		for range 100 { // one request for all of them
			_, _ = c.Pick(client.App("orders"))
		}
		sleep(time.Second)
		if _, err := c.Pick(client.App("orders")); err != nil {
			t.Errorf("not looked for: %v", err)
		}
		if got := len(eureka.requests()); got != 2 {
			t.Errorf("%d requests", got)
		}
	})
}
