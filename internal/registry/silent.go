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

// Silence returns who is overdue, the longest silent first but no more than most, and what each application lost that lost
// anything, by name. Stats agree with it then. It goes through all leases, without a lock.
func (r *Registry) Silence(most int, now time.Time) ([]Silent, []Loss) {
	t := r.instant(now)
	for r.stepWheel(t, true) {
	}
	var silent []Silent
	losses := map[string]*Loss{}
	for l := range r.all() {
		if l.silent.Load() <= audible {
			continue
		}
		s, overdue := r.silent(l, t)
		if !overdue {
			continue
		}
		if silent = append(silent, s); len(silent) >= 2*most+1 {
			silent = longest(silent, most)
		}
		countLoss(losses, &s, now)
	}
	return longest(silent, most), r.lost(losses)
}

// longest returns the most that have been silent for the longest time, in order.
func longest(all []Silent, most int) []Silent {
	slices.SortFunc(all, longestSilentFirst)
	return all[:min(len(all), most)]
}

func countLoss(losses map[string]*Loss, s *Silent, now time.Time) {
	loss := losses[s.Key.App]
	if loss == nil {
		loss = &Loss{App: s.Key.App}
		losses[s.Key.App] = loss
	}
	loss.Overdue++
	if s.Expired(now) {
		loss.Expired++
	}
}

// lost returns the losses with the sizes of their applications.
func (r *Registry) lost(losses map[string]*Loss) []Loss {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Loss, 0, len(losses))
	for app, loss := range losses {
		loss.Instances = r.apps[app].instances
		out = append(out, *loss)
	}
	slices.SortFunc(out, func(a, b Loss) int { return cmp.Compare(a.App, b.App) })
	return out
}

func longestSilentFirst(a, b Silent) int {
	return cmp.Or(a.Heard.Compare(b.Heard), cmp.Compare(a.Key.App, b.Key.App), cmp.Compare(a.Key.ID, b.Key.ID))
}

// silent describes a lease, and reports whether it is overdue.
func (r *Registry) silent(l *lease, t instant) (Silent, bool) {
	beat, v := l.beat.Load(), l.current.Load()
	s := Silent{Key: l.key, Status: v.status}
	if beat == gone {
		return s, false
	}
	s.Heard = t.wall.Add(beatTime(beat) - t.at)
	if age, ok := l.restoredAge(t); ok {
		s.Heard = t.wall.Add(-age)
	}
	s.RunsOut = t.wall.Add(expiry(beat, v.life(), r.cfg.DoubledLeases) - t.at)
	return s, t.at > r.due(beat, v)
}

// A Standing is how the lease of a record stands.
type Standing struct {
	Heard    Heartbeat // At is the last sign of life, be it the registration; zero if this node has no lease
	RunsOut  time.Time
	Overdue  bool
	Interval time.Duration // between its heartbeats
}

// Standing returns how the lease of a record stands now. A record that is not of this registry has none.
func (r *Registry) Standing(rec Record, now time.Time) Standing {
	interval := time.Duration(rec.Lease().RenewalIntervalSecs) * time.Second
	if rec.lease == nil {
		return Standing{Interval: interval}
	}
	s, overdue := r.silent(rec.lease, r.instant(now))
	heard := r.tellers.heartbeat(rec.lease.heardFrom())
	heard.At = s.Heard
	return Standing{Heard: heard, RunsOut: s.RunsOut, Overdue: overdue, Interval: interval}
}

// someExpired returns leases that ran out and are still listed: all of them, or most of those that were found first. It goes
// through no others. With mu held.
func (r *Registry) someExpired(most int, t instant) (out []Silent) {
	for l := r.wheel.heads[expiredSlot]; l != nil && len(out) < most; l = l.wheelNext {
		if s, overdue := r.silent(l, t); overdue && s.Expired(t.wall) {
			out = append(out, s)
		}
	}
	return out
}

// Release gives up the leases that have run out until now: the next ticks evict them, the usual share each, although
// self-preservation holds them. What runs out later is held as before, and who is heard in time stays. Their evictions name
// origin in their reason. It returns how many they are.
func (r *Registry) Release(origin Origin, now time.Time) int {
	t := r.instant(now)
	r.observe(t)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.released, r.releasedBy = t.at, origin
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
		return expiry(c.beat, c.lease.current.Load().life(), r.cfg.DoubledLeases) >= r.released
	})
	if len(out) == 0 {
		r.released = 0 // done
	}
	return out
}
