package client_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/heurekatest"
)

// storm is a cluster with instances that come, change and go, and programs that look on, while everything breaks.
type storm struct {
	t       *testing.T
	rand    *rand.Rand
	cluster *heurekatest.Cluster
	up      map[string]bool // nodes
	regs    []*client.Registration
	lookers []*client.Client
}

var stormNodes = []string{"a", "b", "c"}

func newStorm(t *testing.T, seed uint64) *storm {
	s := &storm{
		t: t, rand: rand.New(rand.NewPCG(seed, 77)), up: map[string]bool{"a": true, "b": true, "c": true},
		cluster: heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: stormNodes, Seed: seed}),
	}
	sleep(time.Minute)
	for i := range 3 {
		c, _ := member(t, s.cluster, fmt.Sprint("provider", i), client.Config{DisableFetch: true})
		for j := range 2 {
			ic := orders(fmt.Sprint("provider", i))
			ic.App = fmt.Sprint("app", j)
			reg, err := c.Register(ic)
			if err != nil {
				t.Fatal(err)
			}
			s.regs = append(s.regs, reg)
		}
	}
	for i := range 2 {
		c, _ := member(t, s.cluster, fmt.Sprint("looker", i), client.Config{FetchInterval: 10 * time.Second})
		s.lookers = append(s.lookers, c)
	}
	return s
}

// act does one thing at random.
func (s *storm) act() {
	node := stormNodes[s.rand.IntN(3)]
	host := fmt.Sprint([]string{"provider", "looker"}[s.rand.IntN(2)], s.rand.IntN(2))
	reg := s.regs[s.rand.IntN(len(s.regs))]
	switch s.rand.IntN(9) {
	case 0:
		if s.up[node] {
			s.cluster.Node(node).Kill()
			s.up[node] = false
		}
	case 1, 2:
		s.start(node)
	case 3:
		s.cluster.Partition([]string{host}, []string{node})
	case 4:
		s.cluster.Net.Reset(host, node)
	case 5:
		s.cluster.Heal()
	case 6:
		_ = reg.SetStatus([]heureka.Status{up, heureka.StatusDown}[s.rand.IntN(2)])
	case 7:
		reg.SetMetadata(map[string]string{"n": fmt.Sprint(s.rand.IntN(100))})
	case 8:
		s.cluster.Partition([]string{node}, []string{stormNodes[s.rand.IntN(3)]})
	}
}

func (s *storm) start(node string) {
	if !s.up[node] {
		s.cluster.Node(node).Start()
		s.up[node] = true
	}
}

// calm ends all faults and gives everything time to repair itself: sessions, quarantine and back-off included.
func (s *storm) calm() {
	s.cluster.Heal()
	for _, n := range stormNodes {
		s.start(n)
	}
	sleep(6 * time.Minute)
}

// check compares what instances say of themselves with what every node and every onlooker has.
func (s *storm) check() {
	s.t.Helper()
	for _, reg := range s.regs {
		want := reg.Instance()
		for _, n := range stormNodes {
			in, ok := s.cluster.Node(n).Server().Instance(want.Key())
			if !ok || in.Status != want.Status || in.Metadata.Get("n") != want.Metadata.Get("n") {
				s.t.Errorf("%s has %v of %s, want status %v and %v", n, in, want.Key(), want.Status, want.Metadata)
			}
		}
		for i, c := range s.lookers {
			in, ok := c.Snapshot().Instance(want.App, want.ID)
			if !ok || in.Status != want.Status || in.Metadata.Get("n") != want.Metadata.Get("n") {
				s.t.Errorf("looker %d has %v of %s, want status %v and %v", i, in, want.Key(), want.Status, want.Metadata)
			}
		}
	}
}

// TestStorm is row 14 of the brief and the whole of sections 4, 5, 8 and 15 at once: after half an hour of dying servers,
// cut lines and changes, everything agrees again by itself.
func TestStorm(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStorm(t, seed)
				sleep(time.Minute)
				s.check()
				for range 60 {
					s.act()
					sleep(time.Duration(s.rand.IntN(60_000)) * time.Millisecond)
				}
				s.calm()
				s.check()
				for i, c := range s.lookers {
					st := c.Stats()
					t.Logf("looker %d: %d refreshes, %d failed, %d whole, %d mismatches", i, st.Fetches, st.FetchFailures, st.FullFetches, st.Mismatches)
				}
			})
		})
	}
}

// TestOutage is G-RQ-2 and the promise of the brief's last row: while no server can be reached for an hour, nothing is
// forgotten; when they return, empty, everybody is back within a minute or so.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStorm(t, 1)
		sleep(time.Minute)
		for _, n := range stormNodes {
			s.cluster.Node(n).Kill()
			s.up[n] = false
		}
		before := s.lookers[0].Snapshot()
		sleep(time.Hour)
		if got := s.lookers[0].Snapshot(); got != before || got.Len() < len(s.regs) {
			t.Errorf("%d instances left of %d", got.Len(), before.Len())
		}
		if got := s.lookers[0].Stats(); got.FetchFailures < 100 || time.Since(got.LastFetch) < 59*time.Minute {
			t.Errorf("stats %+v", got)
		}
		s.calm()
		s.check()
	})
}
