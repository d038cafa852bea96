package server_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"heureka.internal/heureka/server"
)

// A full answer is kept in many pieces. They reach the connection as they are, through everything that wraps a response
// on its way there: otherwise each answer would copy the registry.
func TestFullAnswersLeaveWithoutACopy(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	watched := &watchedListener{Listener: ln}
	url := serveOn(t, watched)
	for i := range 3000 {
		registerTCP(t, url, fmt.Sprint("SERVICE-", i/20), fmt.Sprint("host-", i))
	}
	getTCP(t, url)
	watched.take()
	getTCP(t, url)
	first := watched.take()
	getTCP(t, url)
	second := watched.take()
	if len(first) < 3 || !slices.Equal(first, second) {
		t.Errorf("an answer in %d large pieces, and again in %d: not the same memory", len(first), len(second))
	}
	slices.Sort(first)
	if n := len(slices.Compact(first)); n != len(second) {
		t.Errorf("%d large pieces from %d places: they were copied together", len(second), n)
	}
}

// A watchedListener notes which memory its connections were given to write: without writev, each piece is one Write.
type watchedListener struct {
	net.Listener
	mu    sync.Mutex
	wrote []uintptr
}

// take returns where the large pieces written since the last call stood.
func (l *watchedListener) take() []uintptr {
	l.mu.Lock()
	defer l.mu.Unlock()
	wrote := l.wrote
	l.wrote = nil
	return wrote
}

func (l *watchedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &watchedConn{c, l}, err
}

type watchedConn struct {
	net.Conn
	ln *watchedListener
}

func (c *watchedConn) Write(p []byte) (int, error) {
	if len(p) > 5000 { // larger than what net/http and the head of an answer need
		c.ln.mu.Lock()
		c.ln.wrote = append(c.ln.wrote, uintptr(unsafe.Pointer(unsafe.SliceData(p))))
		c.ln.mu.Unlock()
	}
	return c.Conn.Write(p)
}

// serveOn runs a node on ln until the test ends, and returns its service URL.
func serveOn(t *testing.T, ln net.Listener) string {
	t.Helper()
	srv, err := server.New(server.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx, ln) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + ln.Addr().String() + "/eureka/"
}

func registerTCP(t *testing.T, url, app, id string) {
	t.Helper()
	body := fmt.Sprintf(`{"instance":{"app":%q,"instanceId":%q,"hostName":%q,"ipAddr":"10.0.0.1","status":"UP","vipAddress":"x",`+
		`"dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"},"metadata":{"build":"%x"}}}`, app, id, id, sha256.Sum256([]byte(id)))
	resp, err := http.Post(url+"apps/"+app, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Fatalf("register answered %s", resp.Status)
	}
}

func getTCP(t *testing.T, url string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"apps/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Accept-Encoding", "gzip")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v", resp.Status, err)
	}
}
