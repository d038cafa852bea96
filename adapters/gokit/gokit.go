// Package gokit makes a Eureka client the service discovery of Go kit (package sd). It is a module of its own, so that the
// client needs nothing but the standard library.
//
//	instancer := gokit.NewInstancer(c, client.App("orders"))
//	defer instancer.Stop()
//	endpoints := sd.NewEndpointer(instancer, factory, logger)
//	endpoint := lb.Retry(3, time.Second, lb.NewRoundRobin(endpoints))
package gokit

import (
	"context"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-kit/kit/sd"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

// An Instancer tells its observers the addresses ("10.0.0.1:8080") of a service, each time that they change.
type Instancer struct {
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu        sync.Mutex
	last      *sd.Event // nil before the first registry
	observers map[chan<- sd.Event]*observer
}

// An observer is a channel and what it has not been told yet.
type observer struct {
	newest chan sd.Event // holds one
	gone   chan struct{} // closed by Deregister
	ended  chan struct{}
}

var _ sd.Instancer = (*Instancer)(nil)

// NewInstancer follows a service until Stop is called. An instance whose plain port is not enabled is known by its secure
// one.
func NewInstancer(c *client.Client, sv client.Service) *Instancer {
	ctx, cancel := context.WithCancel(context.Background())
	i := &Instancer{cancel: cancel, observers: make(map[chan<- sd.Event]*observer)}
	i.work.Go(func() { i.follow(ctx, c.Watch(sv)) })
	return i
}

func (i *Instancer) follow(ctx context.Context, w *client.Watch) {
	for {
		u, err := w.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil: // the client has ended or fetches nothing: there will be no news
			i.tell(sd.Event{Err: err})
			return
		}
		i.tell(sd.Event{Instances: addresses(u.Instances)})
	}
}

// tell gives every observer an event in place of an older one that it has not taken. Observers that take none hold nobody up.
func (i *Instancer) tell(e sd.Event) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.last != nil && i.last.Err == nil && e.Err == nil && slices.Equal(i.last.Instances, e.Instances) {
		return
	}
	i.last = &e
	for _, o := range i.observers {
		o.offer(e)
	}
}

func (o *observer) offer(e sd.Event) {
	select {
	case <-o.newest: // older, and not taken
	default:
	}
	o.newest <- e // there is room: nobody else offers
}

// Register implements sd.Instancer: the present state is sent to ch soon, if there is one, and then each change.
func (i *Instancer) Register(ch chan<- sd.Event) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.observers[ch] != nil {
		return
	}
	o := &observer{newest: make(chan sd.Event, 1), gone: make(chan struct{}), ended: make(chan struct{})}
	i.observers[ch] = o
	if i.last != nil {
		o.offer(*i.last)
	}
	i.work.Go(func() { o.pass(ch) })
}

func (o *observer) pass(ch chan<- sd.Event) {
	defer close(o.ended)
	for {
		select {
		case e := <-o.newest:
			select {
			case ch <- e:
			case <-o.gone:
				return
			}
		case <-o.gone:
			return
		}
	}
}

// Deregister implements sd.Instancer: when it returns, nothing more is sent to ch, which may be closed.
func (i *Instancer) Deregister(ch chan<- sd.Event) {
	i.mu.Lock()
	o := i.observers[ch]
	delete(i.observers, ch)
	i.mu.Unlock()
	if o != nil {
		close(o.gone)
		<-o.ended
	}
}

// Stop ends all of it and waits for it.
func (i *Instancer) Stop() {
	i.cancel()
	i.mu.Lock()
	left := make([]chan<- sd.Event, 0, len(i.observers))
	for ch := range i.observers {
		left = append(left, ch)
	}
	i.mu.Unlock()
	for _, ch := range left {
		i.Deregister(ch)
	}
	i.work.Wait()
}

// addresses are in ascending order, so that they compare.
func addresses(instances []*heureka.Instance) []string {
	list := make([]string, 0, len(instances))
	for _, in := range instances {
		port := in.Port
		if !port.Enabled {
			port = in.SecurePort
		}
		if port.Enabled && in.HostName != "" {
			list = append(list, net.JoinHostPort(in.HostName, strconv.Itoa(port.Number)))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// A Registrar keeps an instance registered between Register and Deregister, while the client runs.
type Registrar struct {
	client *client.Client
	config client.InstanceConfig
	// Failed, if set, is told what Register and Deregister cannot return.
	Failed func(error)

	mu  sync.Mutex
	reg *client.Registration
}

var _ sd.Registrar = (*Registrar)(nil)

// NewRegistrar returns a Registrar that has registered nothing yet.
func NewRegistrar(c *client.Client, config client.InstanceConfig) *Registrar {
	return &Registrar{client: c, config: config}
}

// Register implements sd.Registrar. It does not wait for the registry.
func (r *Registrar) Register() {
	if err := r.register(); err != nil && r.Failed != nil {
		r.Failed(err)
	}
}

func (r *Registrar) register() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reg != nil {
		return nil
	}
	reg, err := r.client.Register(r.config)
	r.reg = reg
	return err
}

// leaveTimeout limits Deregister.
const leaveTimeout = 10 * time.Second

// Deregister implements sd.Registrar. It waits until the registry has heard of it, for 10 s and the DrainTime at most.
func (r *Registrar) Deregister() {
	r.mu.Lock()
	reg := r.reg
	r.reg = nil
	r.mu.Unlock()
	if reg == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), r.config.DrainTime+leaveTimeout)
	defer cancel()
	if err := reg.Deregister(ctx); err != nil && r.Failed != nil {
		r.Failed(err)
	}
}
