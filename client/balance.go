package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
)

// ErrNoInstance says that a service has no instance to call. If that is not known, because registry not fetched yet
// (see Client.Ready), the error matches heureka.ErrNotReady as well.
var ErrNoInstance = errors.New("no instance available")

// A Balancer chooses an instance for a call. It must be safe for concurrent use.
type Balancer interface {
	// Pick returns one of the instances that it is given; without an Instance in it, none fits.
	Pick(PickInfo) Picked
}

// A PickInfo is what a Balancer may go by.
type PickInfo struct {
	Context context.Context // of the call
	// Service is the name that is called, in a spelling that is always the same.
	Service string
	Request *http.Request // nil unless a Transport picks
	// Instances are those that come into question, at least one. The list must not be changed. It is never changed by
	// others either, so what is worked out for it holds for as long as it comes again.
	Instances []*heureka.Instance
}

// A Picked is an instance that a Balancer has chosen.
type Picked struct {
	Instance *heureka.Instance // nil: none fits
	// Tracker, if set, is told once how the call went, with Began.
	Tracker Tracker
	Began   time.Time
}

// A Tracker learns from the outcome of calls. A nil error is a success; ErrNoOutcome says that nobody knows.
type Tracker interface {
	Done(began time.Time, err error)
}

// ErrNoOutcome is the outcome of calls that nobody follows.
var ErrNoOutcome = errors.New("outcome unknown")

// Done tells whoever has picked how the call went. It is called once.
func (p Picked) Done(err error) {
	if p.Tracker != nil {
		p.Tracker.Done(p.Began, err)
	}
}

// Pick chooses one instance of a service with the configured Balancer. The error matches ErrNoInstance.
func (c *Client) Pick(sv Service) (*heureka.Instance, error) {
	p, err := c.Choose(context.Background(), sv)
	p.Done(ErrNoOutcome)
	return p.Instance, err
}

// Choose is Pick for who tells afterwards, by Picked.Done, how the call went: LeastLatency needs that.
func (c *Client) Choose(ctx context.Context, sv Service) (Picked, error) {
	s := c.Snapshot()
	list, name := s.Instances(sv), s.service(sv).name
	if len(list) == 0 {
		c.hint()
		return Picked{}, s.noInstance(sv.String())
	}
	if name == "" {
		name = heureka.AppName(sv.String())
	}
	p := c.balancer.Pick(PickInfo{Context: ctx, Service: name, Instances: list})
	if p.Instance == nil {
		return Picked{}, fmt.Errorf("%s: %w: none fits", name, ErrNoInstance)
	}
	return p, nil
}

// noInstance tells a service without instances from a client that has nothing to look into yet.
func (s *Snapshot) noInstance(name string) error {
	if s.generation == 0 {
		return fmt.Errorf("%s: %w: registry not fetched yet, %w", name, ErrNoInstance, heureka.ErrNotReady)
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
func (b *random) Pick(info PickInfo) Picked { return Picked{Instance: b.dice.oneOf(info.Instances)} }

// oneOf returns any of the instances.
func (d *dice) oneOf(list []*heureka.Instance) *heureka.Instance {
	return list[d.below(uint64(len(list)))]
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
func (b *roundRobin) Pick(info PickInfo) Picked {
	turn := (*b.turns.Load())[info.Service]
	if turn == nil {
		turn = b.begin(info.Service)
	}
	return Picked{Instance: info.Instances[turn.Add(1)%uint64(len(info.Instances))]}
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
