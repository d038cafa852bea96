package httpapi_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/registry/registrytest"
	"heureka.internal/heureka/internal/respcache"
	"heureka.internal/heureka/internal/respcache/respcachetest"
	"heureka.internal/heureka/internal/wire"
)

// A node is a registry with its cache behind the API: what package server joins, without peers, clock and network.
type node struct {
	http.Handler
	reg     *registry.Registry
	cache   *respcache.Cache
	now     time.Time
	refuse  bool  // reads
	err     error // of every write, if not nil
	info    httpapi.StatusInfo
	changes []registry.Change
	errors  []any // what ErrorLog heard
}

// newAPI returns an API with usual values for what cfg leaves out.
func newAPI(cfg httpapi.Config, b httpapi.Backend) *httpapi.API {
	cfg.MaxBodyBytes = cmp.Or(cfg.MaxBodyBytes, 10<<20)
	cfg.MaxBatchBytes = cmp.Or(cfg.MaxBatchBytes, 16<<20)
	cfg.MaxHeldBytes = cmp.Or(cfg.MaxHeldBytes, 128<<20)
	cfg.NotReadyStatus = cmp.Or(cfg.NotReadyStatus, http.StatusServiceUnavailable)
	if cfg.ErrorLog == nil {
		cfg.ErrorLog = func(*http.Request, any) {}
	}
	if cfg.RegistrationRefused == nil {
		cfg.RegistrationRefused = func(*http.Request, string, string) {}
	}
	api, err := httpapi.New(cfg, b)
	if err != nil {
		panic(err)
	}
	return api
}

func newNode(tb testing.TB, cfg httpapi.Config) *node {
	tb.Helper()
	n := &node{now: time.UnixMilli(1_800_000_000_000), cache: respcachetest.New(respcache.Config{})}
	var err error
	n.reg, err = registry.New(registrytest.Config(registry.Config{Rand: rand.NewPCG(1, 2), OnChange: func(c registry.Change) {
		n.changes = append(n.changes, c)
		n.cache.Apply(c)
	}}))
	if err != nil {
		tb.Fatal(err)
	}
	n.reg.OpenForTraffic(0, n.now)
	if cfg.ErrorLog == nil {
		cfg.ErrorLog = func(_ *http.Request, err any) { n.errors = append(n.errors, err) }
	}
	n.Handler = newAPI(cfg, n)
	return n
}

func (n *node) Register(in *heureka.Instance, origin registry.Origin) error {
	if n.err != nil {
		return n.err
	}
	_, err := n.reg.Register(in, origin, n.now)
	return err
}

func (n *node) RegisterTold(in *heureka.Instance, told registry.Told, origin registry.Origin) error {
	_, err := n.reg.RegisterTold(in, told, origin, n.now)
	return err
}

func (n *node) Command(c *registry.Command, origin registry.Origin) (bool, error) {
	if n.err != nil {
		return false, n.err
	}
	return n.reg.Command(c, origin, n.now)
}

func (n *node) Renew(key heureka.Key, renewal registry.Renewal, origin registry.Origin) error {
	if n.err != nil {
		return n.err
	}
	return n.reg.Renew(key, renewal, origin, n.now)
}

func (n *node) Cancel(key heureka.Key, origin registry.Origin) error {
	if n.err != nil {
		return n.err
	}
	return n.reg.Cancel(key, origin, n.now)
}

func (n *node) SetOverride(key heureka.Key, s heureka.Status, dirtyMS int64, origin registry.Origin) error {
	if n.err != nil {
		return n.err
	}
	return n.reg.SetOverride(key, s, dirtyMS, origin, n.now)
}

func (n *node) ClearOverride(key heureka.Key, s heureka.Status, dirtyMS int64, origin registry.Origin) error {
	if n.err != nil {
		return n.err
	}
	return n.reg.ClearOverride(key, s, dirtyMS, origin, n.now)
}

func (n *node) SetMetadata(key heureka.Key, entries []heureka.MetadataEntry, origin registry.Origin) error {
	if n.err != nil {
		return n.err
	}
	_, err := n.reg.SetMetadata(key, entries, origin, n.now)
	return err
}

func (n *node) Instance(key heureka.Key) (*heureka.Instance, heureka.LeaseInfo, error) {
	return found(n.reg.Get(key, n.now))
}

func (n *node) InstanceByID(id string) (*heureka.Instance, heureka.LeaseInfo, error) {
	return found(n.reg.GetByID(id, n.now))
}

func (n *node) OwnStatus() heureka.Status {
	if n.info.Instance == nil {
		return heureka.StatusUnknown
	}
	return n.info.Instance.Status
}

func found(rec registry.Record, ok bool) (*heureka.Instance, heureka.LeaseInfo, error) {
	if !ok {
		return nil, heureka.LeaseInfo{}, heureka.ErrNotFound
	}
	in, lease := rec.Shown()
	return in, lease, nil
}

func (n *node) Answer(q respcache.Query) (*respcache.Answer, error) {
	if n.refuse {
		return nil, heureka.ErrNotReady
	}
	return n.cache.Get(q, n.now)
}

func (n *node) StatusInfo() httpapi.StatusInfo            { return n.info }
func (n *node) Overrides() map[heureka.Key]heureka.Status { return n.reg.Overrides() }

