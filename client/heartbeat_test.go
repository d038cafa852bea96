package client_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

// A server that is overloaded asks to be left alone for longer than the lease lasts: the lease counts.
func TestRetryAfterDoesNotCostTheLease(t *testing.T) {
	for name, trouble := range map[string]func(http.ResponseWriter, *http.Request){
		"Retry-After": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "300")
			w.WriteHeader(503)
		},
		"cut off": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				eureka := w.server("eureka")
				c := w.client(noFetch("eureka"))
				_, err := c.Register(orders("h"))
				if err != nil {
					t.Fatal(err)
				}
				w.run(c)
				sleep(29 * time.Second)
				begin := time.Now() // the lease was renewed 29 s ago
				var again time.Duration
				eureka.interfere(func(w http.ResponseWriter, r *http.Request) bool {
					switch {
					case r.Method != http.MethodPut:
						return false
					case time.Since(begin) < 20*time.Second:
						trouble(w, r)
						return true
					case again == 0:
						again = time.Since(begin)
					}
					return false
				})
				sleep(5 * time.Minute)
				if limit := 60 * time.Second; again == 0 || again > limit {
					t.Errorf("next heartbeat after %v, the lease ends after %v", again, limit)
				}
			})
		})
	}
}

// Servers that moved are found as soon as all known ones fail, not at the next look at DNS.
func TestMovedServersAreFoundInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		old, moved := w.server("192.0.2.1"), w.server("192.0.2.2")
		dns := &names{host: map[string][]string{"eureka.svc": {"192.0.2.1"}}}
		c := w.client(client.Config{DNS: client.DNSConfig{Records: client.DNSHost, Name: "eureka.svc", Port: 8761, Resolver: dns}, DisableFetch: true})
		if _, err := c.Register(orders("h")); err != nil {
			t.Fatal(err)
		}
		w.run(c)
		sleep(time.Second)
		old.interfere(answerAll(503))
		dns.mu.Lock()
		dns.host["eureka.svc"] = []string{"192.0.2.2"}
		dns.mu.Unlock()
		sleep(80 * time.Second)
		if moved.get(heureka.Key{App: "ORDERS", ID: "h:orders:8080"}) == nil {
			t.Errorf("not registered at the server that DNS names since 80 s")
		}
	})
}

// What the program gives may ignore its context for ever: the client ends all the same, and is not called twice.
func TestForeignCodeCannotBlock(t *testing.T) {
	for _, what := range []string{"health check", "hook", "backup"} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				eureka := w.server("eureka")
				eureka.put(inst("a", "1", up))
				release := make(chan struct{})
				calls := 0
				hang := func() { calls++; <-release }
				var log bytes.Buffer
				cfg := client.Config{Servers: []string{url("eureka")}, Logger: slog.New(slog.NewTextHandler(&log, nil))}
				ic := orders("h")
				switch what {
				case "health check":
					ic.HealthCheck = func(context.Context, heureka.Status) (heureka.Status, error) { hang(); return up, nil }
				case "hook":
					cfg.Hooks.Refresh = func(client.RefreshInfo) { hang() }
				case "backup":
					cfg.Backup = hanging(hang)
				}
				c := w.client(cfg)
				reg, err := c.Register(ic)
				if err != nil {
					t.Fatal(err)
				}
				stop := w.run(c)
				sleep(5 * time.Minute)
				if calls != 1 {
					t.Errorf("called %d times, the first call has not returned", calls)
				}
				if got := strings.Count(log.String(), "level=WARN"); got != 1 {
					t.Errorf("%d warnings:\n%s", got, log.String())
				}
				if got := reg.Status(); what == "health check" && got != heureka.StatusDown {
					t.Errorf("status %v, want DOWN", got)
				}
				begin := time.Now()
				if err := stop(); err != nil || time.Since(begin) > 10*time.Second {
					t.Errorf("Run returned %v after %v", err, time.Since(begin))
				}
				if eureka.get(reg.Instance().Key()) != nil {
					t.Error("still registered")
				}
				close(release)
			})
		})
	}
}

type hanging func()

