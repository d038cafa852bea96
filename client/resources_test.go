package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
)

// roundTripper is a registry's server as a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// oneInstance answers fetches with a registry of one instance and everything else with success.
func oneInstance(r *http.Request) (*http.Response, error) {
	resp := &http.Response{StatusCode: 204, Header: http.Header{}, Body: http.NoBody, Request: r}
	if r.Method == http.MethodGet {
		doc := deltaOf(record("A", "1", heureka.StatusUp))
		doc.Version, doc.Hash = 1, "UP_1_"
		resp.StatusCode, resp.Body = 200, io.NopCloser(strings.NewReader(string(document(doc))))
	}
	return resp, nil
}

// TestGoroutines is G-CL-4: one for the refresh, one for the list of servers with DNS only, one for each registration;
// watches cost none, and nothing is left after Run.
func TestGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, dns := range []DNSRecords{DNSOff, DNSHost} {
			cfg := Config{Transport: roundTripper(oneInstance), DNS: DNSConfig{Records: dns, Name: "eureka", Port: 1, Resolver: oneHost{}}}
			c, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				if _, err := c.Register(InstanceConfig{App: "a", ID: fmt.Sprint(i), Port: 1, HostName: "h"}); err != nil {
					t.Fatal(err)
				}
			}
			want := 4
			if dns != DNSOff {
				want++
			}
			before := goroutines()
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- c.Run(ctx) }()
			for range 5 {
				if _, err := c.Watch(App("a")).Next(t.Context()); err != nil {
					t.Error(err)
				}
			}
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			if got := goroutines() - before - 1; got != want { // Run's own is the program's
				t.Errorf("%d goroutines, want %d", got, want)
			}
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			synctest.Wait()
			if got := goroutines(); got != before {
				t.Errorf("%d goroutines are left", got-before)
			}
		}
	})
}

// goroutines counts those of the bubble, whatever else the process does.
func goroutines() int {
	b := make([]byte, 1<<20)
	return strings.Count(string(b[:runtime.Stack(b, true)]), ", synctest bubble ")
}

// oneHost is a Resolver that knows one address.
type oneHost struct{ Resolver }

func (oneHost) LookupHost(context.Context, string) ([]string, error) {
	return []string{"192.0.2.1"}, nil
}

// TestConnections is C-HT-4, C-HT-5 and C-HT-7: what Config says about connections is what they are made with.
func TestConnections(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Host != "eureka.test:8761" || r.Header.Get("Proxy-Authorization") != "Basic dTpw" {
			w.WriteHeader(407)
		}
	}))
	defer proxy.Close()
	s, err := ParseConfig(map[string]any{"eureka.client": map[string]any{
		"proxy-host": "127.0.0.1", "proxy-port": proxy.URL[strings.LastIndexByte(proxy.URL, ':')+1:],
		"proxy-user-name": "u", "proxy-password": "p", "service-url": map[string]any{"defaultZone": "http://eureka.test:8761/eureka/"},
		"eureka-server-connect-timeout-seconds": 2, "eureka-server-total-connections": 20,
		"eureka-server-total-connections-per-host": 10, "eureka-connection-idle-timeout-seconds": 7,
	}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(s.Client)
	if err != nil {
		t.Fatal(err)
	}
	defer c.ownHTTP.CloseIdleConnections()
	if err := c.API().Renew(t.Context(), heureka.Key{App: "A", ID: "1"}, heureka.StatusUp, 1); err != nil {
		t.Errorf("by the proxy: %v", err)
	}
	if tr := c.ownHTTP; tr.MaxIdleConns != 20 || tr.MaxIdleConnsPerHost != 10 || tr.MaxConnsPerHost != 10 ||
		tr.IdleConnTimeout != 7*time.Second || tr.TLSHandshakeTimeout != 2*time.Second {
		t.Errorf("connections %+v", tr)
	}
	plain, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plain.ownHTTP.Proxy(&http.Request{URL: &url.URL{Scheme: "http", Host: "eureka.test"}}); err != nil {
		t.Errorf("without a setting: %v", err)
	}
}
