//go:build interop

package interop

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A tamper stands between one client and a server, counts the client's fetches, and
// on demand falsifies the registry hash of one delta answer.
type tamper struct {
	*httptest.Server

	mu        sync.Mutex
	armed     bool
	falsified int
	full      int
	agent     string // User-Agent of the last fetch, which names the transport
}

func newTamper(t testing.TB, base string) *tamper {
	t.Helper()
	to, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	p := &tamper{}
	p.Server = httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ModifyResponse: p.answer,
		Transport:      &http.Transport{DisableKeepAlives: true},
	})
	t.Cleanup(p.Close)
	return p
}

// arm makes the next delta answer carry a hash that no registry has.
func (p *tamper) arm() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed = true
}

func (p *tamper) counts() (full, falsified int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.full, p.falsified
}

// userAgent is how the client behind the proxy calls itself.
func (p *tamper) userAgent() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.agent
}

var hashMember = regexp.MustCompile(`("apps__hashcode"\s*:\s*)"[^"]*"`)

func (p *tamper) answer(resp *http.Response) error {
	path := strings.TrimSuffix(resp.Request.URL.Path, "/")
	if resp.Request.Method != "GET" || resp.StatusCode != 200 {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.agent = resp.Request.UserAgent()
	if strings.HasSuffix(path, "/apps") {
		p.full++
	}
	if !strings.HasSuffix(path, "/apps/delta") {
		return nil
	}
	if !p.armed {
		return nil
	}
	p.armed = false
	p.falsified++
	return rewrite(resp, func(body []byte) []byte {
		return hashMember.ReplaceAll(body, []byte(`${1}"DOWN_999_"`))
	})
}

// rewrite replaces the body, uncompressed so that it need not be compressed again.
func rewrite(resp *http.Response, change func([]byte) []byte) error {
	defer resp.Body.Close()
	var from io.Reader = resp.Body
	if resp.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(resp.Body)
		if err != nil {
			return err
		}
		from = unzipped
	}
	body, err := io.ReadAll(from)
	if err != nil {
		return err
	}
	changed := change(body)
	if bytes.Equal(changed, body) {
		return fmt.Errorf("no hash in delta answer %.200s", body)
	}
	resp.Header.Del("Content-Encoding")
	resp.Header.Set("Content-Length", strconv.Itoa(len(changed)))
	resp.ContentLength = int64(len(changed))
	resp.Body = io.NopCloser(bytes.NewReader(changed))
	return nil
}

// A link is one direction of a network between two servers: a TCP port that leads
// to another one, until it is cut.
type link struct {
	ln net.Listener
	to string

	mu    sync.Mutex
	down  bool
	conns map[net.Conn]bool
}

// newLink leads to a port on this machine.
func newLink(t testing.TB, port int) *link {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{ln: ln, to: fmt.Sprintf("127.0.0.1:%d", port), conns: map[net.Conn]bool{}}
	var accepting sync.WaitGroup
	accepting.Go(l.accept)
	t.Cleanup(func() {
		ln.Close()
		l.cut()
		accepting.Wait()
	})
	return l
}

// eurekaURL is the far server's URL by way of the link.
func (l *link) eurekaURL() string { return eurekaURL(l.ln.Addr().(*net.TCPAddr).Port) }

// cut breaks all connections and lets no new one through until heal.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = true
	for c := range l.conns {
		c.Close()
	}
}

func (l *link) heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = false
}

func (l *link) accept() {
	var carrying sync.WaitGroup
	defer carrying.Wait()
	for {
		near, err := l.ln.Accept()
		if err != nil {
			return
		}
		carrying.Go(func() { l.carry(near) })
	}
}

// carry copies both ways until either side or a cut ends the connection.
func (l *link) carry(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", l.to)
	if err != nil {
		return
	}
	defer far.Close()
	if !l.hold(near, far) {
		return
	}
	defer l.release(near, far)
	var back sync.WaitGroup
	back.Go(func() {
		io.Copy(near, far)
		near.Close()
	})
	io.Copy(far, near)
	far.Close()
	back.Wait()
}

// hold registers the two ends to be closed by cut, unless the link is down.
func (l *link) hold(near, far net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return false
	}
	l.conns[near], l.conns[far] = true, true
	return true
}

func (l *link) release(near, far net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, near)
	delete(l.conns, far)
}
