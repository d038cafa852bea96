package respcache_test

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/respcache"
	"heureka.internal/heureka/internal/wire"
)

// TestEveryAnswerMatchesModel drives a cache with remote regions through any order of changes and reads, and compares
// every answer with what the plain encoder makes of a naive model. Clients follow each view by deltas meanwhile.
func TestEveryAnswerMatchesModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newModel(t, rt)
		rt.Repeat(map[string]func(*rapid.T){
			"put":      m.put,
			"put many": m.putMany,
			"remove":   m.remove,
			"replace":  m.replaceRegion,
			"delta":    m.deltaOfRegion,
			"advance":  m.advance,
			"maintain": m.maintain,
			"full":     m.readFull,
			"recent":   m.readDelta,
			"poll":     m.poll,
			"app":      m.readApp,
			"vip":      m.readVIP,
			"status":   m.readStatus,
		})
	})
}

type instances map[heureka.Key]*heureka.Instance

// A model is what the cache should show, computed from scratch for each answer.
type model struct {
	*fixture
	disabled bool // no fallback to regions
	regions  map[string]instances
	clients  map[string]instances // by regions asked for: who follows by deltas
	versions map[string]string    // what deltas were seen
	serial   int64
}

// regionLists are the values of the regions parameter that the model uses.
var regionLists = []string{"", "east", "east,west", "nowhere", "nowhere,west"}

// westLists is the white list of region west.
var westLists = []string{"APP1", "APP3"}

func newModel(t *testing.T, rt *rapid.T) *model {
	cfg := respcache.Config{
		ChunkBytes:      rapid.SampledFrom([]int{1000, 4000, 256 << 10}).Draw(rt, "chunk"),
		DisableFallback: rapid.Bool().Draw(rt, "no fallback"),
	}
	m := &model{
		disabled: cfg.DisableFallback,
		regions:  map[string]instances{}, clients: map[string]instances{}, versions: map[string]string{},
	}
	if rapid.Bool().Draw(rt, "regions") {
		cfg.Regions = []respcache.RegionConfig{{Name: "West", Apps: westLists}, {Name: "east"}}
		m.regions["east"], m.regions["west"] = instances{}, instances{}
	}
	m.fixture = newFixture(t, cfg)
	for _, list := range regionLists {
		m.clients[list] = m.fetch(list)
	}
	return m
}

func (m *model) draw(t *rapid.T) *heureka.Instance {
	app := fmt.Sprintf("APP%d", rapid.IntRange(0, 4).Draw(t, "app"))
	in := instance(app, fmt.Sprintf("id%d", rapid.IntRange(0, 7).Draw(t, "id")), rapid.SampledFrom(statuses).Draw(t, "status"))
	in.VIPAddress = rapid.SampledFrom([]string{"", "v", "v,w", "w,x"}).Draw(t, "vip")
	m.serial++
	in.LastDirtyMS = m.serial // different in each state of an instance
	if rapid.Bool().Draw(t, "status change") {
		in.Action = heureka.ActionModified
	}
	return in
}

var statuses = []heureka.Status{
	heureka.StatusUp, heureka.StatusDown, heureka.StatusStarting, heureka.StatusOutOfService, heureka.StatusUnknown,
}

func (m *model) put(t *rapid.T) { m.fixture.put(m.draw(t)) }

func (m *model) putMany(t *rapid.T) {
	app := m.draw(t).App
	for i := range rapid.IntRange(1, 40).Draw(t, "n") {
		m.up(app, hostID(i))
	}
}

func (m *model) remove(t *rapid.T) {
	if len(m.live) == 0 {
		t.Skip("nothing there")
	}
	k := rapid.SampledFrom(sorted(m.live)).Draw(t, "key")
	m.fixture.remove(k.App, k.ID)
}

func sorted(set instances) []heureka.Key {
	return slices.SortedFunc(maps.Keys(set), func(a, b heureka.Key) int { return strings.Compare(a.String(), b.String()) })
}

func (m *model) anyRegion(t *rapid.T) string {
	if len(m.regions) == 0 {
		t.Skip("no regions")
	}
	return rapid.SampledFrom([]string{"east", "west"}).Draw(t, "region")
}

