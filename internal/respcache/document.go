package respcache

import (
	"sync"
	"sync/atomic"
	"time"
)

// Encodings older than Config.AutoExpiration are refreshed for the sake of the lease times in them, which nobody is told
// of. That is rationed, so that a large registry neither stops a reader nor keeps a processor busy with it: a read
// refreshes at most refreshChunks, and once in refreshPause.
const (
	refreshChunks = 32
	refreshPause  = time.Second
)

// A document is the latest answer to one query for the whole registry. Get costs a few atomic loads while nothing changes.
type document struct {
	kind     Kind
	variant  variant
	mirror   *mirror
	versions *atomic.Int64 // of deltas
	*settings

	used    atomic.Int64 // when somebody asked last, in seconds since the epoch
	current atomic.Pointer[built]

	mu        sync.Mutex // held while building: one reader builds, and those who come meanwhile wait for it
	refreshAt time.Time  // when stale pieces may be refreshed again

	turn int // the group that Maintain looked at last
}

// built is an answer and what it shows.
type built struct {
	answer       *Answer // compressed
	plain        *Answer // the same, inflated when it is sent
	live, recent *tree   // recent is nil unless the answer is a delta
	expires      time.Time
}

// shows reports whether nothing that b shows has changed up to s. Trees are immutable, so the same tree is the same
// contents; the hash is a function of the live one.
func (b *built) shows(s *state) bool {
	return b != nil && b.live == s.live && (b.recent == nil || b.recent == s.recent)
}

// get returns the answer to a query that began at now or earlier: it shows the registry as it is, or as it was at some
// moment after the call.
func (d *document) get(now time.Time, gzip bool) (*Answer, error) {
	b, err := d.latest(now)
	switch {
	case err != nil:
		return nil, err
	case gzip:
		return b.answer, nil
	}
	return b.plain, nil
}

func (d *document) latest(now time.Time) (*built, error) {
	d.touch(now)
	b := d.current.Load()
	switch shows := b.shows(d.mirror.state()); {
	case !shows:
		d.mu.Lock()
	case now.Before(b.expires) || !d.mu.TryLock(): // while somebody refreshes lease times, the others need not wait
		return b, nil
	}
	defer d.mu.Unlock()
	return d.update(now)
}

// touch notes that the document is in use. It writes at most once a second, so that readers do not fight for the word.
func (d *document) touch(now time.Time) {
	if s := now.Unix(); d.used.Load() < s {
		d.used.Store(s)
	}
}

// update builds the document unless the one who held the lock before has done so. The state is taken under the lock:
// after waiting, one build is enough for all who waited. And what it stores is never older than what is there (S-DEF-30).
func (d *document) update(now time.Time) (*built, error) {
	s := d.mirror.state()
	if b := d.current.Load(); b.shows(s) && now.Before(b.expires) {
		return b, nil
	}
	b, err := d.build(s, now)
	if err == nil {
		d.current.Store(b)
	}
	return b, err
}

func (d *document) build(s *state, now time.Time) (*built, error) {
	e := encoder{settings: d.settings, variant: d.variant, now: now, stale: now.Add(-d.expiration)}
	if !now.Before(d.refreshAt) {
		e.refresh, d.refreshAt = refreshChunks, now.Add(refreshPause)
	}
	b := &built{live: s.live}
	contents, version := s.live, int64(1) // S-CACHE-12
	if d.kind == Delta {
		b.recent = s.recent
		contents, version = s.recent, d.versions.Add(1)
	}
	answer, oldest := e.document(contents, version, s.counts.Hash())
	if e.short {
		return nil, ErrNoRoom
	}
	answer.ETag, answer.room = d.tags.next(), d.mayKeep
	b.answer, b.plain = answer, answer.plain()
	if b.expires = oldest.Add(d.expiration); b.expires.Before(d.refreshAt) {
		b.expires = d.refreshAt
	}
	return b, nil
}

// clear forgets the document and its encodings.
func (d *document) clear() {
	if d.current.Load() == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.current.Store(nil)
	for _, g := range d.tree().groups {
		g.blocks[d.variant].Store(nil)
		for _, l := range g.leaves {
			l.pieces[d.variant].Store(nil)
		}
	}
}

// tree returns what the document shows now.
func (d *document) tree() *tree {
	if d.kind == Delta {
		return d.mirror.state().recent
	}
	return d.mirror.state().live
}
