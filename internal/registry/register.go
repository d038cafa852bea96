package registry

import (
	"errors"
	"fmt"
	"math"
	"time"

	"heureka.internal/heureka"
)

// errNoKey refuses an instance that cannot be addressed.
var errNoKey = errors.New("instance without application or id, or with a very long one")

// maxKeyBytes bounds what history and tombstones keep of a key, whoever lets it in.
const maxKeyBytes = 8 << 10

// Register stores an instance and starts its lease anew (S-REGISTER-1). Of two records the one with the later
// LastDirtyMS stays; the lease starts anew all the same, and the caller passes the instance that came in, not the one
// that stayed, to the peers (S-REGISTER-3). An instance without LastDirtyMS gets the present time (W-REG-8). The
// registry keeps a copy. What is copied at a start from a peer that has not heard of the cancellation of this record or a
// later one is left aside: that is no error, and the Change is zero.
func (r *Registry) Register(in *heureka.Instance, origin Origin, now time.Time) (Change, error) {
	return r.registerUnlessOver(in, origin, origin.By == BySync || origin.By == ByStart, Told{}, now)
}

// AnyIncarnation stands for that of a peer that does not say which one it means.
const AnyIncarnation uint32 = math.MaxUint32

// Told is what a heureka peer says beside a record that it replicates.
type Told struct {
	Incarnation uint32            // that of the peer's record, see Record.Incarnation
	Metadata    []MetadataCommand // what of the record's metadata operators have set
	Own         heureka.Status    // with HasOwn: the status that the client says
	HasOwn      bool
}

// RegisterTold is Register for what a peer replicates in a batch. If the incarnation or a later record was cancelled, the peer
// has not heard of it yet, and what it says is left aside.
func (r *Registry) RegisterTold(in *heureka.Instance, told Told, origin Origin, now time.Time) (Change, error) {
	return r.registerUnlessOver(in, origin, true, told, now)
}

// registerUnlessOver leaves in aside, if it may be late, when a record at its position or a later one has been cancelled.
func (r *Registry) registerUnlessOver(in *heureka.Instance, origin Origin, late bool, told Told, now time.Time) (Change, error) {
	key := in.Key()
	if key.App == "" || key.ID == "" || len(key.App)+len(key.ID) > maxKeyBytes {
		return Change{}, fmt.Errorf("register %s: %w", key, errNoKey)
	}
	t := r.instant(now)
	if origin.By == ByPeer {
		r.countReplication(t)
	}
	r.tellers.meet(&origin)
	r.mu.Lock()
	defer r.mu.Unlock()
	if late && r.over(key, position{dirtyMS: in.LastDirtyMS, rev: revOf(told.Incarnation)}, t) {
		return Change{}, nil
	}
	if err := r.room(key, origin); err != nil {
		return Change{}, fmt.Errorf("register %s: %w", key, err)
	}
	return r.register(key, in, told, origin, t), nil
}

// over reports whether a record at this position, or a later one, has been cancelled. A peer that still speaks of it is
// late: its message was held by the network, or it has not heard. A client may be right, if its clock was set back. Of a
// stamp from the future nobody can be earlier, so the incarnation decides alone then. With mu held.
func (r *Registry) over(key heureka.Key, p position, t instant) bool {
	tomb, ok := r.tombs.lookup(key)
	if ok && p.dirtyMS != 0 && p.dirtyMS < tomb.position.dirtyMS && r.ahead(tomb.position.dirtyMS, t) {
		p.dirtyMS = tomb.position.dirtyMS
	}
	return ok && p.dirtyMS != 0 && p.less(tomb.position)
}

// Adopt registers the record with which a peer refused this node's heartbeat as outdated; the peer's override replaces
// this node's (S-SYNC-6). There is a tombstone only if the instance was cancelled since the heartbeat, and then the record
// is not wanted any more unless it is later.
func (r *Registry) Adopt(in *heureka.Instance, origin Origin, now time.Time) (Change, error) {
	key := in.Key()
	if in.OverriddenStatus != heureka.StatusUnknown {
		r.storeOverride(key, overrideState.replaced, in.OverriddenStatus, origin, r.instant(now))
	}
	return r.registerUnlessOver(in, origin, true, Told{}, now)
}