func (m *model) replaceRegion(t *rapid.T) {
	name := m.anyRegion(t)
	next := instances{}
	for _, k := range sorted(m.regions[name]) {
		if rapid.Bool().Draw(t, "keep") {
			next[k] = m.regions[name][k]
		}
	}
	for range rapid.IntRange(0, 3).Draw(t, "new") {
		in := m.draw(t)
		next[in.Key()] = in
	}
	m.regions[name] = next
	m.cache.Region(name).Replace(grouped(slices.Collect(maps.Values(next))), m.now)
}

func (m *model) deltaOfRegion(t *rapid.T) {
	name := m.anyRegion(t)
	in := m.draw(t)
	if rapid.Bool().Draw(t, "gone") {
		in.Action = heureka.ActionDeleted
		delete(m.regions[name], in.Key())
	} else {
		m.regions[name][in.Key()] = in
	}
	m.cache.Region(name).ApplyDelta(grouped([]*heureka.Instance{in}), m.now)
}

func grouped(list []*heureka.Instance) (apps []*heureka.Application) {
	for _, app := range byApp(list) {
		apps = append(apps, &heureka.Application{Name: app[0].App, Instances: app})
	}
	return apps
}

// advance lets time pass. Clients poll before changes are forgotten, as real ones do.
func (m *model) advance(t *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.IntRange(1, 200).Draw(t, "seconds")) * time.Second)
	for _, list := range regionLists {
		m.pollOne(t, list)
	}
	m.cache.PurgeDelta(m.now)
	maps.DeleteFunc(m.noted, func(_ heureka.Key, n noted) bool { return n.at.Before(m.now.Add(-180 * time.Second)) })
}

func (m *model) maintain(t *rapid.T) {
	m.cache.Maintain(m.now, rapid.IntRange(0, 20).Draw(t, "budget"))
}

// view returns what a query shows: the selected regions over the local registry.
func (m *model) view(list string) instances {
	out := maps.Clone(m.live)
	for _, name := range []string{"east", "west"} {
		chosen := slices.Contains(strings.Split(list, ","), name) || list == "" && !m.disabled
		for k, in := range m.regions[name] {
			if chosen && (name == "east" || slices.Contains(westLists, k.App)) {
				out[k] = in
			}
		}
	}
	return out
}

func (m *model) query(t *rapid.T, kind respcache.Kind) respcache.Query {
	q := respcache.Query{Kind: kind, Form: rapid.SampledFrom(forms).Draw(t, "form")}
	if kind == respcache.All || kind == respcache.Delta {
		q.Gzip = rapid.Bool().Draw(t, "gzip")
		q.Regions = rapid.SampledFrom(regionLists).Draw(t, "regions")
	}
	return q
}

func (m *model) readFull(t *rapid.T) {
	q := m.query(t, respcache.All)
	view := m.view(q.Regions)
	if got, want := m.get(q), document(q.Form, 1, hashOf(view), slices.Collect(maps.Values(view))); got != want {
		t.Fatalf("%+v is\n%s\nwant\n%s", q, got, want)
	}
}

var versionOf = regexp.MustCompile(`versions__delta\D+(\d+)`)

// readDelta checks the exact contents of a delta where nothing is merged; poll checks the others. No version is ever
// given to two contents (W-DELTA-5).
func (m *model) readDelta(t *rapid.T) {
	q := m.query(t, respcache.Delta)
	got := m.get(q)
	version := versionOf.FindStringSubmatch(got)[1]
	if id := fmt.Sprint(q.Regions, q.Form, " version ", version); m.versions[id] == "" {
		m.versions[id] = got
	} else if m.versions[id] != got {
		t.Fatalf("%s was\n%s\nand is\n%s", id, m.versions[id], got)
	}
	if len(m.regions) > 0 && q.Regions != "nowhere" && !(m.disabled && q.Regions == "") {
		return
	}
	v, _ := strconv.ParseInt(version, 10, 64)
	if want := m.delta(q.Form, v); got != want {
		t.Fatalf("%+v is\n%s\nwant\n%s", q, got, want)
	}
}

