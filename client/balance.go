package client

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"heureka.internal/heureka"
)

// ErrNoInstance says that a service has no instance to call. If that is not known, because no registry was fetched yet
// (see Client.Ready), the error matches heureka.ErrNotReady as well.
var ErrNoInstance = errors.New("no instance available")

// A Balancer chooses an instance for a call. It must be safe for concurrent use.
type Balancer interface {
	// Pick returns one of from, which is never empty and must not be kept or changed. service is the name that is
	// called, in a spelling that is always the same.
	Pick(service string, from []*heureka.Instance) *heureka.Instance
}

// Pick chooses one instance of a service with the configured Balancer. The error matches ErrNoInstance.
func (c *Client) Pick(sv Service) (*heureka.Instance, error) {
	s := c.Snapshot()
	list, name := s.Instances(sv), s.service(sv).name
	if len(list) == 0 {
		return nil, s.noInstance(sv.String())
	}
	if name == "" {
		name = heureka.AppName(sv.String())
	}
	return c.balancer.Pick(name, list), nil
}

// noInstance tells a service without instances from a client that has nothing to look into yet.
func (s *Snapshot) noInstance(name string) error {
	if s.generation == 0 {
		return fmt.Errorf("%s: %w: no registry was fetched yet, %w", name, ErrNoInstance, heureka.ErrNotReady)
	}
	return fmt.Errorf("%s: %w", name, ErrNoInstance)
}

// dice is a generator of random numbers for many goroutines: SplitMix64, whose state only ever counts up.
type dice struct{ state atomic.Uint64 }

// newDice seeds a generator from src, or from the system.
func newDice(src rand.Source) *dice {
	d := new(dice)
	if src == nil {
		d.state.Store(rand.Uint64())
	} else {
		d.state.Store(src.Uint64())
	}
	return d
}

// below returns a number in [0, n).
func (d *dice) below(n uint64) uint64 {
	z := d.state.Add(0x9e3779b97f4a7c15)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return (z ^ z>>31) % n // the bias is n in 2^64
}

// Random returns a Balancer that takes any instance with equal probability. A nil source is seeded from the system.
func Random(src rand.Source) Balancer { return &random{newDice(src)} }

type random struct{ dice *dice }

// Pick implements Balancer.
func (b *random) Pick(_ string, from []*heureka.Instance) *heureka.Instance {
	return from[b.dice.below(uint64(len(from)))]
}

// RoundRobin returns a Balancer that goes through the instances of each service in turn, beginning anywhere. A nil source
// is seeded from the system.
func RoundRobin(src rand.Source) Balancer {
	b := &roundRobin{dice: newDice(src)}
	b.turns.Store(&map[string]*atomic.Uint64{})
	return b
}

type roundRobin struct {
	dice  *dice
	turns atomic.Pointer[map[string]*atomic.Uint64] // replaced when a service is picked from for the first time
	mu    sync.Mutex                                // held while replacing it
}

// Pick implements Balancer. The usual case takes no lock: the map is never changed, only replaced.
func (b *roundRobin) Pick(service string, from []*heureka.Instance) *heureka.Instance {
	turn := (*b.turns.Load())[service]
	if turn == nil {
		turn = b.begin(service)
	}
	return from[turn.Add(1)%uint64(len(from))]
}

// begin adds a service. The map grows only by names that have instances, so the registry bounds it.
func (b *roundRobin) begin(service string) *atomic.Uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	old := *b.turns.Load()
	if turn := old[service]; turn != nil {
		return turn
	}
	turn := new(atomic.Uint64)
	turn.Store(b.dice.below(1000)) // as Spring begins (C-VP-6)
	turns := make(map[string]*atomic.Uint64, len(old)+1)
	maps.Copy(turns, old)
	turns[service] = turn
	b.turns.Store(&turns)
	return turn
}

// Weighted returns a Balancer that takes each instance in proportion to its metadata "weight", a whole number; 1 stands
// for a missing or unusable one. A nil source is seeded from the system.
func Weighted(src rand.Source) Balancer { return &weighted{newDice(src)} }

type weighted struct{ dice *dice }

// Pick implements Balancer in two passes, which is cheaper than keeping sums that every refresh would outdate.
func (b *weighted) Pick(_ string, from []*heureka.Instance) *heureka.Instance {
	var total uint64
	for _, in := range from {
		total += weight(in)
	}
	at := b.dice.below(total)
	for _, in := range from {
		w := weight(in)
		if at < w {
			return in
		}
		at -= w
	}
	return from[len(from)-1]
}

// weight reads what Spring's load balancer reads, and takes for 1 what that takes for 1.
func weight(in *heureka.Instance) uint64 {
	s := in.Metadata.Get(weightKey)
	if s == "" {
		return 1
	}
	w, err := strconv.ParseUint(s, 10, 31)
	if err != nil || w == 0 {
		return 1
	}
	return w
}

// PreferZone returns a Balancer that lets next choose among the instances in a zone (see Zone), or among all if none is
// there. Case does not matter (C-VP-6).
func PreferZone(zone string, next Balancer) Balancer { return &preferZone{zone, next} }

type preferZone struct {
	zone string
	next Balancer
}

// Pick implements Balancer.
func (b *preferZone) Pick(service string, from []*heureka.Instance) *heureka.Instance {
	near := borrow()
	defer near.giveBack()
	for _, in := range from {
		if strings.EqualFold(Zone(in), b.zone) {
			near.list = append(near.list, in)
		}
	}
	if len(near.list) == 0 {
		return b.next.Pick(service, from)
	}
	return b.next.Pick(service, near.list)
}

// scratch is a list of instances that lives only while one is picked.
type scratch struct{ list []*heureka.Instance }

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// borrow returns an empty list.
func borrow() *scratch { return scratches.Get().(*scratch) }

// giveBack forgets the instances first, so that a pool does not keep an old registry alive.
func (s *scratch) giveBack() {
	clear(s.list)
	s.list = s.list[:0]
	scratches.Put(s)
}