// SetMetadata adds or replaces metadata and registers the instance again as by a client, its LastDirtyMS unchanged
// (S-REGISTER-5). It returns heureka.ErrNotFound for an instance that Get does not return.
func (r *Registry) SetMetadata(key heureka.Key, entries []heureka.MetadataEntry, origin Origin, now time.Time) (Change, error) {
	t := r.instant(now)
	r.observe(t)
	r.tellers.meet(&origin)
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.index.find(key)
	if l == nil || r.hidden(l, t) {
		return Change{}, fmt.Errorf("set metadata of %s: %w", key, heureka.ErrNotFound)
	}
	prev := l.current.Load().version()
	s := prev.state()
	s.metadata = latest(s.metadata, r.commandsOf(entries, s.metadata, t))
	next := prev.bare()
	next.told = false
	next.adopt(s)
	r.stamp(next, prev, t)
	return r.enter(l, next, Change{Kind: Registered, Origin: origin, At: t.wall, Key: key}), nil
}

// commandsOf makes commands of entries, later than those that there are. With mu held.
func (r *Registry) commandsOf(entries []heureka.MetadataEntry, known []MetadataCommand, t instant) []MetadataCommand {
	var commands []MetadataCommand
	for key, value := range heureka.MetadataOf(entries).All() {
		var after Clock
		if i, ok := findCommand(known, key); ok {
			after = known[i].Clock
		}
		commands = append(commands, MetadataCommand{key, value, r.ticker.tick(t, after)})
	}
	return commands
}

// register is S-REGISTER-1. With mu held.
func (r *Registry) register(key heureka.Key, in *heureka.Instance, told Told, origin Origin, t instant) Change {
	l := r.index.find(key)
	was := r.stateOf(l, key)
	var prev *version
	if l != nil {
		prev = l.current.Load().version()
	} else {
		l = new(lease)
		if _, waits := r.parked[key]; was.override.set && !waits {
			was.override = was.override.ended() // of an earlier life
		}
	}
	next := r.registration(in, prev, was, told, origin, t)
	next.owner = ownerOf(next, prev, origin.registers(), &origin)
	return r.enter(l, next, Change{Kind: Registered, Origin: origin, At: t.wall, Key: key})
}

// enter begins the lease of next anew. With mu held.
func (r *Registry) enter(l *lease, next *version, ch Change) Change {
	t, again := r.instant(ch.At), l.current.Load() != nil
	l.start(t.at, t.wall, r.tellers.of(&ch.Origin))
	ch = r.put(l, next, ch)
	if again {
		r.reseat(l, t.at)
	}
	r.counters.registrations.Add(1)
	if !ch.Origin.Replicates() {
		r.counters.peerRegistrations.Add(1)
	}
	r.registered.add(Event{At: t.wall, Key: ch.Key, Origin: ch.Origin})
	return ch
}

// registration returns the state of an instance after a registration over prev, which is nil if there was none.
func (r *Registry) registration(in *heureka.Instance, prev *version, was state, told Told, origin Origin, t instant) *version {
	next := &version{instance: *in}
	n := &next.instance
	if n.LastDirtyMS == 0 {
		n.LastDirtyMS = t.ms()
	}
	next.own = ownStatus(in, prev, origin)
	if told.HasOwn {
		next.own = told.Own
	}
	next.told = origin.By >= ByPeer
	stays := prev != nil && prev.instance.LastDirtyMS > n.LastDirtyMS && !r.yields(prev, origin, t)
	if stays {
		next.own, next.instance, next.told = prev.own, prev.bare().instance, prev.told
	}
	next.lifeSecs = r.lifeOf(in.Lease.DurationSecs) // also when the record that stays asked for another one
	s := state{override: was.override.echoed(n.OverriddenStatus)}
	if prev != nil && was.position.next(n.LastDirtyMS, 0).sameRecord(was.position) {
		s.metadata = was.metadata
	}
	if !stays {
		s.metadata = latest(s.metadata, r.heard(told, was.position.next(n.LastDirtyMS, 0), t))
		if origin.By >= ByPeer {
			n.Metadata = without(n.Metadata, s.metadata, prev.clientMetadata())
		}
	}
	s.position = was.position.next(n.LastDirtyMS, contentHash(n, next.own))
	switch o := was.override; {
	case stays:
	case prev != nil && o.rules(was.position):
		s = afterCommand(s, was, next.own == prev.own, in, origin)
	case prev == nil && !o.set && !told.HasOwn && o.rules(s.position):
		// The override was removed in an earlier life: what registers now speaks for itself.
		s.position.dirtyMS, s.position.rev = o.about.DirtyMS, o.about.Rev+1
	}
	next.adopt(s)
	r.stamp(next, prev, t)
	return next
}

