package bench_test

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/internal/bench"
	"heureka.internal/heureka/internal/tlsconf/tlsconftest"
)

// Every mode runs for a moment against a real server, and none of its requests fails.
func TestModes(t *testing.T) {
	for _, mode := range bench.Modes {
		t.Run(string(mode), func(t *testing.T) {
			srv := heurekatest.NewServer(t)
			res, err := bench.Run(t.Context(), bench.Config{
				URL: srv.URL, To: srv.URL, Mode: mode, Duration: 150 * time.Millisecond,
				Instances: 40, Workers: 2, Clients: 50, Interval: 100 * time.Millisecond,
			})
			if err != nil {
				t.Fatal(err)
			}
			if res.Operations == 0 || res.Errors > 0 {
				t.Errorf("%d operations, %d errors (%s)", res.Operations, res.Errors, res.FirstError)
			}
			if res.Latency.P50 <= 0 || res.Latency.P50 > res.Latency.Max {
				t.Errorf("latency = %+v", res.Latency)
			}
			if reads := mode != bench.Register && mode != bench.Heartbeat && mode != bench.Propagation; reads && res.Bytes == 0 {
				t.Error("no bytes were counted")
			}
			if mode == bench.Fleet && (res.Polls.P50 <= 0 || res.Heartbeats.P50 <= 0) {
				t.Errorf("polls %v, heartbeats %v", res.Polls, res.Heartbeats)
			}
		})
	}
}

func TestPlainIsNotCompressed(t *testing.T) {
	srv := heurekatest.NewServer(t)
	var sizes [2]float64
	for i := range sizes {
		res, err := bench.Run(t.Context(), bench.Config{URL: srv.URL, Mode: bench.Full, Duration: 100 * time.Millisecond, Instances: 40, Plain: i == 1})
		if err != nil || res.Errors > 0 {
			t.Fatal(err, res.FirstError)
		}
		sizes[i] = res.BytesPerOp
	}
	if sizes[1] < 4*sizes[0] {
		t.Errorf("%.0f bytes compressed, %.0f plain", sizes[0], sizes[1])
	}
}

func TestErrorsAreCountedAndTheFirstIsKept(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	res, err := bench.Run(t.Context(), bench.Config{URL: srv.URL, Mode: bench.Full, Duration: 50 * time.Millisecond, NoPrefill: true})
	if err != nil {
		t.Fatal(err)
	}
	if res.Errors != res.Operations || !strings.Contains(res.FirstError, "404") {
		t.Errorf("errors = %d of %d, first %q", res.Errors, res.Operations, res.FirstError)
	}
}

func TestFillFailsClearly(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	_, err := bench.Run(t.Context(), bench.Config{URL: srv.URL, Mode: bench.Full})
	if err == nil || !strings.Contains(err.Error(), "answered 404") {
		t.Errorf("Run() = %v, want the server's refusal", err)
	}
}

func TestConfigMistakes(t *testing.T) {
	for name, cfg := range map[string]bench.Config{
		"mode":        {Mode: "walk"},
		"duration":    {Mode: bench.Full, Duration: 2 * time.Hour},
		"workers":     {Mode: bench.Full, Workers: 5000},
		"format":      {Mode: bench.Full, Format: "yaml"},
		"propagation": {Mode: bench.Propagation},
		"positive":    {Mode: bench.Full, Changes: -1},
	} {
		if _, err := bench.Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: Run() = %v, want an error that names it", name, err)
		}
	}
}

func TestOnlyLoopbackIsLocal(t *testing.T) {
	for url, want := range map[string]bool{
		"http://127.0.0.1:8761/eureka/": true, "http://127.8.8.8/": true, "http://[::1]:1/": true, "http://localhost:8761/": true,
		"http://10.0.0.1/": false, "http://eureka/": false, "http://127.0.0.1.example.org/": false, "": false, "%": false,
	} {
		if got := bench.Local(url); got != want {
			t.Errorf("Local(%q) = %v, want %v", url, got, want)
		}
	}
}

