package remote_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest/memnet"
	"heureka.internal/heureka/internal/remote"
	"heureka.internal/heureka/internal/wire"
)

var order = &heureka.Instance{
	App: "ORDERS", ID: "host1:orders:8080", HostName: "host1", IPAddr: "192.0.2.1", Status: heureka.StatusUp, CountryID: 1,
	DataCenter: heureka.OwnDataCenter, Port: heureka.Port{Number: 8080, Enabled: true}, SecurePort: heureka.Port{Number: 443},
	Lease:       heureka.LeaseInfo{RenewalIntervalSecs: 30, DurationSecs: 90},
	LastDirtyMS: 12, LastUpdatedMS: 13, Metadata: heureka.NewMetadata(map[string]string{"zone": "a"}),
}

func single(f wire.Format) http.HandlerFunc {
	return answer(f.MediaType(), string(f.AppendSingle(nil, order, order.Lease)))
}

func application(f wire.Format) http.HandlerFunc {
	form := wire.Form{Format: f}
	b := form.AppendApplicationHead(nil, "ORDERS")
	b = form.AppendApplicationInstance(b, order, order.Lease)
	return answer(f.MediaType(), string(form.AppendApplicationTail(b)))
}

func document(f wire.Format) http.HandlerFunc {
	form := wire.Form{Format: f}
	b := form.AppendDocHead(nil, 7, "UP_1_")
	b = form.AppendAppHead(b, "ORDERS")
	b = form.AppendInstance(b, order, order.Lease)
	return answer(f.MediaType(), string(form.AppendDocTail(form.AppendAppTail(b), 7, "UP_1_")))
}

// TestLookups: every kind of document, in both formats, since a server may ignore what it was asked for.
func TestLookups(t *testing.T) {
	one := func(in *heureka.Instance, err error) ([]*heureka.Instance, error) {
		return []*heureka.Instance{in}, err
	}
	doc := func(d *remote.Document, err error) ([]*heureka.Instance, error) {
		if err != nil {
			return nil, err
		}
		if d.Apps.Version != 7 || d.Apps.Hash != "UP_1_" || d.Date.IsZero() || d.Bytes == 0 {
			return nil, errors.New("document is incomplete")
		}
		return d.Apps.Apps[0].Instances, nil
	}
	tests := []struct {
		name   string
		serve  func(wire.Format) http.HandlerFunc
		line   string
		lookup func(context.Context, *remote.Conn) ([]*heureka.Instance, error)
	}{
		{"instance", single, "GET /eureka/apps/ORDERS/host1:orders:8080", func(ctx context.Context, c *remote.Conn) ([]*heureka.Instance, error) {
			return one(c.Instance(ctx, key))
		}},
		{"by id", single, "GET /eureka/instances/host1:orders:8080", func(ctx context.Context, c *remote.Conn) ([]*heureka.Instance, error) {
			return one(c.InstanceByID(ctx, key.ID))
		}},
		{"application", application, "GET /eureka/apps/ORDERS", func(ctx context.Context, c *remote.Conn) ([]*heureka.Instance, error) {
			app, err := c.Application(ctx, "ORDERS")
			if err != nil {
				return nil, err
			}
			return app.Instances, nil
		}},
		{"registry", document, "GET /eureka/apps/", func(ctx context.Context, c *remote.Conn) ([]*heureka.Instance, error) {
			return doc(c.Apps(ctx, remote.Query{}))
		}},
		{"delta", document, "GET /eureka/apps/delta", func(ctx context.Context, c *remote.Conn) ([]*heureka.Instance, error) {
			return doc(c.Delta(ctx, remote.Query{}))
		}},
	}
	for _, tt := range tests {
		for _, f := range []wire.Format{wire.JSON, wire.XML} {
			t.Run(tt.name+" "+f.MediaType(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					srv := serve(t, tt.serve(f), nil)
					got, err := tt.lookup(t.Context(), srv.conn)
					if err != nil {
						t.Fatal(err)
					}
					want := order.Clone()
					want.Action = got[0].Action
					if diff := cmp.Diff([]*heureka.Instance{want}, got); diff != "" {
						t.Errorf("instances (-want +got):\n%s", diff)
					}
					if srv.seen[0] != tt.line {
						t.Errorf("asked %s", srv.seen[0])
					}
				})
			})
		}
	}
}

func TestLookupsThatFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, status(404), nil)
		if _, err := f.conn.Instance(t.Context(), key); !errors.Is(err, heureka.ErrNotFound) {
			t.Errorf("Instance: %v", err)
		}
		if _, err := f.conn.Application(t.Context(), "A"); !errors.Is(err, heureka.ErrNotFound) {
			t.Errorf("Application: %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, answer("text/html", "<html></html>"), nil)
		if _, err := f.conn.InstanceByID(t.Context(), "x"); !errors.Is(err, remote.ErrNotEureka) || !strings.HasPrefix(err.Error(), "fetch x: ") {
			t.Errorf("InstanceByID: %v", err)
		}
		if _, _, err := f.conn.Batch(t.Context(), nil, nil); !errors.Is(err, remote.ErrNotEureka) {
			t.Errorf("Batch: %v", err)
		}
	})
}

// TestEmptyKeys: they would end up at another resource.
func TestEmptyKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, status(200), nil)
		for _, k := range []heureka.Key{{}, {App: "A"}, {ID: "x"}} {
			if err := f.conn.Cancel(t.Context(), k); err == nil {
				t.Errorf("Cancel(%q) was sent", k)
			}
		}
		if err := f.conn.Register(t.Context(), &heureka.Instance{ID: "x"}); err == nil {
			t.Error("an instance without application was sent")
		}
		if len(f.seen) > 0 {
			t.Errorf("asked %v", f.seen)
		}
	})
}

func TestDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				w.WriteHeader(418)
				return
			}
			w.Header().Set("X-Answer", "yes")
			_, _ = io.Copy(w, strings.NewReader(strings.Repeat("x", 100)))
		}, nil)
		reply, err := f.conn.Do(t.Context(), remote.Request{
			Method: "POST", Path: "heureka/x", Query: "a=b", Header: http.Header{"x-own": {"1"}}, Body: []byte("{}"),
		})
		if err != nil || len(reply.Body) != 100 || reply.Header.Get("X-Answer") != "yes" || reply.Status != 200 {
			t.Errorf("Do = %+v, %v", reply, err)
		}
		if f.seen[0] != "POST /eureka/heureka/x?a=b" || f.body != "{}" || f.last.Header.Get("X-Own") != "1" {
			t.Errorf("asked %s with %q and %v", f.seen[0], f.body, f.last.Header)
		}
		if _, err := f.conn.Do(t.Context(), remote.Request{Method: "POST", Limit: 99}); !errors.Is(err, remote.ErrTooLarge) {
			t.Errorf("beyond the limit: %v", err)
		}
		reply, err = f.conn.Do(t.Context(), remote.Request{Path: "tea"})
		if s, ok := errors.AsType[*heureka.StatusError](err); !ok || s.Op != "GET tea" || reply.Status != 418 {
			t.Errorf("Do = %+v, %v", reply, err)
		}
		f.net.Reset("client", "eureka")
		f.net.Host("eureka").Kill()
		if reply, err := f.conn.Do(t.Context(), remote.Request{}); err == nil || reply == nil || reply.Status != 0 {
			t.Errorf("Do = %+v, %v", reply, err)
		}
	})
}

// TestSlowUpload: sending a body is no silence, however long it takes.
func TestSlowUpload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, status(204), func(cfg *remote.Config) { cfg.ReadTimeout = 8 * time.Second })
		f.net.SetLink("client", "eureka", memnet.Link{BytesPerSecond: 64 << 10})
		begin := time.Now()
		if _, err := f.conn.Do(t.Context(), remote.Request{Method: "PUT", Body: make([]byte, 1536<<10)}); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took < 20*time.Second {
			t.Errorf("took only %v", took)
		}
	})
}

// FuzzNew: whatever a URL looks like, its error does not quote the password, and what is accepted is a base.
func FuzzNew(f *testing.F) {
	for _, s := range []string{"host:1/eureka/", "host/#x", "[::1]:80", "h h/", "%zz/", "host?x=y", "host:port"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, rest string) {
		c, err := remote.New(remote.Config{URL: "http://user:PASSWORD@" + rest, Transport: http.NewFileTransport(nil)})
		if err != nil {
			if strings.Contains(err.Error(), "PASSWORD") {
				t.Errorf("error tells the password: %v", err)
			}
			return
		}
		if u, err := url.Parse(c.URL()); err != nil || !strings.HasSuffix(c.URL(), "/") || u.User != nil {
			t.Errorf("base %q, %v", c.URL(), err)
		}
	})
}
