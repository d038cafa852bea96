package client_test

import (
	"cmp"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/heurekatest/memnet"
	"heureka.internal/heureka/internal/wire"
)

// world is a network with fake servers and, on host "app", a program under test. It belongs to one bubble.
type world struct {
	t   *testing.T
	net memnet.Network
}

func newWorld(t *testing.T) *world { return &world{t: t} }

// server starts a registry on a host of that name, port 8761.
func (w *world) server(host string) *fake {
	w.t.Helper()
	f := &fake{host: host, records: make(map[heureka.Key]*heureka.Instance)}
	w.listen(host, 8761, f)
	return f
}

// listen serves h until the test ends.
func (w *world) listen(host string, port int, h http.Handler) {
	w.t.Helper()
	ln, err := w.net.Host(host).Listen(":" + strconv.Itoa(port))
	if err != nil {
		w.t.Fatal(err)
	}
	var wg sync.WaitGroup
	srv := &http.Server{ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	srv.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		wg.Add(1)
		defer wg.Done()
		h.ServeHTTP(rw, r)
	})
	wg.Go(func() { _ = srv.Serve(ln) })
	w.t.Cleanup(func() {
		_ = srv.Close()
		wg.Wait()
	})
}

// sleep passes virtual time, until everything that is due by then has been done.
func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func url(host string) string { return "http://" + host + ":8761/eureka/" }

// client returns a client on host "app" that knows the given servers. Without an edit to the contrary, it dials in memory.
func (w *world) client(cfg client.Config) *client.Client {
	w.t.Helper()
	if cfg.Transport == nil {
		cfg.Transport = w.transport()
	}
	if cfg.Jitter == 0 {
		cfg.Jitter = -1 // times are counted exactly
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.NewPCG(1, 2)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(w.t.Output(), nil))
	}
	c, err := client.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) transport() *http.Transport {
	dial := w.net.Host("app").DialContext
	tr := &http.Transport{DialContext: dial, IdleConnTimeout: time.Minute}
	w.t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// run runs c until stop is called, which returns what Run returned.
func (w *world) run(c *client.Client) (stop func() error) {
	ctx, cancel := context.WithCancel(w.t.Context())
	var err error
	var once sync.WaitGroup
	once.Go(func() { err = c.Run(ctx) })
	stop = func() error {
		cancel()
		once.Wait()
		return err
	}
	w.t.Cleanup(func() { _ = stop() })
	return stop
}

// orders is an instance to register.
func orders(host string) client.InstanceConfig {
	return client.InstanceConfig{App: "orders", HostName: host, IPAddr: "192.0.2.1", Port: 8080}
}

// fake is a small registry with the rules that clients depend on, and a log of what it was asked.
type fake struct {
	host string
	// delta answers deltas as a Java server does; retention is 3 min.
	mu       sync.Mutex
	records  map[heureka.Key]*heureka.Instance
	changes  []change
	versions int64
	seen     []string // "GET /eureka/apps/", in order
	trouble  func(http.ResponseWriter, *http.Request) bool
	etags    bool
	zip      bool
	tags     []string // If-None-Match of each fetch
	says     bool     // how far deltas reach back
	began    time.Time
	badHash  bool // deltas have a hash that never matches
}

type change struct {
	at     time.Time
	action heureka.Action
	in     *heureka.Instance
}

const retention = 3 * time.Minute

// break_ lets h answer in the server's place, until it returns false or is replaced.
func (f *fake) interfere(h func(http.ResponseWriter, *http.Request) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trouble = h
}

// answerAll answers every request with a status.
func answerAll(code int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(code)
		return true
	}
}

// requests returns the log and empties it.
func (f *fake) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := f.seen
	f.seen = nil
	return seen
}

// put registers in, as something other than the client under test would.
func (f *fake) put(in *heureka.Instance) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.store(in, heureka.ActionAdded)
}

func (f *fake) remove(key heureka.Key) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.delete(key)
}

func (f *fake) get(key heureka.Key) *heureka.Instance {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.records[key]
}

func (f *fake) store(in *heureka.Instance, a heureka.Action) {
	in = in.Clone()
	in.Action, in.LastUpdatedMS = a, time.Now().UnixMilli()
	f.records[in.Key()] = in
	f.changes = append(f.changes, change{time.Now(), a, in})
}

func (f *fake) delete(key heureka.Key) bool {
	in := f.records[key]
	if in == nil {
		return false
	}
	delete(f.records, key)
	in = in.Clone()
	in.Action = heureka.ActionDeleted
	f.changes = append(f.changes, change{time.Now(), heureka.ActionDeleted, in})
	return true
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	f.seen = append(f.seen, r.Method+" "+r.RequestURI)
	trouble := f.trouble
	f.mu.Unlock()
	if trouble != nil && trouble(w, r) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	parts := strings.Split(strings.Trim(strings.TrimPrefix(r.URL.Path, "/eureka"), "/"), "/")
	switch {
	case r.Method == http.MethodGet:
		f.read(w, r, parts)
	case r.Method == http.MethodPost:
		f.register(w, body)
	case len(parts) == 4 && parts[3] == "status":
		f.override(w, r, heureka.Key{App: parts[1], ID: parts[2]})
	case len(parts) == 3:
		f.renewOrCancel(w, r, heureka.Key{App: parts[1], ID: parts[2]})
	default:
		w.WriteHeader(405)
	}
}

func (f *fake) register(w http.ResponseWriter, body []byte) {
	in, err := wire.DecodeInstance(wire.JSON, body)
	if err != nil {
		w.WriteHeader(400)
		return
	}
	if old := f.records[in.Key()]; old == nil || old.LastDirtyMS <= in.LastDirtyMS { // W-REG-9
		if old != nil {
			in.OverriddenStatus = old.OverriddenStatus
			if old.OverriddenStatus != heureka.StatusUnknown {
				in.Status = old.OverriddenStatus
			}
		}
		f.store(in, heureka.ActionAdded)
	}
	w.WriteHeader(204)
}

