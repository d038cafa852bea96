package client_test

import (
	"errors"
	"fmt"
	"io"
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

// shop is the service ORDERS on three hosts, of which any may be gone, and a web client.
type shop struct {
	w   *world
	c   *client.Client
	web http.Client
	tr  *client.Transport

	mu   sync.Mutex
	hits []string // hosts that were asked
	last *http.Request
	body string
	act  map[string]http.HandlerFunc
}

func newShop(t *testing.T, edit func(*client.Transport)) *shop {
	s := &shop{w: newWorld(t), act: map[string]http.HandlerFunc{}}
	eureka := s.w.server("eureka")
	for i := range 3 {
		host := fmt.Sprintf("h%d", i+1)
		in := inst("orders", host, up)
		in.HostName = host
		s.w.listen(host, 80, s.handler(host))
		eureka.put(in)
	}
	s.c = s.w.client(client.Config{Servers: []string{url("eureka")}})
	s.tr = &client.Transport{Client: s.c, Base: s.w.transport()}
	if edit != nil {
		edit(s.tr)
	}
	s.web.Transport = s.tr
	s.w.run(s.c)
	if err := s.c.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *shop) handler(host string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.hits, s.last, s.body = append(s.hits, host), r, string(body)
		act := s.act[host]
		s.mu.Unlock()
		if act != nil {
			act(w, r)
		}
	}
}

// get asks and returns which hosts were reached.
func (s *shop) do(t *testing.T, method, target string, body io.Reader) (hits []string, status int, err error) {
	t.Helper()
	s.reached()
	req, err := http.NewRequestWithContext(t.Context(), method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.web.Do(req)
	if err == nil {
		status = resp.StatusCode
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	if req.URL.String() != target || req.Host != req.URL.Host { // the RoundTripper contract
		t.Errorf("the request was changed: %s, host %s", req.URL, req.Host)
	}
	return s.reached(), status, err
}

// reached returns which hosts were asked since the last time.
func (s *shop) reached() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	hits := s.hits
	s.hits = nil
	return hits
}

func TestTransportSpreads(t *testing.T) { // G-HT-1
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, nil)
		got := map[string]int{}
		for _, name := range []string{"ORDERS", "orders", "Orders"} {
			for range 10 {
				hits, _, err := s.do(t, "GET", "http://"+name+"/a/b?c=d", nil)
				if err != nil || len(hits) != 1 {
					t.Fatalf("%v, %v", hits, err)
				}
				got[hits[0]]++
			}
		}
		if got["h1"] != 10 || got["h2"] != 10 || got["h3"] != 10 {
			t.Errorf("spread %v", got)
		}
		hits, _, _ := s.do(t, "GET", "http://orders/a/b?c=d", nil)
		if s.last.RequestURI != "/a/b?c=d" || s.last.Host != hits[0]+":80" { // G-HT-3
			t.Errorf("asked for %s of %s", s.last.RequestURI, s.last.Host)
		}
	})
}

func TestTransportPassesOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, nil)
		if hits, _, err := s.do(t, "GET", "http://h2:80/", nil); err != nil || !slices.Equal(hits, []string{"h2"}) {
			t.Errorf("%v, %v", hits, err)
		}
		s.tr.IsService = func(string) bool { return false }
		if hits, _, err := s.do(t, "GET", "http://h2/", nil); err != nil || !slices.Equal(hits, []string{"h2"}) {
			t.Errorf("%v, %v", hits, err)
		}
	})
}

func TestTransportWithoutInstance(t *testing.T) { // G-HT-5
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, nil)
		body := &closable{Reader: strings.NewReader("x")}
		if _, _, err := s.do(t, "POST", "http://UNKNOWN/", body); !errors.Is(err, client.ErrNoInstance) {
			t.Errorf("error %v", err)
		}
		if _, _, err := s.do(t, "POST", "https://orders/", body); !errors.Is(err, client.ErrNoInstance) { // no secure port
			t.Errorf("error %v", err)
		}
		if !body.closed {
			t.Error("the body was not closed")
		}
	})
}

type closable struct {
	io.Reader
	closed bool
}

func (c *closable) Close() error {
	c.closed = true
	return nil
}

// TestInstancesThatAreGone is row 15 of the brief and G-HT-4: another instance is tried, also for a POST, because
// nothing was sent; and who is gone is avoided.
func TestInstancesThatAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, nil)
		s.w.net.Host("h1").Kill()
		begin := time.Now()
		for i := range 30 {
			hits, _, err := s.do(t, "POST", "http://orders/", strings.NewReader(fmt.Sprint("body", i)))
			if err != nil || len(hits) != 1 || s.body != fmt.Sprint("body", i) {
				t.Fatalf("%v: %v, body %q", hits, err, s.body)
			}
		}
		if got := s.w.net.Traffic("app", "h1").Connects; got != 0 {
			t.Errorf("%d connections", got)
		}
		if time.Since(begin) > 0 {
			t.Errorf("took %v", time.Since(begin))
		}
		s.w.net.Host("h1").Restart()
		s.w.listen("h1", 80, s.handler("h1"))
		if hits, _, _ := s.do(t, "GET", "http://orders/", nil); slices.Contains(hits, "h1") {
			t.Error("h1 is not avoided")
		}
		sleep(11 * time.Second)
		var hits []string
		for range 3 {
			h, _, _ := s.do(t, "GET", "http://orders/", nil)
			hits = append(hits, h...)
		}
		if !slices.Contains(hits, "h1") {
			t.Errorf("h1 is still avoided: %v", hits)
		}
	})
}

func TestAllInstancesAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, nil)
		for _, h := range []string{"h1", "h2", "h3"} {
			s.w.net.Host(h).Kill()
		}
		for range 3 { // avoiding all of them is avoiding none
			if _, _, err := s.do(t, "GET", "http://orders/", nil); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("error %v", err)
			}
		}
	})
}

// Who calls the only instance there is hears why that failed, not that there is no other.
func TestTheOnlyInstanceIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.put(inst("orders", "1", up))
		w.net.Host("host-1")
		c := w.client(client.Config{Servers: []string{url("eureka")}})
		w.run(c)
		if err := c.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		web := http.Client{Transport: &client.Transport{Client: c, Base: w.transport()}}
		if _, err := web.Get("http://orders/"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("error %v, want that the connection was refused", err)
		}
	})
}

// TestRetries is G-HT-4: how many instances see a request.
func TestRetries(t *testing.T) {
	drop := func(w http.ResponseWriter, _ *http.Request) { hangUp(w) }
	unavailable := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }
	tests := []struct {
		name   string
		method string
		body   func() io.Reader
		act    http.HandlerFunc
		edit   func(*client.Transport)
		hits   int
		fails  bool
	}{
		{"GET, reset", "GET", nil, drop, nil, 3, true},
		{"GET, reset, one retry", "GET", nil, drop, func(tr *client.Transport) { tr.Retries = 1 }, 2, true},
		{"GET, reset, many retries", "GET", nil, drop, func(tr *client.Transport) { tr.Retries = 9 }, 3, true},
		{"GET, reset, no retry", "GET", nil, drop, func(tr *client.Transport) { tr.Retries = -1 }, 1, true},
		{"HEAD, reset", "HEAD", nil, drop, nil, 3, true},
		{"POST, reset: it may have been done", "POST", func() io.Reader { return strings.NewReader("x") }, drop, nil, 1, true},
		{"DELETE, reset", "DELETE", nil, drop, nil, 1, true},
		{"GET with a body that comes once", "GET", func() io.Reader { return io.MultiReader(strings.NewReader("x")) }, drop, nil, 1, true},
		{"GET with a body", "GET", func() io.Reader { return strings.NewReader("x") }, drop, nil, 3, true},
		{"GET, 503", "GET", nil, unavailable, nil, 3, false},
		{"GET, 503 is an answer", "GET", nil, unavailable, func(tr *client.Transport) { tr.Failed = func(*http.Response) bool { return false } }, 1, false},
		{"GET, 503, no budget", "GET", nil, unavailable, func(tr *client.Transport) { tr.RetryBudget = -1 }, 1, false},
		{"POST, 503", "POST", nil, unavailable, nil, 1, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t, tt.edit)
				for _, h := range []string{"h1", "h2", "h3"} {
					s.act[h] = tt.act
				}
				var body io.Reader
				if tt.body != nil {
					body = tt.body()
				}
				hits, status, err := s.do(t, tt.method, "http://orders/", body)
				if len(hits) != tt.hits || (err != nil) != tt.fails {
					t.Errorf("hits %v, status %d, error %v", hits, status, err)
				}
				slices.Sort(hits)
				if len(slices.Compact(hits)) != tt.hits {
					t.Errorf("an instance was tried twice: %v", hits)
				}
			})
		})
	}
}

// stubborn is a Balancer that always wants the first of the alphabet.
type stubborn struct{}

func (stubborn) Pick(info client.PickInfo) client.Picked {
	return client.Picked{Instance: slices.MinFunc(info.Instances, func(a, b *heureka.Instance) int { return strings.Compare(a.ID, b.ID) })}
}

func TestRetriesGoElsewhere(t *testing.T) { // G-HT-4
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, func(tr *client.Transport) { tr.Balancer, tr.Retries = stubborn{}, 2 })
		for _, h := range []string{"h1", "h2"} {
			s.act[h] = func(w http.ResponseWriter, _ *http.Request) { hangUp(w) }
		}
		if hits, _, err := s.do(t, "GET", "http://orders/", nil); err != nil || !slices.Equal(hits, []string{"h1", "h2", "h3"}) {
			t.Errorf("hits %v, error %v", hits, err)
		}
	})
}

func TestCancelledRequestIsNotRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, nil)
		for _, h := range []string{"h1", "h2", "h3"} {
			s.act[h] = func(_ http.ResponseWriter, r *http.Request) { hang(r) }
		}
		s.web.Timeout = time.Second
		if hits, _, err := s.do(t, "GET", "http://orders/", nil); err == nil || len(hits) != 1 {
			t.Errorf("hits %v, error %v", hits, err)
		}
	})
}

// recordingBase notes where requests go and answers them itself.
type recordingBase struct {
	urls, hosts []string
	closed      bool
}

func (b *recordingBase) RoundTrip(r *http.Request) (*http.Response, error) {
	b.urls, b.hosts = append(b.urls, r.URL.String()), append(b.hosts, r.Host)
	return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
}

func (b *recordingBase) CloseIdleConnections() { b.closed = true }

func TestWhereRequestsGo(t *testing.T) { // G-HT-2, G-HT-3
	both := inst("both", "1", up)
	both.SecurePort.Enabled = true
	secure := inst("secure", "1", up)
	secure.Port.Enabled, secure.SecurePort.Enabled, secure.HostName = false, true, "sec.example.com"
	tests := []struct {
		target    string
		edit      func(*client.Transport)
		url, host string
	}{
		{"http://plain/x", nil, "http://host-1:80/x", "host-1:80"},
		{"http://both/x", nil, "http://host-1:80/x", "host-1:80"},
		{"https://both/x", nil, "https://host-1:443/x", "host-1:443"},
		{"http://secure/x", nil, "https://sec.example.com:443/x", "sec.example.com:443"},
		{"https://s-both/", nil, "https://host-1:443/", "host-1:443"}, // a secure VIP address
		{"http://user:pw@plain/", func(tr *client.Transport) { tr.KeepHost = true }, "http://user:pw@host-1:80/", "plain"},
		{"http://plain/", func(tr *client.Transport) { tr.UseIP = true }, "http://192.0.2.9:80/", "host-1:80"},
		{"http://with.dot/", nil, "http://with.dot/", "with.dot"},
		{"http://localhost/", nil, "http://localhost/", "localhost"},
		{"http://plain:81/", nil, "http://plain:81/", "plain:81"},
		{"http://[::1]/", nil, "http://[::1]/", "[::1]"},
		{"ftp://plain/", nil, "ftp://plain/", "plain"},
	}
	for _, tt := range tests {
		t.Run(tt.target, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				eureka := w.server("eureka")
				for _, in := range []*heureka.Instance{both, secure, inst("plain", "1", up)} {
					eureka.put(in)
				}
				c := w.client(client.Config{Servers: []string{url("eureka")}})
				w.run(c)
				synctest.Wait()
				base := new(recordingBase)
				tr := &client.Transport{Client: c, Base: base}
				if tt.edit != nil {
					tt.edit(tr)
				}
				req, _ := http.NewRequestWithContext(t.Context(), "GET", tt.target, nil)
				if _, err := tr.RoundTrip(req); err != nil {
					t.Fatal(err)
				}
				if base.urls[0] != tt.url || base.hosts[0] != tt.host {
					t.Errorf("went to %s, host %s", base.urls[0], base.hosts[0])
				}
				if tr.CloseIdleConnections(); !base.closed {
					t.Error("idle connections of Base were not closed")
				}
			})
		})
	}
	if got := client.URL(both).String(); got != "https://host-1:443" { // C-VP-5
		t.Errorf("URL = %s", got)
	}
	if got := client.URL(inst("plain", "1", up)).String(); got != "http://host-1:80" {
		t.Errorf("URL = %s", got)
	}
}

// TestTransportAllocates says what a request costs beyond its base: the copy, its URL and the address, and for the
// time-out a context, a timer and the end of the body.
func TestTransportAllocates(t *testing.T) {
	c := filled(t, inst("orders", "1", up), inst("orders", "2", up))
	base := &staticBase{resp: &http.Response{StatusCode: 200, Body: http.NoBody}}
	tr := &client.Transport{Client: c, Base: base}
	req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://orders/x", nil)
	if n := testing.AllocsPerRun(100, func() { _, _ = tr.RoundTrip(req) }); n > 8 && !raceEnabled {
		t.Errorf("%v allocations", n)
	}
}

// filled returns a client with a registry that came from nowhere.
func filled(t testing.TB, list ...*heureka.Instance) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{})
	if err != nil {
		t.Fatal(err)
	}
	client.PublishForTest(c, backedUp(list...))
	return c
}

type staticBase struct{ resp *http.Response }

func (b *staticBase) RoundTrip(*http.Request) (*http.Response, error) { return b.resp, nil }

func TestOwnBase(t *testing.T) {
	c, err := client.New(client.Config{})
	if err != nil {
		t.Fatal(err)
	}
	tr := &client.Transport{Client: c}
	req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://orders/", nil)
	if _, err := tr.RoundTrip(req); !errors.Is(err, client.ErrNoInstance) {
		t.Errorf("error %v", err)
	}
	tr.CloseIdleConnections()
}
