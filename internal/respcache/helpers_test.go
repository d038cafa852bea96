package respcache_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/registry/registrytest"
	"heureka.internal/heureka/internal/respcache"
	"heureka.internal/heureka/internal/respcache/respcachetest"
	"heureka.internal/heureka/internal/wire"
)

// epoch is when tests begin.
var epoch = time.Date(2024, 1, 1, 12, 0, 0, 0, time.UTC)

// forms are the four shapes of a document.
var forms = []wire.Form{
	{Format: wire.JSON, Detail: wire.Full}, {Format: wire.XML, Detail: wire.Full},
	{Format: wire.JSON, Detail: wire.Compact}, {Format: wire.XML, Detail: wire.Compact},
}

var jsonFull = forms[0]

// A fixture feeds a cache with changes and remembers what they amount to.
type fixture struct {
	t     testing.TB
	cache *respcache.Cache
	now   time.Time
	seq   uint64
	live  map[heureka.Key]*heureka.Instance
	noted map[heureka.Key]noted
}

// noted is the latest change of an instance.
type noted struct {
	in *heureka.Instance
	at time.Time
}

func newFixture(t testing.TB, cfg respcache.Config) *fixture {
	return &fixture{
		t: t, cache: respcachetest.New(cfg), now: epoch,
		live: map[heureka.Key]*heureka.Instance{}, noted: map[heureka.Key]noted{},
	}
}

// instance returns an instance of about 1 kB, as Spring registers it.
func instance(app, id string, s heureka.Status) *heureka.Instance {
	host := "ip-" + id + ".eu-west-1.compute.internal"
	lower := strings.ToLower(app)
	ms := epoch.UnixMilli()
	return &heureka.Instance{
		App: app, ID: id, HostName: host, IPAddr: "10.0.0.1", Status: s,
		Port: heureka.Port{Number: 8080, Enabled: true}, SecurePort: heureka.Port{Number: 443},
		CountryID: heureka.DefaultCountryID, DataCenter: heureka.OwnDataCenter,
		Lease:       heureka.LeaseInfo{RenewalIntervalSecs: 30, DurationSecs: 90, RegistrationMS: ms, LastRenewalMS: ms, ServiceUpMS: ms},
		Metadata:    heureka.NewMetadata(map[string]string{"management.port": "8080", "zone": "eu-west-1a"}),
		HomePageURL: "http://" + host + ":8080/", StatusPageURL: "http://" + host + ":8080/actuator/info",
		HealthCheckURL: "http://" + host + ":8080/actuator/health", VIPAddress: lower, SecureVIPAddress: lower + "-tls",
		LastUpdatedMS: ms, LastDirtyMS: ms, Action: heureka.ActionAdded,
	}
}

// put registers in, or changes it if it is there.
func (f *fixture) put(in *heureka.Instance) {
	kind := registry.Registered
	if in.Action == heureka.ActionModified {
		kind = registry.StatusChanged
	}
	f.live[in.Key()] = in
	f.apply(kind, in)
}

// up registers an instance with status UP.
func (f *fixture) up(app, id string) { f.put(instance(app, id, heureka.StatusUp)) }

// remove cancels an instance.
func (f *fixture) remove(app, id string) {
	k := heureka.Key{App: app, ID: id}
	last := f.live[k].Clone()
	last.Action = heureka.ActionDeleted
	delete(f.live, k)
	f.apply(registry.Cancelled, last)
}

func (f *fixture) apply(kind registry.ChangeKind, in *heureka.Instance) {
	f.seq++
	f.noted[in.Key()] = noted{in: in, at: f.now}
	f.cache.Apply(registry.Change{Seq: f.seq, Kind: kind, At: f.now, Key: in.Key(), Record: registry.NewRecord(in)})
}

// get returns the decoded text of the answer to q.
func (f *fixture) get(q respcache.Query) string {
	f.t.Helper()
	return text(f.t, f.answer(q))
}

func (f *fixture) answer(q respcache.Query) *respcache.Answer {
	f.t.Helper()
	a, err := f.cache.Get(q, f.now)
	if err != nil {
		f.t.Fatalf("Get(%+v): %v", q, err)
	}
	return a
}

