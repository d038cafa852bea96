package grpcresolver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/attributes"
	"google.golang.org/grpc/resolver"

	"heureka.internal/heureka/client"
)

// A serviceResolver tells one channel the addresses of one service until it is closed.
type serviceResolver struct {
	builder *Builder
	query   query
	config  string // service config; "" for none
	cc      resolver.ClientConn

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu     sync.Mutex
	closed bool // nothing is added to work any more
}

// follow reports the addresses whenever they change (G-GR-5).
func (r *serviceResolver) follow() {
	c := r.builder.Client
	if c.Snapshot().Generation() == 0 {
		r.cc.ReportError(ErrNotReady)
	}
	watch := c.Watch(r.query.service())
	var lastNear, lastFar []resolver.Endpoint
	for first := true; ; first = false {
		u, err := watch.Next(r.ctx)
		if err != nil {
			r.explain(err, first)
			return
		}
		// The instances may differ in what is nothing to the channel.
		near, far := r.endpoints(u.Instances)
		if first || !slices.EqualFunc(near, lastNear, sameEndpoint) || !slices.EqualFunc(far, lastFar, sameEndpoint) {
			r.show(near, far)
			lastNear, lastFar = near, far
		}
	}
}

// explain tells the channel why there will be no address ever. One that has some keeps them.
func (r *serviceResolver) explain(err error, none bool) {
	if none && errors.Is(err, client.ErrStopped) {
		r.cc.ReportError(err)
	}
}

// sameEndpoint compares endpoints of one address.
func sameEndpoint(a, b resolver.Endpoint) bool {
	return a.Addresses[0].Equal(b.Addresses[0]) && a.Attributes.Equal(b.Attributes)
}

// show sends endpoints, whose attributes may change without a new connection, and plain addresses: some balancing
// policies know only one of the two. grpc-go refuses an empty list, but calls fail at once from then on, as they should
// (G-GR-6), and say which service is meant.
func (r *serviceResolver) show(near, far []resolver.Endpoint) {
	s := resolver.State{Endpoints: near, Addresses: addresses(near), Attributes: attributes.New(farKey{}, &far)}
	if r.config != "" {
		s.ServiceConfig = r.cc.ParseServiceConfig(r.config)
	}
	_ = r.cc.UpdateState(s) // it is for resolvers that can try again; this one waits for a change anyway
	if len(near) == 0 {
		r.cc.ReportError(fmt.Errorf("%s: %w", r.query.name, client.ErrNoInstance))
	}
}

func addresses(endpoints []resolver.Endpoint) []resolver.Address {
	var list []resolver.Address
	for _, e := range endpoints {
		list = append(list, e.Addresses...)
	}
	return list
}

// ResolveNow refreshes the registry in the background, unless that was done for any channel of the Builder in the last
// RefreshInterval (G-GR-7). A failure shows in the client's log and Stats.
func (r *serviceResolver) ResolveNow(resolver.ResolveNowOptions) {
	if r.ended() || !r.builder.mayRefresh(time.Now()) {
		return
	}
	if !r.spawn(func() { _ = r.builder.Client.Refresh(r.ctx) }) {
		r.builder.refreshEnded()
	}
}

func (r *serviceResolver) ended() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// spawn starts a refresh that Close waits for, unless that has been called.
func (r *serviceResolver) spawn(refresh func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.work.Go(func() {
		defer r.builder.refreshEnded()
		refresh()
	})
	return true
}

// Close ends everything that Build has started and waits for it.
func (r *serviceResolver) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.cancel()
	r.work.Wait()
}
