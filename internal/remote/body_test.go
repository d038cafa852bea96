package remote_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/remote"
	"heureka.internal/heureka/internal/wire"
)

func zipped(s string) string {
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	_, _ = io.WriteString(zw, s)
	_ = zw.Close()
	return b.String()
}

func zippedAnswer(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	}
}

// TestAnswers is about documents: what is one, and what the error says where it is none.
func TestAnswers(t *testing.T) {
	const page = "<!DOCTYPE html><html><body>Sign in</body></html>"
	tests := []struct {
		name    string
		handler http.HandlerFunc
		is      error  // nil: no particular one
		says    string // "" for success
	}{
		{"JSON", answer("application/json", emptyRegistry), nil, ""},
		{"JSON with a byte order mark", answer("application/json", "\ufeff "+emptyRegistry), nil, ""},
		{"W-NEG-4 JSON labelled XML", answer("application/xml", emptyRegistry), nil, ""},
		{"XML", answer("application/xml", "<applications><versions__delta>1</versions__delta></applications>"), nil, ""},
		{"gzip", zippedAnswer(zipped(emptyRegistry)), nil, ""},
		{"HTML", answer("text/html; charset=utf-8", page), remote.ErrNotEureka, "answered text/html, response is not from a Eureka server"},
		{"plain text", answer("text/plain", "hello"), remote.ErrNotEureka, "answered text/plain"},
		{"HTML without a label", answer("", page), nil, "text/html"},
		{"W-GOCLI-6 empty", answer("application/json", ""), remote.ErrEmpty, "empty answer"},
		{"blank", answer("application/json", " \n"), remote.ErrEmpty, "empty answer"},
		{"empty gzip", zippedAnswer(""), remote.ErrEmpty, "empty answer"},
		{"204", status(204), remote.ErrEmpty, "empty answer"},
		{"truncated JSON", answer("application/json", emptyRegistry[:40]), nil, "unreadable application/json"},
		{"gzip without its checksum", zippedAnswer(zipped(emptyRegistry)[:len(zipped(emptyRegistry))-8]), io.ErrUnexpectedEOF, "unexpected EOF"},
		{"truncated gzip", zippedAnswer(zipped(emptyRegistry)[:30]), io.ErrUnexpectedEOF, "unexpected EOF"},
		{"gzip that is none", zippedAnswer(emptyRegistry), gzip.ErrHeader, "gzip"},
		{"unknown encoding", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			_, _ = io.WriteString(w, "?")
		}, nil, `unknown content encoding "br"`},
		{"hang up", hangUp, io.EOF, "EOF"},
		{"hang up in the body", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, emptyRegistry)
			_ = http.NewResponseController(w).Flush()
			hangUp(w, r)
		}, io.ErrUnexpectedEOF, "unexpected EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := serve(t, tt.handler, nil)
				_, whole := f.conn.Apps(t.Context(), remote.Query{})
				_, arriving := f.conn.EachInstance(t.Context(), func(*heureka.Instance) {})
				for _, err := range []error{whole, arriving} {
					if (err == nil) != (tt.says == "") {
						t.Fatalf("error = %v", err)
					}
					if err != nil && (!strings.Contains(err.Error(), tt.says) || !strings.HasPrefix(err.Error(), "fetch registry")) {
						t.Errorf("error = %v, want it to begin with the operation and say %q", err, tt.says)
					}
					if tt.is != nil && !errors.Is(err, tt.is) {
						t.Errorf("error %v is not %v", err, tt.is)
					}
				}
			})
		})
	}
}

func TestEndlessBodies(t *testing.T) {
	endless := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for {
			if _, err := w.Write(bytes.Repeat([]byte{' '}, 1<<10)); err != nil {
				return
			}
		}
	}
	bomb := zippedAnswer(zipped(strings.Repeat(" ", 1<<20)))
	for name, h := range map[string]http.HandlerFunc{"plain": endless, "gzip": bomb} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := serve(t, h, func(cfg *remote.Config) { cfg.MaxRegistryBytes, cfg.MaxBytes = 100<<10, 10<<10 })
				if _, err := f.conn.Apps(t.Context(), remote.Query{}); !errors.Is(err, remote.ErrTooLarge) {
					t.Errorf("Apps: %v", err)
				}
				if _, err := f.conn.EachInstance(t.Context(), func(*heureka.Instance) {}); !errors.Is(err, remote.ErrTooLarge) {
					t.Errorf("EachInstance: %v", err)
				}
				if _, err := f.conn.Application(t.Context(), "A"); !errors.Is(err, remote.ErrTooLarge) {
					t.Errorf("Application: %v", err)
				}
				if err := f.conn.Cancel(t.Context(), key); err != nil { // its status has come, and counts alone
					t.Errorf("Cancel: %v", err)
				}
			})
		})
	}
}

// TestConnectionIsReused proves that bodies nobody wants are read and closed (G-RQ-5).
func TestConnectionIsReused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		f := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			n++
			w.WriteHeader([]int{200, 404, 500, 403}[n%4])
			_, _ = io.WriteString(w, strings.Repeat("error ", 1000))
		}, nil)
		for range 20 {
			_ = f.conn.Renew(t.Context(), key, remote.Renewal{})
		}
		if got := f.net.Traffic("client", "eureka").Connects; got != 1 {
			t.Errorf("20 requests took %d connections", got)
		}
	})
}

