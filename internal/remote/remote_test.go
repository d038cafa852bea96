package remote_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest/memnet"
	"heureka.internal/heureka/internal/remote"
	"heureka.internal/heureka/internal/wire"
)

// fixture is a network with a scripted server on host "eureka" and a Conn to it.
type fixture struct {
	net  memnet.Network
	conn *remote.Conn

	mu   sync.Mutex
	seen []string // "PUT /eureka/apps/A/b?status=UP", as on the request line
	last *http.Request
	body string
}

// serve runs inside a bubble. edit may change the configuration.
func serve(t *testing.T, h http.HandlerFunc, edit func(*remote.Config)) *fixture {
	t.Helper()
	f := new(fixture)
	ln, err := f.net.Host("eureka").Listen(":8761")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.record(r)
		h(w, r)
	})}
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(ln) })
	transport := &http.Transport{DialContext: f.net.Host("client").DialContext}
	cfg := remote.Config{URL: "http://eureka:8761/eureka", Transport: transport}
	if edit != nil {
		edit(&cfg)
	}
	if f.conn, err = remote.New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = srv.Close()
		wg.Wait()
	})
	return f
}

func (f *fixture) record(r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, r.Method+" "+r.RequestURI)
	f.last, f.body = r, string(body)
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func answer(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, body)
	}
}

var key = heureka.Key{App: "ORDERS", ID: "host1:orders:8080"}

func TestRequestLines(t *testing.T) {
	up := heureka.StatusUp
	tests := []struct {
		name string
		call func(context.Context, *remote.Conn) error
		want string
	}{
		{"C-HB-1 heartbeat", func(ctx context.Context, c *remote.Conn) error {
			return c.Renew(ctx, key, remote.Renewal{Status: up, DirtyMS: 1795389393136})
		}, "PUT /eureka/apps/ORDERS/host1:orders:8080?status=UP&lastDirtyTimestamp=1795389393136"},
		{"C-HB-2 heartbeat of a peer", func(ctx context.Context, c *remote.Conn) error {
			return c.Renew(ctx, key, remote.Renewal{Status: up, DirtyMS: 5, Override: heureka.StatusOutOfService, HasOverride: true})
		}, "PUT /eureka/apps/ORDERS/host1:orders:8080?status=UP&lastDirtyTimestamp=5&overriddenstatus=OUT_OF_SERVICE"},
		{"escaped id", func(ctx context.Context, c *remote.Conn) error {
			return c.Cancel(ctx, heureka.Key{App: "A B", ID: "a/b%c?d#e;f ü"})
		}, "DELETE /eureka/apps/A%20B/a%2Fb%25c%3Fd%23e%3Bf%20%C3%BC"},
		{"C-HT-1 override", func(ctx context.Context, c *remote.Conn) error {
			return c.SetOverride(ctx, key, heureka.StatusOutOfService, 7)
		}, "PUT /eureka/apps/ORDERS/host1:orders:8080/status?value=OUT_OF_SERVICE&lastDirtyTimestamp=7"},
		{"C-HT-1 clear override", func(ctx context.Context, c *remote.Conn) error {
			return c.ClearOverride(ctx, key, heureka.StatusUnknown, 7)
		}, "DELETE /eureka/apps/ORDERS/host1:orders:8080/status?lastDirtyTimestamp=7"},
		{"clear override to a status", func(ctx context.Context, c *remote.Conn) error {
			return c.ClearOverride(ctx, key, up, 0)
		}, "DELETE /eureka/apps/ORDERS/host1:orders:8080/status?value=UP"},
		{"metadata", func(ctx context.Context, c *remote.Conn) error {
			return c.SetMetadata(ctx, key, []heureka.MetadataEntry{{Key: "z", Value: "1 2"}, {Key: "a&b", Value: "+"}})
		}, "PUT /eureka/apps/ORDERS/host1:orders:8080/metadata?z=1+2&a%26b=%2B"},
		{"raw", func(ctx context.Context, c *remote.Conn) error {
			_, err := c.Do(ctx, remote.Request{Path: "heureka/history/%2F", Query: "n=3"})
			return err
		}, "GET /eureka/heureka/history/%2F?n=3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := serve(t, status(200), nil)
				if err := tt.call(t.Context(), f.conn); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff([]string{tt.want}, f.seen); diff != "" {
					t.Errorf("requests (-want +got):\n%s", diff)
				}
				if f.last.ContentLength > 0 {
					t.Errorf("sent a body of %d bytes", f.last.ContentLength)
				}
			})
		})
	}
}

func TestFetchRequestLines(t *testing.T) {
	q := remote.Query{Regions: []string{"us-west-2", "eu"}}
	tests := []struct {
		call func(context.Context, *remote.Conn) (*remote.Document, error)
		want string
	}{
		{func(ctx context.Context, c *remote.Conn) (*remote.Document, error) {
			return c.Apps(ctx, remote.Query{})
		}, "GET /eureka/apps/"},
		{func(ctx context.Context, c *remote.Conn) (*remote.Document, error) { return c.Apps(ctx, q) }, "GET /eureka/apps/?regions=eu,us-west-2"},
		{func(ctx context.Context, c *remote.Conn) (*remote.Document, error) { return c.Delta(ctx, q) }, "GET /eureka/apps/delta?regions=eu,us-west-2"},
		{func(ctx context.Context, c *remote.Conn) (*remote.Document, error) {
			return c.VIP(ctx, "my/vip", remote.Query{})
		}, "GET /eureka/vips/my%2Fvip"},
		{func(ctx context.Context, c *remote.Conn) (*remote.Document, error) {
			return c.SVIP(ctx, "v:443", remote.Query{})
		}, "GET /eureka/svips/v:443"},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := serve(t, answer("application/json", emptyRegistry), nil)
				doc, err := tt.call(t.Context(), f.conn)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff([]string{tt.want}, f.seen); diff != "" {
					t.Errorf("requests (-want +got):\n%s", diff)
				}
				if len(doc.Apps.Apps) != 0 || doc.Bytes != len(emptyRegistry) {
					t.Errorf("document = %+v", doc)
				}
			})
		})
	}
}

