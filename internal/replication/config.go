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
	Bucket(i int, now time.Time) []registry.Entry
	Merge(e registry.Entry, now time.Time) (changed bool)
}

// Config sets up Peers. Store, Resolver and Transport are required. New copies it.
type Config struct {
	Store     Store
	Resolver  PeerFinder
	Transport http.RoundTripper // to peers; connections, their time-outs and TLS are its business
	Logger    *slog.Logger      // nil: discarded
	Rand      rand.Source       // nil: seeded from the system

	// What this node knows about itself, to leave itself out. MyURL is certain. Hosts ("host:port") are believed until
	// the node that answers there says that it is another one, as behind a load balancer (S-PEER-4, S-DEF-14).
	MyURL string
	Hosts []string

	ClientID string        // DiscoveryIdentity-Id, by custom the own IP address (S-BATCH-1)
	Phase    func() string // how far this node's start has come, for its peers; nil: always PhaseOpen

	UpdateInterval time.Duration // between two resolutions; 0 stands for 10 min (S-PEER-2)
	ReadTimeout    time.Duration // longest silence of a peer; 0 stands for 5 s
	MaxPending     int           // see QueueConfig
	MaxAge         time.Duration // see QueueConfig
	Linger         time.Duration // see QueueConfig
	Compress       bool          // send batches compressed, which Spring servers cannot read (W-REPL-13)

	DisableAntiEntropy bool
	ExchangeInterval   time.Duration // least time between two exchanges that brought nothing; 0 stands for 30 s
}

// PhaseOpen is the phase of a node whose registry is whole.
const PhaseOpen = "open"

// Fixed times. Each is jittered where nodes could fall into step.
const (
	recheckInterval = 5 * time.Minute // the same to a URL that is not replicated to
	retryResolution = 30 * time.Second
)

func (cfg Config) complete() (Config, error) {
	var bad []error
	if cfg.Store == nil || cfg.Resolver == nil || cfg.Transport == nil {
		bad = append(bad, errors.New("replication needs a store, a resolver and a transport"))
	}
	if cfg.MyURL != "" {
		if _, err := parsePeerURL(cfg.MyURL); err != nil {
			bad = append(bad, fmt.Errorf("own URL: %w", err))
		}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.NewPCG(rand.Uint64(), rand.Uint64())
	}
	if cfg.Phase == nil {
		cfg.Phase = func() string { return PhaseOpen }
	}
	setDefault(&cfg.UpdateInterval, 10*time.Minute)
	setDefault(&cfg.ReadTimeout, 5*time.Second)
	setDefault(&cfg.ExchangeInterval, 30*time.Second)
	return cfg, errors.Join(bad...)
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d <= 0 {
		*d = value
	}
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
