package registry

import (
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"time"
)

// Config sets up a Registry. It has no defaults: what is not said to stand for something when zero must be set.
type Config struct {
	OwnID  string // resolved id of the node's own instance: its record is marked as the coordinating server
	OwnApp string // application of the ring's nodes, whose leases do not count for self-preservation; "": there is none

	DisableSelfPreservation     bool
	RenewalPercentThreshold     float64
	EvictionInterval            time.Duration // what compensation is measured against (S-EVICT-5)
	SelfPreservationMaxDuration time.Duration // 0: unlimited
	MinMissing                  int           // how many leases must be overdue before self-preservation begins
	MaxLease                    time.Duration // longest lease; negative: unlimited
	MaxInstances                int           // no new ones above; 0: no limit
	MaxPerApp                   int           // of one application, likewise
	FutureStamp                 time.Duration // how far a stamp must be ahead to give way to others
	IgnoreDirtyTimestamps       bool          // eureka.server.sync-when-timestamp-differs=false

	// What `heureka.compatibility: netflix` switches on.
	DoubledLeases          bool          // S-LEASE-2: a renewed lease lives twice its duration
	CountBeats             bool          // S-SP-2, S-SP-6: clients x 60 / ExpectedClientInterval against the beats of the last completed minute
	ExpectedClientInterval time.Duration // with CountBeats
	InitialClients         int           // S-SP-1, with CountBeats
	WarnAfter              time.Duration // S-SP-9, with CountBeats: no warning so soon after opening
	NoOverrideRepair       bool          // S-DEF-13: a peer's heartbeat of the same age never brings an override

	Rand        rand.Source // nil: seeded from the system
	FeedChanges int         // how many changes Feed keeps
	FeedBytes   int64       // how many bytes they may keep alive

	OnChange func(Change) // the one follower that is never behind. Called in order of Seq with the registry locked: must be quick and must not call back; may be nil
}

// prepared returns c with numbers in place of what stands for none, and what is no setting of a node.
func (c Config) prepared() Config {
	if c.MaxLease < 0 || c.MaxLease > maxLife {
		c.MaxLease = maxLife
	}
	if c.Rand == nil {
		c.Rand = rand.NewPCG(systemSeed(), systemSeed())
	}
	return c
}

// systemSeed returns a random number without touching a generator that others share.
func systemSeed() uint64 { return maphash.Bytes(maphash.MakeSeed(), nil) }

// validate reports all mistakes at once.
func (c *Config) validate() error {
	var errs []error
	wrong := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	p := c.RenewalPercentThreshold
	wrong(!(p > 0 && p <= 1), "renewal percent threshold %v is not above 0 and at most 1", p)
	wrong(c.EvictionInterval <= 0, "eviction interval %v is not positive", c.EvictionInterval)
	wrong(c.SelfPreservationMaxDuration < 0, "longest self-preservation %v is negative", c.SelfPreservationMaxDuration)
	wrong(c.FeedChanges <= 0 || c.FeedBytes <= 0, "a feed of %d changes and %d bytes keeps nothing", c.FeedChanges, c.FeedBytes)
	wrong(c.MinMissing <= 0, "smallest loss %d is not positive", c.MinMissing)
	wrong(c.MaxLease < time.Second, "longest lease %v is less than a second", c.MaxLease)
	wrong(c.FutureStamp == 0, "distance of stamps from the future is missing")
	wrong(c.CountBeats && c.ExpectedClientInterval <= 0, "expected interval of clients %v is not positive", c.ExpectedClientInterval)
	wrong(c.InitialClients < 0, "initial number of clients %d is negative", c.InitialClients)
	return errors.Join(errs...)
}