func (f *fake) renewOrCancel(w http.ResponseWriter, r *http.Request, key heureka.Key) {
	if r.Method == http.MethodDelete {
		if !f.delete(key) {
			w.WriteHeader(404)
		}
		return
	}
	in := f.records[key]
	sent, _ := strconv.ParseInt(r.FormValue("lastDirtyTimestamp"), 10, 64)
	if in == nil || in.Status == heureka.StatusUnknown || sent > in.LastDirtyMS { // W-RENEW-1
		w.WriteHeader(404)
	}
}

func (f *fake) override(w http.ResponseWriter, r *http.Request, key heureka.Key) {
	in := f.records[key]
	if in == nil {
		w.WriteHeader(404)
		return
	}
	in = in.Clone()
	s, _ := heureka.ParseStatus(r.FormValue("value"))
	in.Status = s
	in.OverriddenStatus = s
	if r.Method == http.MethodDelete {
		in.OverriddenStatus = heureka.StatusUnknown
	}
	f.store(in, heureka.ActionModified)
}

func (f *fake) read(w http.ResponseWriter, r *http.Request, parts []string) {
	form := wire.Form{Format: wire.JSON}
	switch {
	case len(parts) == 1 && parts[0] == "apps":
		f.send(w, r, document(f.all(), 1, f.hash()))
	case len(parts) == 2 && parts[0] == "apps" && parts[1] == "delta":
		f.versions++
		hash := f.hash()
		if f.badHash {
			hash = "UP_999_"
		}
		f.sayReach(w.Header())
		f.send(w, r, document(f.delta(), f.versions, hash))
	case len(parts) == 2 && parts[0] == "vips":
		found := slices.DeleteFunc(f.all(), func(in *heureka.Instance) bool { return in.VIPAddress != parts[1] })
		f.send(w, r, document(found, -1, ""))
	case len(parts) == 3 && f.records[heureka.Key{App: parts[1], ID: parts[2]}] != nil:
		in := f.records[heureka.Key{App: parts[1], ID: parts[2]}]
		f.send(w, r, form.Format.AppendSingle(nil, in, in.Lease))
	default:
		w.WriteHeader(404)
	}
}

func (f *fake) send(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	f.tags = append(f.tags, r.Header.Get("If-None-Match"))
	if f.etags {
		tag := fmt.Sprintf(`"%d-%x"`, len(body), strings.Count(string(body), `"ADDED"`)+f.changed())
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(304)
			return
		}
	}
	if f.zip && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		zw := gzip.NewWriter(w)
		_, _ = zw.Write(body)
		_ = zw.Close()
		return
	}
	_, _ = w.Write(body)
}

func (f *fake) changed() int { return 1000 * len(f.changes) }

func (f *fake) all() []*heureka.Instance {
	var all []*heureka.Instance
	for _, in := range f.records {
		all = append(all, in)
	}
	slices.SortFunc(all, byKey)
	return all
}

func byKey(a, b *heureka.Instance) int { return cmp.Compare(a.Key().String(), b.Key().String()) }

// delta returns the last state of each instance that changed lately, deleted ones last.
func (f *fake) delta() []*heureka.Instance {
	last := make(map[heureka.Key]*heureka.Instance)
	for _, c := range f.changes {
		if time.Since(c.at) < retention {
			last[c.in.Key()] = c.in
		}
	}
	var list []*heureka.Instance
	for _, in := range last {
		list = append(list, in)
	}
	slices.SortFunc(list, func(a, b *heureka.Instance) int {
		return cmp.Or(cmp.Compare(a.App, b.App), cmp.Compare(a.Action, b.Action), byKey(a, b))
	})
	return list
}

func (f *fake) hash() string {
	var c heureka.StatusCounts
	for _, in := range f.records {
		c.Add(in.Status, 1)
	}
	return c.Hash()
}

// document encodes instances that are sorted by application.
func document(list []*heureka.Instance, version int64, hash string) []byte {
	form := wire.Form{Format: wire.JSON}
	b := form.AppendDocHead(nil, version, hash)
	for i := 0; i < len(list); {
		if i > 0 {
			b = append(b, form.Separator()...)
		}
		name := list[i].App
		b = form.AppendAppHead(b, name)
		for j := i; i < len(list) && list[i].App == name; i++ {
			if i > j {
				b = append(b, form.Separator()...)
			}
			b = form.AppendInstance(b, list[i], list[i].Lease)
		}
		b = form.AppendAppTail(b)
	}
	return form.AppendDocTail(b, version, hash)
}

// inst makes an instance of app with an id.
func inst(app, id string, s heureka.Status) *heureka.Instance {
	return &heureka.Instance{
		App: heureka.AppName(app), ID: id, HostName: "host-" + id, IPAddr: "192.0.2.9", Status: s,
		Port: heureka.Port{Number: 80, Enabled: true}, SecurePort: heureka.Port{Number: 443},
		CountryID: 1, DataCenter: heureka.OwnDataCenter, VIPAddress: strings.ToLower(app), SecureVIPAddress: "s-" + strings.ToLower(app),
		Lease: heureka.LeaseInfo{RenewalIntervalSecs: 30, DurationSecs: 90}, LastDirtyMS: 1, LastUpdatedMS: 1,
	}
}

// ids returns the ids of instances in ascending order.
func ids(list []*heureka.Instance) []string {
	out := []string{}
	for _, in := range list {
		out = append(out, in.ResolvedID())
	}
	slices.Sort(out)
	return out
}
