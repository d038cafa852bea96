package grpcresolver

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/serviceconfig"
)

// ZonePolicy is the name of the balancing policy that lets the other zones answer while no instance of the zone in a
// target (zone=Z) can be connected to. Builders with RoundRobin or ServiceConfig put it around theirs. A channel with
// grpc.WithDefaultServiceConfig can name it there, with the policy that chooses within a zone:
//
//	{"loadBalancingConfig":[{"eureka_zone":{"childPolicy":[{"round_robin":{}}]}}]}
const ZonePolicy = "eureka_zone"

func init() { balancer.Register(zonePolicy{}) } // grpc-go knows policies only by a registry of the process

// zonePolicy makes zoneBalancers.
type zonePolicy struct{}

func (zonePolicy) Name() string { return ZonePolicy }

func (zonePolicy) Build(cc balancer.ClientConn, opts balancer.BuildOptions) balancer.Balancer {
	return &zoneBalancer{cc: cc, opts: opts}
}

// zoneConfig is the policy that chooses on either side of a zone's border.
type zoneConfig struct {
	serviceconfig.LoadBalancingConfig
	child  balancer.Builder
	config serviceconfig.LoadBalancingConfig
}

// ParseConfig takes the first policy of the list that grpc-go has, as grpc-go does.
func (zonePolicy) ParseConfig(text json.RawMessage) (serviceconfig.LoadBalancingConfig, error) {
	var outer struct{ ChildPolicy []map[string]json.RawMessage }
	if err := json.Unmarshal(text, &outer); err != nil {
		return nil, fmt.Errorf("%s: %w", ZonePolicy, err)
	}
	for _, policy := range outer.ChildPolicy {
		for name, config := range policy {
			if child := balancer.Get(name); child != nil {
				return zoneConfigOf(child, config)
			}
		}
	}
	return nil, fmt.Errorf("%s: no known policy in childPolicy", ZonePolicy)
}

func zoneConfigOf(child balancer.Builder, text json.RawMessage) (serviceconfig.LoadBalancingConfig, error) {
	parser, ok := child.(balancer.ConfigParser)
	if !ok {
		return &zoneConfig{child: child}, nil
	}
	config, err := parser.ParseConfig(text)
	if err != nil {
		return nil, err
	}
	return &zoneConfig{child: child, config: config}, nil
}

// farKey is the key, in the attributes of a resolver's state, of the endpoints outside the zone: a *[]resolver.Endpoint.
// They are not among the state's own, for policies that know nothing of zones.
type farKey struct{}

// A zoneBalancer leaves everything to a policy of its own for the near endpoints, and begins one for the far ones when the
// near one fails, or connects for too long: until then nothing is connected to far away.
type zoneBalancer struct {
	cc     balancer.ClientConn
	opts   balancer.BuildOptions
	events serial // does all that follows

	near, far side
	failed    bool        // the near side, and has not been ready since
	patience  *time.Timer // runs while the near side connects for the first time, or again
}

// zonePatience is how long the near side may connect before the far one is tried too.
const zonePatience = 2 * time.Second

// A side is one of the two policies.
type side struct {
	config  *zoneConfig
	given   balancer.ClientConnState
	policy  balancer.Balancer // nil: not begun
	channel *sideChannel      // that policy's
	state   balancer.State    // that the policy reported last; without a Picker: none yet
}

// A sideChannel is the channel as one policy sees it.
type sideChannel struct {
	balancer.ClientConn
	zone *zoneBalancer
	side *side
}

// UpdateState takes what the policy says of itself, unless it was closed meanwhile.
func (c *sideChannel) UpdateState(state balancer.State) {
	c.zone.events.do(func() {
		if c.side.channel == c {
			c.side.state = state
			c.zone.decide()
		}
	})
}

// take notes what is to be given to the policy.
func (s *side) take(config *zoneConfig, state resolver.State) {
	if s.config != nil && s.config.child.Name() != config.child.Name() {
		s.close()
	}
	s.config = config
	s.given = balancer.ClientConnState{ResolverState: state, BalancerConfig: config.config}
}

// update gives the policy its endpoints.
func (b *zoneBalancer) update(s *side) {
	if s.policy == nil {
		s.channel = &sideChannel{b.cc, b, s}
		s.policy = s.config.child.Build(s.channel, b.opts)
	}
	_ = s.policy.UpdateClientConnState(s.given) // the resolver reports changes by itself, and need not be asked again
}

func (s *side) close() {
	if s.policy != nil {
		s.policy.Close()
	}
	s.policy, s.channel, s.state = nil, nil, balancer.State{}
}

