package client

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"heureka.internal/heureka"
)

// record makes an instance for tests.
func record(app, id string, s heureka.Status) *heureka.Instance {
	return &heureka.Instance{
		App: heureka.AppName(app), ID: id, HostName: "host-" + id, IPAddr: "192.0.2.9", Status: s,
		Port: heureka.Port{Number: 80, Enabled: true}, DataCenter: heureka.OwnDataCenter,
		VIPAddress: strings.ToLower(app), SecureVIPAddress: "s-" + strings.ToLower(app), LastDirtyMS: 1,
	}
}

func with(in *heureka.Instance, f func(*heureka.Instance)) *heureka.Instance {
	c := in.Clone()
	f(c)
	return c
}

func deltaOf(list ...*heureka.Instance) *heureka.Applications {
	doc := &heureka.Applications{}
	for _, in := range list {
		i := slices.IndexFunc(doc.Apps, func(a *heureka.Application) bool { return a.Name == in.App })
		if i < 0 {
			i = len(doc.Apps)
			doc.Apps = append(doc.Apps, &heureka.Application{Name: in.App})
		}
		doc.Apps[i].Instances = append(doc.Apps[i].Instances, in)
	}
	return doc
}

func added(in *heureka.Instance) *heureka.Instance {
	return with(in, func(in *heureka.Instance) { in.Action = heureka.ActionAdded })
}

func deleted(in *heureka.Instance) *heureka.Instance {
	return with(in, func(in *heureka.Instance) { in.Action = heureka.ActionDeleted })
}

func empty(r rules) *Snapshot { return &Snapshot{rules: &r} }

func chance() *rand.Rand { return rand.New(rand.NewPCG(1, 1)) }

func keys(s *Snapshot) []string {
	out := []string{}
	for in := range s.All() {
		out = append(out, in.Key().String())
	}
	return out
}

func TestApplyDelta(t *testing.T) { // C-DL-1
	const up, down = heureka.StatusUp, heureka.StatusDown
	a1, a2, b1 := record("A", "1", up), record("A", "2", up), record("B", "1", down)
	start := empty(rules{}).fromFull(deltaOf(a1, a2, b1), FromServer, chance())
	tests := []struct {
		name    string
		delta   []*heureka.Instance
		want    []string
		hash    string
		applied int
	}{
		{"nothing", nil, []string{"A/1", "A/2", "B/1"}, "DOWN_1_UP_2_", 0},
		{"new application", []*heureka.Instance{added(record("C", "9", up))}, []string{"A/1", "A/2", "B/1", "C/9"}, "DOWN_1_UP_3_", 1},
		{"known state", []*heureka.Instance{added(a1)}, []string{"A/1", "A/2", "B/1"}, "DOWN_1_UP_2_", 0},
		{"C-DL-6 other status", []*heureka.Instance{with(added(a1), func(in *heureka.Instance) {
			in.Status, in.Action = heureka.StatusOutOfService, heureka.ActionModified
		})}, []string{"A/1", "A/2", "B/1"}, "DOWN_1_OUT_OF_SERVICE_1_UP_1_", 1},
		{"deleted", []*heureka.Instance{deleted(a1)}, []string{"A/2", "B/1"}, "DOWN_1_UP_1_", 1},
		{"last of its application", []*heureka.Instance{deleted(b1)}, []string{"A/1", "A/2"}, "UP_2_", 1},
		{"unknown deleted", []*heureka.Instance{deleted(record("Z", "1", up)), deleted(record("A", "7", up))}, []string{"A/1", "A/2", "B/1"}, "DOWN_1_UP_2_", 0},
		{"C-DL-5 deleted before added in a new application", []*heureka.Instance{deleted(record("C", "1", up)), added(record("C", "2", up))},
			[]string{"A/1", "A/2", "B/1", "C/2"}, "DOWN_1_UP_3_", 1},
		{"came and went", []*heureka.Instance{added(record("C", "1", up)), deleted(record("C", "1", up))}, []string{"A/1", "A/2", "B/1"}, "DOWN_1_UP_2_", 2},
		{"no action", []*heureka.Instance{record("C", "1", up)}, []string{"A/1", "A/2", "B/1"}, "DOWN_1_UP_2_", 0},
		{"no id", []*heureka.Instance{with(added(record("C", "", up)), func(in *heureka.Instance) { in.HostName = "" })}, []string{"A/1", "A/2", "B/1"}, "DOWN_1_UP_2_", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, applied := start.fromDelta(deltaOf(tt.delta...), chance())
			if diff := gocmp.Diff(tt.want, keys(got)); diff != "" {
				t.Errorf("instances (-want +got):\n%s", diff)
			}
			checkIndexes(t, got)
			if got.Hash() != tt.hash || applied != tt.applied {
				t.Errorf("hash %s after %d changes, want %s after %d", got.Hash(), applied, tt.hash, tt.applied)
			}
			if again, n := got.fromDelta(deltaOf(tt.delta...), chance()); n != 0 && tt.name != "came and went" {
				t.Errorf("C-DL-4: the same delta changed %d more: %v", n, keys(again))
			}
		})
	}
	if diff := gocmp.Diff([]string{"A/1", "A/2", "B/1"}, keys(start)); diff != "" {
		t.Errorf("the old snapshot has changed (-want +got):\n%s", diff)
	}
}

