package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/heurekatest/memnet"
	"heureka.internal/heureka/internal/remote"
	"heureka.internal/heureka/internal/tlsconf/tlsconftest"
	"heureka.internal/heureka/server"
)

// A rig is one node "a" on a network in memory, with strangers around it that answer as a test tells them. Use it inside a
// synctest bubble.
type rig struct {
	t      *testing.T
	net    memnet.Network
	client *http.Client
	server *server.Server
	served error                // what Serve returned, after stop
	stop   func() time.Duration // stops the node and returns how long that took

	heard stranger     // notes what the hosts see that serve set up
	log   lockedBuffer // of the node, if a test makes it log there
	dns   scriptedDNS
	ca    *tlsconftest.CA // if a test needs one

	counted atomic.Int64 // by draws and roundTrips
	data    string       // by dataDir
}

// newRig makes the rig; the node starts with start.
func newRig(t *testing.T) *rig {
	r := &rig{t: t, stop: func() time.Duration { return 0 }}
	r.client = &http.Client{Transport: r.transport("client")}
	t.Cleanup(func() { r.stop() })
	return r
}

func (r *rig) transport(host string) *http.Transport {
	tr := &http.Transport{DialContext: r.net.Host(host).DialContext}
	r.t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// config is what a node of the rig has in every test.
func (r *rig) config() server.Config {
	return server.Config{HostName: "a", Transport: r.transport("a"), Rand: rand.NewPCG(1, 2), Logger: heurekatest.Logger(r.t), DataDir: r.data}
}

// dataDir gives the nodes that start from now on a directory.
func (r *rig) dataDir() string {
	if r.data == "" {
		r.data = r.t.TempDir()
	}
	return r.data
}

// start starts the node and lets it open, if it does so at once.
func (r *rig) start(cfg server.Config) {
	r.t.Helper()
	s, err := server.New(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := server.UseDNS(s, &r.dns); err != nil {
		r.t.Fatal(err)
	}
	ln, err := r.net.Host("a").Listen(":8761")
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.served = s.Serve(ctx, ln)
	}()
	r.server = s
	r.stop = func() time.Duration {
		begun := time.Now()
		cancel()
		<-ended
		return time.Since(begun)
	}
	time.Sleep(time.Second)
}

// serve lets h answer at the host's port 8761; what it is asked is heard.
func (r *rig) serve(host string, h http.HandlerFunc) {
	r.t.Helper()
	ln, err := r.net.Host(host).Listen(":8761")
	if err != nil {
		r.t.Fatal(err)
	}
	hs := &http.Server{Handler: r.heard.before(h)}
	go func() { _ = hs.Serve(ln) }()
	r.t.Cleanup(func() { hs.Close() })
}

// mute accepts requests and answers none.
func mute(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// absent is a server that has nothing.
func absent(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }

// busy is a server that is not ready.
func busy(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }

func (r *rig) conn() *remote.Conn {
	conn, err := remote.New(remote.Config{URL: "http://a:8761/eureka/", Transport: r.client.Transport})
	if err != nil {
		r.t.Fatal(err)
	}
	return conn
}

// register registers instances of ORDERS with these ids.
func (r *rig) register(ids ...string) {
	r.t.Helper()
	for _, id := range ids {
		register(r.t, r.conn(), instance("ORDERS", id))
	}
}

// do sends a request and returns status and body.
func (r *rig) do(method, path, body string, header ...string) (int, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, "http://a:8761"+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// send sends bytes on a connection of its own, and nothing after them.
func (r *rig) send(text string) net.Conn {
	r.t.Helper()
	conn, err := r.net.Host("client").Dial("tcp", "a:8761")
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		r.t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	return conn
}

// status returns the status of a GET.
func (r *rig) status(path string) string {
	code, _ := r.do(http.MethodGet, path, "")
	return fmt.Sprint(code)
}

// find returns the first group of a pattern in what a GET of the path answers, "" if it is not there.
func (r *rig) find(path, pattern string) string {
	_, body := r.do(http.MethodGet, path, "")
	if m := regexp.MustCompile(pattern).FindStringSubmatch(body); m != nil {
		return m[1]
	}
	return ""
}

func (r *rig) metric(name string) string {
	return r.find("/actuator/prometheus", `(?m)^heureka_`+name+`(?:\{.*\})? (\S+)$`)
}

func (r *rig) replicas() string {
	return r.find("/eureka/status", `<registered-replicas>(.*?)</registered-replicas>`)
}

// detail returns a detail of a component of the health.
func (r *rig) detail(component, key string) string {
	_, body := r.do(http.MethodGet, "/actuator/health", "")
	var doc struct {
		Components map[string]struct{ Details map[string]any }
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		r.t.Fatal(err)
	}
	d, ok := doc.Components[component].Details[key]
	if !ok {
		return ""
	}
	return fmt.Sprint(d)
}

func (r *rig) has(id string) bool {
	_, ok := r.server.Instance(heureka.Key{App: "ORDERS", ID: id})
	return ok
}

// lease registers an instance of ORDERS with a lease of its own.
func (r *rig) lease(id string, seconds int64) {
	in := instance("ORDERS", id)
	in.Lease = heureka.LeaseInfo{RenewalIntervalSecs: 1, DurationSecs: seconds}
	register(r.t, r.conn(), in)
}

func (r *rig) hash() string { return r.find("/eureka/apps", `<apps__hashcode>(.*?)</apps__hashcode>`) }

func (r *rig) lastRenewal() string {
	return r.find("/eureka/apps", `<lastRenewalTimestamp>(.*?)</lastRenewalTimestamp>`)
}

// after returns how many seconds go by before cond holds, and gives up after a quarter of an hour.
func (r *rig) after(cond func() bool) string {
	begun := time.Now()
	for time.Since(begun) < 15*time.Minute {
		if cond() {
			return time.Since(begun).Round(time.Second).String()
		}
		time.Sleep(100 * time.Millisecond)
	}
	return "never"
}

// A stranger notes the requests it gets.
type stranger struct {
	mu       sync.Mutex
	requests []*http.Request
}

func (s *stranger) before(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.Clone(context.Background()))
		s.mu.Unlock()
		h(w, r)
	}
}

// count returns how many requests there were that this is true of.
func (s *stranger) count(is func(*http.Request) bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, r := range s.requests {
		if is(r) {
			n++
		}
	}
	return n
}

func isPath(path string) func(*http.Request) bool {
	return func(r *http.Request) bool { return r.URL.Path == path }
}

// A scriptedDNS knows what the option tests ask for, and counts questions for addresses.
type scriptedDNS struct{ asked atomic.Int64 }

func (d *scriptedDNS) LookupHost(context.Context, string) ([]string, error) {
	d.asked.Add(1)
	return []string{"192.0.2.9"}, nil
}

func (d *scriptedDNS) LookupSRV(context.Context, string, string, string) (string, []*net.SRV, error) {
	return "", nil, errors.New("no such service")
}

func (d *scriptedDNS) LookupTXT(_ context.Context, name string) ([]string, error) {
	texts := map[string]string{"txt.us-east-1.example.org": "zone.example.org", "txt.zone.example.org": "host1"}
	if texts[name] == "" {
		return nil, errors.New("no such text: " + name)
	}
	return []string{texts[name]}, nil
}

// A lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (r *rig) logger() *slog.Logger { return slog.New(slog.NewTextHandler(&r.log, nil)) }

// draws counts what is drawn from a generator.
type draws struct {
	rand.Source
	n *atomic.Int64
}

func (d draws) Uint64() uint64 {
	d.n.Add(1)
	return d.Source.Uint64()
}

// roundTrips counts exchanges.
type roundTrips struct {
	http.RoundTripper
	n *atomic.Int64
}

func (c roundTrips) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return c.RoundTripper.RoundTrip(r)
}