// An answer is what came back for a request.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request; each header is "Name: value".
func (n *node) do(tb testing.TB, method, target, body string, headers ...string) answer {
	tb.Helper()
	return do(tb, n, method, target, body, headers...)
}

func do(tb testing.TB, h http.Handler, method, target, body string, headers ...string) answer {
	tb.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	res := w.Result()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(b)}
}

func (n *node) get(tb testing.TB, target string, headers ...string) answer {
	tb.Helper()
	return n.do(tb, "GET", target, "", append([]string{asJSON}, headers...)...)
}

const (
	asJSON   = "Accept: application/json"
	asXML    = "Accept: application/xml"
	ofJSON   = "Content-Type: application/json"
	ofXML    = "Content-Type: application/xml"
	fromPeer = "X-Netflix-Discovery-Replication: true"
)

// dirty is the lastDirtyTimestamp of every record that tests register.
const dirty = 1_795_389_393_136

// fields is the body of a registration as a test sends it.
type fields map[string]any

// record returns a complete registration; more replaces members, and removes those that are nil.
func record(app, id string, more fields) string {
	f := fields{
		"instanceId": id, "hostName": "h1.example.org", "app": app, "ipAddr": "10.1.2.3", "status": "UP",
		"port":             fields{"$": 8080, "@enabled": "true"},
		"dataCenterInfo":   fields{"@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn"},
		"vipAddress":       strings.ToLower(app) + ".vip",
		"secureVipAddress": strings.ToLower(app) + ".svip", "lastDirtyTimestamp": fmt.Sprint(dirty),
		"metadata": fields{"zone": "z1"},
	}
	maps.Copy(f, more)
	maps.DeleteFunc(f, func(_ string, v any) bool { return v == nil })
	return encode(f)
}

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func registration(app, id string, more fields) string {
	return `{"instance":` + record(app, id, more) + `}`
}

// register stores an instance and fails the test if that does not work.
func (n *node) register(tb testing.TB, app, id string, more fields) {
	tb.Helper()
	a := n.do(tb, "POST", "/eureka/apps/"+app, registration(app, id, more), ofJSON)
	if a.status != http.StatusNoContent {
		tb.Fatalf("register %s/%s = %d %s, want 204", app, id, a.status, a.body)
	}
}

// stored returns the record as the registry has it.
func (n *node) stored(tb testing.TB, app, id string) *heureka.Instance {
	tb.Helper()
	rec, ok := n.reg.Find(heureka.Key{App: app, ID: id})
	if !ok {
		tb.Fatalf("no instance %s/%s", app, id)
	}
	return rec.Instance()
}

func (n *node) has(app, id string) bool {
	_, ok := n.reg.Find(heureka.Key{App: app, ID: id})
	return ok
}

// origin returns where the last change came from.
func (n *node) origin(tb testing.TB) registry.By {
	tb.Helper()
	if len(n.changes) == 0 {
		tb.Fatal("nothing has changed")
	}
	return n.changes[len(n.changes)-1].Origin.By
}

// wantEmpty checks an error answer or a plain success: this status, no body, no type, and a length of zero.
func wantEmpty(tb testing.TB, a answer, status int) {
	tb.Helper()
	if a.status != status {
		tb.Errorf("status %d %q, want %d", a.status, a.body, status)
		return
	}
	if a.body != "" {
		tb.Errorf("body %q, want none", a.body)
	}
	if got := a.header.Get("Content-Type"); got != "" && a.status/100 != 2 {
		tb.Errorf("Content-Type %q for an empty refusal", got)
	}
	if got := a.header.Get("Content-Length"); status >= 400 && got != "0" {
		tb.Errorf("Content-Length %q, want 0", got)
	}
}

// wantBad checks a 400 that says in one line what is wrong.
func wantBad(tb testing.TB, a answer, about string) {
	tb.Helper()
	if a.status != http.StatusBadRequest {
		tb.Errorf("status %d, want 400", a.status)
		return
	}
	if !strings.Contains(a.body, about) || strings.Count(a.body, "\n") != 1 || !strings.HasSuffix(a.body, "\n") {
		tb.Errorf("body %q, want one line about %q", a.body, about)
	}
	if got := a.header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
		tb.Errorf("Content-Type %q", got)
	}
}

// apps decodes a document of applications.
func apps(tb testing.TB, a answer) *heureka.Applications {
	tb.Helper()
	if a.status != http.StatusOK {
		tb.Fatalf("status %d %q, want 200", a.status, a.body)
	}
	f := wire.XML
	if strings.HasPrefix(a.body, "{") {
		f = wire.JSON
	}
	doc, err := wire.DecodeApplications(f, []byte(a.body))
	if err != nil {
		tb.Fatalf("decode %s: %v", a.body, err)
	}
	return doc
}

// ids lists what a document holds, as "APP/id STATUS action".
func ids(doc *heureka.Applications) []string {
	out := []string{}
	for _, app := range doc.Apps {
		for _, in := range app.Instances {
			out = append(out, fmt.Sprintf("%s %s %s", in.Key(), in.Status, in.Action))
		}
	}
	return out
}