// TestDeltaSharesWhatItDoesNotChange: an application without changes is the same, so that watches need not look.
func TestDeltaSharesWhatItDoesNotChange(t *testing.T) {
	a, b := record("A", "1", heureka.StatusUp), record("B", "1", heureka.StatusUp)
	start := empty(rules{}).fromFull(deltaOf(a, b), FromServer, chance())
	next, _ := start.fromDelta(deltaOf(added(record("A", "2", heureka.StatusUp))), chance())
	if start.service(App("B")) != next.service(App("B")) || start.service(VIP("b")) != next.service(VIP("b")) {
		t.Error("B was rebuilt")
	}
	if start.service(App("A")) == next.service(App("A")) {
		t.Error("A was not")
	}
	again := next.fromFull(next.Applications(), FromServer, chance())
	if again != next {
		t.Error("a full fetch of the same registry made a new snapshot")
	}
}

// TestDeltasLeadToTheRegistry is G-TS-2: a server with a random history, a client that polls at random, deltas that
// overlap. Whenever the hashes agree and counts tell states apart, the copy is the registry; indexes are always those
// of the copy.
func TestDeltasLeadToTheRegistry(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		srv := &modelServer{records: map[heureka.Key]*heureka.Instance{}}
		copied := empty(rules{})
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		missed := false
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			switch rapid.IntRange(0, 5).Draw(rt, "what") {
			case 0:
				copied = copied.fromFull(srv.full(), FromServer, random)
				missed = false
			case 1, 2:
				delta, complete := srv.delta()
				missed = missed || !complete
				copied, _ = copied.fromDelta(delta, random)
				if rapid.Bool().Draw(rt, "repeat") {
					copied, _ = copied.fromDelta(delta, random)
				}
			default:
				srv.change(rt)
				continue
			}
			if !missed {
				srv.check(rt, copied)
			}
			checkIndexes(rt, copied)
		}
	})
}

// modelServer is the plainest registry with deltas.
type modelServer struct {
	now     time.Duration
	records map[heureka.Key]*heureka.Instance
	changes []modelChange
	polled  time.Duration // when the client polled last
}

type modelChange struct {
	at time.Duration
	in *heureka.Instance
}

const window = 3 * time.Minute

func (m *modelServer) change(t *rapid.T) {
	m.now += time.Duration(rapid.IntRange(0, 60).Draw(t, "pause")) * time.Second
	app := rapid.SampledFrom([]string{"A", "B", "C"}).Draw(t, "app")
	in := record(app, fmt.Sprint(rapid.IntRange(1, 4).Draw(t, "id")), heureka.Status(rapid.IntRange(0, 4).Draw(t, "status")))
	in.VIPAddress = rapid.SampledFrom([]string{"a", "b", "a,b", " B , a", "", "b,b"}).Draw(t, "vip")
	in.LastUpdatedMS = int64(m.now/time.Millisecond) + int64(len(m.changes))
	in.Action = heureka.Action(rapid.IntRange(1, 3).Draw(t, "action"))
	key := in.Key()
	if in.Action == heureka.ActionDeleted {
		if m.records[key] == nil {
			return
		}
		delete(m.records, key)
	} else {
		m.records[key] = in
	}
	m.changes = append(m.changes, modelChange{m.now, in})
}

