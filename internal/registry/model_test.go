package registry_test

import (
	"maps"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// A model is a registry written down as naively as the specification allows: plain maps, times and scans.
type model struct {
	cfg        registry.Config
	leases     map[heureka.Key]*modelLease
	renewals   []time.Time
	opened     time.Time // for the first time, with CountBeats
	lastOpened time.Time
	clients    int
	lastTick   time.Time
	tombs      map[heureka.Key]modelTombstone
	guarded    time.Time // since when it is protected
	last       modelProtection
}

type modelTombstone struct {
	dirtyMS   int64
	at        time.Time
	commanded bool
}

type modelLease struct {
	in       heureka.Instance // as shown
	own      heureka.Status
	override *heureka.Status
	forced   *heureka.Status // by a command, until the client speaks again

	commanded bool // an operator has spoken last about the override
	client    heureka.Metadata
	set       map[string]string // by operators
	seen      time.Time
	renewed   bool // seen by a renewal
	ticked    bool // found to be overdue by a tick, and not heard since
	life      time.Duration
	latestMS  int64 // latest dirty timestamp that the key has had
}

// A modelProtection is one that has ended; zero if there was none.
type modelProtection struct{ from, to time.Time }

func newModel(cfg registry.Config) *model {
	return &model{cfg: cfg, leases: map[heureka.Key]*modelLease{}, tombs: map[heureka.Key]modelTombstone{}}
}

func (m *model) register(in heureka.Instance, origin registry.Origin, now time.Time) {
	key := in.Key()
	l := m.leases[key]
	life := time.Duration(in.Lease.DurationSecs) * time.Second
	next := &modelLease{in: in, own: in.Status, life: life, latestMS: max(in.LastDirtyMS, m.tombs[key].dirtyMS), client: in.Metadata}
	if tomb, ok := m.tombs[key]; ok && origin == registry.FromSync && in.LastDirtyMS <= tomb.dirtyMS {
		return
	}
	next.commanded = m.tombs[key].commanded
	delete(m.tombs, key)
	if l == nil {
		if m.clients > 0 {
			m.clients++
		}
		if origin == registry.FromPeer && in.Status == in.OverriddenStatus && in.Status != heureka.StatusUnknown {
			next.own = heureka.StatusUp
		}
	} else {
		next.follow(l, origin)
	}
	if echo := next.in.OverriddenStatus; next.override == nil && echo != heureka.StatusUnknown && !next.commanded {
		next.override = &echo
	}
	next.in.Lease.RegistrationMS = now.UnixMilli()
	next.seen = now
	next.show(heureka.ActionAdded, now)
	m.leases[key] = next
}

// follow takes over what outlives a registration from l, the lease before it.
func (next *modelLease) follow(l *modelLease, origin registry.Origin) {
	declared := next.in
	client := origin == registry.FromClient
	next.override, next.in.Lease.ServiceUpMS, next.commanded = l.override, l.in.Lease.ServiceUpMS, l.commanded
	next.latestMS = max(next.latestMS, l.latestMS)
	stands := func(s heureka.Status) bool { return s == heureka.StatusUp || s == heureka.StatusOutOfService }
	switch {
	case l.override == nil && client && stands(declared.Status) && stands(l.in.Status):
		next.own = l.in.Status
	case origin == registry.FromPeer && declared.Status == declared.OverriddenStatus && declared.Status != heureka.StatusUnknown:
		if next.own = heureka.StatusUp; declared.LastDirtyMS == l.in.LastDirtyMS {
			next.own = l.own
		}
	}
	same := declared.LastDirtyMS <= l.latestMS
	if same {
		next.set = l.set
	}
	switch {
	case l.in.LastDirtyMS > declared.LastDirtyMS:
		serviceUp := next.in.Lease.ServiceUpMS
		next.in, next.own, next.client, next.forced = l.in, l.own, l.client, l.forced
		next.in.Lease.ServiceUpMS = serviceUp
		return
	case client || !same || l.forced == nil || next.own != l.own:
	case l.override == nil && declared.OverriddenStatus == heureka.StatusUnknown && declared.Status != *l.forced:
	default:
		next.forced = l.forced
	}
	if !client {
		said := map[string]string{}
		for k, v := range next.client.All() {
			if _, ours := l.set[k]; !ours || !same {
				said[k] = v
			} else if before, ok := l.client.Lookup(k); ok {
				said[k] = before
			}
		}
		next.client = heureka.NewMetadata(said)
	}
}

// show recomputes what depends on status and override.
func (l *modelLease) show(a heureka.Action, now time.Time) {
	l.in.Status, l.in.OverriddenStatus = l.own, heureka.StatusUnknown
	if l.override != nil {
		l.in.OverriddenStatus = *l.override
	}
	switch {
	case l.forced != nil:
		l.in.Status = *l.forced
	case l.override != nil && (l.own == heureka.StatusUp || l.own == heureka.StatusOutOfService):
		l.in.Status = *l.override
	}
	if l.in.Metadata = l.client; len(l.set) > 0 {
		l.in.Metadata = l.client.With(heureka.NewMetadata(l.set)...)
	}
	if l.in.Status == heureka.StatusUp && l.in.Lease.ServiceUpMS == 0 {
		l.in.Lease.ServiceUpMS = now.UnixMilli()
	}
	l.in.Action, l.in.LastUpdatedMS = a, now.UnixMilli()
}

func (l *modelLease) renew(now time.Time) { l.seen, l.renewed, l.ticked = now, true, false }

func (m *model) renew(key heureka.Key, c registry.Renewal, origin registry.Origin, now time.Time) string {
	l := m.leases[key]
	if l == nil || l.in.Status == heureka.StatusUnknown {
		return "missing"
	}
	l.renew(now)
	m.renewals = append(m.renewals, now)
	if !c.HasDirty || m.cfg.IgnoreDirtyTimestamps {
		return "ok"
	}
	brings := origin == registry.FromPeer && c.HasOverride && c.Override != heureka.StatusUnknown && !l.commanded
	switch {
	case c.DirtyMS > l.in.LastDirtyMS:
		if brings && (l.override == nil || *l.override != c.Override) {
			l.setOverride(c.Override, now)
		}
		return "outdated"
	case c.DirtyMS < l.in.LastDirtyMS && origin == registry.FromPeer:
		return "newer"
	case c.DirtyMS == l.in.LastDirtyMS && brings && l.override == nil && !m.cfg.NoOverrideRepair:
		l.setOverride(c.Override, now)
	}
	return "ok"
}

func (l *modelLease) setOverride(s heureka.Status, now time.Time) {
	l.override = &s
	l.show(heureka.ActionModified, now)
}

func (m *model) expired(l *modelLease, now time.Time, grace time.Duration) bool {
	life := l.life
	if m.cfg.DoubledLeases && l.renewed {
		life *= 2
	}
	return now.After(l.seen.Add(life + grace))
}

// found reports whether queries find an instance.
func (m *model) found(key heureka.Key, now time.Time) bool {
	l := m.leases[key]
	return l != nil && (!m.expired(l, now, 0) || !m.evictionAllowed(now) || m.recovers(l, now))
}

// notice follows the protection. It is to be called whenever the registry looks at it.
func (m *model) notice(now time.Time) {
	switch allowed := m.evictionAllowed(now); {
	case m.cfg.DisableSelfPreservation:
	case !allowed && m.guarded.IsZero():
		m.guarded = now
	case allowed && !m.guarded.IsZero():
		m.last, m.guarded = modelProtection{m.guarded, now}, time.Time{}
	}
}

// recovers reports whether a lease that ran out during the last protection, or since, still has time to be heard.
func (m *model) recovers(l *modelLease, now time.Time) bool {
	if m.last == (modelProtection{}) || m.cfg.CountBeats {
		return false
	}
	interval := time.Duration(l.in.Lease.RenewalIntervalSecs) * time.Second
	enough := min(interval+max(interval/2, time.Second), l.life)
	return now.Before(m.last.to.Add(enough)) && m.expired(l, now, 0) && !m.expired(l, m.last.from.Add(-enough), 0)
}

func (m *model) setStatus(key heureka.Key, s heureka.Status, dirtyMS int64, origin registry.Origin, now time.Time) bool {
	if !m.found(key, now) {
		return false
	}
	l := m.leases[key]
	l.renew(now)
	changes := l.in.Status != s
	if changes {
		l.forced = &s
		l.redate(dirtyMS)
		l.setOverride(s, now)
	}
	l.commanded = l.commanded || changes || origin.Replicates()
	return true
}

func (l *modelLease) redate(dirtyMS int64) {
	l.in.LastDirtyMS = max(l.in.LastDirtyMS, dirtyMS)
	l.latestMS = max(l.latestMS, dirtyMS)
}

func (m *model) clearStatus(key heureka.Key, s heureka.Status, dirtyMS int64, origin registry.Origin, now time.Time) bool {
	if !m.found(key, now) {
		return false
	}
	l := m.leases[key]
	l.renew(now)
	l.commanded = l.commanded || l.override != nil || origin.Replicates()
	if l.override != nil {
		up := l.in.Lease.ServiceUpMS
		l.forced, l.override = &s, nil
		l.redate(dirtyMS)
		l.show(heureka.ActionModified, now)
		l.in.Lease.ServiceUpMS = up
	}
	return true
}

func (m *model) setMetadata(key heureka.Key, e heureka.MetadataEntry, now time.Time) bool {
	if !m.found(key, now) {
		return false
	}
	next := *m.leases[key]
	if next.set = maps.Clone(next.set); next.set == nil {
		next.set = map[string]string{}
	}
	next.set[e.Key] = e.Value
	next.in.Lease.RegistrationMS, next.in.Lease.EvictionMS = now.UnixMilli(), 0
	next.seen, next.renewed, next.ticked = now, false, false
	next.show(heureka.ActionAdded, now)
	m.leases[key] = &next
	return true
}

func (m *model) cancel(key heureka.Key, now time.Time) bool {
	if l := m.leases[key]; l != nil {
		m.tombs[key] = modelTombstone{dirtyMS: l.latestMS, at: now}
	}
	return m.remove(key)
}

func (m *model) remove(key heureka.Key) bool {
	if m.leases[key] == nil {
		return false
	}
	delete(m.leases, key)
	if m.clients > 0 {
		m.clients--
	}
	return true
}

// weight is what a lease counts for a minute, in millionths.
func (m *model) weight(key heureka.Key) int64 {
	if key.App == m.cfg.OwnApp {
		return 0
	}
	return min(60_000_000/m.leases[key].in.Lease.RenewalIntervalSecs, 12_000_000)
}

func (m *model) expected() float64 {
	if m.cfg.CountBeats {
		return float64(m.clients) * (60.0 / 30)
	}
	var sum int64
	for key := range m.leases {
		sum += m.weight(key)
	}
	return float64(sum) / 1e6
}

// due is when the lease is overdue.
func (m *model) due(l *modelLease) time.Time {
	interval := time.Duration(l.in.Lease.RenewalIntervalSecs) * time.Second
	life := l.life
	if m.cfg.DoubledLeases && l.renewed {
		life *= 2
	}
	return l.seen.Add(min(interval+max(interval/2, time.Second), life))
}

// silent reports whether the lease is counted as overdue: ticks look closely, others at seconds that are over.
func (m *model) silent(l *modelLease, now time.Time) bool {
	return l.ticked || m.due(l).Sub(start)/time.Second < now.Sub(start)/time.Second
}

// unsure reports whether some lease became overdue within this second: one that is looked at for another reason is counted at
// once, any other when the second is over.
func (m *model) unsure(now time.Time) bool {
	for _, l := range m.leases {
		if due := m.due(l); !l.ticked && due.Before(now) && due.Sub(start)/time.Second == now.Sub(start)/time.Second {
			return true
		}
	}
	return false
}

func (m *model) overdue(now time.Time) int {
	n := 0
	for key, l := range m.leases {
		if m.weight(key) > 0 && m.silent(l, now) {
			n++
		}
	}
	return n
}

func (m *model) present(now time.Time) float64 {
	var sum int64
	for key, l := range m.leases {
		if !m.silent(l, now) {
			sum += m.weight(key)
		}
	}
	return float64(sum) / 1e6
}

// counted returns how many renewals arrived in [from, to).
func (m *model) counted(from, to time.Time) int64 {
	var n int64
	for _, at := range m.renewals {
		if !at.Before(from) && at.Before(to) {
			n++
		}
	}
	return n
}

func (m *model) renewed(now time.Time) float64 {
	if !m.cfg.CountBeats {
		return m.present(now)
	}
	if m.opened.IsZero() {
		return 0
	}
	end := m.opened.Add(now.Sub(m.opened) / time.Minute * time.Minute)
	if end.Equal(m.opened) {
		return 0
	}
	if end = end.Add(-time.Minute); end.Equal(m.opened) {
		return float64(m.counted(time.Time{}, end.Add(time.Minute)))
	}
	return float64(m.counted(end, end.Add(time.Minute)))
}

func (m *model) below(now time.Time) bool {
	if m.cfg.MinMissing > 1 && m.overdue(now) < m.cfg.MinMissing {
		return false
	}
	return m.renewed(now) <= float64(int64(m.expected()*0.85)) && (m.cfg.CountBeats || m.expected() > 0)
}

func (m *model) warns(now time.Time) bool {
	return !m.opened.IsZero() && (!m.cfg.CountBeats || now.Sub(m.lastOpened) > 5*time.Minute) && m.below(now)
}

func (m *model) evictionAllowed(now time.Time) bool {
	switch {
	case m.cfg.DisableSelfPreservation:
		return true
	case m.cfg.CountBeats:
		return int64(m.expected()*0.85) > 0 && !m.below(now)
	}
	return m.expected() == 0 || !m.opened.IsZero() && !m.below(now)
}

func (m *model) update() {
	if n := len(m.leases); m.cfg.DisableSelfPreservation || float64(n) > 0.85*float64(m.clients) {
		m.clients = n
	}
}

// evict returns what a tick must say, and which instances it may take.
func (m *model) evict(now time.Time) (registry.Eviction, map[heureka.Key]bool) {
	for _, l := range m.leases {
		l.ticked = l.ticked || now.After(m.due(l))
	}
	m.notice(now)
	e := registry.Eviction{Allowed: m.evictionAllowed(now)}
	if !m.lastTick.IsZero() {
		e.Compensation = max(0, now.Sub(m.lastTick)-time.Minute)
	}
	m.lastTick = now
	maps.DeleteFunc(m.tombs, func(_ heureka.Key, t modelTombstone) bool { return now.Sub(t.at) > 10*time.Minute })
	may := map[heureka.Key]bool{}
	for key, l := range m.leases {
		if m.expired(l, now, e.Compensation) {
			may[key] = true
		}
	}
	e.Expired = len(may)
	e.Limit = len(m.leases) - int(float64(len(m.leases))*0.85)
	if e.Allowed {
		maps.DeleteFunc(may, func(key heureka.Key, _ bool) bool { return m.recovers(m.leases[key], now) })
		e.Evicted = min(len(may), e.Limit)
	}
	return e, may
}
