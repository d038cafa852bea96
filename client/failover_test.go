package client_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

// ring is a number of servers that note who was asked, in order.
type ring struct {
	w     *world
	names []string
	fakes map[string]*fake

	mu    sync.Mutex
	asked []string
	broke map[string]bool
}

func newRing(t *testing.T, n int) *ring {
	r := &ring{w: newWorld(t), fakes: map[string]*fake{}, broke: map[string]bool{}}
	for i := range n {
		name := fmt.Sprintf("s%d", i+1)
		r.names = append(r.names, name)
		r.fakes[name] = r.w.server(name)
		r.fakes[name].interfere(func(w http.ResponseWriter, req *http.Request) bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.asked = append(r.asked, name)
			return r.broke[name] && answerAll(500)(w, req)
		})
	}
	return r
}

func (r *ring) urls() []string {
	var out []string
	for _, n := range r.names {
		out = append(out, url(n))
	}
	return out
}

// ask makes one call and returns who was asked, as positions in the client's order of preference.
func (r *ring) ask(c *client.Client) (asked []string, err error) {
	r.asked = nil
	_, err = c.API().Applications(r.w.t.Context())
	return r.asked, err
}

func (r *ring) break_(names ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range names {
		r.broke[n] = true
	}
}

func (r *ring) mend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.broke)
}

func order(c *client.Client) []string {
	var out []string
	for _, u := range c.Stats().Servers {
		name, _, _ := strings.Cut(strings.TrimPrefix(u, "http://"), ":")
		out = append(out, name)
	}
	return out
}

func TestStickyServer(t *testing.T) { // C-FO-1
	synctest.Test(t, func(t *testing.T) {
		r := newRing(t, 3)
		c := r.w.client(client.Config{Servers: r.urls()})
		first := order(c)[0]
		for range 5 {
			asked, err := r.ask(c)
			if err != nil || !slices.Equal(asked, []string{first}) {
				t.Errorf("asked %v: %v", asked, err)
			}
		}
	})
}

// TestFailover is C-FO-2 and C-FO-3: whoever fails is left, not tried twice, and not more than three are tried.
func TestFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRing(t, 4)
		c := r.w.client(client.Config{Servers: r.urls()})
		o := order(c)
		if asked, _ := r.ask(c); !slices.Equal(asked, o[:1]) {
			t.Fatalf("asked %v of %v", asked, o)
		}
		r.break_(o[0])
		if asked, err := r.ask(c); err != nil || !slices.Equal(asked, o[:2]) {
			t.Errorf("asked %v of %v: %v", asked, o, err)
		}
		if asked, err := r.ask(c); err != nil || !slices.Equal(asked, o[1:2]) {
			t.Errorf("asked %v of %v: %v", asked, o, err)
		}
		r.break_(o...)
		asked, err := r.ask(c)
		if len(asked) != 3 || asked[0] != o[1] {
			t.Errorf("asked %v of %v", asked, o)
		}
		failure, ok := errors.AsType[*client.FailoverError](err)
		if !ok || failure.Op != "fetch" || len(failure.Attempts) != 3 || failure.Attempts[0].Server != url(o[1]) {
			t.Errorf("error = %#v", err)
		}
	})
}

// TestOneServer: the first contact makes one attempt; one that worked before gets a second (C-FO-3).
func TestOneServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRing(t, 1)
		c := r.w.client(client.Config{Servers: r.urls()})
		r.break_("s1")
		if asked, err := r.ask(c); err == nil || len(asked) != 1 {
			t.Errorf("first contact: asked %v, %v", asked, err)
		}
		r.broke["s1"] = false
		_, _ = r.ask(c)
		r.break_("s1")
		if asked, err := r.ask(c); err == nil || len(asked) != 2 {
			t.Errorf("later: asked %v, %v", asked, err)
		}
	})
}

// TestQuarantine is C-FO-5 and C-FO-6: with five servers, two may be in quarantine; the third frees them all.
func TestQuarantine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRing(t, 5)
		c := r.w.client(client.Config{Servers: r.urls()})
		o := order(c)
		r.break_(o[0], o[1])
		if asked, err := r.ask(c); err != nil || !slices.Equal(asked, o[:3]) {
			t.Errorf("asked %v of %v: %v", asked, o, err)
		}
		if _, n := c.Stats().QueryServer, c.Stats().QueryQuarantine; n != 2 {
			t.Errorf("%d in quarantine", n)
		}
		r.mend()
		r.break_(o[2])
		// A third would be too many: all are free again, and the first is asked once more.
		if asked, err := r.ask(c); err != nil || !slices.Equal(asked, []string{o[2], o[0]}) {
			t.Errorf("asked %v of %v: %v", asked, o, err)
		}
	})
}

