package listener_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"heureka.internal/heureka/internal/listener"
	"heureka.internal/heureka/internal/tlsconf/tlsconftest"
)

// One port serves both, whoever stays silent meanwhile, and closing it ends the silent ones.
func TestBothOnOnePort(t *testing.T) {
	ca := tlsconftest.New(t)
	pair := ca.Sign(time.Now().Add(time.Hour))
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns, err := listener.New(raw, listener.Config{MaxConnections: 10, Stall: time.Minute, Unsent: 1 << 16})
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{ConnState: conns.ConnState, ConnContext: conns.ConnContext, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if listener.FromContext(r.Context()) == nil {
			t.Error("the connection is not known")
		}
		_, _ = io.Copy(w, r.Body)
		if r.TLS != nil {
			_, _ = io.WriteString(w, " over TLS")
		}
	})}
	done := make(chan error, 1)
	go func() {
		done <- srv.Serve(conns.Both(&tls.Config{Certificates: ca.TLS(pair).Certificates}))
	}()
	silent, err := net.Dial("tcp", raw.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: ca.TLS()}}
	defer client.CloseIdleConnections()
	for scheme, want := range map[string]string{"http": "hello", "https": "hello over TLS"} {
		for range 3 {
			resp, err := client.Post(scheme+"://"+raw.Addr().String()+"/", "text/plain", io.NopCloser(io.LimitReader(hello{}, 5)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if string(got) != want || err != nil {
				t.Errorf("%s: %q, %v", scheme, got, err)
			}
		}
	}
	if err := srv.Close(); err != nil {
		t.Error(err)
	}
	<-done
	if _, err := silent.Read(make([]byte, 1)); err == nil {
		t.Error("the silent connection is still open")
	}
}

// hello reads as "hello", again and again.
type hello struct{}

func (hello) Read(p []byte) (int, error) { return copy(p, "hello"), nil }
