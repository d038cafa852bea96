//go:build interop

package interop

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	registryclient "heureka.internal/heureka/client"
)

// A script is a registry whose answers the test decides, so that clients can be given the same states and deltas.
type script struct {
	*httptest.Server

	mu      sync.Mutex
	version int
	records map[key]map[string]any
	recent  [][]map[string]any // what the deltas of the last steps have
	hash    string             // told instead of the true one, if not ""
	cycles  map[string]int     // begun, by the client, the first part of the path
	last    map[string]string  // path that each asked for
}

func newScript(t *testing.T) *script {
	s := &script{records: make(map[key]map[string]any), cycles: make(map[string]int), last: make(map[string]string)}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *script) urlOf(name string) string { return s.URL + "/" + name + "/eureka/" }

// ServeHTTP answers /CLIENT/eureka/apps, apps/delta and vips/NAME; nobody registers here.
func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, path, _ := strings.Cut(strings.Trim(r.URL.Path, "/"), "/eureka/")
	if path = strings.TrimSuffix(path, "/"); path != "apps" || s.last[name] != "apps/delta" { // that is still the same cycle
		s.cycles[name]++
	}
	s.last[name] = path
	list := slices.Collect(maps.Values(s.records))
	if vip, ok := strings.CutPrefix(path, "vips/"); ok {
		list = slices.DeleteFunc(list, func(in map[string]any) bool {
			return !slices.Contains(strings.Split(fmt.Sprint(in["vipAddress"]), ","), vip)
		})
	}
	if path == "apps/delta" {
		list = slices.Concat(s.recent...)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"applications": map[string]any{
		"versions__delta": strconv.Itoa(s.version), "apps__hashcode": s.hashNow(), "application": byApp(list),
	}})
}

// byApp groups records; a delta may have one twice, and the order counts.
func byApp(list []map[string]any) []map[string]any {
	instances := make(map[string][]map[string]any)
	for _, in := range list {
		app := in["app"].(string)
		instances[app] = append(instances[app], in)
	}
	groups := []map[string]any{}
	for _, app := range slices.Sorted(maps.Keys(instances)) {
		groups = append(groups, map[string]any{"name": app, "instance": instances[app]})
	}
	return groups
}

func (s *script) hashNow() string {
	if s.hash != "" {
		return s.hash
	}
	counts := make(map[string]int)
	for _, in := range s.records {
		counts[in["status"].(string)]++
	}
	hash := ""
	for _, status := range slices.Sorted(maps.Keys(counts)) {
		hash += fmt.Sprintf("%s_%d_", status, counts[status])
	}
	return hash
}

// begun returns how many fetches each client has begun.
func (s *script) begun() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.cycles)
}

// A change is of one instance; without fields it is deleted. In silence, no delta tells.
type change struct {
	key    key
	fields map[string]any
	silent bool
}

func (s *script) step(hash string, changes ...change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	s.hash = hash
	var delta []map[string]any
	for _, c := range changes {
		old, action := s.records[c.key], "MODIFIED"
		switch {
		case c.fields == nil && old == nil:
			continue
		case c.fields == nil:
			action = "DELETED"
			delete(s.records, c.key)
		case old == nil:
			action = "ADDED"
			old = record(c.key, 80, 90, nil)
			fallthrough
		default:
			old = maps.Clone(old)
			maps.Copy(old, c.fields)
			s.records[c.key] = old
		}
		told := maps.Clone(old)
		told["actionType"] = action
		if !c.silent {
			delta = append(delta, told)
		}
	}
	if s.recent = append(s.recent, delta); len(s.recent) > 3 {
		s.recent = s.recent[1:]
	}
}

// A belief is what a client makes of it all.
type belief struct {
	All        map[string]string   // status by application and id, of any status
	Apps       map[string][]string // ids that lookups return
	VIPs       map[string][]string
	SecureVIPs map[string][]string
	Hash       string
}

var believedVIPs = []string{"orders", "ORDERS", "shop", "pay", "safe", "nobody"}

func beliefOf(c *registryclient.Client) belief {
	s := c.Snapshot()
	b := belief{map[string]string{}, map[string][]string{}, map[string][]string{}, map[string][]string{}, s.Hash()}
	put := func(m map[string][]string, name string, list []*heureka.Instance) {
		if ids := idsOf(list); len(ids) > 0 {
			m[name] = ids
		}
	}
	for in := range s.All() {
		b.All[in.App+"/"+in.ID] = in.Status.String()
	}
	for _, app := range s.Apps() {
		put(b.Apps, app, s.App(app))
	}
	for _, vip := range believedVIPs {
		put(b.VIPs, vip, s.VIP(vip))
		put(b.SecureVIPs, vip, s.SecureVIP(vip))
	}
	return b
}

