package remote_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/remote"
	"heureka.internal/heureka/internal/wire"
)

// registryOf is a document with n instances named after tag, compressed.
func registryOf(tag string, n int) string { return zipped(plainRegistry(tag, n)) }

func plainRegistry(tag string, n int) string {
	form := wire.Form{Format: wire.JSON}
	b := form.AppendDocHead(nil, 1, fmt.Sprintf("UP_%d_", n))
	b = form.AppendAppHead(b, "APP")
	for i := range n {
		if i > 0 {
			b = append(b, form.Separator()...)
		}
		in := order.Clone()
		in.App, in.ID, in.HostName = "APP", fmt.Sprint(tag, i), strings.Repeat(tag, 50)
		b = form.AppendInstance(b, in, in.Lease)
	}
	return string(form.AppendDocTail(form.AppendAppTail(b), 1, ""))
}

// TestPooledBodiesAreNotMixedUp: what was decoded stays as it was when the buffer it came from is used again, and readers
// of broken bodies do not spoil those that come after.
func TestPooledBodiesAreNotMixedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bodies := map[string]string{"a": registryOf("a", 200), "b": registryOf("b", 100), "broken": registryOf("x", 100)[:500]}
		f := serve(t, func(w http.ResponseWriter, r *http.Request) {
			zippedAnswer(bodies[strings.TrimPrefix(r.URL.Path, "/eureka/vips/")])(w, r)
		}, nil)
		var wg sync.WaitGroup
		for i := range 20 {
			tag := []string{"a", "b", "broken"}[i%3]
			wg.Go(func() {
				doc, err := f.conn.VIP(t.Context(), tag, remote.Query{})
				if (err == nil) != (tag != "broken") {
					t.Errorf("%s: %v", tag, err)
					return
				}
				time.Sleep(time.Millisecond) // others use the buffers meanwhile
				if err == nil {
					checkTag(t, doc, tag)
				}
			})
		}
		wg.Wait()
	})
}

func checkTag(t *testing.T, doc *remote.Document, tag string) {
	for i, in := range doc.Apps.Apps[0].Instances {
		if in.ID != fmt.Sprint(tag, i) || in.HostName != strings.Repeat(tag, 50) {
			t.Errorf("%s: instance %d is %s on %s", tag, i, in.ID, in.HostName)
			return
		}
	}
}

func TestSilenceIsATimeout(t *testing.T) {
	err := error(&remote.SilenceError{After: time.Second})
	wrapped := fmt.Errorf("renew: %w", err)
	if n, ok := errors.AsType[net.Error](wrapped); !ok || !n.Timeout() {
		t.Errorf("%v is no time-out", wrapped)
	}
	if errors.Is(wrapped, context.DeadlineExceeded) {
		t.Error("silence is taken for the end of the caller's patience")
	}
	if err.Error() != "no answer for 1s" {
		t.Errorf("text %q", err)
	}
}

func TestAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, status(200), func(cfg *remote.Config) { cfg.ClientName = "x" })
		other, err := f.conn.At("http://eureka:8761/v2")
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Cancel(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		if f.seen[0] != "DELETE /v2/apps/ORDERS/host1:orders:8080" || f.last.Header.Get(wire.HeaderClientName) != "x" {
			t.Errorf("asked %s with %v", f.seen[0], f.last.Header)
		}
		if other.Host() != "eureka:8761" {
			t.Errorf("host %s", other.Host())
		}
		if _, err := f.conn.At("nowhere"); err == nil {
			t.Error("accepted a URL without a scheme")
		}
	})
}

// TestBatchKeepsTheNewerRecord: a 409 comes with the peer's record (W-REPL-6).
func TestBatchKeepsTheNewerRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			results := []wire.ReplicationResult{{StatusCode: 200}, {StatusCode: 409, Instance: order}}
			_, _ = w.Write(wire.AppendBatchResult(nil, results))
		}, nil)
		items := []wire.ReplicationItem{
			{App: "ORDERS", ID: "1", Action: wire.Heartbeat}, {App: "ORDERS", ID: order.ID, Action: wire.Heartbeat},
		}
		results, _, err := f.conn.Batch(t.Context(), items, nil)
		if err != nil || results[1].StatusCode != 409 || results[1].Instance == nil || results[1].Instance.LastDirtyMS != 12 {
			t.Errorf("Batch = %+v, %v", results, err)
		}
	})
}

func TestBatchThatIsRefused(t *testing.T) {
	for _, code := range []int{400, 404, 500, 503} {
		synctest.Test(t, func(t *testing.T) {
			f := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Node", "b")
				w.WriteHeader(code)
			}, nil)
			_, header, err := f.conn.Batch(t.Context(), nil, nil)
			s, ok := errors.AsType[*heureka.StatusError](err)
			if !ok || s.Code != code || s.Op != "replicate to eureka:8761" || header.Get("X-Node") != "b" {
				t.Errorf("%d: %v, header %v", code, err, header)
			}
		})
	}
}

// TestManyRequestsShareConnections is C-HT-5 from the other side: nothing here opens more than the transport wants.
func TestManyRequestsShareConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, func(_ http.ResponseWriter, r *http.Request) { sleep(r.Context(), time.Millisecond) }, func(cfg *remote.Config) {
			cfg.Transport.(*http.Transport).MaxConnsPerHost = 3
		})
		var wg sync.WaitGroup
		for range 30 {
			wg.Go(func() {
				if err := f.conn.Renew(t.Context(), key, remote.Renewal{}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := f.net.Traffic("client", "eureka").Connects; got > 3 {
			t.Errorf("%d connections", got)
		}
	})
}