// text returns what a client reads, after checking length and compression.
func text(t testing.TB, a *respcache.Answer) string {
	t.Helper()
	var body bytes.Buffer
	n, err := a.WriteTo(&body)
	if err != nil || n != a.Length || n != int64(body.Len()) {
		t.Fatalf("WriteTo = %d, %v; %d bytes written, Length is %d", n, err, body.Len(), a.Length)
	}
	if !a.Gzip {
		return body.String()
	}
	z, err := gzip.NewReader(&body)
	if err != nil {
		t.Fatal(err)
	}
	z.Multistream(false)
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatalf("gzip stream: %v", err)
	}
	if body.Len() > 0 {
		t.Fatalf("%d bytes behind the gzip stream", body.Len())
	}
	return string(plain)
}

// full is the document of everything registered.
func (f *fixture) full(form wire.Form) string {
	return document(form, 1, hashOf(f.live), slices.Collect(maps.Values(f.live)))
}

// delta is the document of the recent changes.
func (f *fixture) delta(form wire.Form, version int64) string {
	var changed []*heureka.Instance
	for _, n := range f.noted {
		changed = append(changed, n.in)
	}
	return document(form, version, hashOf(f.live), changed)
}

func hashOf(live map[heureka.Key]*heureka.Instance) string {
	var c heureka.StatusCounts
	for _, in := range live {
		c.Add(in.Status, 1)
	}
	return c.Hash()
}

// document encodes without any cleverness: in order of names and ids, one after the other.
func document(form wire.Form, version int64, hash string, instances []*heureka.Instance) string {
	b := form.AppendDocHead(nil, version, hash)
	for i, app := range byApp(instances) {
		if i > 0 {
			b = append(b, form.Separator()...)
		}
		b = form.AppendAppHead(b, app[0].App)
		for j, in := range app {
			if j > 0 {
				b = append(b, form.Separator()...)
			}
			b = form.AppendInstance(b, in, in.Lease)
		}
		b = form.AppendAppTail(b)
	}
	return string(form.AppendDocTail(b, version, hash))
}

// byApp sorts instances and groups them by application.
func byApp(instances []*heureka.Instance) (apps [][]*heureka.Instance) {
	groups := map[string][]*heureka.Instance{}
	for _, in := range instances {
		groups[in.App] = append(groups[in.App], in)
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		app := groups[name]
		slices.SortFunc(app, func(a, b *heureka.Instance) int { return strings.Compare(a.ResolvedID(), b.ResolvedID()) })
		apps = append(apps, app)
	}
	return apps
}

func appName(i int) string { return fmt.Sprintf("SERVICE-%04d", i) }
func hostID(i int) string  { return fmt.Sprintf("host-%06d", i) }

// decode returns the decoded JSON answer to q.
func (f *fixture) decode(q respcache.Query) *heureka.Applications {
	f.t.Helper()
	apps, err := wire.DecodeApplications(wire.JSON, []byte(f.get(q)))
	if err != nil {
		f.t.Fatal(err)
	}
	return apps
}

func (f *fixture) version(q respcache.Query) int64 {
	f.t.Helper()
	return f.decode(q).Version
}

// region fills a region of the cache with UP instances, named "APP/id".
func (f *fixture) region(name string, keys ...string) *respcache.Region {
	f.t.Helper()
	r := f.cache.Region(name)
	r.Replace(applications(keys...), f.now)
	return r
}

// applications returns UP instances named "APP/id", as a decoder does.
func applications(keys ...string) (apps []*heureka.Application) {
	for _, k := range keys {
		app, id, _ := strings.Cut(k, "/")
		apps = append(apps, &heureka.Application{Name: app, Instances: []*heureka.Instance{instance(app, id, heureka.StatusUp)}})
	}
	return apps
}

// A registryFixture has a real registry in front of the cache, for tests about leases.
type registryFixture struct {
	*fixture
	registry *registry.Registry
}

func newRegistryFixture(t testing.TB, cfg respcache.Config) *registryFixture {
	f := newFixture(t, cfg)
	r, err := registry.New(registrytest.Config(registry.Config{OnChange: f.cache.Apply}))
	if err != nil {
		t.Fatal(err)
	}
	return &registryFixture{fixture: f, registry: r}
}

func (f *registryFixture) register(in *heureka.Instance) {
	f.t.Helper()
	if _, err := f.registry.Register(in, registry.FromClient, f.now); err != nil {
		f.t.Fatal(err)
	}
}

func (f *registryFixture) renew(app, id string) {
	f.t.Helper()
	if err := f.registry.Renew(heureka.Key{App: app, ID: id}, registry.Renewal{}, registry.FromClient, f.now); err != nil {
		f.t.Fatal(err)
	}
}