func idsOf(list []*heureka.Instance) (ids []string) {
	for _, in := range list {
		ids = append(ids, in.ID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// A couple is one client of either kind with the same settings.
type couple struct {
	name string
	java *client
	ours *registryclient.Client
}

// TestBeliefs gives the Netflix client and ours the same states and deltas, and compares what they make of them after each
// step; and whom Spring's load balancer and ours pick from that, with a zone to prefer.
func TestBeliefs(t *testing.T) {
	t.Parallel()
	s := newScript(t)
	s.step("", initial...)
	const java, zone = "--eureka.client.", "za"
	quiet := []string{java + "register-with-eureka=false", java + "fetch-registry=true"}
	zoned := []string{"--spring.cloud.loadbalancer.configurations=zone-preference", "--eureka.instance.metadata-map.zone=" + zone}
	couples := []*couple{
		s.couple(t, "usual", spring("2025", "resttemplate", slices.Concat(quiet, zoned)...), registryclient.Config{}),
		s.couple(t, "jersey", spring("2021", "jersey1", quiet...), registryclient.Config{}),
		s.couple(t, "all", spring("2025", "resttemplate", append(quiet, java+"filter-only-up-instances=false")...),
			registryclient.Config{IncludeAllStatuses: true}),
		s.couple(t, "vip", spring("2025", "resttemplate", append(quiet, java+"registry-refresh-single-vip-address=orders")...),
			registryclient.Config{OnlyVIP: "orders"}),
	}
	for _, c := range couples {
		awaitReady(t, c.java.proc, func() error { return do("GET", c.java.url+"/hello", new(string)) })
	}
	near := registryclient.PreferZone(zone, registryclient.RoundRobin(nil))
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for _, st := range slices.Concat(told, atRandom(rand.New(rand.NewPCG(seed, 0)), 12)) {
		s.step(st.hash, st.changes...)
		s.awaitFetched(t, couples)
		for _, c := range couples {
			eventually(t, limit, func() error { return c.agree(st.name) })
		}
		eventually(t, limit, func() error { return samePicks(couples[0], near, st.name) })
	}
	sameServers(t, couples[0].java)
	logf("our Go client believes what the Netflix client does in %d states", len(told)+12)
}

func (s *script) couple(t *testing.T, name string, k kind, cfg registryclient.Config) *couple {
	t.Helper()
	port := freePort(t)
	c := &couple{name: name, java: &client{
		kind: k, url: fmt.Sprintf("http://127.0.0.1:%d", port),
		proc: start(t, "beliefs-"+name, k.command(t, s.urlOf("java-"+name), "BELIEVER", port)),
	}}
	cfg.Servers, cfg.FetchInterval = []string{s.urlOf("ours-" + name)}, time.Second
	cfg.Logger = slog.New(slog.DiscardHandler)
	var err error
	if c.ours, err = registryclient.New(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = c.ours.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return c
}

// awaitFetched waits until every client has taken in the state: the second fetch from now on begins after the first has ended.
func (s *script) awaitFetched(t *testing.T, couples []*couple) {
	t.Helper()
	before := s.begun()
	eventually(t, limit, func() error {
		now := s.begun()
		for _, c := range couples {
			for _, name := range []string{"java-" + c.name, "ours-" + c.name} {
				if now[name] < before[name]+2 {
					return fmt.Errorf("%s has begun %d fetches since the step", name, now[name]-before[name])
				}
			}
		}
		return nil
	})
}

func (c *couple) agree(step string) error {
	java, ours := belief{}, beliefOf(c.ours)
	if err := c.java.ask(&java, "/beliefs", "vips", strings.Join(believedVIPs, ",")); err != nil {
		return err
	}
	if diff := cmp.Diff(java, ours); diff != "" {
		return &fatalError{fmt.Errorf("%s, step %q (-Java +ours):\n%s", c.name, step, diff)}
	}
	return nil
}

// samePicks compares which instances of "orders" would be called.
func samePicks(c *couple, near registryclient.Balancer, step string) error {
	const n = 60
	var spring []string
	if err := c.java.ask(&spring, "/picks", "app", "orders", "n", strconv.Itoa(n)); err != nil {
		return err
	}
	var ours []*heureka.Instance
	if list := c.ours.Snapshot().VIP("orders"); len(list) > 0 {
		for range n {
			ours = append(ours, near.Pick(registryclient.PickInfo{Context: context.Background(), Service: "orders", Instances: list}).Instance)
		}
	}
	if diff := cmp.Diff(strings.Join(spring, " "), strings.Join(idsOf(ours), " ")); diff != "" {
		return &fatalError{fmt.Errorf("step %q, picks (-Spring +ours):\n%s", step, diff)}
	}
	return nil
}

// sameServers compares the zones whose servers are asked first, and those that follow. In a zone that is not among the
// region's the Java client shuffles them all, as ours does.
func sameServers(t *testing.T, java *client) {
	t.Helper()
	urls := map[string][]string{"za": {"http://a1/"}, "zb": {"http://b1/", "http://b2/"}, "defaultZone": {"http://d/"}}
	var list []string
	for zone, all := range urls {
		for _, u := range all {
			list = append(list, zone+"="+u)
		}
	}
	for _, tt := range []struct{ zones, zone string }{
		{"za,zb", "za"}, {"za,zb", "zb"}, {"zb,za", "za"}, {"zx,za", "zx"}, {"za", "za"}, {"zb", "za"},
	} {
		var want [][]string
		if err := java.ask(&want, "/servers", "zones", tt.zones, "zone", tt.zone, "urls", strings.Join(list, ",")); err != nil {
			t.Fatal(err)
		}
		c, err := registryclient.New(registryclient.Config{
			Region: "here", AvailabilityZones: map[string][]string{"here": strings.Split(tt.zones, ",")}, Zone: tt.zone, ServiceURLs: urls,
		})
		if err != nil {
			t.Fatal(err)
		}
		got := c.Stats().Servers
		first := min(len(want[0]), len(got))
		for i, part := range [][]string{got[:first], got[first:]} {
			slices.Sort(part)
			wanted := slices.Concat(want[1:]...)
			if i == 0 {
				wanted = want[0]
			}
			slices.Sort(wanted)
			if !slices.Equal(part, wanted) {
				t.Errorf("zones %s from %s, part %d: %v, Java %v", tt.zones, tt.zone, i, part, wanted)
			}
		}
	}
}

var (
	o1, o2, o3, o4 = key{"ORDERS", "o1"}, key{"ORDERS", "o2"}, key{"ORDERS", "o3"}, key{"ORDERS", "o4"}
	b1             = key{"BILLING", "b1"}
)

func status(v string) map[string]any { return map[string]any{"status": v} }
func inZone(zone, v string) map[string]any {
	return map[string]any{"status": v, "metadata": map[string]string{"zone": zone}}
}

func overridden(v string) map[string]any {
	return map[string]any{"status": v, "overriddenStatus": v, "overriddenstatus": v}
}

var initial = []change{
	{key: o1, fields: map[string]any{"secureVipAddress": "safe", "metadata": map[string]string{"zone": "za"}}},
	{key: o2, fields: map[string]any{"vipAddress": "orders,shop", "metadata": map[string]string{"zone": "zb"}}},
	{key: b1, fields: map[string]any{"vipAddress": "pay"}},
}

// told are the steps that have a meaning.
var told = []struct {
	name    string
	hash    string
	changes []change
}{
	{name: "as it was at the start"},
	{name: "overridden", changes: []change{{key: o1, fields: overridden("OUT_OF_SERVICE")}}},
	{name: "override removed", changes: []change{{key: o1, fields: map[string]any{
		"status": "UP", "overriddenStatus": "UNKNOWN", "overriddenstatus": "UNKNOWN"}}}},
	{name: "starting", changes: []change{{key: o3, fields: inZone("zb", "STARTING")}}},
	{name: "started", changes: []change{{key: o3, fields: status("UP")}}},
	{name: "own zone down", changes: []change{{key: o1, fields: status("DOWN")}}},
	{name: "own zone back", changes: []change{{key: o1, fields: status("UP")}}},
	{name: "own zone empty", changes: []change{{key: o1}}},
	{name: "another VIP address", changes: []change{{key: o2, fields: map[string]any{"vipAddress": "shop", "secureVipAddress": "safe,pay"}}}},
	{name: "no VIP address", changes: []change{{key: o3, fields: map[string]any{"vipAddress": ""}}}},
	{name: "application gone", changes: []change{{key: b1}}},
	{name: "missing from the delta, seen in the hash", changes: []change{{key: o4, fields: inZone("za", "UP"), silent: true}}},
	{name: "missing from the delta, not seen in the hash",
		changes: []change{{key: o4, fields: map[string]any{"vipAddress": "pay"}, silent: true}}},
	{name: "a hash that is never right", hash: "UP_99_", changes: []change{{key: o3, fields: map[string]any{"vipAddress": "orders"}}}},
	{name: "nothing new"},
	{name: "everything gone", changes: []change{{key: o2}, {key: o3}, {key: o4}}},
	{name: "filled again", changes: []change{{key: o1, fields: inZone("za", "UP")}, {key: o2, fields: inZone("zb", "UP")}}},
	{name: "all down", changes: []change{{key: o1, fields: status("DOWN")}, {key: o2, fields: status("DOWN")}}},
}

// atRandom are steps without one.
func atRandom(r *rand.Rand, n int) (steps []struct {
	name    string
	hash    string
	changes []change
}) {
	keys := []key{o1, o2, o3, o4, b1, {"BILLING", "b2"}}
	statuses := []string{"UP", "UP", "UP", "DOWN", "STARTING", "OUT_OF_SERVICE", "UNKNOWN"}
	vips := []string{"orders", "orders,shop", "pay", "safe,orders", ""}
	zones := []string{"za", "ZA", "zb", "zc"}
	for i := range n {
		var changes []change
		for range 1 + r.IntN(4) {
			c := change{key: keys[r.IntN(len(keys))]}
			if r.IntN(4) > 0 {
				c.fields = inZone(zones[r.IntN(len(zones))], statuses[r.IntN(len(statuses))])
				c.fields["vipAddress"], c.fields["secureVipAddress"] = vips[r.IntN(len(vips))], vips[r.IntN(len(vips))]
			}
			changes = append(changes, c)
		}
		steps = append(steps, struct {
			name    string
			hash    string
			changes []change
		}{name: fmt.Sprintf("random %d: %v", i, changes), changes: changes})
	}
	return steps
}
