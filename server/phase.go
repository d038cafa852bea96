package server

import (
	"sync"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/internal/snapshot"
)

// A Phase is how far a node's start has come.
type Phase string

// The phases. Registrations and heartbeats are accepted in all of them; reads of the registry only when open or stopping.
const (
	Syncing  Phase = replication.PhaseSyncing // asking peers for their registry
	Waiting  Phase = "waiting"                // no peer answered: clients get time to register (S-BOOT-10)
	Open     Phase = replication.PhaseOpen    // serving
	Stopping Phase = "stopping"               // draining
)

// phases is the node's phase with the reason for it. Safe for concurrent use; asking whether reads are allowed costs one
// atomic load.
type phases struct {
	reads atomic.Bool
	opens chan struct{} // closed when the node opens for the first time
	ended chan struct{} // closed by end
	end   func()        // ends answers that would go on for ever; may be called again

	restored chan struct{} // closed by settle
	settle   func()        // says that the snapshot is restored, or that there is none to restore; may be called again

	mu    sync.Mutex
	once  sync.Once // closes opens
	now   Phase
	why   string
	since time.Time
	began time.Time // see whole
}

// newPhases begins with syncing where there are peers to sync from, or a snapshot to restore. Without, reads are allowed at once,
// though the tasks that open begins with have not run.
func newPhases(cfg Config) *phases {
	ended, restored := make(chan struct{}), make(chan struct{})
	p := &phases{
		opens: make(chan struct{}), ended: ended, end: sync.OnceFunc(func() { close(ended) }), now: Syncing, why: "no peer has been asked yet",
		restored: restored, settle: sync.OnceFunc(func() { close(restored) }),
	}
	nothingKept := cfg.DataDir == "" || !snapshot.Exists(cfg.DataDir)
	if nothingKept {
		p.settle()
	}
	if !cfg.hasPeers() {
		p.why = "the node's tasks have not started"
		p.reads.Store(nothingKept)
	}
	return p
}

// restoring reports whether there may be instances in a snapshot that the registry does not have yet.
func (p *phases) restoring() bool {
	select {
	case <-p.restored:
		return false
	default:
		return true
	}
}

// awaitRestored waits until the snapshot is restored; it reports false if that takes too long, or the node stops before.
func (p *phases) awaitRestored(atMost time.Duration) bool {
	late := time.NewTimer(atMost)
	defer late.Stop()
	select {
	case <-p.restored:
		return true
	case <-p.ended:
	case <-late.C:
	}
	return false
}

func (p *phases) readsAllowed() bool { return p.reads.Load() }

// ownStatus is what the node's own instance says: UP as soon as the node answers reads.
func (p *phases) ownStatus() heureka.Status {
	if p.readsAllowed() {
		return heureka.StatusUp
	}
	return heureka.StatusStarting
}

// set enters a phase before open, unless the node is open or stopping.
func (p *phases) set(ph Phase, why string, since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now != Open && p.now != Stopping {
		p.now, p.why, p.since = ph, why, since
	}
}

// open lets readers in. Since began, perhaps that of the node whose registry was copied, nothing has been missing. It reports false
// if the node was open before, or is stopping.
func (p *phases) open(why string, began, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == Open || p.now == Stopping {
		return false
	}
	p.now, p.why, p.since, p.began = Open, why, now, began
	p.reads.Store(true)
	p.once.Do(func() { close(p.opens) })
	return true
}

// doubt keeps readers out again, of a node that has just opened.
func (p *phases) doubt(why string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == Open {
		p.now, p.why, p.since = Waiting, why, now
		p.reads.Store(false)
	}
}

// stopping ends all phases; reads go on as they were until the last connection closes.
func (p *phases) stopping() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
	p.now, p.why = Stopping, "the node is shutting down"
}

// current returns the phase, why the node is in it, and since when.
func (p *phases) current() (Phase, string, time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now, p.why, p.since
}

// whole returns for how long nothing has been missing in the registry: what a node has heard of since that is not in it is gone. Zero
// before the node opens.
func (p *phases) whole() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == Open || p.now == Stopping && !p.began.IsZero() {
		return max(0, time.Since(p.began))
	}
	return 0
}

// phaseStatus is a phase with what goes with it.
type phaseStatus struct {
	Now   Phase
	Why   string
	Since time.Time // zero before the first is entered
	Reads bool      // are answered
}

func (p *phases) status() phaseStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	return phaseStatus{Now: p.now, Why: p.why, Since: p.since, Reads: p.reads.Load()}
}

// opened returns since when the node is open, the zero time before.
func (p *phases) opened() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == Open || p.now == Stopping {
		return p.since
	}
	return time.Time{}
}