// heard returns what a peer says that operators have set on the record at p. With mu held.
func (r *Registry) heard(told Told, p position, t instant) []MetadataCommand {
	if !inOrder(told.Metadata) || told.Incarnation != incarnation(p.rev) {
		return nil
	}
	for _, c := range told.Metadata {
		r.ticker.hear(c.Clock, t)
	}
	return told.Metadata
}

// afterCommand returns what a registration makes of a record that shows what a command said, s being the rest of it. A client speaks for
// itself again, as it has been asked to after the end of an override (S-STATUS-6), even if it says the same as before; a peer
// tells of that if it shows something else and knows of no override. Other peers have not heard of the command, or tell of what
// is no matter of status.
func afterCommand(s, was state, sameOwn bool, in *heureka.Instance, origin Origin) state {
	o := was.override
	spoke := origin.Replicates() || !o.set && in.OverriddenStatus == heureka.StatusUnknown && in.Status != o.status
	switch {
	case spoke && s.position == was.position:
		s.position.rev++
	case !spoke && sameOwn && s.override == o && s.position.sameRecord(was.position):
		s.override.about = s.position.about()
	}
	return s
}

// yields reports whether a record gives way to one with an earlier stamp, because its own is from the future: it would
// belong for ever to whoever sent it. To a client that registers it always does; to what a node tells only if a node told
// it too, because two nodes that both heard a client would take turns. The stamp itself is kept as it was sent: heartbeats
// compare with it.
func (r *Registry) yields(prev *version, origin Origin, t instant) bool {
	return r.ahead(prev.instance.LastDirtyMS, t) && (origin.By < ByPeer || prev.told)
}

// ahead reports whether a stamp is from the future by this node's clock.
func (r *Registry) ahead(dirtyMS int64, t instant) bool {
	return dirtyMS-t.ms() > r.cfg.FutureStamp.Milliseconds()
}

// Limits are what of a Config may change while the registry is in use.
type Limits struct {
	MaxInstances, MaxPerApp int
	FutureStamp             time.Duration
}

// SetLimits replaces the limits.
func (r *Registry) SetLimits(l Limits) {
	r.mu.Lock()
	r.cfg.MaxInstances, r.cfg.MaxPerApp, r.cfg.FutureStamp = l.MaxInstances, l.MaxPerApp, l.FutureStamp
	r.mu.Unlock()
}

// ErrFull refuses a new instance because of a ceiling; known ones are never refused.
var ErrFull = errors.New("registry is full")

// Room returns ErrFull if there is no room for a new instance of key: what is merged does not ask.
func (r *Registry) Room(key heureka.Key, origin Origin) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.room(key, origin)
}

// room returns ErrFull if there is none for a new instance of key. What other nodes have taken already may go a tenth
// further, so that nodes at the ceiling do not set each other apart. With mu held.
func (r *Registry) room(key heureka.Key, origin Origin) error {
	most, mostOfApp := r.cfg.MaxInstances, r.cfg.MaxPerApp
	if origin.By >= ByPeer {
		most, mostOfApp = most+most/10, mostOfApp+mostOfApp/10
	}
	full := most > 0 && r.Len() >= most || mostOfApp > 0 && r.apps[key.App].instances >= mostOfApp
	if full && r.index.find(key) == nil {
		return ErrFull
	}
	return nil
}

// stamp sets what the server says of a newly registered instance (S-REGISTER-1 steps 9 to 11, W-REG-8).
func (r *Registry) stamp(next, prev *version, t instant) {
	n := &next.instance
	n.Action = heureka.ActionAdded
	n.LastUpdatedMS = t.ms()
	n.CoordinatingServer = r.cfg.OwnID != "" && n.ResolvedID() == r.cfg.OwnID
	n.Lease = heureka.LeaseInfo{
		RenewalIntervalSecs: n.Lease.RenewalIntervalSecs,
		DurationSecs:        n.Lease.DurationSecs,
		RegistrationMS:      t.ms(),
		LastRenewalMS:       t.ms(),
	}
	n.Lease = withLeaseDefaults(n.Lease)
	if prev != nil {
		n.Lease.ServiceUpMS = prev.instance.Lease.ServiceUpMS
	}
	next.markUp(t)
}

// mark notes a change of status.
func (v *version) mark(l *lease, t instant) {
	n := &v.instance
	n.Action = heureka.ActionModified
	n.LastUpdatedMS = t.ms()
	n.Lease.LastRenewalMS = l.lastRenewalMS()
}

// markUp notes when the instance was first UP (S-LEASE-6).
func (v *version) markUp(t instant) {
	if v.instance.Status == heureka.StatusUp && v.instance.Lease.ServiceUpMS == 0 {
		v.instance.Lease.ServiceUpMS = t.ms()
	}
}
