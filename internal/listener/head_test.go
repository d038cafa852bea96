package listener_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka/heurekatest/memnet"
)

// Headers that come slowly, or belong to requests that stay, have a bound together. Usual ones do not count.
func TestHeadersHaveABoundTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network memnet.Network
		ln, err := network.Host("a").Listen(":1")
		if err != nil {
			t.Fatal(err)
		}
		cfg := config
		cfg.HeaderBytes = 40 << 10
		l := serve(t, ln, cfg, func(http.ResponseWriter, *http.Request) {})
		dial := func(text string) net.Conn {
			c, err := network.Host("b").Dial("tcp", "a:1")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			go fmt.Fprint(c, text)
			time.Sleep(time.Second)
			return c
		}
		answer := func(c net.Conn) string {
			_ = c.SetReadDeadline(time.Now().Add(time.Minute))
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				return "none"
			}
			resp.Body.Close()
			return resp.Status
		}
		const end = "\r\nHost: a\r\n\r\n"
		large := "GET / HTTP/1.1\r\nX: " + strings.Repeat("a", 30<<10)
		first, second, usual := dial(large), dial(large), dial("GET / HTTP/1.1"+end)
		got := []string{answer(second), answer(usual)}
		_, _ = fmt.Fprint(first, end)
		got = append(got, answer(first), answer(dial(large+end)), answer(dial(large+end)))
		if want := "400 Bad Request,200 OK,200 OK,200 OK,200 OK"; strings.Join(got, ",") != want {
			t.Errorf("answers %q, want %s", got, want)
		}
		if n := l.Stats().Refused; n != 1 {
			t.Errorf("%d connections are counted as refused, want 1", n)
		}
	})
}

// Where there is no memory for another connection, one that has been idle for long makes room, else the new one is refused.
func TestConnectionsNeedMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network memnet.Network
		ln, err := network.Host("a").Listen(":1")
		if err != nil {
			t.Fatal(err)
		}
		var full atomic.Bool
		cfg := config
		cfg.Room = func(int) bool { return !full.Load() }
		l := serve(t, ln, cfg, func(http.ResponseWriter, *http.Request) {})
		dial := func() {
			c, err := network.Host("b").Dial("tcp", "a:1")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			time.Sleep(time.Second)
		}
		dial()
		full.Store(true)
		dial()
		if st := l.Stats(); st.Open != 1 || st.Refused != 1 {
			t.Errorf("%+v, want one open and one refused", st)
		}
		time.Sleep(2 * time.Minute)
		dial()
		if st := l.Stats(); st.Open != 1 || st.ClosedIdle != 1 {
			t.Errorf("%+v, want one open and one closed for it", st)
		}
	})
}
