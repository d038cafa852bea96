package respcache

import (
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/wire"
)

// Documents of one application or VIP are small and of unknown number, so they are encoded when they are asked for, and
// kept on a shelf while they are asked for again and nothing in them has changed. Names that nobody has are never kept.

// A lookup is one such document.
type lookup struct {
	current atomic.Pointer[found]
	mu      sync.Mutex // held while encoding: one reader encodes, and those who come meanwhile wait for it
}

// found is an answer and what it was made of.
type found struct {
	answer  *Answer
	mirror  *mirror
	seq     uint64            // of the state it shows
	records []registry.Record // of applications: it shows every state that has the same ones
	expires time.Time
}

// A selection is what a lookup shall show: part of one state.
type selection struct {
	query   Query
	mirror  *mirror
	state   *state
	apps    []string // of VIPs: those that have it,
	changed uint64   // and seq of the last change
}

// selection returns what q asks for now. ok is false if nobody has the name.
func (c *Cache) selection(q Query) (sel selection, ok bool) {
	if q.Kind == App {
		return c.application(q)
	}
	c.mu.RLock() // index and state have to be of one moment
	defer c.mu.RUnlock()
	m := c.all.mirror
	e := m.vips.of(q.Kind)[q.Name]
	if e == nil {
		return sel, false
	}
	return selection{query: q, mirror: m, state: m.state(), apps: e.apps, changed: e.changed}, true
}

// application looks for an application here, and unless fallback is disabled in the regions (S-CACHE-13, W-APP-2).
func (c *Cache) application(q Query) (sel selection, ok bool) {
	for _, m := range c.fallback {
		s := m.state()
		for range s.live.app(q.Name) {
			return selection{query: q, mirror: m, state: s}, true
		}
	}
	return sel, false
}

// shows reports whether f is an answer for sel: nothing in it has changed since, or it is newer.
func (f *found) shows(sel *selection) bool {
	switch {
	case f == nil || f.mirror != sel.mirror:
		return false
	case f.seq >= sel.state.seq:
		return true
	case sel.query.Kind != App:
		return f.seq >= sel.changed
	}
	return sel.holds(f.records)
}

// holds reports whether the application has exactly these instances, in this state.
func (sel *selection) holds(shown []registry.Record) bool {
	for records := range sel.state.live.app(sel.query.Name) {
		for _, r := range records {
			if len(shown) == 0 || shown[0] != r {
				return false
			}
			shown = shown[1:]
		}
	}
	return len(shown) == 0
}

// lookup answers a query for one application or VIP.
func (c *Cache) lookup(q Query, now time.Time) (*Answer, error) {
	q.Regions, q.Gzip = "", false // not for these kinds
	sel, ok := c.selection(q)
	switch {
	case !ok && q.Kind == App:
		return nil, heureka.ErrNotFound
	case !ok:
		return c.emptyVIP[variantOf(q.Form)], nil
	}
	l, ok := c.lookups.get(q, now)
	if !ok {
		l = c.lookups.add(q, &lookup{}, 0, now)
	}
	if f := l.current.Load(); f.shows(&sel) && now.Before(f.expires) {
		return f.answer, nil
	}
	a, err := l.update(&sel, now, c.settings)
	if err != nil {
		return nil, err
	}
	c.lookups.replace(q, l, 2*a.Length) // with the instances, which may be gone from the registry
	return a, nil
}

// update encodes unless the one who held the lock before has done so.
func (l *lookup) update(sel *selection, now time.Time, set *settings) (*Answer, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.current.Load(); f.shows(sel) && now.Before(f.expires) {
		return f.answer, nil
	}
	if !set.mayKeep(2 * sel.weight()) {
		return nil, ErrNoRoom
	}
	f := sel.find()
	f.answer.ETag = set.tags.next()
	f.expires = now.Add(set.expiration)
	l.current.Store(f)
	return f.answer, nil
}

// weight returns about how long the document is.
func (sel *selection) weight() (sum int) {
	for r := range sel.records() {
		sum += r.Weight()
	}
	return sum
}

// records yields what the document shows. It works on a copy, so that a selection that nothing is encoded of costs no memory.
func (sel selection) records() iter.Seq[registry.Record] {
	apps := sel.apps
	if sel.query.Kind == App {
		apps = []string{sel.query.Name}
	}
	return func(yield func(registry.Record) bool) {
		for _, app := range apps {
			for own := range sel.state.live.app(app) {
				for _, r := range own {
					if sel.query.Kind != App && !hasVIP(vipsOf(sel.query.Kind, r), sel.query.Name) {
						continue
					}
					if !yield(r) {
						return
					}
				}
			}
		}
	}
}

func (sel *selection) find() *found {
	f := &found{mirror: sel.mirror, seq: sel.state.seq}
	if sel.query.Kind == App {
		f.answer, f.records = sel.applicationDocument()
	} else {
		f.answer = sel.vipDocument()
	}
	return f
}

func (sel *selection) applicationDocument() (a *Answer, shown []registry.Record) {
	form := sel.query.Form
	b := form.AppendApplicationHead(nil, sel.query.Name)
	for r := range sel.records() {
		if len(shown) > 0 {
			b = append(b, form.Separator()...)
		}
		in, lease := r.Shown()
		b = form.AppendApplicationInstance(b, in, lease)
		shown = append(shown, r)
	}
	return NewAnswer(form.Format, "", form.AppendApplicationTail(b)), shown
}

// vipDocument holds the instances that have the VIP, with a hash of their own (S-CACHE-14).
func (sel *selection) vipDocument() *Answer {
	var records []registry.Record
	var counts heureka.StatusCounts
	for r := range sel.records() {
		records = append(records, r)
		counts.Add(r.Status(), 1)
	}
	return NewAnswer(sel.query.Form.Format, "", appendVIPDocument(nil, sel.query.Form, records, counts.Hash()))
}

// vipVersion is the version of VIP documents: it makes a client that takes one for a registry fetch in full (W-VER-1).
const vipVersion = -1

func appendVIPDocument(b []byte, f wire.Form, records []registry.Record, hash string) []byte {
	b = f.AppendDocHead(b, vipVersion, hash)
	if len(records) > 0 {
		b = f.AppendAppHead(b, records[0].App())
		b = appendRecords(b, f, records)
		b = f.AppendAppTail(b)
	}
	return f.AppendDocTail(b, vipVersion, hash)
}
