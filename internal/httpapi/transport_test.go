package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka/heurekatest/memnet"
	"heureka.internal/heureka/internal/httpapi"
)

// What only a real connection shows. Everything below runs in virtual time over a network in memory.

// serve runs f with a dialer to an HTTP server in front of a node, in a bubble. The server has the limits that a node has.
func serve(t *testing.T, cfg httpapi.Config, f func(t *testing.T, n *node, dial func() net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, cfg)
		var network memnet.Network
		ln, err := network.Host("server").Listen(":80")
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{Handler: n, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 3 * time.Minute}
		done := make(chan error, 1)
		go func() { done <- srv.Serve(ln) }()
		var open []net.Conn
		f(t, n, func() net.Conn {
			c, err := network.Host("client").Dial("tcp", "server:80")
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, c)
			return c
		})
		for _, c := range open {
			c.Close()
		}
		srv.Shutdown(context.Background())
		<-done
	})
}

// A wireAnswer is an answer as it came over the wire.
type wireAnswer struct {
	*http.Response
	body string
}

// receive reads the answer to a request with this method.
func receive(t *testing.T, r *bufio.Reader, method string) wireAnswer {
	t.Helper()
	res, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("answer %d breaks off: %v", res.StatusCode, err)
	}
	return wireAnswer{res, string(b)}
}

