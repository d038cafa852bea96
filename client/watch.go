package client

import (
	"context"
	"errors"
	"iter"
	"slices"

	"heureka.internal/heureka"
)

// ErrStopped says that the client has stopped.
var ErrStopped = errors.New("client has stopped")

// A Watch reports the instances of a service each time they change. It costs no goroutine and needs no closing; a Watch
// that nobody asks keeps up by itself, because it has no queue: the next call returns the newest state. It is for one
// goroutine; several watches of one service are independent.
type Watch struct {
	client  *Client
	service Service
	all     bool                // whatever service
	seen    *Snapshot           // the last one looked at
	indexed *service            // what its index had
	last    []*heureka.Instance // what was returned last
	begun   bool
}

// An Update is the set of instances of a service, and how it differs from what the Watch returned before: Changed has the
// new states of instances whose status, address, ports, VIP addresses or metadata are different now (G-WA-2).
type Update struct {
	Instances               []*heureka.Instance // all; shared, must not be changed
	Added, Changed, Removed []*heureka.Instance
	Generation              uint64 // of the snapshot
}

// Watch returns a Watch that has not returned anything yet.
func (c *Client) Watch(sv Service) *Watch { return &Watch{client: c, service: sv} }

// WatchAll returns a Watch of the instances of all services, as far as lookups of a service return them.
func (c *Client) WatchAll() *Watch { return &Watch{client: c, all: true} }

// Next returns the current instances at the first call, even if there are none, and then waits for each change. Before
// the first registry was fetched it waits for that. It fails only with the context's error, ErrStopped or
// ErrFetchDisabled; a failed fetch is not an error; Next keeps waiting.
func (w *Watch) Next(ctx context.Context) (Update, error) {
	if w.client.cfg.DisableFetch {
		return Update{}, ErrFetchDisabled
	}
	for {
		p := w.client.state.Load()
		if u, news := w.look(p.snapshot); news {
			return u, nil
		}
		select {
		case <-p.replaced:
		case <-ctx.Done():
			return Update{}, ctx.Err()
		case <-w.client.ended:
			if w.client.state.Load() == p { // nothing came at the last moment
				return Update{}, ErrStopped
			}
		}
	}
}

// All iterates over the results of Next until the context or the client ends.
func (w *Watch) All(ctx context.Context) iter.Seq[Update] {
	return func(yield func(Update) bool) {
		for {
			u, err := w.Next(ctx)
			if err != nil || !yield(u) {
				return
			}
		}
	}
}

// look compares a snapshot with what was returned last.
func (w *Watch) look(s *Snapshot) (Update, bool) {
	if s.generation == 0 || s == w.seen {
		return Update{}, false
	}
	w.seen = s
	plain := !w.all && w.service.Region == "" && !w.service.AnyStatus
	indexed := s.service(w.service)
	if w.begun && plain && indexed == w.indexed {
		return Update{}, false // the usual case: something else has changed
	}
	w.indexed = indexed
	u := Update{Instances: w.instances(s), Generation: s.generation}
	u.compare(w.last)
	if w.begun && u.empty() {
		return Update{}, false
	}
	w.begun, w.last = true, u.Instances
	return u, true
}

// instances returns those that are watched.
func (w *Watch) instances(s *Snapshot) []*heureka.Instance {
	if !w.all {
		return s.Instances(w.service)
	}
	var all []*heureka.Instance
	for in := range s.All() {
		if s.rules.usable(in) {
			all = append(all, in)
		}
	}
	return all
}

func (u *Update) empty() bool { return len(u.Added)+len(u.Changed)+len(u.Removed) == 0 }

// compare finds out how the instances differ from old ones. Order does not count: it is drawn anew with every change.
func (u *Update) compare(old []*heureka.Instance) {
	before := make(map[heureka.Key]*heureka.Instance, len(old))
	for _, in := range old {
		before[in.Key()] = in
	}
	for _, in := range u.Instances {
		was, known := before[in.Key()]
		delete(before, in.Key())
		switch {
		case !known:
			u.Added = append(u.Added, in)
		case !sameForCallers(was, in):
			u.Changed = append(u.Changed, in)
		}
	}
	for _, in := range old {
		if _, left := before[in.Key()]; left {
			u.Removed = append(u.Removed, in)
		}
	}
	u.Added, u.Changed, u.Removed = slices.Clip(u.Added), slices.Clip(u.Changed), slices.Clip(u.Removed)
}
