package replication

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// A Store is what replication needs of the node's registry; *registry.Registry is one. It is called from many goroutines.
type Store interface {
	Records
	Register(in *heureka.Instance, origin registry.Origin, now time.Time) (registry.Change, error)
	Adopt(in *heureka.Instance, origin registry.Origin, now time.Time) (registry.Change, error)
	Digest() [registry.Buckets]uint64
	Bucket(i int, now time.Time) []registry.Known
	Merge(e registry.Entry, now time.Time) (changed bool)
	OwnAge(key heureka.Key, now time.Time) (age time.Duration, ok bool)
	Heard(key heureka.Key, age time.Duration, from registry.Origin, now time.Time) bool
}

// Config sets up Peers. Everything but MyURL, Hosts, ClientID, Room and Admit is required, as far as it is no switch. New copies it.
type Config struct {
	Store     Store
	Resolver  PeerFinder
	Transport http.RoundTripper // to peers; connections, their time-outs and TLS are its business
	Logger    *slog.Logger
	Rand      rand.Source

	// What this node knows about itself, to leave itself out. MyURL is certain. Hosts ("host:port") are believed until
	// the node that answers there says that it is another one, as behind a load balancer (S-PEER-4, S-DEF-14).
	MyURL string
	Hosts []string

	ClientID string        // DiscoveryIdentity-Id, by custom the own IP address (S-BATCH-1)
	Program  string        // version of this program, for people; "" to keep it
	Phase    func() string // how far this node's start has come, for its peers

	// Whole returns for how long nothing has been missing in this node's registry, as far as it knows; 0 before it opens. Peers that
	// start conclude from it who is gone. Nil: that is not known.
	Whole func() time.Duration
	App   string // under which the nodes of the ring register themselves; "": not known

	Now func() time.Time // time.Now, but in a simulation

	// Room reports whether there is memory for so many bytes, which is asked before buckets are encoded. Nil: there always is.
	Room func(bytes int64) bool

	// Admit returns why a record that a peer has may not come in: it is beyond a limit, or there is no room for it. It is asked for all
	// that does not come in a batch. Nil: all may.
	Admit func(in *heureka.Instance, origin registry.Origin) error

	UpdateInterval time.Duration // between two resolutions (S-PEER-2)
	ReadTimeout    time.Duration // longest silence of a peer
	MaxPending     int           // see QueueConfig
	MaxAge         time.Duration // see QueueConfig
	Linger         time.Duration // see QueueConfig
	Compress       bool          // send batches compressed, which Spring servers cannot read (W-REPL-13)

	DisableAntiEntropy bool
	ExchangeInterval   time.Duration // least time between two exchanges that brought nothing
}

// PhaseOpen is the phase of a node whose registry is whole, PhaseSyncing that of one that copies it from its peers.
const (
	PhaseOpen    = "open"
	PhaseSyncing = "syncing"
)

// ExchangeInterval is the least time between two exchanges with a peer that brought nothing.
const ExchangeInterval = 30 * time.Second

// Fixed times. Each is jittered where nodes could fall into step.
const (
	recheckInterval = 5 * time.Minute // the same to a URL that is not replicated to
	retryResolution = 30 * time.Second
)

func (cfg *Config) check() error {
	var bad []error
	if cfg.Store == nil || cfg.Resolver == nil || cfg.Transport == nil {
		bad = append(bad, errors.New("replication needs a store, a resolver and a transport"))
	}
	if cfg.Logger == nil || cfg.Rand == nil || cfg.Phase == nil || cfg.Now == nil {
		bad = append(bad, errors.New("replication needs a logger, a source of random numbers, the phase and the time"))
	}
	if cfg.UpdateInterval <= 0 || cfg.ReadTimeout <= 0 || cfg.ExchangeInterval <= 0 || cfg.MaxPending <= 0 || cfg.MaxAge <= 0 {
		bad = append(bad, errors.New("replication needs UpdateInterval, ReadTimeout, ExchangeInterval, MaxPending and MaxAge above zero"))
	}
	if cfg.MyURL != "" {
		if _, err := parsePeerURL(cfg.MyURL); err != nil {
			bad = append(bad, fmt.Errorf("own URL: %w", err))
		}
	}
	return errors.Join(bad...)
}

// isMine says whether a URL is this node's: certainly, or as far as host and port tell.
func (cfg *Config) isMine(t Target) (certain, likely bool) {
	if cfg.MyURL != "" && t.URL == withSlash(cfg.MyURL) {
		return true, true
	}
	u, err := url.Parse(t.URL)
	if err != nil {
		return false, false
	}
	for _, h := range cfg.Hosts {
		likely = likely || strings.EqualFold(h, hostPort(u))
	}
	return false, likely
}

// jitter returns d, give or take a quarter.
func jitter(rng *rand.Rand, d time.Duration) time.Duration {
	return d*3/4 + time.Duration(rng.Int64N(int64(d/2)+1))
}