// TestSession is C-SE-1 and C-SE-2: after half to one and a half of the duration, the choice starts anew; when, differs, so
// that clients do not move in step.
func TestSession(t *testing.T) {
	lengths := map[time.Duration]bool{}
	for range 8 {
		synctest.Test(t, func(t *testing.T) {
			took := sessionLength(t)
			if took < 10*time.Minute || took > 30*time.Minute {
				t.Errorf("came back after %v", took)
			}
			lengths[took.Truncate(time.Minute)] = true
		})
	}
	if len(lengths) < 2 {
		t.Errorf("eight sessions all lasted %v", lengths)
	}
}

// sessionLength returns after how long a client asks a server again that failed once, to ten seconds.
func sessionLength(t *testing.T) time.Duration {
	r := newRing(t, 2)
	c := r.w.client(client.Config{Servers: r.urls(), ServerPollInterval: time.Hour, Rand: rand.NewPCG(rand.Uint64(), 1)})
	o := order(c)
	r.break_(o[0])
	_, _ = r.ask(c)
	r.mend()
	for begin := time.Now(); ; sleep(10 * time.Second) {
		asked, err := r.ask(c)
		if err != nil {
			t.Fatal(err)
		}
		if asked[0] == o[0] {
			return time.Since(begin)
		}
	}
}

// TestServersAreDrawnAnew is C-SL-2: a new session does not always begin with the same server.
func TestServersAreDrawnAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRing(t, 5)
		c := r.w.client(client.Config{Servers: r.urls()})
		firsts := map[string]bool{}
		for range 20 {
			asked, err := r.ask(c)
			if err != nil {
				t.Fatal(err)
			}
			firsts[asked[0]] = true
			sleep(31 * time.Minute) // longer than any session
		}
		if len(firsts) < 3 {
			t.Errorf("20 sessions began only with %v", firsts)
		}
	})
}

func TestEndlessSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRing(t, 2)
		c := r.w.client(client.Config{Servers: r.urls(), SessionDuration: -1})
		o := order(c)
		r.break_(o[0])
		_, _ = r.ask(c)
		r.mend()
		sleep(1000 * time.Hour)
		if asked, err := r.ask(c); err != nil || !slices.Equal(asked, o[1:]) {
			t.Errorf("asked %v: %v", asked, err)
		}
	})
}

// TestVerdicts is C-FO-4 and W-GOCLI-11: which answers end a call, per operation.
func TestVerdicts(t *testing.T) {
	ctx := context.Background()
	in := inst("orders", "1", up)
	ops := map[string]func(*client.API) error{
		"register": func(a *client.API) error { return a.Register(ctx, in) },
		"renew":    func(a *client.API) error { return a.Renew(ctx, in.Key(), up, 1) },
		"cancel":   func(a *client.API) error { return a.Cancel(ctx, in.Key()) },
		"status":   func(a *client.API) error { return a.SetOverride(ctx, in.Key(), up) },
		"metadata": func(a *client.API) error { return a.SetMetadata(ctx, in.Key(), map[string]string{"a": "b"}) },
		"instance": func(a *client.API) error { _, err := a.Instance(ctx, in.Key()); return err },
		"by id":    func(a *client.API) error { _, err := a.InstanceByID(ctx, "1"); return err },
		"app":      func(a *client.API) error { _, err := a.Application(ctx, "orders"); return err },
		"registry": func(a *client.API) error { _, err := a.Applications(ctx); return err },
		"delta":    func(a *client.API) error { _, err := a.Delta(ctx); return err },
		"vip":      func(a *client.API) error { _, err := a.VIP(ctx, "orders"); return err },
		"svip":     func(a *client.API) error { _, err := a.SecureVIP(ctx, "orders"); return err },
		"unstatus": func(a *client.API) error { return a.ClearOverride(ctx, in.Key(), up) },
	}
	ends := func(op string, code int) bool {
		switch op {
		case "cancel":
			return code != 302
		case "renew":
			return code == 404 || code/100 == 2
		case "register":
			return code == 404 || code/100 == 2 || code == 400 || code == 401 || code == 403
		case "status", "unstatus", "metadata":
			return code/100 == 2 || code == 400 || code == 404
		case "instance", "by id", "app":
			return code == 400 || code == 404
		}
		return false // documents need a document
	}
	for op, call := range ops {
		for _, code := range []int{200, 204, 302, 400, 401, 403, 404, 409, 429, 500, 503} {
			synctest.Test(t, func(t *testing.T) {
				r := newRing(t, 2)
				for _, f := range r.fakes {
					f.interfere(func(w http.ResponseWriter, req *http.Request) bool {
						r.asked = append(r.asked, "x")
						return answerAll(code)(w, req)
					})
				}
				err := call(r.w.client(client.Config{Servers: r.urls()}).API())
				if got := len(r.asked) == 1; got != ends(op, code) {
					t.Errorf("%s answered %d: %d servers asked", op, code, len(r.asked))
				}
				if (err == nil) != (code/100 == 2 && ends(op, code)) {
					t.Errorf("%s answered %d: error %v", op, code, err)
				}
				if errors.Is(err, heureka.ErrNotFound) != (code == 404) {
					t.Errorf("%s answered %d: ErrNotFound = %v", op, code, err)
				}
			})
		}
	}
}

