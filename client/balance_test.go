package client_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

func farm(n int, edit func(i int, in *heureka.Instance)) []*heureka.Instance {
	var list []*heureka.Instance
	for i := range n {
		in := inst("a", fmt.Sprint(i), up)
		if edit != nil {
			edit(i, in)
		}
		list = append(list, in)
	}
	return list
}

func meta(in *heureka.Instance, key, value string) {
	in.Metadata = in.Metadata.With(heureka.MetadataEntry{Key: key, Value: value})
}

func shares(b client.Balancer, from []*heureka.Instance, picks int) map[string]int {
	got := map[string]int{}
	for range picks {
		got[pick(b, "A", from).ID]++
	}
	return got
}

func pick(b client.Balancer, service string, from []*heureka.Instance) *heureka.Instance {
	return b.Pick(client.PickInfo{Context: context.Background(), Service: service, Instances: from}).Instance
}

func TestRoundRobin(t *testing.T) { // C-VP-4, C-VP-6
	b := client.RoundRobin(rand.NewPCG(1, 1))
	three, two := farm(3, nil), farm(2, nil)
	var a, other []string
	for range 6 { // two services in turn, each in its own round
		a = append(a, pick(b, "A", three).ID)
		other = append(other, pick(b, "B", two).ID)
	}
	for i := 3; i < 6; i++ {
		if a[i] != a[i-3] || a[i] == a[i-1] || a[i] == a[i-2] {
			t.Errorf("A: %v", a)
		}
	}
	if other[0] == other[1] || other[0] != other[2] {
		t.Errorf("B: %v", other)
	}
	firsts := map[string]bool{}
	for i := range 30 {
		firsts[pick(client.RoundRobin(rand.NewPCG(uint64(i), 1)), "A", three).ID] = true
	}
	if len(firsts) != 3 {
		t.Errorf("rounds begin only at %v", firsts)
	}
}

