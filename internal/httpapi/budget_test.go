package httpapi_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"heureka.internal/heureka/internal/httpapi"
)

// Clients that stop in the middle of giants do not keep others out: the slowest gives way, and is told so.
func TestSlowBodiesGiveWay(t *testing.T) {
	n := newNode(t, httpapi.Config{MaxHeldBytes: 4 << 20})
	srv := httptest.NewServer(n)
	defer srv.Close()
	const giants = 12
	var conns []net.Conn
	for i := range giants {
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /eureka/apps/DEMO HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", 2<<20)
		fmt.Fprintf(conn, `{"instance":{"instanceId":"%d","hostName":"%s`, i, strings.Repeat("x", 600<<10))
		conns = append(conns, conn)
	}
	big := registration("DEMO", "big", fields{"metadata": fields{"k": strings.Repeat("x", 600<<10)}})
	deadline := time.Now().Add(time.Minute)
	for {
		resp, err := http.Post(srv.URL+"/eureka/apps/DEMO", "application/json", strings.NewReader(big))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusNoContent {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("a large registration beside stalled ones: %d", resp.StatusCode)
		}
	}
	timedOut := 0
	for _, conn := range conns {
		_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		answer, _ := io.ReadAll(conn)
		if strings.HasPrefix(string(answer), "HTTP/1.1 408 ") {
			timedOut++
		}
	}
	if timedOut == 0 || timedOut == giants {
		t.Errorf("%d of %d stalled ones gave way, want some and not all", timedOut, giants)
	}
}

// What bodies hold is counted while they come, and no more once they are answered.
func TestHeldBytes(t *testing.T) {
	n := newNode(t, httpapi.Config{})
	body, sender := io.Pipe()
	answered := make(chan int)
	go func() {
		r := httptest.NewRequest(http.MethodPost, "/eureka/apps/DEMO", body)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		n.ServeHTTP(w, r)
		answered <- w.Code
	}()
	text := registration("DEMO", "big", fields{"metadata": fields{"k": strings.Repeat("x", 600<<10)}})
	if _, err := io.WriteString(sender, text); err != nil {
		t.Fatal(err)
	}
	if held := n.Handler.(*httpapi.API).HeldBytes(); held < int64(len(text))/2 {
		t.Errorf("%d bytes held of a body of %d", held, len(text))
	}
	sender.Close()
	if code := <-answered; code != http.StatusNoContent {
		t.Errorf("answered %d", code)
	}
	if held := n.Handler.(*httpapi.API).HeldBytes(); held != 0 {
		t.Errorf("%d bytes held after the answer", held)
	}
}