// UpdateClientConnState implements balancer.Balancer.
func (b *zoneBalancer) UpdateClientConnState(s balancer.ClientConnState) error {
	config, ok := s.BalancerConfig.(*zoneConfig)
	if !ok {
		return errors.New(ZonePolicy + ": no configuration")
	}
	b.events.do(func() {
		b.near.take(config, s.ResolverState)
		b.far.take(config, farState(s.ResolverState))
		b.update(&b.near)
		if b.far.policy != nil && b.hasFar() { // else it answers as it is until the near side does
			b.update(&b.far)
		}
		b.decide()
	})
	return nil
}

// farState is the state that a policy for the far endpoints sees.
func farState(s resolver.State) resolver.State {
	far, _ := s.Attributes.Value(farKey{}).(*[]resolver.Endpoint)
	s.Endpoints, s.Addresses = nil, nil
	if far != nil {
		s.Endpoints, s.Addresses = *far, addresses(*far)
	}
	return s
}

func (b *zoneBalancer) hasFar() bool { return len(b.far.given.ResolverState.Endpoints) > 0 }

// decide begins or ends the far side, and tells the channel which side answers.
func (b *zoneBalancer) decide() {
	if b.near.state.Picker == nil {
		return
	}
	b.judge(b.near.state.ConnectivityState)
	if !b.failed {
		b.far.close()
	} else if b.far.policy == nil && b.hasFar() {
		b.update(&b.far)
	}
	switch {
	case b.far.policy == nil || b.far.state.ConnectivityState == connectivity.TransientFailure:
		b.cc.UpdateState(b.near.state)
	case b.far.state.Picker != nil: // else it is about to report, and what the channel knows stays until then
		b.cc.UpdateState(b.far.state)
	}
}

// judge finds out whether the near side has failed.
func (b *zoneBalancer) judge(near connectivity.State) {
	if near == connectivity.Connecting && !b.failed {
		if b.patience == nil {
			b.patience = time.AfterFunc(zonePatience, func() { b.events.do(b.lose) })
		}
		return
	}
	b.stopWaiting()
	switch near {
	case connectivity.TransientFailure:
		b.failed = true
	case connectivity.Ready:
		b.failed = false
	}
}

func (b *zoneBalancer) stopWaiting() {
	if b.patience != nil {
		b.patience.Stop()
		b.patience = nil
	}
}

// lose ends the patience with a near side that still connects.
func (b *zoneBalancer) lose() {
	if b.patience != nil {
		b.failed = true
		b.decide()
	}
}

// ResolverError implements balancer.Balancer.
func (b *zoneBalancer) ResolverError(err error) {
	b.each(func(p balancer.Balancer) { p.ResolverError(err) })
}

// ExitIdle implements balancer.Balancer.
func (b *zoneBalancer) ExitIdle() { b.each(balancer.Balancer.ExitIdle) }

func (b *zoneBalancer) each(f func(balancer.Balancer)) {
	b.events.do(func() {
		for _, s := range []*side{&b.near, &b.far} {
			if s.policy != nil {
				f(s.policy)
			}
		}
	})
}

// UpdateSubConnState implements balancer.Balancer; grpc-go calls listeners instead.
func (b *zoneBalancer) UpdateSubConnState(balancer.SubConn, balancer.SubConnState) {}

// Close implements balancer.Balancer.
func (b *zoneBalancer) Close() {
	b.events.end(func() {
		b.stopWaiting()
		b.near.close()
		b.far.close()
	})
}

// A serial does one thing after the other in a goroutine of its own, because policies report with their locks held and
// what follows from a report may call them.
type serial struct {
	work sync.WaitGroup

	mu    sync.Mutex
	queue []func()
	busy  bool
	ended bool
}

func (s *serial) do(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(f)
}

// end does f as the last thing and waits for it.
func (s *serial) end(f func()) {
	s.mu.Lock()
	s.add(f)
	s.ended = true
	s.mu.Unlock()
	s.work.Wait()
}

// add starts the goroutine if there is none. The mutex is held.
func (s *serial) add(f func()) {
	if s.ended {
		return
	}
	s.queue = append(s.queue, f)
	if !s.busy {
		s.busy = true
		s.work.Go(s.run)
	}
}

func (s *serial) run() {
	for f := s.next(); f != nil; f = s.next() {
		f()
	}
}

func (s *serial) next() func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		s.busy = false
		return nil
	}
	f := s.queue[0]
	s.queue = s.queue[1:]
	return f
}