func (m *modelServer) full() *heureka.Applications {
	m.polled = m.now
	var list []*heureka.Instance
	for _, in := range m.records {
		list = append(list, in)
	}
	slices.SortFunc(list, func(a, b *heureka.Instance) int { return cmp.Compare(a.Key().String(), b.Key().String()) })
	return deltaOf(list...)
}

// delta returns the last state of what changed lately, and whether that covers everything since the last poll.
func (m *modelServer) delta() (doc *heureka.Applications, complete bool) {
	complete = m.now-m.polled <= window
	m.polled = m.now
	var list []*heureka.Instance
	seen := map[heureka.Key]bool{}
	for _, c := range slices.Backward(m.changes) {
		if m.now-c.at <= window && !seen[c.in.Key()] {
			seen[c.in.Key()] = true
			list = append(list, c.in)
		}
	}
	return deltaOf(list...), complete
}

func (m *modelServer) check(t *rapid.T, s *Snapshot) {
	var counts heureka.StatusCounts
	for _, in := range m.records {
		counts.Add(in.Status, 1)
	}
	if s.Hash() != counts.Hash() {
		t.Fatalf("hash %s, want %s", s.Hash(), counts.Hash())
	}
	if s.Len() != len(m.records) {
		t.Fatalf("%d instances, want %d", s.Len(), len(m.records))
	}
	for key, want := range m.records {
		got, ok := s.Instance(key.App, key.ID)
		if !ok || !sameRecord(got, want) {
			t.Fatalf("%s = %+v, want %+v", key, got, want)
		}
	}
}

// fataler is a testing.T or a rapid.T.
type fataler interface{ Fatalf(string, ...any) }

// checkIndexes compares every index with a search.
func checkIndexes(t fataler, s *Snapshot) {
	usable := func(match func(*heureka.Instance) bool) []string {
		out := []string{}
		for in := range s.All() {
			if in.Status == heureka.StatusUp && match(in) {
				out = append(out, in.Key().String())
			}
		}
		return out
	}
	for _, name := range []string{"A", "B", "C", "a", "b"} {
		checkList(t, "app "+name, s.App(name), usable(func(in *heureka.Instance) bool { return strings.EqualFold(in.App, name) }))
		checkList(t, "vip "+name, s.VIP(name), usable(func(in *heureka.Instance) bool {
			return slices.ContainsFunc(strings.Split(in.VIPAddress, ","), func(v string) bool {
				return strings.EqualFold(strings.TrimSpace(v), name)
			})
		}))
		checkList(t, "svip "+name, s.SecureVIP("s-"+name), usable(func(in *heureka.Instance) bool { return strings.EqualFold(in.App, name) }))
	}
	if got := s.VIP(""); got != nil {
		t.Fatalf("empty VIP = %v", got)
	}
}

func checkList(t fataler, what string, list []*heureka.Instance, want []string) {
	got := []string{}
	for _, in := range list {
		got = append(got, in.Key().String())
	}
	slices.Sort(got)
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

// TestSameRecordLooksAtEverything changes each field of an instance in turn, so that one that is added later is not
// forgotten.
func TestSameRecordLooksAtEverything(t *testing.T) {
	ignored := map[string]bool{"Action": true} // only tells what a delta does
	forOthers := map[string]bool{"SID": true, "OverriddenStatus": true, "CountryID": true, "Lease": true, "AppGroupName": true, "HomePageURL": true, "StatusPageURL": true, "HealthCheckURL": true, "SecureHealthCheckURL": true, "ASGName": true, "CoordinatingServer": true, "LastUpdatedMS": true, "LastDirtyMS": true, "Blank": true}
	base := record("A", "1", heureka.StatusUp)
	for name, changed := range everyField(t, base) {
		if got := sameRecord(base, changed); got != ignored[name] {
			t.Errorf("sameRecord with another %s = %v", name, got)
		}
		if got := sameForCallers(base, changed); got != (ignored[name] || forOthers[name]) {
			t.Errorf("sameForCallers with another %s = %v", name, got)
		}
	}
	renewed := with(base, func(in *heureka.Instance) { in.Lease.LastRenewalMS = 7 })
	if !sameRecord(base, renewed) {
		t.Error("a renewal makes another record")
	}
}
