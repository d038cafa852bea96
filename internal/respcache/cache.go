// Package respcache answers reads of the registry with bytes. It follows the registry change by change, keeps each
// document encoded and compressed in chunks, and joins an answer from them; both cache levels of the reference with their
// keys and times are here, and the copies of remote regions with what they add to answers. Who may read, when to fetch a
// region, and HTTP are left to others. Pure: every method takes the time.
//
// The parts, from the bottom up: a tree is one immutable moment of a set of instances, and keeps encodings in its nodes
// (pieces of leaves, blocks of groups); a mirror publishes one tree after the other; a document is the latest answer made
// from a mirror; a lookup is a document of one application or VIP.
package respcache

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"heureka.internal/heureka/internal/wire"
)

// A Kind is what a query asks for.
type Kind uint8

// The kinds of query (S-CACHE-2).
const (
	All Kind = iota
	Delta
	App
	VIP
	SecureVIP
)

// A Query is a cache key (S-CACHE-3).
type Query struct {
	Kind    Kind
	Name    string // application in upper case, or VIP exactly as asked for
	Regions string // comma-separated, lower-cased and sorted; "" if none were asked for; All and Delta only
	Form    wire.Form
	Gzip    bool // All and Delta only: other documents are never compressed
}

// Config sets up a Cache. Durations and sizes are required.
type Config struct {
	UseReadOnlyCache bool           // S-CACHE-5
	UpdateInterval   time.Duration  // between two copies to the read-only level
	AutoExpiration   time.Duration  // of documents that were looked up
	DeltaRetention   time.Duration  // how far deltas reach back
	DisableFallback  bool           // eureka.server.disable-transparent-fallback-to-other-region
	Regions          []RegionConfig // remote regions
	ChunkBytes       int            // the longest text that is compressed in one piece, about
	LookupBytes      int64          // how much each level keeps of documents of applications and VIPs

	// Room reports whether there is memory for so many bytes of documents. It is asked before a large text is encoded, and for
	// each part of a document that is to be kept. Nil: there always is.
	Room func(bytes int64) bool

	// Token stands in every ETag. It must be different in every process, restarts included, or two of them could give
	// different documents the same tag: something random.
	Token string
}

// ErrNoRoom says that there is too little memory to encode what was asked for.
var ErrNoRoom = errors.New("too little memory to encode the document")

// settings are the parts of Config that documents need.
type settings struct {
	expiration time.Duration
	tags       tags
	room       func(bytes int64) bool
}

// largeText is from how many bytes there must be room for it, and for as much again that making it takes. Less than that is garbage
// soon, and not much.
const largeText = 1 << 20

// mayEncode reports whether there is room to encode so many bytes of text.
func (s *settings) mayEncode(bytes int) bool { return bytes < largeText || s.mayKeep(2*bytes) }

// mayKeep reports whether there is room to keep so many bytes.
func (s *settings) mayKeep(bytes int) bool { return s.room == nil || s.room(int64(bytes)) }

// tags makes ETags: a number never comes twice.
type tags struct {
	token string
	last  atomic.Uint64
}

func (t *tags) next() string {
	return `"` + t.token + "-" + strconv.FormatUint(t.last.Add(1), 36) + `"`
}

// A Cache answers queries. All methods are safe for concurrent use; Apply must be called in order.
type Cache struct {
	*settings
	interval  time.Duration
	retention time.Duration

	local    *mirror
	regions  []*Region         // by name
	fallback []*mirror         // where one application is looked for
	all      *view             // answers queries without regions
	emptyVIP [variants]*Answer // to queries for a VIP that nobody has
	lookups  *shelf[*lookup]
	readOnly *shelf[level] // nil unless in use

	regionVersions atomic.Int64 // of deltas of queries with regions (S-DELTA-4)

	inbox inbox
	seq   atomic.Uint64 // of the last change of the registry that is in the local mirror

	mu     sync.RWMutex     // held by whoever writes to a mirror
	merged []*merged        // mirrors made of several
	views  map[string]*view // of queries with regions, by the names of those that exist
}

// New returns an empty cache, or an error that names what cfg lacks.
func New(cfg Config) (*Cache, error) {
	if cfg.UpdateInterval <= 0 || cfg.AutoExpiration <= 0 || cfg.DeltaRetention <= 0 || cfg.ChunkBytes <= 0 || cfg.LookupBytes <= 0 {
		return nil, errors.New("an answer cache needs UpdateInterval, AutoExpiration, DeltaRetention, ChunkBytes and LookupBytes above zero")
	}
	c := &Cache{
		settings:  &settings{expiration: cfg.AutoExpiration, tags: tags{token: cfg.Token}, room: cfg.Room},
		interval:  cfg.UpdateInterval,
		retention: cfg.DeltaRetention,
		local:     newMirror(cfg.ChunkBytes),
		lookups:   newShelf[*lookup](cfg.LookupBytes),
		views:     map[string]*view{},
	}
	if cfg.UseReadOnlyCache {
		c.readOnly = newShelf[level](cfg.LookupBytes)
	}
	c.setRegions(cfg.Regions, !cfg.DisableFallback, cfg.ChunkBytes)
	c.inbox.full = c.lot()
	c.all.mirror.vips = newVIPIndex()
	for _, f := range []wire.Form{{}, {Format: wire.JSON}, {Detail: wire.Compact}, {Format: wire.JSON, Detail: wire.Compact}} {
		empty := appendVIPDocument(nil, f, nil, "")
		c.emptyVIP[variantOf(f)] = NewAnswer(f.Format, c.tags.next(), empty)
	}
	return c, nil
}

// Get answers q. It returns heureka.ErrNotFound for an application without instances, and ErrNoRoom.
func (c *Cache) Get(q Query, now time.Time) (*Answer, error) {
	if c.readOnly != nil {
		return c.getReadOnly(q, now)
	}
	return c.load(q, now)
}

// load answers q with what the registry holds now: the read-write level (S-CACHE-8).
func (c *Cache) load(q Query, now time.Time) (*Answer, error) {
	c.catchUp()
	switch q.Kind {
	case All, Delta:
		return c.view(q.Regions, now).documents[q.Kind][variantOf(q.Form)].get(now, q.Gzip)
	}
	return c.lookup(q, now)
}

// PurgeDelta forgets changes that are older than the retention time (S-DELTA-1).
func (c *Cache) PurgeDelta(now time.Time) {
	cutoff := now.Add(-c.retention)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.takeIn()
	c.local.purge(cutoff)
	for _, r := range c.regions {
		r.mirror.purge(cutoff)
	}
	for _, m := range c.merged {
		m.mirror.purge(cutoff)
	}
}
