package client

import (
	"cmp"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
)

// A verdict on a try of an instance.
type outcome uint8

const (
	wentWell outcome = iota
	nobodyKnows
	refusedDial // no connection could be established
	timedOut
	broke // a status that counts as a failure, or a connection that ended
)

// Limits of passive ejection.
const (
	timeoutsToEject = 3 // in a row
	failuresToEject = 5 // in a row
	ratioWindow     = 30 * time.Second
	ratioCalls      = 20 // in a window, before a ratio means anything
	longestEjection = 5 * time.Minute
	mostEjected     = 0.7 // of a service; instances that refuse connections are not counted
)

// An ejector leaves instances alone that do not do their work, for a while that grows, and then lets one request try
// again. Nothing is asked that no caller wanted: it only watches.
type ejector struct {
	base time.Duration // of the first ejection

	version atomic.Uint64 // grows with every change of who is ejected
	watched atomic.Int32  // len(records), to be read without the lock
	due     atomic.Int64  // when the next probe may be, Unix nanoseconds

	mu      sync.Mutex
	records map[heureka.Key]*past // of instances with a failure not long ago
	stats   EjectionStats
}

// A past is the recent past of an instance.
type past struct {
	kind     outcome // of the last failure
	inARow   int
	calls    int // in the window
	failures int
	window   time.Time

	ejections int       // since it was well for long
	until     time.Time // zero: not ejected
	probing   bool
	since     time.Time // of the last change
}

// EjectionStats are numbers of a Transport.
type EjectionStats struct {
	Ejected   int    // now
	Ejections uint64 // ever
	Probes    uint64
}

// record takes an outcome. It reports whether the instance was ejected because of it.
func (e *ejector) record(key heureka.Key, what outcome, now time.Time) (ejected bool) {
	if e.base < 0 || what <= nobodyKnows && e.watched.Load() == 0 {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.records[key]
	switch {
	case r == nil && what <= nobodyKnows:
		return false
	case r == nil:
		r = &past{window: now, since: now}
		if e.records == nil {
			e.records = make(map[heureka.Key]*past)
		}
		e.records[key] = r
		e.watched.Store(int32(len(e.records)))
	}
	switch what {
	case nobodyKnows:
		r.probing = false
	case wentWell:
		e.well(key, r, now)
	default:
		return e.failed(r, what, now)
	}
	return false
}

// well forgets what was, little by little.
func (e *ejector) well(key heureka.Key, r *past, now time.Time) {
	r.inARow, r.probing = 0, false
	r.count(now, 0)
	if !r.until.IsZero() {
		r.until, r.since = time.Time{}, now
		e.stats.Ejected--
		e.changed()
	}
	if now.Sub(r.since) >= max(ratioWindow, e.length(r.ejections)) {
		delete(e.records, key)
		e.watched.Store(int32(len(e.records)))
	}
}

// failed ejects, if that is the last straw.
func (e *ejector) failed(r *past, what outcome, now time.Time) bool {
	r.kind, r.since, r.inARow = what, now, r.inARow+1
	r.count(now, 1)
	straw := what == refusedDial || what == timedOut && r.inARow >= timeoutsToEject || r.inARow >= failuresToEject ||
		r.calls >= ratioCalls && r.failures*2 >= r.calls
	again := r.probing
	if r.probing = false; !again && (!straw || !r.until.IsZero()) {
		return false
	}
	if r.until.IsZero() {
		e.stats.Ejected++
	}
	r.ejections++
	r.until = now.Add(e.length(r.ejections))
	e.stats.Ejections++
	e.changed()
	return true
}

// count keeps the window of the error ratio.
func (r *past) count(now time.Time, failures int) {
	if now.Sub(r.window) > ratioWindow {
		r.window, r.calls, r.failures = now, 0, 0
	}
	r.calls++
	r.failures += failures
}

// length of the nth ejection: each is twice as long as the one before.
func (e *ejector) length(n int) time.Duration {
	return min(cmp.Or(e.base, defaultAvoid)<<min(max(n-1, 0), 10), longestEjection)
}

// changed makes cached lists old, and finds out when the next probe is due. The mutex is held.
func (e *ejector) changed() {
	due := int64(math.MaxInt64)
	for _, r := range e.records {
		if !r.until.IsZero() && !r.probing {
			due = min(due, r.until.UnixNano())
		}
	}
	e.due.Store(due)
	e.version.Add(1)
}

// suspects reports whether the last call of an instance timed out, or the next one is a probe: that need not wait as long.
func (e *ejector) suspects(key heureka.Key) bool {
	if e.watched.Load() == 0 {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.records[key]
	return r != nil && (r.probing || r.kind == timedOut && r.inARow > 0)
}

// good returns the instances that are not ejected. No more are left out than a service can do without, except those that
// refuse connections; if all are, all come into question.
func (e *ejector) good(list []*heureka.Instance) []*heureka.Instance {
	e.mu.Lock()
	defer e.mu.Unlock()
	var good []*heureka.Instance
	allowed := int(float64(len(list)) * mostEjected)
	for _, in := range list {
		r := e.records[in.Key()]
		switch {
		case r == nil || r.until.IsZero():
			good = append(good, in)
		case r.kind == refusedDial:
		case allowed > 0:
			allowed--
		default:
			good = append(good, in)
		}
	}
	if len(good) == 0 {
		return list
	}
	return good
}

// probe returns an instance of the list whose ejection is over, for one request; nil if there is none. A request that
// cannot be sent again elsewhere is risked only where nothing else would come in time, or nothing is lost.
func (e *ejector) probe(list []*heureka.Instance, repeatable bool, now time.Time) *heureka.Instance {
	if now.UnixNano() < e.due.Load() {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, in := range list {
		r := e.records[in.Key()]
		if r == nil || r.until.IsZero() || r.probing || now.Before(r.until) {
			continue
		}
		if overdue := now.Sub(r.until) > e.length(r.ejections); repeatable || overdue || r.kind == refusedDial {
			r.probing = true
			e.stats.Probes++
			return in
		}
	}
	return nil
}

// numbers returns the statistics.
func (e *ejector) numbers() EjectionStats {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stats
}