func (h hanging) Load(context.Context) (*heureka.Applications, error) { return nil, errors.New("none") }

func (h hanging) Save(context.Context, *heureka.Applications) error { h(); return nil }

// A process before this one had a clock ten minutes fast, or another machine's has: what the registry shows is not what
// this process registered.
func TestRegisteredMeansRegistered(t *testing.T) {
	for _, tt := range []struct {
		name  string
		ip    string
		ahead time.Duration
		won   bool
		warns int
	}{
		{"this machine's", "192.0.2.1", 5 * time.Minute, true, 0},
		{"another machine's", "192.0.2.77", 5 * time.Minute, false, 1},
		{"a clock of another century", "192.0.2.1", 100 * 365 * 24 * time.Hour, false, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				eureka := w.server("eureka")
				old := inst("orders", "h:orders:8080", heureka.StatusDown)
				old.IPAddr, old.Port.Number, old.LastDirtyMS = tt.ip, 1111, time.Now().Add(tt.ahead).UnixMilli()
				eureka.put(old)
				var log bytes.Buffer
				c := w.client(client.Config{Servers: []string{url("eureka")}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
				if _, err := c.Register(orders("h")); err != nil {
					t.Fatal(err)
				}
				w.run(c)
				sleep(10 * time.Minute)
				shown := eureka.get(old.Key())
				if won := shown.Status == up && shown.Port.Number == 8080; won != tt.won {
					t.Errorf("the registry shows %v port %d", shown.Status, shown.Port.Number)
				}
				if got := strings.Count(log.String(), "another process registers under this key"); got != tt.warns {
					t.Errorf("%d warnings:\n%s", got, log.String())
				}
			})
		})
	}
}

// "Not there" is an answer, "do not know" is none.
func TestHonestAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		one, two := w.server("one"), w.server("two")
		c := w.client(noFetch("one", "two"))
		_, err := c.API().Instance(t.Context(), heureka.Key{App: "A", ID: "1"})
		if !errors.Is(err, heureka.ErrNotFound) || isFailover(err) {
			t.Errorf("not there: %v", err)
		}
		if got := len(one.requests()) + len(two.requests()); got != 1 {
			t.Errorf("%d requests for an answer", got)
		}
		if s := c.Stats(); s.QueryQuarantine != 0 {
			t.Errorf("%d servers in quarantine for an answer", s.QueryQuarantine)
		}
		one.interfere(answerAll(503))
		two.interfere(answerAll(503))
		if _, err := c.API().Instance(t.Context(), heureka.Key{App: "A", ID: "1"}); errors.Is(err, heureka.ErrNotFound) || !isFailover(err) {
			t.Errorf("not known: %v", err)
		}
		one.requests()
		two.requests()
		one.interfere(answerAll(413))
		two.interfere(answerAll(413))
		if err := c.API().Register(t.Context(), inst("a", "1", up)); err == nil {
			t.Error("413 is no error")
		}
		if got := len(one.requests()) + len(two.requests()); got != 1 {
			t.Errorf("%d requests with what is too large", got)
		}
	})
}

func isFailover(err error) bool {
	_, ok := errors.AsType[*client.FailoverError](err)
	return ok
}

// Who waits for a registry that will not be fetched is told at once.
func TestNobodyWaitsForAFetchThatIsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newWorld(t).client(noFetch("eureka"))
		if err := c.Ready(t.Context()); !errors.Is(err, client.ErrFetchDisabled) {
			t.Errorf("Ready = %v", err)
		}
		if _, err := c.Watch(client.App("a")).Next(t.Context()); !errors.Is(err, client.ErrFetchDisabled) {
			t.Errorf("Watch = %v", err)
		}
		if err := c.Refresh(t.Context()); !errors.Is(err, client.ErrFetchDisabled) {
			t.Errorf("Refresh = %v", err)
		}
		if _, err := c.Pick(client.App("a")); !errors.Is(err, client.ErrNoInstance) || !errors.Is(err, heureka.ErrNotReady) {
			t.Errorf("Pick = %v", err)
		}
	})
}