func TestSilence(t *testing.T) { // C-HT-4
	const limit = 8 * time.Second
	wait := func(d time.Duration) http.HandlerFunc {
		return func(_ http.ResponseWriter, r *http.Request) { sleep(r.Context(), d) }
	}
	tests := []struct {
		name    string
		handler http.HandlerFunc
		took    time.Duration
		silent  bool
	}{
		{"slow but not silent", func(w http.ResponseWriter, r *http.Request) {
			for range 10 {
				sleep(r.Context(), limit-time.Second)
				_, _ = io.WriteString(w, " ")
				_ = http.NewResponseController(w).Flush()
			}
			_, _ = io.WriteString(w, emptyRegistry)
		}, 70 * time.Second, false},
		{"before the header", wait(time.Hour), limit, true},
		{"in the body", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, emptyRegistry[:10])
			_ = http.NewResponseController(w).Flush()
			sleep(r.Context(), time.Hour)
		}, limit, true},
		{"trickle behind a status", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(500)
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, " ")
				_ = http.NewResponseController(w).Flush()
				sleep(r.Context(), time.Second)
			}
		}, limit, false},
		{"in the body of a refusal", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(500)
			_ = http.NewResponseController(w).Flush()
			sleep(r.Context(), time.Hour)
		}, limit, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := serve(t, tt.handler, func(cfg *remote.Config) { cfg.ReadTimeout = limit })
				start := time.Now()
				_, err := f.conn.Apps(t.Context(), remote.Query{})
				if took := time.Since(start); took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}
				if errors.Is(err, os.ErrDeadlineExceeded) != tt.silent {
					t.Errorf("error = %v", err)
				}
			})
		})
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func TestContextEndsCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, func(_ http.ResponseWriter, r *http.Request) { sleep(r.Context(), time.Hour) }, func(cfg *remote.Config) {
			cfg.ReadTimeout = time.Minute
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := f.conn.Cancel(ctx, key); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error = %v", err)
		}
	})
}

func TestRefusedConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, status(200), func(cfg *remote.Config) { cfg.URL = "http://eureka:1/eureka/" })
		err := f.conn.Cancel(t.Context(), key)
		if !errors.Is(err, syscall.ECONNREFUSED) || !strings.HasPrefix(err.Error(), "cancel ORDERS/host1:orders:8080 at http://eureka:1/eureka/: ") {
			t.Errorf("error = %v", err)
		}
	})
}

func TestConditionalFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"7"`)
			if r.Header.Get("If-None-Match") == `"7"` {
				w.WriteHeader(304)
				return
			}
			answer("application/json", emptyRegistry)(w, r)
		}, nil)
		first, err := f.conn.Apps(t.Context(), remote.Query{})
		if err != nil || first.ETag != `"7"` || first.NotModified || first.Apps == nil {
			t.Fatalf("first = %+v, %v", first, err)
		}
		if want := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC); !first.Date.Equal(want) {
			t.Errorf("date = %v, want %v", first.Date, want)
		}
		second, err := f.conn.Apps(t.Context(), remote.Query{IfNoneMatch: first.ETag})
		if err != nil || !second.NotModified || second.Apps != nil {
			t.Errorf("second = %+v, %v", second, err)
		}
	})
}

func TestUnasked304IsARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, status(304), nil)
		if _, err := f.conn.Apps(t.Context(), remote.Query{}); err == nil {
			t.Error("accepted")
		}
	})
}

func TestRegisterSendsWhatServersDecode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, status(204), nil)
		in := &heureka.Instance{
			App: "ORDERS", ID: "host1:orders:8080", HostName: "host1", IPAddr: "192.0.2.1", Status: heureka.StatusUp,
			DataCenter: heureka.OwnDataCenter, Port: heureka.Port{Number: 8080, Enabled: true}, LastDirtyMS: 12,
		}
		if err := f.conn.Register(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if f.seen[0] != "POST /eureka/apps/ORDERS" || f.last.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s with %v", f.seen[0], f.last.Header)
		}
		got, err := wire.DecodeInstance(wire.JSON, []byte(f.body))
		if err != nil || got.Key() != key || got.LastDirtyMS != 12 {
			t.Errorf("body %s = %+v, %v", f.body, got, err)
		}
	})
}

func TestBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Node", "b")
			if r.Header.Get("X-Node") == "short" {
				_, _ = io.WriteString(w, `{"responseList":[]}`)
				return
			}
			_, _ = io.WriteString(w, `{"responseList":[{"statusCode":200},{"statusCode":404}]}`)
		}, nil)
		items := []wire.ReplicationItem{
			{App: "A", ID: "1", Action: wire.Heartbeat, LastDirtyMS: 5, HasLastDirty: true, Status: "UP"},
			{App: "B", ID: "2", Action: wire.Cancel},
		}
		results, header, err := f.conn.Batch(t.Context(), items, http.Header{"X-Node": {"a"}})
		if err != nil || len(results) != 2 || results[1].StatusCode != 404 || header.Get("X-Node") != "b" {
			t.Fatalf("Batch = %v, %v, %v", results, header, err)
		}
		if f.seen[0] != "POST /eureka/peerreplication/batch/" || f.last.Header.Get("X-Node") != "a" {
			t.Errorf("%s with %v", f.seen[0], f.last.Header)
		}
		if f.last.Header.Get(wire.HeaderReplication) != "" { // W-REPL-1
			t.Error("batch carries the replication header")
		}
		if sent, err := wire.DecodeBatch([]byte(f.body)); err != nil || len(sent) != 2 {
			t.Errorf("sent %s: %v", f.body, err)
		}
		if _, _, err := f.conn.Batch(t.Context(), items, http.Header{"X-Node": {"short"}}); err == nil { // W-REPL-12
			t.Error("accepted a reply of another length")
		}
	})
}
