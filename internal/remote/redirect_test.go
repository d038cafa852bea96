package remote_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/remote"
)

func redirect(code int, location string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", location)
		w.WriteHeader(code)
	}
}

func TestRedirectBase(t *testing.T) { // C-RD-4
	tests := []struct {
		code     int
		location string
		want     string
	}{
		{302, "http://other:1/eureka/v2/apps/ORDERS/x?status=UP", "http://other:1/eureka/v2/"},
		{307, "http://other:1/apps", "http://other:1/"},
		{308, "https://other/a%2Fb/apps/delta", "https://other/a%2Fb/"},
		{302, "http://user:secret@other/eureka/apps/", "http://other/eureka/"},
		{302, "/v2/apps/", "http://eureka:8761/v2/"},
		{302, "http://other/login", ""},
		{302, "", ""},
		{302, "ftp://other/apps/", ""},
		{301, "http://other/apps/", ""},
		{303, "http://other/apps/", ""},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			f := serve(t, redirect(tt.code, tt.location), nil)
			err := f.conn.Cancel(t.Context(), key)
			got, ok := errors.AsType[*remote.RedirectError](err)
			if !ok || got.Base != tt.want || got.Status.Code != tt.code {
				t.Errorf("%d to %q: %v, want base %q", tt.code, tt.location, err, tt.want)
			}
			if _, ok := errors.AsType[*heureka.StatusError](err); !ok {
				t.Errorf("%v does not unwrap to a StatusError", err)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("%v tells a password", err)
			}
		})
	}
}

func TestFollowRedirects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/two/") {
				answer("application/json", emptyRegistry)(w, r)
				return
			}
			redirect(302, "/two/apps/")(w, r)
		}, func(cfg *remote.Config) { cfg.FollowRedirects = true })
		if _, err := f.conn.Apps(t.Context(), remote.Query{}); err != nil {
			t.Fatal(err)
		}
		if err := f.conn.Cancel(t.Context(), key); err == nil {
			t.Error("a DELETE followed a redirect")
		}
		want := "GET /eureka/apps/, GET /two/apps/, DELETE /eureka/apps/ORDERS/host1:orders:8080"
		if got := strings.Join(f.seen, ", "); got != want {
			t.Errorf("requests %s, want %s", got, want)
		}
	})
}

func TestRedirectLoopEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, redirect(302, "/eureka/apps/"), func(cfg *remote.Config) { cfg.FollowRedirects = true })
		_, err := f.conn.Apps(t.Context(), remote.Query{})
		if _, ok := errors.AsType[*remote.RedirectError](err); !ok || len(f.seen) != remote.MaxRedirects+1 {
			t.Errorf("%d requests, then %v", len(f.seen), err)
		}
	})
}

// TestCredentialsDoNotTravel is C-AU-3: a redirect must not hand a password to another host.
func TestCredentialsDoNotTravel(t *testing.T) {
	c, err := remote.New(remote.Config{URL: "http://user:secret@a:1/", Transport: http.NewFileTransport(nil)})
	if err != nil {
		t.Fatal(err)
	}
	for base, kept := range map[string]bool{"http://a:1/v2/": true, "https://a:1/": false, "http://a:2/": false, "http://b:1/": false} {
		other, err := c.At(base)
		if err != nil {
			t.Fatal(err)
		}
		if got := remote.HasCredentials(other); got != kept {
			t.Errorf("%s: credentials kept = %v, want %v", base, got, kept)
		}
	}
}

// What is sent to one server must not reach another that it redirects to, by whatever header it is sent.
func TestRedirectsToAnotherOrigin(t *testing.T) {
	sent := make(chan http.Header, 1)
	rt := roundTripper(func(r *http.Request) (*http.Response, error) {
		sent <- r.Header
		return &http.Response{StatusCode: 200, Body: http.NoBody, Header: http.Header{}}, nil
	})
	header := http.Header{"Authorization": {"Bearer t"}, "Cookie": {"c=1"}, "X-Api-Key": {"k"}}
	header.Set(remote.HeaderAllowRedirect, "true")
	conn, err := remote.New(remote.Config{URL: "https://user:secret@one/eureka/", Transport: rt, Header: header})
	if err != nil {
		t.Fatal(err)
	}
	other, err := conn.At("https://two/eureka/")
	if err != nil {
		t.Fatal(err)
	}
	_ = other.Cancel(t.Context(), key)
	h := <-sent
	for _, name := range []string{"Authorization", "Cookie", "X-Api-Key"} {
		if h.Get(name) != "" {
			t.Errorf("%s: %s was sent to another host", name, h.Get(name))
		}
	}
	if h.Get(remote.HeaderAllowRedirect) == "" {
		t.Error("the other server is not told that redirects are welcome")
	}
	if _, err := conn.At("http://one/eureka/"); err == nil {
		t.Error("redirected from https to http")
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
