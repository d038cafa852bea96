package listener_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"heureka.internal/heureka/internal/listener"
)

// held answers with pieces behind a header that is held.
func held(bufs net.Buffers) http.HandlerFunc {
	send := sendParts(bufs)
	return func(w http.ResponseWriter, r *http.Request) {
		defer listener.Hold(r)()
		send(w, r)
	}
}

// writing counts the writes of its connections that are of one piece.
type writing struct {
	net.Listener
	single *atomic.Int64
}

func (l writing) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	tcp, _ := c.(*net.TCPConn)
	return writingConn{tcp, l.single}, err
}

type writingConn struct {
	*net.TCPConn // which writes several pieces in one call
	single       *atomic.Int64
}

func (c writingConn) Write(p []byte) (int, error) {
	c.single.Add(1)
	return c.TCPConn.Write(p)
}

// A header that is held reaches its reader with what follows it, and nothing is lost or said twice.
func TestHeadersLeaveWithTheirBodies(t *testing.T) {
	bufs := pieces(40, 13<<10)
	want := bytes.Join(bufs, nil)
	plain := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(want)
	}
	for name, handler := range map[string]http.HandlerFunc{
		"in parts": held(bufs),
		"in one":   func(w http.ResponseWriter, r *http.Request) { defer listener.Hold(r)(); plain(w, r) },
		"no body": func(w http.ResponseWriter, r *http.Request) {
			defer listener.Hold(r)()
			w.WriteHeader(http.StatusNoContent)
			_ = http.NewResponseController(w).Flush()
		},
		"for nothing": func(w http.ResponseWriter, r *http.Request) { listener.Hold(r)(); plain(w, r) },
	} {
		t.Run(name, func(t *testing.T) {
			var single atomic.Int64
			ln := tcp(t)
			serve(t, writing{ln, &single}, config, handler)
			c, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			in := bufio.NewReader(c)
			for range 20 { // the next answer is not the worse for it
				_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				resp, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(resp.Body)
				if err != nil || name != "no body" && !bytes.Equal(got, want) {
					t.Fatalf("%d bytes, %v; want %d", len(got), err, len(want))
				}
			}
			if n := single.Load(); name == "in parts" && n > 0 {
				t.Errorf("%d headers left alone", n)
			}
		})
	}
}