func TestRoundRobinConcurrently(t *testing.T) {
	b := client.RoundRobin(nil)
	list := farm(4, nil)
	var mu sync.Mutex
	got := map[string]int{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 100 {
				id := pick(b, "A", list).ID
				_ = pick(b, fmt.Sprint("other", i), list)
				mu.Lock()
				got[id]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for id, n := range got {
		if n != 200 {
			t.Errorf("%s was picked %d times of 800", id, n)
		}
	}
}

func TestRandom(t *testing.T) {
	for id, n := range shares(client.Random(rand.NewPCG(1, 1)), farm(4, nil), 4000) {
		if n < 900 || n > 1100 {
			t.Errorf("%s was picked %d times of 4000", id, n)
		}
	}
}

func TestWeighted(t *testing.T) {
	weights := []string{"", "3", "0", "x", "-2", "2"} // unusable ones are 1, as Spring has it
	list := farm(len(weights), func(i int, in *heureka.Instance) {
		if weights[i] != "" {
			meta(in, "weight", weights[i])
		}
	})
	got := shares(client.Weighted(rand.NewPCG(1, 1)), list, 9000)
	for i, want := range []int{1000, 3000, 1000, 1000, 1000, 2000} {
		if n := got[fmt.Sprint(i)]; n < want*9/10 || n > want*11/10 {
			t.Errorf("weight %q was picked %d times, want about %d", weights[i], n, want)
		}
	}
}

func TestPreferZone(t *testing.T) { // C-VP-6
	list := farm(4, func(i int, in *heureka.Instance) { meta(in, "zone", []string{"a", "B", "b", "c"}[i]) })
	for zone, want := range map[string][]string{"b": {"1", "2"}, "a": {"0"}, "none": {"0", "1", "2", "3"}} {
		got := shares(client.PreferZone(zone, client.RoundRobin(nil)), list, 100)
		var picked []string
		for id := range got {
			picked = append(picked, id)
		}
		slices.Sort(picked)
		if !slices.Equal(picked, want) {
			t.Errorf("zone %s: picked %v, want %v", zone, picked, want)
		}
	}
}

// all returns every balancer, with keys that differ from call to call.
func all() map[string]client.Balancer {
	keys := [...]string{"a", "b", "c", "7"}
	n := 0
	key := func(client.PickInfo) string { n++; return keys[n%len(keys)] }
	return map[string]client.Balancer{
		"round robin": client.RoundRobin(nil), "random": client.Random(nil), "weighted": client.Weighted(nil),
		"zone": client.PreferZone("zone-1", client.RoundRobin(nil)), "spill": client.SpillZone("zone-1", client.RoundRobin(nil), nil),
		"subset": client.Subset(20, "me", client.RoundRobin(nil)), "sticky": client.Sticky(key, client.RoundRobin(nil)),
		"hash": client.ConsistentHash(key, client.RoundRobin(nil)), "latency": client.LeastLatency(nil),
	}
}

func TestBalancersDoNotAllocate(t *testing.T) {
	list := farm(10_000, func(i int, in *heureka.Instance) { meta(in, "zone", fmt.Sprint("zone-", i%3)) })
	for name, b := range all() {
		info := client.PickInfo{Context: t.Context(), Service: "A", Instances: list}
		b.Pick(info)
		if n := testing.AllocsPerRun(100, func() { b.Pick(info).Done(nil) }); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

// What a balancer has worked out for a list does not outlive it.
func TestBalancersFollowTheList(t *testing.T) {
	for name, b := range all() {
		for range 3 {
			for _, list := range [][]*heureka.Instance{farm(9, nil), farm(3, nil), farm(1, nil)} {
				for range 20 {
					if in := pick(b, "A", list); !slices.Contains(list, in) {
						t.Fatalf("%s picked %v, which is not in the list", name, in)
					}
				}
			}
		}
	}
}

func TestSpillZone(t *testing.T) {
	zones := func(names string) []*heureka.Instance {
		return farm(len(names), func(i int, in *heureka.Instance) { meta(in, "zone", names[i:i+1]) })
	}
	for _, tt := range []struct {
		zones string
		stay  int // of 1000
	}{{"abc", 1000}, {"aabbcc", 1000}, {"abbcc", 500}, {"abbbbbbbbb", 111}, {"bbb", 0}, {"aaa", 1000}, {"aaab", 1000}} {
		stayed := 0
		b := client.SpillZone("A", client.Random(rand.NewPCG(1, 2)), rand.NewPCG(3, 4))
		list := zones(tt.zones)
		for range 1000 {
			if client.Zone(pick(b, "A", list)) == "a" {
				stayed++
			}
		}
		if stayed < tt.stay-50 || stayed > tt.stay+50 {
			t.Errorf("zones %s: %d of 1000 calls stayed, want about %d", tt.zones, stayed, tt.stay)
		}
	}
}

func TestSubset(t *testing.T) {
	list := farm(100, nil)
	used := make(map[string]int)
	for caller := range 200 {
		b := client.Subset(5, fmt.Sprint("caller", caller), client.Random(nil))
		before := shares(b, list, 200)
		if len(before) != 5 {
			t.Fatalf("a subset of 5 has %d instances", len(before))
		}
		for id := range before {
			used[id]++
		}
		moved := 0
		for id := range shares(b, list[1:], 200) {
			if before[id] == 0 {
				moved++
			}
		}
		if moved > 1 {
			t.Errorf("one instance less moved %d of 5", moved)
		}
	}
	if len(used) != 100 {
		t.Errorf("200 callers use %d of 100 instances", len(used))
	}
}

func TestSticky(t *testing.T) {
	b := client.Sticky(client.Cookie("instance"), client.RoundRobin(nil))
	list := farm(5, nil)
	req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://a/", nil)
	req.AddCookie(&http.Cookie{Name: "instance", Value: "3"})
	info := client.PickInfo{Context: t.Context(), Service: "A", Request: req, Instances: list}
	for range 10 {
		if got := b.Pick(info).Instance.ID; got != "3" {
			t.Fatalf("picked %s, want 3", got)
		}
	}
	info.Instances = list[:2]
	if got := b.Pick(info).Instance; got == nil {
		t.Error("no instance although the session's is gone")
	}
}

func TestConsistentHash(t *testing.T) {
	var key string
	b := client.ConsistentHash(func(client.PickInfo) string { return key }, client.RoundRobin(nil))
	where := func(list []*heureka.Instance) map[string]string {
		m := make(map[string]string)
		for i := range 5000 {
			key = fmt.Sprint("key", i)
			m[key] = pick(b, "A", list).ID
		}
		return m
	}
	list := farm(50, nil)
	before := where(list)
	shuffled := slices.Clone(list)
	slices.Reverse(shuffled)
	if diff := cmp.Diff(before, where(shuffled)); diff != "" {
		t.Errorf("the order of the list matters:\n%s", diff)
	}
	share, moved := make(map[string]int), 0
	for k, id := range where(list[1:]) {
		share[id]++
		if before[k] != id && before[k] != list[0].ID {
			moved++
		}
	}
	for id, n := range share {
		if n < 50 || n > 200 {
			t.Errorf("%s has %d of 5000 keys", id, n)
		}
	}
	if moved > 500 {
		t.Errorf("one instance less moved %d keys of others", moved)
	}
}

func TestLeastLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := client.LeastLatency(rand.NewPCG(1, 1))
		list := farm(4, nil)
		got := make(map[string]int)
		for range 4000 {
			p := b.Pick(client.PickInfo{Context: t.Context(), Service: "A", Instances: list})
			took := 10 * time.Millisecond
			if p.Instance.ID == "2" {
				took = 100 * time.Millisecond
			}
			time.Sleep(took)
			p.Done(nil)
			got[p.Instance.ID]++
		}
		if got["2"] > 100 {
			t.Errorf("the slow instance got %d of 4000 calls", got["2"])
		}
		busy := b.Pick(client.PickInfo{Context: t.Context(), Service: "B", Instances: list[:1]})
		p := b.Pick(client.PickInfo{Context: t.Context(), Service: "B", Instances: list[:2]})
		if p.Instance == busy.Instance {
			t.Error("an instance with a call under way was picked before an idle one")
		}
	})
}

type picky struct{}

func (picky) Pick(client.PickInfo) client.Picked { return client.Picked{} }

func TestNoneFits(t *testing.T) {
	c := filled(t, inst("a", "1", up))
	tr := &client.Transport{Client: c, Balancer: picky{}, Base: &staticBase{}}
	req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://a/", nil)
	if _, err := tr.RoundTrip(req); !errors.Is(err, client.ErrNoInstance) {
		t.Errorf("RoundTrip = %v", err)
	}
}

func TestPick(t *testing.T) {
	c := filled(t, inst("a", "1", up))
	for _, sv := range []client.Service{client.App("a"), client.VIP("A"), client.SecureVIP("S-a"), {App: "a", AnyStatus: true}} {
		if in, err := c.Pick(sv); err != nil || in.ID != "1" {
			t.Errorf("Pick(%v) = %v, %v", sv, in, err)
		}
	}
	if _, err := c.Pick(client.App("none")); !errors.Is(err, client.ErrNoInstance) || err.Error() != "none: no instance available" {
		t.Errorf("Pick = %v", err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = c.Pick(client.App("a")) }); n != 0 {
		t.Errorf("Pick allocates %v times", n)
	}
}