func TestUnreachableServers(t *testing.T) { // G-FO-1, G-FO-4
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.server("up").put(inst("a", "1", up))
		w.net.Host("closed")
		w.net.Host("lost")
		w.net.Partition([]string{"app"}, []string{"lost"})
		var seen []client.RequestInfo
		cfg := client.Config{Servers: []string{url("closed"), url("lost"), url("unknown"), url("up")}, Attempts: 4}
		cfg.Hooks.Request = func(i client.RequestInfo) { seen = append(seen, i) }
		c := w.client(cfg)
		begin := time.Now()
		if _, err := c.API().Applications(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > 8*time.Second {
			t.Errorf("took %v", took)
		}
		for i, info := range seen {
			if info.Attempt != i+1 || info.Op != "fetch" {
				t.Errorf("request %+v", info)
			}
			if info.Server == url("closed") && (!errors.Is(info.Err, syscall.ECONNREFUSED) || info.Status != 0) {
				t.Errorf("request %+v", info)
			}
			if info.Server == url("up") && (info.Err != nil || info.Status != 200) {
				t.Errorf("request %+v", info)
			}
		}
	})
}

// TestCallerGivesUp: a server is not blamed for a caller that goes away, but for one whose time runs out.
func TestCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRing(t, 2)
		c := r.w.client(client.Config{Servers: r.urls()})
		_, _ = r.ask(c)
		first := order(c)[0]
		r.fakes[first].interfere(func(_ http.ResponseWriter, req *http.Request) bool { return hang(req) })
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			time.Sleep(time.Second)
			cancel()
		}()
		if _, err := c.API().Applications(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("error = %v", err)
		}
		if got := c.Stats().QueryServer; got != url(first) {
			t.Errorf("current server %q", got)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.API().Applications(ctx)
		if failure, ok := errors.AsType[*client.FailoverError](err); !ok || len(failure.Attempts) != 1 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error = %v, want one attempt that ran out of time", err)
		}
		if got := c.Stats().QueryServer; got != "" {
			t.Errorf("current server %q", got)
		}
	})
}

// TestRedirects is C-RD-2 and C-RD-4: announced and followed if allowed, and the client stays there.
func TestRedirects(t *testing.T) {
	for _, allowed := range []bool{true, false} {
		t.Run(fmt.Sprint(allowed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				front, back := w.server("front"), w.server("back")
				flag := ""
				front.interfere(func(w http.ResponseWriter, r *http.Request) bool {
					flag = r.Header.Get("X-Discovery-AllowRedirect")
					w.Header().Set("Location", "http://back:8761"+r.RequestURI)
					w.WriteHeader(302)
					return true
				})
				c := w.client(client.Config{Servers: []string{url("front")}, HTTP: client.HTTPConfig{AllowRedirects: allowed}})
				for range 3 {
					if err := c.API().Register(t.Context(), inst("orders", "1", up)); (err == nil) != allowed {
						t.Errorf("Register: %v", err)
					}
				}
				if allowed && (flag != "true" || len(front.requests()) != 1 || len(back.requests()) != 3) {
					t.Errorf("flag %q, front asked again or back not asked", flag)
				}
				if !allowed && (flag != "" || len(back.requests()) != 0) {
					t.Errorf("flag %q, back asked", flag)
				}
			})
		})
	}
}