const emptyRegistry = `{"applications":{"versions__delta":"1","apps__hashcode":"","application":[]}}`

func TestHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, status(204), func(cfg *remote.Config) {
			cfg.URL = "http://ali%20baba:open:se%40same@eureka:8761/eureka/"
			cfg.ClientName, cfg.ClientVersion, cfg.ClientID = "DefaultClient", "1.4", "192.0.2.7"
			cfg.Detail = wire.Compact
			cfg.Header = http.Header{"user-agent": {"test"}, "accept": {"text/html"}}
		})
		if err := f.conn.Cancel(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{
			"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "test",
			"X-Eureka-Accept": "compact", "Discoveryidentity-Name": "DefaultClient",
			"Discoveryidentity-Version": "1.4", "Discoveryidentity-Id": "192.0.2.7",
		}
		for k, v := range want {
			if got := f.last.Header.Get(k); got != v {
				t.Errorf("%s = %q, want %q", k, got, v)
			}
		}
		user, password, ok := f.last.BasicAuth()
		if !ok || user != "ali baba" || password != "open:se@same" { // C-AU-1, C-AU-2
			t.Errorf("basic auth = %q, %q, %v", user, password, ok)
		}
		if got := f.conn.URL(); got != "http://eureka:8761/eureka/" {
			t.Errorf("URL = %q", got)
		}
	})
}

func TestNewRejects(t *testing.T) {
	for _, raw := range []string{
		"", "eureka:8761", "ftp://h/", "http://", "http:///eureka/", "http://h/eureka/?a=b", "http://h/#x",
		"http://user:secret#pw@h:8761/", "http://user:secret%zz@h/", "http://user:secret@h:port/", "http://user:sec ret@h h/",
		"http://user:secret/pw@h:8761/",
	} {
		_, err := remote.New(remote.Config{URL: raw, Transport: http.NewFileTransport(nil)})
		if err == nil {
			t.Errorf("New(%q) accepted", raw)
			continue
		}
		if strings.Contains(err.Error(), "sec") {
			t.Errorf("New(%q) tells the password: %v", raw, err)
		}
	}
}

func TestCredentialsStayHidden(t *testing.T) { // G-RQ-9
	synctest.Test(t, func(t *testing.T) {
		withSecret := func(cfg *remote.Config) { cfg.URL = "http://user:secret@eureka:8761/eureka/" }
		for _, h := range []http.HandlerFunc{status(401), answer("text/html", "<html>"), answer("application/json", "{"), hangUp} {
			f := serve(t, h, withSecret)
			_, err := f.conn.Apps(t.Context(), remote.Query{})
			if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "user") {
				t.Errorf("error = %v", err)
			}
		}
	})
}

// hangUp closes the connection instead of answering.
func hangUp(w http.ResponseWriter, _ *http.Request) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = c.Close()
	}
}

func TestStatuses(t *testing.T) {
	for _, code := range []int{400, 401, 403, 404, 409, 429, 500, 503} {
		synctest.Test(t, func(t *testing.T) {
			f := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(code)
				_, _ = io.WriteString(w, "<html>sorry</html>")
			}, nil)
			err := f.conn.Renew(t.Context(), key, remote.Renewal{Status: heureka.StatusUp, DirtyMS: 3})
			got, ok := errors.AsType[*heureka.StatusError](err)
			if !ok {
				t.Fatalf("%d: error = %v", code, err)
			}
			want := &heureka.StatusError{
				Op: "renew ORDERS/host1:orders:8080", Code: code, RetryAfter: 7 * time.Second,
				URL: "http://eureka:8761/eureka/apps/ORDERS/host1:orders:8080?status=UP&lastDirtyTimestamp=3",
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%d: error (-want +got):\n%s", code, diff)
			}
			if errors.Is(err, heureka.ErrNotFound) != (code == 404) {
				t.Errorf("%d: Is(ErrNotFound) = %v", code, code != 404)
			}
		})
	}
}

func TestReasonOfARefusal(t *testing.T) { // W-ERR-5
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json") // though it is none
			w.WriteHeader(400)
			_, _ = io.WriteString(w, "Missing hostname\n"+strings.Repeat("x", 1000))
		}, nil)
		err := f.conn.Cancel(t.Context(), key)
		if got, ok := errors.AsType[*heureka.StatusError](err); !ok || got.Reason != "Missing hostname" {
			t.Errorf("error = %v", err)
		}
	})
}

func TestRetryAfterForms(t *testing.T) {
	tests := []struct {
		value string
		want  time.Duration
	}{
		{"120", 2 * time.Minute}, {"-5", 0}, {"soon", 0}, {"", 0}, {"99999999", 24 * time.Hour},
		{"Sat, 01 Jan 2000 00:01:30 GMT", 90 * time.Second}, // the bubble's clock starts at 2000-01-01
		{"Fri, 31 Dec 1999 00:00:00 GMT", 0},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			f := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", tt.value)
				w.WriteHeader(503)
			}, nil)
			got, ok := errors.AsType[*heureka.StatusError](f.conn.Cancel(t.Context(), key))
			if !ok || got.RetryAfter != tt.want {
				t.Errorf("Retry-After %q = %v, want %v", tt.value, got, tt.want)
			}
		})
	}
}
