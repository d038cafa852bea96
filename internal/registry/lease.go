package registry

import (
	"math"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/packed"
)

// A terms is what is asked of a version all the time: by heartbeats, the wheel and digests.
type terms struct {
	// What other nodes compare; see state.
	dirtyMS int64
	rev     uint64
	content uint64
	said    *said // nil: nothing

	lifeSecs int32          // of the lease: what the last registration asked for, clamped
	told     bool           // by another node, not by a client
	own      heureka.Status // the status without what operators say
}

func (v *terms) life() time.Duration { return time.Duration(v.lifeSecs) * time.Second }

// A version is one state of an instance while it is being made.
type version struct {
	terms
	instance heureka.Instance // as show leaves it
	owner    string           // see Record.Owner
}

// A stored is a version as it is kept. It is immutable: a change makes a new one, so a reader that has loaded it sees
// the instance, its override and its lease duration as they were together.
type stored struct {
	terms
	instance     packed.Instance
	owner        string
	lastDirtyMS  int64
	intervalSecs int32 // between heartbeats, at most maxLife
	weight       int32 // see Record.Weight
	status       heureka.Status
	overridden   heureka.Status
}

// pack returns v as it is kept.
func (v *version) pack() *stored {
	in := &v.instance
	interval := int32(min(in.Lease.RenewalIntervalSecs, int64(maxLife/time.Second)))
	return &stored{v.terms, packed.Of(in), v.owner, in.LastDirtyMS, interval, int32(packed.Weight(in)), in.Status, in.OverriddenStatus}
}

// version returns s to be changed; nil for nil.
func (s *stored) version() *version {
	if s == nil {
		return nil
	}
	v := &version{terms: s.terms, owner: s.owner}
	s.instance.UnpackTo(&v.instance)
	return v
}

// bare is version, with the metadata of the client, as adopt wants it.
func (s *stored) bare() *version {
	v := s.version()
	v.instance.Metadata = v.clientMetadata()
	return v
}

// A lease is the place of one instance in the registry, from its first registration until it is cancelled or evicted.
// Everything but the wheel's fields is safe to read at any time; next is guarded by the stripe, the rest is written
// under Registry.mu, except that renewals touch beat, shadow and silent without any lock.
type lease struct {
	current atomic.Pointer[stored]
	key     heureka.Key // set by index.insert

	prev, next *lease // same id, other application; the head of the list has no prev

	// beat is when the lease was last renewed, and whether that was a renewal rather than the registration; gone once
	// the lease has ended. A single word, so that a heartbeat and an eviction at the same moment cannot both succeed.
	beat     atomic.Int64
	shadow   atomic.Int64 // what nothing depends on but what people see: see packShadow
	silent   atomic.Int64 // whether it is counted as overdue, see silence
	nextBack *lease       // in silence.back

	wheelPrev, wheelNext *lease
	slot                 int32
}

// gone is the beat of a lease that was cancelled or evicted.
const gone = math.MinInt64

// maxLife bounds Config.MaxLease (S-DEF-24), so that no sum of times in nanoseconds can overflow.
const maxLife = 50 * 365 * 24 * time.Hour

// lifeOf returns the duration of a lease of this many seconds on the wire, in seconds. Longer ones than Config.MaxLease end
// after that: an instance that died must not be listed for years because of a slip.
func (r *Registry) lifeOf(secs int64) int32 {
	if secs <= 0 {
		secs = heureka.DefaultLeaseDurationSecs
	}
	return int32(min(secs, int64(r.cfg.MaxLease/time.Second)))
}

// packBeat makes one ordered word of a time since the registry's epoch and whether it is that of a renewal.
func packBeat(at time.Duration, renewal bool) int64 {
	w := int64(at) << 1
	if renewal {
		w |= 1
	}
	return w
}

func beatTime(w int64) time.Duration { return time.Duration(w >> 1) }
func isRenewal(w int64) bool         { return w&1 == 1 }

// packShadow makes one word of the time of the last renewal as the wire shows it (W-FLD-9), in milliseconds, and who told
// of that renewal: one store costs a heartbeat no more than the time alone.
func packShadow(ms int64, by teller) int64 { return ms<<16 | int64(by) }

func (l *lease) lastRenewalMS() int64 { return l.shadow.Load() >> 16 }
func (l *lease) heardFrom() teller    { return teller(l.shadow.Load()) }

// start begins the lease anew: registrations are not renewals (S-LEASE-1). Here and in renew the shadow is stored first, so
// that ownAge never takes what another node told for a heartbeat that arrived here.
func (l *lease) start(at time.Duration, wall time.Time, by teller) {
	l.shadow.Store(packShadow(wall.UnixMilli(), by))
	l.beat.Store(packBeat(at, false))
}

// renew extends the lease unless it has ended. Of concurrent renewals the latest counts.
func (l *lease) renew(at time.Duration, wall time.Time, life time.Duration, by teller) bool {
	for {
		old := l.beat.Load()
		if old == gone {
			return false
		}
		l.shadow.Store(packShadow(wall.Add(life).UnixMilli(), by))
		if l.beat.CompareAndSwap(old, max(packBeat(at, true), old|1)) {
			return true
		}
	}
}

// end ends the lease, unless it has been renewed since its beat was seen.
func (l *lease) end(seen int64) bool { return l.beat.CompareAndSwap(seen, gone) }

// expiry returns when a lease with this beat runs out. The reference server stores the renewal time plus the duration
// and adds the duration again when it compares, so its renewed leases live twice as long (S-LEASE-2); doubled
// reproduces that.
func expiry(beat int64, life time.Duration, doubled bool) time.Duration {
	if doubled && isRenewal(beat) {
		life *= 2
	}
	return beatTime(beat) + life
}

// record returns the present state of the instance with the lease.
func (l *lease) record() Record { return l.current.Load().record(l) }

// record returns this state of an instance with its lease.
func (s *stored) record(l *lease) Record { return Record{state: s, lease: l} }

// withLeaseDefaults replaces intervals that make no sense (W-FLD-8).
func withLeaseDefaults(info heureka.LeaseInfo) heureka.LeaseInfo {
	if info.RenewalIntervalSecs <= 0 {
		info.RenewalIntervalSecs = heureka.DefaultRenewalIntervalS
	}
	if info.DurationSecs <= 0 {
		info.DurationSecs = heureka.DefaultLeaseDurationSecs
	}
	return info
}