// Two servers of which one sends twice the bytes: the ratio says so.
func TestCompareDividesRoundByRound(t *testing.T) {
	var calls atomic.Int64
	answer := func(n int) *httptest.Server {
		return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			calls.Add(1)
			w.Write(make([]byte, n))
		}))
	}
	a, b := answer(200), answer(100)
	defer a.Close()
	defer b.Close()
	c, err := compareOnce(t, bench.Config{URL: a.URL, Mode: bench.Full, NoPrefill: true}, bench.Config{URL: b.URL, Mode: bench.Full, NoPrefill: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range c.Ratios {
		if r.Figure == "bytes/operation" {
			if r.Median != 2 || r.Min != 2 || r.Max != 2 {
				t.Errorf("ratio of bytes = %+v, want 2", r)
			}
			return
		}
	}
	t.Errorf("no ratio of bytes in %+v after %d calls", c.Ratios, calls.Load())
}

// compareOnce compares for as long as it takes this machine to get any answer.
func compareOnce(t *testing.T, a, b bench.Config) (*bench.Comparison, error) {
	for d := 30 * time.Millisecond; ; d *= 2 {
		a.Duration, b.Duration = d, d
		c, err := bench.Compare(t.Context(), a, b, 3)
		if err == nil || !strings.Contains(err.Error(), "nothing was answered") || t.Context().Err() != nil {
			return c, err
		}
	}
}

// A server that refuses is cheap: a comparison with one says nothing, so it is an error.
func TestComparisonsFailOnWrongAnswers(t *testing.T) {
	body := []byte("the whole registry")
	serve := func(status int, b []byte) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			w.Write(b)
		}))
		t.Cleanup(srv.Close)
		return srv.URL
	}
	good := serve(http.StatusOK, body)
	compare := func(url string, want bench.Body) error {
		cfg := func(url string) bench.Config {
			return bench.Config{URL: url, Mode: bench.Full, NoPrefill: true, Expect: &want}
		}
		_, err := compareOnce(t, cfg(good), cfg(url))
		return err
	}
	want := bench.BodyOf(body)
	if err := compare(good, want); err != nil {
		t.Errorf("right answers: %v", err)
	}
	for name, url := range map[string]string{
		"404":           serve(http.StatusNotFound, body),
		"of 3 bytes":    serve(http.StatusOK, []byte("the")),
		"other content": serve(http.StatusOK, []byte("the whole registrY")),
	} {
		if err := compare(url, want); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: Compare() = %v, want an error that says so", name, err)
		}
	}
	want.CRC, want.Slack = 0, 20
	if err := compare(serve(http.StatusOK, []byte("the")), want); err != nil {
		t.Errorf("within the slack: %v", err)
	}
}

// A server may demand a certificate, a password or a token; connections to it are kept, and who it redirects to gets nothing.
func TestTargetsUnderTLS(t *testing.T) {
	ca := tlsconftest.New(t)
	pair := ca.Sign(time.Now().Add(time.Hour))
	var connections, elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case len(r.TLS.PeerCertificates) == 0 || r.Header.Get("Authorization") != "Bearer geheim":
			w.WriteHeader(http.StatusUnauthorized)
		case strings.HasPrefix(r.URL.Path, "/away/"):
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		}
	}))
	srv.TLS = &tls.Config{Certificates: ca.TLS(pair).Certificates, ClientAuth: tls.RequestClientCert}
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	srv.StartTLS()
	defer srv.Close()
	show := func(h http.Header) error { h.Set("Authorization", "Bearer geheim"); return nil }
	cfg := bench.Config{URL: srv.URL, Mode: bench.Heartbeat, Duration: 200 * time.Millisecond, Instances: 100, Workers: 2, TLS: ca.TLS(pair), Show: show}
	if res, err := bench.Run(t.Context(), cfg); err != nil || res.Errors > 0 {
		t.Errorf("%+v, %v", res, err)
	}
	if n := connections.Load(); n > 20 { // of a hundred requests and more
		t.Errorf("%d connections of two workers", n)
	}
	away := cfg
	away.URL = strings.Replace(srv.URL, "https://", "https://u:geheim@", 1) + "/away"
	if _, err := bench.Run(t.Context(), away); err == nil || !strings.Contains(err.Error(), "answered 307") || elsewhere.Load() > 0 {
		t.Errorf("redirected: %v, and %d requests elsewhere", err, elsewhere.Load())
	}
	for name, change := range map[string]func(*bench.Config){
		"answered 401":      func(c *bench.Config) { c.Show = nil },
		"answered 401 ":     func(c *bench.Config) { c.TLS = ca.TLS() },
		"unknown authority": func(c *bench.Config) { c.TLS = nil },
		"no password today": func(c *bench.Config) { c.Show = func(http.Header) error { return errors.New("no password today") } },
	} {
		wrong := cfg
		wrong.URL = strings.Replace(srv.URL, "https://", "https://u:geheim@", 1)
		change(&wrong)
		if _, err := bench.Run(t.Context(), wrong); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(name)) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("want %s: %v", name, err)
		}
	}
}
