package client

import (
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
)

// LeastLatency returns a Balancer that takes two instances at random and of these the one that answers faster and has
// fewer calls under way: power of two choices. It learns from Picked.Done, which Transport calls. A failure counts as an
// answer that took long. A nil source is seeded from the system.
func LeastLatency(src rand.Source) Balancer {
	return &leastLatency{dice: newDice(src), loads: make(map[string]map[heureka.Key]*load)}
}

type leastLatency struct {
	dice *dice
	list memo[[]*load] // beside the instances

	mu    sync.Mutex
	loads map[string]map[heureka.Key]*load // what instances have shown outlives the list
}

// A load is what is known of an instance.
type load struct {
	underWay atomic.Int64
	latency  atomic.Uint64 // bits of a float64: nanoseconds, an average that forgets
}

// Pick implements Balancer.
func (b *leastLatency) Pick(info PickInfo) Picked {
	loads, ok := b.list.look(info.Service, info.Instances, 0)
	if !ok {
		loads = b.list.keep(info.Service, info.Instances, 0, b.of(info.Service, info.Instances))
	}
	n := uint64(len(loads))
	i := b.dice.below(n)
	if n > 1 {
		if j := (i + 1 + b.dice.below(n-1)) % n; loads[j].cost() < loads[i].cost() {
			i = j
		}
	}
	loads[i].underWay.Add(1)
	return Picked{Instance: info.Instances[i], Tracker: loads[i], Began: time.Now()}
}

// of returns the loads of the instances. Those that are left out for now, but may come back, are remembered.
func (b *leastLatency) of(service string, list []*heureka.Instance) []*load {
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.loads[service]
	now := make(map[heureka.Key]*load, len(list))
	if len(old) <= 2*len(list)+16 {
		maps.Copy(now, old)
	}
	usual := average(old)
	loads := make([]*load, len(list))
	for i, in := range list {
		key := in.Key()
		if loads[i] = old[key]; loads[i] == nil {
			loads[i] = new(load)
			loads[i].latency.Store(math.Float64bits(usual))
		}
		now[key] = loads[i]
	}
	b.loads[service] = now
	return loads
}

// average is what an instance is taken for that nobody has called yet: not the fastest, or all would call it.
func average(loads map[heureka.Key]*load) float64 {
	var sum float64
	for _, l := range loads {
		sum += math.Float64frombits(l.latency.Load())
	}
	return sum / max(float64(len(loads)), 1)
}

// cost is the time that a call more would take if those under way were one after the other.
func (l *load) cost() float64 {
	return (math.Float64frombits(l.latency.Load()) + 1) * float64(l.underWay.Load()+1)
}

// Shares of the old average that an answer leaves: slower ones count at once, faster ones little by little.
const (
	keptByFaster = 0.9
	keptBySlower = 0.5
	failureCosts = float64(time.Second)
)

// Done implements Tracker.
func (l *load) Done(began time.Time, err error) {
	l.underWay.Add(-1)
	if errors.Is(err, ErrNoOutcome) {
		return
	}
	took := float64(time.Since(began))
	if err != nil {
		took = max(took, failureCosts)
	}
	for {
		bits := l.latency.Load()
		old, kept := math.Float64frombits(bits), keptByFaster
		if took > old {
			kept = keptBySlower
		}
		if l.latency.CompareAndSwap(bits, math.Float64bits(old*kept+took*(1-kept))) {
			return
		}
	}
}
