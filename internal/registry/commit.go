package registry

import (
	"strings"

	"heureka.internal/heureka"
)

// put makes next the state of l and reports ch. With mu held.
func (r *Registry) put(l *lease, next *version, ch Change) Change {
	prev, now := l.current.Load(), next.pack()
	r.account(ch.Key, prev, now)
	r.replace(l, now, ch.Key)
	if prev == nil {
		r.unbury(ch.Key)
		delete(r.parked, ch.Key)
		r.index.insert(l, ch.Key, r.apps[ch.Key.App].name)
		r.seat(l, r.instant(ch.At).at)
	} else {
		ch.Previous = prev.record(l)
	}
	r.tombs.longest = max(r.tombs.longest, now.life())
	ch.Record = now.record(l)
	return r.report(ch)
}

// replace stores next and follows the digest. With mu held.
func (r *Registry) replace(l *lease, next *stored, key heureka.Key) {
	if prev := l.current.Load(); prev != nil {
		r.toggle(key, prev.state())
	}
	r.toggle(key, next.state())
	l.current.Store(next)
}

// drop removes l, whose beat is already gone, and reports ch with its last state. With mu held.
func (r *Registry) drop(l *lease, ch Change) Change {
	prev := l.current.Load()
	r.account(ch.Key, prev, nil)
	r.toggle(ch.Key, prev.state())
	r.index.remove(l)
	r.wheel.take(l)
	r.silence.forget(l)

	ch.Previous = prev.record(l)
	ch.Record = ch.Previous
	ch.Record.ended = ch.At.UnixMilli()
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
func (r *Registry) account(key heureka.Key, prev, next *stored) {
	if prev != nil {
		r.statuses.Add(prev.status, -1)
		r.countStatus(key.App, prev.status, -1)
		r.rate.Add(-r.weightOf(key.App, prev))
	}
	if next != nil {
		r.statuses.Add(next.status, 1)
		r.rate.Add(r.weightOf(key.App, next))
		defer r.countStatus(key.App, next.status, 1) // once its application is known
	}
	switch {
	case prev == nil:
		r.size.Add(1)
		r.countApp(key.App, 1)
		r.countClient(1)
	case next == nil:
		r.size.Add(-1)
		r.countApp(key.App, -1)
		r.countClient(-1)
	}
}

// countStatus follows the statuses of an application.
func (r *Registry) countStatus(app string, s heureka.Status, n int64) {
	a := r.apps[app]
	a.statuses.Add(s, n)
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
		a.name = strings.Clone(name) // which may be a part of something large
	}
	r.apps[a.name] = a
}