func write(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// raw formats a request.
func raw(method, path, body string, headers ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: server\r\n", method, path)
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	return b.String() + "\r\n" + body
}

// W-ERR-1 on the wire: every error has a length of zero and leaves the connection usable.
func TestErr1OneConnection(t *testing.T) {
	serve(t, httpapi.Config{}, func(t *testing.T, n *node, dial func() net.Conn) {
		c := dial()
		r := bufio.NewReader(c)
		for _, tt := range []struct {
			request string
			want    int
		}{
			{raw("POST", "/eureka/apps/DEMO", registration("DEMO", "i-1", nil), ofJSON), 204},
			{raw("PUT", "/eureka/apps/DEMO/i-1", ""), 200},
			{raw("PUT", "/eureka/apps/DEMO/i-1", "{}", ofJSON), 200},
			{raw("PUT", "/eureka/apps/DEMO/none", "{}", ofJSON), 404},
			{raw("GET", "/eureka/apps/NONE", ""), 404},
			{raw("GET", "/eureka/nothing", ""), 404},
			{raw("HEAD", "/eureka/apps/NONE", ""), 404},
			{raw("DELETE", "/eureka/apps", ""), 405},
			{raw("GET", "/eureka/apps", "", "Accept: text/plain"), 406},
			{raw("POST", "/eureka/apps/DEMO", "x", "Content-Type: text/plain"), 415},
			{raw("DELETE", "/eureka/apps/DEMO/i-1", ""), 200},
		} {
			write(t, c, tt.request)
			method, _, _ := strings.Cut(tt.request, " ")
			a := receive(t, r, method)
			if a.StatusCode != tt.want || a.body != "" || a.Close {
				t.Errorf("%.40q = %d %q, close %t", tt.request, a.StatusCode, a.body, a.Close)
			}
			if got := a.Header.Get("Content-Length"); got != "0" && tt.want != 204 {
				t.Errorf("%.40q: Content-Length %q", tt.request, got)
			}
		}
	})
}

// W-HDR-6: chunked bodies.
func TestHdr6Chunked(t *testing.T) {
	serve(t, httpapi.Config{}, func(t *testing.T, n *node, dial func() net.Conn) {
		c := dial()
		r := bufio.NewReader(c)
		body := registration("DEMO", "i-1", nil)
		write(t, c, "POST /eureka/apps/DEMO HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
		for part := range strings.SplitAfterSeq(body, ",") {
			time.Sleep(time.Millisecond)
			write(t, c, fmt.Sprintf("%x\r\n%s\r\n", len(part), part))
		}
		write(t, c, "0\r\n\r\n")
		if a := receive(t, r, "POST"); a.StatusCode != 204 || !n.has("DEMO", "i-1") {
			t.Errorf("= %d", a.StatusCode)
		}
		// Chunks that are none.
		write(t, c, "POST /eureka/apps/DEMO HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n")
		if a := receive(t, r, "POST"); a.StatusCode != 400 {
			t.Errorf("broken chunks = %d", a.StatusCode)
		}
	})
}

// W-HDR-8: a client that asks first is told to go on, or what is wrong, before it sends the body.
func TestHdr8ExpectContinue(t *testing.T) {
	serve(t, httpapi.Config{MaxBodyBytes: 4000}, func(t *testing.T, n *node, dial func() net.Conn) {
		body := registration("DEMO", "i-1", nil)
		ask := func(length int, contentType string) (net.Conn, *bufio.Reader) {
			c := dial()
			write(t, c, fmt.Sprintf("POST /eureka/apps/DEMO HTTP/1.1\r\nHost: h\r\nContent-Type: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", contentType, length))
			return c, bufio.NewReader(c)
		}
		c, r := ask(len(body), "application/json")
		if a := receive(t, r, "POST"); a.StatusCode != 100 {
			t.Fatalf("= %d, want 100", a.StatusCode)
		}
		write(t, c, body)
		if a := receive(t, r, "POST"); a.StatusCode != 204 {
			t.Errorf("= %d, want 204", a.StatusCode)
		}
		if _, r = ask(4001, "application/json"); receive(t, r, "POST").StatusCode != 413 {
			t.Error("a body that is too large was asked for")
		}
		if _, r = ask(10, "text/plain"); receive(t, r, "POST").StatusCode != 415 {
			t.Error("a body of the wrong type was asked for")
		}
	})
}

// A client that sends its body drop by drop is cut off when the time for reading is over, and nobody else waits for it.
func TestSlowBody(t *testing.T) {
	serve(t, httpapi.Config{}, func(t *testing.T, n *node, dial func() net.Conn) {
		slow := dial()
		write(t, slow, "POST /eureka/apps/DEMO HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
		start := time.Now()
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				if _, err := io.WriteString(slow, "{"); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		other := dial()
		write(t, other, raw("GET", "/eureka/apps", "", asJSON))
		if a := receive(t, bufio.NewReader(other), "GET"); a.StatusCode != 200 || time.Since(start) > time.Second {
			t.Errorf("another client got %d after %s", a.StatusCode, time.Since(start))
		}
		if a := receive(t, bufio.NewReader(slow), "POST"); a.StatusCode != http.StatusRequestTimeout || !a.Close {
			t.Errorf("the slow one got %d, close %t", a.StatusCode, a.Close)
		}
		if d := time.Since(start); d > 61*time.Second {
			t.Errorf("it was cut off after %s", d)
		}
		slow.Close()
		<-stopped
		if n.has("DEMO", "i-1") {
			t.Error("something was registered")
		}
	})
}

// A slow body of a PUT is nobody's business, but must not hold the connection for ever either.
func TestSlowIgnoredBody(t *testing.T) {
	serve(t, httpapi.Config{}, func(t *testing.T, n *node, dial func() net.Conn) {
		n.register(t, "DEMO", "i-1", nil)
		c := dial()
		write(t, c, "PUT /eureka/apps/DEMO/i-1 HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{")
		start := time.Now()
		receive(t, bufio.NewReader(c), "PUT")
		if d := time.Since(start); d > 61*time.Second {
			t.Errorf("answer after %s", d)
		}
	})
}

func TestSlowHeaders(t *testing.T) {
	serve(t, httpapi.Config{}, func(t *testing.T, n *node, dial func() net.Conn) {
		c := dial()
		write(t, c, "PUT /eureka/apps/DEMO/i-1 HTTP/1.1\r\nHost: h\r\nX-")
		start := time.Now()
		io.Copy(io.Discard, c)
		if d := time.Since(start); d != 10*time.Second {
			t.Errorf("closed after %s, want 10 s", d)
		}
	})
}

// A client that closes its sending side still hears the answer; one that does so in the middle of a body hears 400.
func TestHalfClosed(t *testing.T) {
	serve(t, httpapi.Config{}, func(t *testing.T, n *node, dial func() net.Conn) {
		for body, want := range map[string]int{registration("DEMO", "i-1", nil): 204, `{"instance"`: 400} {
			c := dial()
			write(t, c, "POST /eureka/apps/DEMO HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"+
				fmt.Sprintf("Content-Length: %d\r\n\r\n%s", max(len(body), 200), body))
			if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if a := receive(t, bufio.NewReader(c), "POST"); a.StatusCode != want {
				t.Errorf("%.20q = %d, want %d", body, a.StatusCode, want)
			}
		}
	})
}

// A client that goes away while it is being answered does no harm.
func TestClientGoesAway(t *testing.T) {
	serve(t, httpapi.Config{}, func(t *testing.T, n *node, dial func() net.Conn) {
		for i := range 200 {
			n.register(t, "DEMO", fmt.Sprint(i), fields{"metadata": fields{"fill": strings.Repeat("x", 10_000)}})
		}
		for range 5 {
			c := dial()
			write(t, c, raw("GET", "/eureka/apps", ""))
			synctest.Wait() // the answer fills the connection
			c.Close()
		}
		c := dial()
		write(t, c, raw("GET", "/eureka/apps", "", asJSON))
		if a := receive(t, bufio.NewReader(c), "GET"); a.StatusCode != 200 || len(a.body) < 2_000_000 {
			t.Errorf("= %d with %d bytes", a.StatusCode, len(a.body))
		}
		if len(n.errors) > 0 {
			t.Errorf("ErrorLog heard %v", n.errors)
		}
	})
}

// Requests that net/http itself refuses, and odd ones that it lets through, end in no redirect and no hang.
func TestOddRequestLines(t *testing.T) {
	serve(t, httpapi.Config{}, func(t *testing.T, n *node, dial func() net.Conn) {
		n.register(t, "DEMO", "i-1", nil)
		for line, want := range map[string]int{
			"PUT /eureka/apps/DEMO/i-1%zz":                     400,
			"PUT /eureka/apps/DEMO/i-1%":                       400,
			"PUT /eureka/apps/DEMO/i-1?lastDirtyTimestamp=%zz": 400,
			"GET http://elsewhere/eureka/apps":                 200,
			"GET //eureka/apps":                                200,
			"GET /eureka/apps/../apps":                         404,
			"GET /eureka/apps/?#":                              200,
			"GET *":                                            404,
			"OPTIONS *":                                        200,
			"PUT /eureka/apps/DEMO/i-1;x?y":                    200,
			"FROB /eureka/apps":                                405,
			"GET eureka/apps":                                  400,
		} {
			c := dial()
			write(t, c, line+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
			if a := receive(t, bufio.NewReader(c), "GET"); a.StatusCode != want {
				t.Errorf("%s = %d, want %d", line, a.StatusCode, want)
			}
		}
	})
}

// A compressed document of the whole registry, over a real connection, through a client that decompresses by itself.
func TestGzipForRealClients(t *testing.T) {
	serve(t, httpapi.Config{}, func(t *testing.T, n *node, dial func() net.Conn) {
		for i := range 50 {
			n.register(t, "DEMO", fmt.Sprint(i), nil)
		}
		tr := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return dial(), nil }}
		defer tr.CloseIdleConnections()
		res, err := (&http.Client{Transport: tr}).Get("http://server/eureka/apps/")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil || !res.Uncompressed {
			t.Fatalf("%v, decompressed %t", err, res.Uncompressed)
		}
		if doc := apps(t, answer{res.StatusCode, res.Header, string(b)}); len(ids(doc)) != 50 {
			t.Errorf("%d instances", len(ids(doc)))
		}
	})
}
