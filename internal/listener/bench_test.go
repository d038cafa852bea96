package listener_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"heureka.internal/heureka/internal/listener"
)

// BenchmarkRequest is an empty PUT over a connection that stays: with net/http alone, with its time limits, and with a
// connection of ours. The client's part is the same in all, so that the differences are the server's. Read it with -cpu 1.
func BenchmarkRequest(b *testing.B) {
	limits := func(s *http.Server) {
		s.ReadHeaderTimeout, s.ReadTimeout, s.IdleTimeout = 10*time.Second, time.Minute, 3*time.Minute
	}
	for _, bb := range []struct {
		name         string
		limits, ours bool
	}{{"alone", false, false}, {"with limits", true, false}, {"ours", true, true}} {
		b.Run(bb.name, func(b *testing.B) {
			srv := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
			if bb.limits {
				limits(srv)
			}
			benchRequests(b, srv, bb.ours, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
		})
	}
}

// BenchmarkAnswer is an answer of 527 kB in 80 parts: by one Write of the whole by net/http alone, and in parts.
func BenchmarkAnswer(b *testing.B) {
	var bufs net.Buffers
	for _, p := range pieces(40, 13<<10) {
		bufs = append(bufs, []byte(","), p)
	}
	whole := make([]byte, 40*(13<<10+1))
	one := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(whole)
	}
	for _, bb := range []struct {
		name    string
		ours    bool
		handler http.HandlerFunc
	}{{"one write", false, one}, {"parts", true, sendParts(bufs)}, {"parts with their header", true, held(bufs)}} {
		b.Run(bb.name, func(b *testing.B) {
			benchRequests(b, &http.Server{Handler: bb.handler}, bb.ours, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		})
	}
}

// benchRequests sends one request after the other.
func benchRequests(b *testing.B, srv *http.Server, ours bool, request string) {
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var ln net.Listener = raw
	if ours {
		l, err := listener.New(raw, config)
		if err != nil {
			b.Fatal(err)
		}
		srv.ConnState, srv.ConnContext, ln = l.ConnState, l.ConnContext, l
	}
	served := make(chan struct{})
	go func() { defer close(served); _ = srv.Serve(ln) }()
	defer func() { _ = srv.Close(); <-served }()
	c, err := net.Dial("tcp", raw.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	in := bufio.NewReaderSize(c, 64<<10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := io.WriteString(c, request); err != nil {
			b.Fatal(err)
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			b.Fatal(err)
		}
	}
}
