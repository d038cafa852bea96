package server

import (
	"math"
	"net"
	"net/http"
	"sync"
	"time"

	"heureka.internal/heureka/internal/admission"
	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/listener"
)

// Requests are of classes, so that a crowd of the dear ones never stands in the way of the cheap ones that keep a fleet
// registered. What clients do when they are refused decides which may be: a heartbeat that is refused makes Java clients
// try three servers at once, a refused delta makes them fetch everything. So heartbeats, registrations, cancels, status
// changes, deltas and probes are never refused and never wait.
const (
	fetchClass     = iota // documents of the whole registry, of an application, of a VIP
	pageClass             // pages, metrics, history
	watchClass            // clients that watch
	watchPageClass        // pages that do, apart: neither crowd keeps the other out
	classes
)

var classNames = [classes]string{fetchClass: "fetch", pageClass: "page", watchClass: "watch", watchPageClass: "watch-page"}

// batchClass names replication batches, which are limited by peer.
const batchClass = "batch"

// crowdWait is how long a fetch waits for its turn: shorter than what any client waits for an answer.
const (
	crowdWait  = 2 * time.Second
	crowdStall = time.Second
)

// classOf returns the class of a route; -1 stands for calls that are always admitted.
func classOf(c *httpapi.Call) int {
	switch c.Route.Resource {
	case httpapi.AppsResource, httpapi.VIPResource, httpapi.SecureVIPResource:
		return fetchClass
	case httpapi.AppResource:
		if c.Request.Method == http.MethodGet {
			return fetchClass
		}
	case httpapi.MetricsResource:
		return pageClass
	case httpapi.WatchResource:
		if asPage(c.Request) {
			return watchPageClass
		}
		return watchClass
	case httpapi.PageResource, httpapi.OperationResource: // the history and the registry as it was are as dear as pages; what operators do is not
		if !c.Writes() {
			return pageClass
		}
	}
	return -1
}

// A crowd admits calls by their class.
type crowd struct {
	pools   [classes]*admission.Pool
	batches *batchPool
}

func newCrowd(cfg *Config) *crowd {
	pool := func(slots int) *admission.Pool {
		return admission.New(admission.Config{Slots: slots, Wait: crowdWait, Stall: crowdStall})
	}
	c := &crowd{batches: &batchPool{limit: cfg.BatchesPerPeer, busy: map[string]int{}}}
	c.pools = [classes]*admission.Pool{
		fetchClass: pool(cfg.FetchesInFlight), pageClass: pool(cfg.PagesInFlight),
		watchClass: watchPool(cfg.Limits.Watchers), watchPageClass: watchPool(cfg.Limits.WatchingPages),
	}
	return c
}

// watchPool is for requests that stay: nobody waits for one of them to end, and to stand still is their nature.
func watchPool(limit int) *admission.Pool {
	return admission.New(admission.Config{Slots: slots(limit), Stall: time.Hour})
}

func slots(limit int) int {
	if limit < 0 {
		return math.MaxInt
	}
	return limit
}

// set changes how many calls of each class are admitted.
func (cr *crowd) set(cfg *Config) {
	cr.pools[fetchClass].SetSlots(cfg.FetchesInFlight)
	cr.pools[pageClass].SetSlots(cfg.PagesInFlight)
	cr.pools[watchClass].SetSlots(slots(cfg.Limits.Watchers))
	cr.pools[watchPageClass].SetSlots(slots(cfg.Limits.WatchingPages))
	cr.batches.mu.Lock()
	cr.batches.limit = cfg.BatchesPerPeer
	cr.batches.mu.Unlock()
}

// admit is the first step of the chain.
func (cr *crowd) admit(c *httpapi.Call) httpapi.Refusal {
	if c.Route.Resource == httpapi.BatchResource {
		return cr.batches.admit(c)
	}
	class := classOf(c)
	if class < 0 {
		return httpapi.Refusal{}
	}
	progress := time.Now // of one that watches
	if class != watchClass && class != watchPageClass {
		progress = progressOf(c.Request)
	}
	slot := cr.pools[class].Acquire(c.Request.Context(), progress)
	if slot == nil {
		return crowded
	}
	c.Done = slot.Release
	return httpapi.Refusal{}
}

var crowded = httpapi.Refusal{Status: http.StatusServiceUnavailable, Reason: httpapi.Crowded}

// progressOf tells when a call's client took something last. A connection that is not ours does not know: its calls keep
// their slots until they are answered.
func progressOf(r *http.Request) func() time.Time {
	conn := listener.FromContext(r.Context())
	if conn == nil {
		return time.Now
	}
	began := time.Now()
	return func() time.Time {
		if p := conn.Progress(); p.After(began) {
			return p
		}
		return began
	}
}

// A batchPool bounds the batches that one peer has under way here. A Java peer keeps a batch that is answered 503 and
// sends it again; on any other refusal it drops it.
type batchPool struct {
	mu      sync.Mutex
	limit   int
	busy    map[string]int // by address
	refused int64
}

func (b *batchPool) admit(c *httpapi.Call) httpapi.Refusal {
	peer, _, err := net.SplitHostPort(c.Request.RemoteAddr)
	if err != nil {
		peer = c.Request.RemoteAddr
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.busy[peer] >= b.limit {
		b.refused++
		return crowded
	}
	b.busy[peer]++
	c.Done = func() { b.done(peer) }
	return httpapi.Refusal{}
}

func (b *batchPool) done(peer string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.busy[peer]--; b.busy[peer] == 0 {
		delete(b.busy, peer)
	}
}

// batchStats are how many batches are under way, and how many were refused.
type batchStats struct {
	InFlight int
	Refused  int64
}

func (b *batchPool) stats() batchStats {
	b.mu.Lock()
	defer b.mu.Unlock()
	st := batchStats{Refused: b.refused}
	for _, n := range b.busy {
		st.InFlight += n
	}
	return st
}
