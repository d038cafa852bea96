package registry

import "heureka"

// commit makes next the state of l, which may be a new lease, and reports ch with what that changed. With mu held.
func (r *Registry) commit(l *lease, next *version, ch Change) Change {
	prev := l.current.Load()
	r.account(prev, next)
	l.current.Store(next)
	if prev == nil {
		r.index.insert(l)
		r.wheel.place(l, r.expiry(l))
	} else {
		ch.Previous = &prev.instance
	}
	ch.Record = Record{Instance: &next.instance, lease: l}
	return r.report(ch)
}

// drop removes l, whose beat is already gone, and reports ch with its last state. With mu held.
func (r *Registry) drop(l *lease, ch Change) Change {
	prev := l.current.Load()
	r.account(prev, nil)
	r.index.remove(l)
	r.wheel.take(l)

	last := prev.instance
	last.Action = heureka.ActionDeleted
	last.LastUpdatedMS = ch.At.UnixMilli()
	last.Lease.EvictionMS = last.LastUpdatedMS
	ch.Record = Record{Instance: &last, lease: l}
	ch.Previous = &prev.instance
	r.cancelled.add(Event{At: ch.At, Key: ch.Key})
	return r.report(ch)
}

// report numbers a change and hands it on. With mu held.
func (r *Registry) report(ch Change) Change {
	r.seq++
	ch.Seq = r.seq
	if r.cfg.OnChange != nil {
		r.cfg.OnChange(ch)
	}
	return ch
}

// account keeps the sums over all instances. Prev is nil for a new instance, next for one that goes.
func (r *Registry) account(prev, next *version) {
	if prev != nil {
		r.statuses.Add(prev.instance.Status, -1)
		r.rate.Add(-rateOf(prev.instance.Lease))
	}
	if next != nil {
		r.statuses.Add(next.instance.Status, 1)
		r.rate.Add(rateOf(next.instance.Lease))
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
