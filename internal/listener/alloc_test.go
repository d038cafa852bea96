//go:build !race

// The race detector makes pools forget.

package listener_test

import (
	"io"
	"net"
	"net/http"
	"testing"

	"heureka.internal/heureka/internal/listener"
)

// To hold a header, and to send parts behind it, takes no memory.
func TestHoldingDoesNotAllocate(t *testing.T) {
	sent := net.Buffers{[]byte("a"), []byte("b")}
	var allocs float64
	ln := tcp(t)
	serve(t, ln, config, func(w http.ResponseWriter, r *http.Request) {
		conn := listener.FromContext(r.Context())
		p := &parts{make(net.Buffers, len(sent))}
		body := p.Buffers
		allocs = testing.AllocsPerRun(100, func() {
			release := listener.Hold(r)
			_, _ = conn.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
			copy(body, sent)
			p.Buffers = body
			_, _ = conn.ReadFrom(p)
			release()
		})
	})
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if _, err := io.Copy(io.Discard, c); err != nil {
		t.Fatal(err)
	}
	if allocs > 3 { // the method value, and the two of net.Buffers
		t.Errorf("%.0f allocations", allocs)
	}
}
