package registry

import (
	"cmp"
	"slices"
	"time"

	"heureka.internal/heureka"
)

// A Silent is a lease that is overdue.
type Silent struct {
	Key     heureka.Key
	Status  heureka.Status
	Heard   time.Time // the last sign of life
	RunsOut time.Time // in the past: it is held, or goes at one of the next ticks
}

// Expired reports whether the lease has run out.
func (s *Silent) Expired(now time.Time) bool { return s.RunsOut.Before(now) }

// A Loss is how many leases of an application are overdue.
type Loss struct {
	App                         string
	Instances, Overdue, Expired int
}

// Silence goes through all leases, without a lock, and returns those that are overdue, the longest silent first, and what
// each application lost that lost anything, by name. Stats agree with it then.
func (r *Registry) Silence(now time.Time) ([]Silent, []Loss) {
	t := r.instant(now)
	for r.stepWheel(t, true) {
	}
	var silent []Silent
	losses := map[string]*Loss{}
	for l := range r.all() {
		s, overdue := r.silent(l, t)
		loss := losses[s.Key.App]
		if loss == nil {
			loss = &Loss{App: s.Key.App}
			losses[s.Key.App] = loss
		}
		loss.Instances++
		if !overdue {
			continue
		}
		silent = append(silent, s)
		loss.Overdue++
		if s.Expired(now) {
			loss.Expired++
		}
	}
	slices.SortFunc(silent, longestSilentFirst)
	return silent, lost(losses)
}

// lost returns the losses that are some.
func lost(all map[string]*Loss) (some []Loss) {
	for _, loss := range all {
		if loss.Overdue > 0 {
			some = append(some, *loss)
		}
	}
	slices.SortFunc(some, func(a, b Loss) int { return cmp.Compare(a.App, b.App) })
	return some
}

func longestSilentFirst(a, b Silent) int {
	return cmp.Or(a.Heard.Compare(b.Heard), cmp.Compare(a.Key.App, b.Key.App), cmp.Compare(a.Key.ID, b.Key.ID))
}

// silent describes a lease, and reports whether it is overdue.
func (r *Registry) silent(l *lease, t instant) (Silent, bool) {
	beat, v := l.beat.Load(), l.current.Load()
	s := Silent{Key: v.instance.Key(), Status: v.instance.Status}
	if beat == gone {
		return s, false
	}
	s.Heard = t.wall.Add(beatTime(beat) - t.at)
	s.RunsOut = t.wall.Add(expiry(beat, v.life, r.cfg.DoubledLeases) - t.at)
	return s, t.at > r.due(beat, v)
}

// Expired returns the leases that ran out and are still listed, the longest silent first: all of them, or most of those
// that were found first. It goes through no others.
func (r *Registry) Expired(most int, now time.Time) []Silent {
	t := r.instant(now)
	r.observe(t)
	out := r.someExpired(most, t)
	slices.SortFunc(out, longestSilentFirst)
	return out
}

func (r *Registry) someExpired(most int, t instant) (out []Silent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for l := r.wheel.heads[expiredSlot]; l != nil && len(out) < most; l = l.wheelNext {
		if s, overdue := r.silent(l, t); overdue && s.Expired(t.wall) {
			out = append(out, s)
		}
	}
	return out
}

// Release gives up the leases that have run out until now: the next ticks evict them, the usual share each, although
// self-preservation holds them. What runs out later is held as before, and who is heard in time stays. It returns how many
// they are.
func (r *Registry) Release(now time.Time) int {
	t := r.instant(now)
	r.observe(t)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.released = t.at
	n := 0
	for _, expired := range r.wheel.expired {
		n += expired
	}
	return n
}

// ofReleased returns those of the expired leases that ran out before the last Release. With mu held.
func (r *Registry) ofReleased(expired []candidate) []candidate {
	if r.released == 0 {
		return nil
	}
	out := slices.DeleteFunc(slices.Clone(expired), func(c candidate) bool {
		return expiry(c.beat, c.lease.current.Load().life, r.cfg.DoubledLeases) >= r.released
	})
	if len(out) == 0 {
		r.released = 0 // done
	}
	return out
}
