package client_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

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
		got[b.Pick("A", from).ID]++
	}
	return got
}

func TestRoundRobin(t *testing.T) { // C-VP-4, C-VP-6
	b := client.RoundRobin(rand.NewPCG(1, 1))
	three, two := farm(3, nil), farm(2, nil)
	var a, other []string
	for range 6 { // two services in turn, each in its own round
		a = append(a, b.Pick("A", three).ID)
		other = append(other, b.Pick("B", two).ID)
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
		firsts[client.RoundRobin(rand.NewPCG(uint64(i), 1)).Pick("A", three).ID] = true
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
				id := b.Pick("A", list).ID
				_ = b.Pick(fmt.Sprint("other", i), list)
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

func TestBalancersDoNotAllocate(t *testing.T) {
	list := farm(10, func(_ int, in *heureka.Instance) { meta(in, "zone", "z") })
	for name, b := range map[string]client.Balancer{
		"round robin": client.RoundRobin(nil), "random": client.Random(nil), "weighted": client.Weighted(nil),
		"zone": client.PreferZone("z", client.RoundRobin(nil)),
	} {
		b.Pick("A", list)
		if name == "zone" && raceEnabled {
			continue // the race detector empties pools at random
		}
		if n := testing.AllocsPerRun(100, func() { b.Pick("A", list) }); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
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