// fetch is a client's full fetch.
func (m *model) fetch(list string) instances {
	out := instances{}
	for _, app := range m.decode(respcache.Query{Kind: respcache.All, Form: jsonFull, Regions: list, Gzip: true}).Apps {
		for _, in := range app.Instances {
			out[in.Key()] = in
		}
	}
	return out
}

// poll lets one client apply a delta. Then it has the view that it asked for, and the hash says so (W-HASH-5).
func (m *model) poll(t *rapid.T) { m.pollOne(t, rapid.SampledFrom(regionLists).Draw(t, "client")) }

func (m *model) pollOne(t *rapid.T, list string) {
	client := m.clients[list]
	delta := m.decode(respcache.Query{Kind: respcache.Delta, Form: jsonFull, Regions: list, Gzip: true})
	for _, app := range delta.Apps {
		for _, in := range app.Instances {
			if in.Action == heureka.ActionDeleted {
				delete(client, in.Key())
			} else {
				client[in.Key()] = in
			}
		}
	}
	if want, got := states(m.view(list)), states(client); !maps.Equal(want, got) {
		t.Fatalf("regions %q: client after a delta (-want +got):\n%s", list, cmp.Diff(want, got))
	}
	if delta.Hash != hashOf(client) {
		t.Fatalf("regions %q: hash %q, client has %q", list, delta.Hash, hashOf(client))
	}
}

// states reduces instances to what tells two states of one apart.
func states(set instances) map[heureka.Key]int64 {
	out := map[heureka.Key]int64{}
	for k, in := range set {
		out[k] = in.LastDirtyMS
	}
	return out
}

func (m *model) readApp(t *rapid.T) {
	q := m.query(t, respcache.App)
	q.Name = m.draw(t).App
	a, err := m.cache.Get(q, m.now)
	want := m.application(q)
	switch {
	case want == "" && !errors.Is(err, heureka.ErrNotFound):
		t.Fatalf("%+v: error %v, want ErrNotFound", q, err)
	case want != "" && (err != nil || text(m.t, a) != want):
		t.Fatalf("%+v: error %v, want\n%s", q, err, want)
	}
}

// application is the document of one application: the local one, else that of the first region that has it.
func (m *model) application(q respcache.Query) string {
	sources := []instances{m.live}
	if !m.disabled {
		sources = append(sources, m.regions["east"], m.regions["west"])
	}
	for _, set := range sources {
		for _, app := range byApp(slices.Collect(maps.Values(set))) {
			if app[0].App == q.Name {
				return application(q.Form, app)
			}
		}
	}
	return ""
}

func application(form wire.Form, app []*heureka.Instance) string {
	b := form.AppendApplicationHead(nil, app[0].App)
	for i, in := range app {
		if i > 0 {
			b = append(b, form.Separator()...)
		}
		b = form.AppendApplicationInstance(b, in, in.Lease)
	}
	return string(form.AppendApplicationTail(b))
}

func (m *model) readVIP(t *rapid.T) {
	q := m.query(t, respcache.VIP)
	q.Name = rapid.SampledFrom([]string{"v", "w", "x", "v,w", "nobody"}).Draw(t, "name")
	has := m.view("")
	maps.DeleteFunc(has, func(_ heureka.Key, in *heureka.Instance) bool {
		return !slices.Contains(strings.Split(in.VIPAddress, ","), q.Name)
	})
	if got, want := m.get(q), document(q.Form, -1, hashOf(has), slices.Collect(maps.Values(has))); got != want {
		t.Fatalf("%+v is\n%s\nwant\n%s", q, got, want)
	}
}

func (m *model) readStatus(t *rapid.T) {
	view := m.view("")
	if got, want := m.cache.Counts().Hash(), hashOf(view); got != want {
		t.Fatalf("Counts are %s, want %s", got, want)
	}
	var got, want []string
	for _, app := range m.cache.Apps() {
		for _, in := range app.Instances {
			got = append(got, app.Name+"/"+in.ID)
		}
	}
	for _, app := range byApp(slices.Collect(maps.Values(view))) {
		for _, in := range app {
			want = append(want, in.Key().String())
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("Apps (-want +got):\n%s", diff)
	}
}
