package registry

import "heureka.internal/heureka"

// put makes next the state of l and reports ch. With mu held.
func (r *Registry) put(l *lease, next *version, ch Change) Change {
	prev := l.current.Load()
	r.account(prev, next)
	r.replace(l, next, ch.Key)
	if prev == nil {
		r.unbury(ch.Key)
		delete(r.parked, ch.Key)
		r.index.insert(l)
		r.seat(l, r.instant(ch.At).at)
	} else {
		ch.Previous = &prev.instance
	}
	r.tombs.longest = max(r.tombs.longest, next.life)
	ch.Record = next.record(l)
	return r.report(ch)
}

// replace stores next and follows the digest. With mu held.
func (r *Registry) replace(l *lease, next *version, key heureka.Key) {
	if prev := l.current.Load(); prev != nil {
		r.toggle(key, prev.state())
	}
	r.toggle(key, next.state())
	l.current.Store(next)
}

// drop removes l, whose beat is already gone, and reports ch with its last state. With mu held.
func (r *Registry) drop(l *lease, ch Change) Change {
	prev := l.current.Load()
	r.account(prev, nil)
	r.toggle(ch.Key, prev.state())
	r.index.remove(l)
	r.wheel.take(l)
	r.silence.forget(l)

	last := *prev
	last.instance.Action = heureka.ActionDeleted
	last.instance.LastUpdatedMS = ch.At.UnixMilli()
	last.instance.Lease.EvictionMS = last.instance.LastUpdatedMS
	ch.Record = last.record(l)
	ch.Previous = &prev.instance
	r.cancelled.add(Event{At: ch.At, Key: ch.Key, Origin: ch.Origin, Reason: ch.Reason})
	return r.report(ch)
}

// report numbers a change and hands it on. With mu held.
func (r *Registry) report(ch Change) Change {
	r.seq++
	ch.Seq = r.seq
	r.feed.append(ch)
	if r.cfg.OnChange != nil {
		r.cfg.OnChange(ch)
	}
	return ch
}

// Seq returns the number of the last change, once it has been handed on: the feed has changes a moment before OnChange.
func (r *Registry) Seq() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seq
}

// account keeps the sums over all instances. Prev is nil for a new instance, next for one that goes.
func (r *Registry) account(prev, next *version) {
	if prev != nil {
		r.statuses.Add(prev.instance.Status, -1)
		r.countStatus(prev, -1)
		r.rate.Add(-r.weightOf(prev))
	}
	if next != nil {
		r.statuses.Add(next.instance.Status, 1)
		r.rate.Add(r.weightOf(next))
		defer r.countStatus(next, 1) // once its application is known
	}
	switch {
	case prev == nil:
		r.size.Add(1)
		r.countApp(next.instance.App, 1)
		r.countClient(1)
	case next == nil:
		r.size.Add(-1)
		r.countApp(prev.instance.App, -1)
		r.countClient(-1)
	}
}

// countStatus follows the statuses of an application.
func (r *Registry) countStatus(v *version, n int64) {
	a := r.apps[v.instance.App]
	a.statuses.Add(v.instance.Status, n)
	r.apps[a.name] = a
}

// countApp follows the number of instances of an application; one without instances is not kept (S-DEF-35).
func (r *Registry) countApp(name string, n int) {
	a := r.apps[name]
	if a.instances += n; a.instances == 0 {
		delete(r.apps, name)
		return
	}
	if a.name == "" {
		a.name = name
	}
	r.apps[a.name] = a
}
