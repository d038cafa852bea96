package registry

import (
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"time"
)

// Config sets up a Registry. The zero value is heureka's defaults.
type Config struct {
	OwnID  string // resolved id of the node's own instance: its record is marked as the coordinating server
	OwnApp string // application of the ring's nodes, whose leases do not count for self-preservation; "": there is none

	DisableSelfPreservation     bool
	RenewalPercentThreshold     float64       // 0 stands for 0.85
	EvictionInterval            time.Duration // 0 stands for 60 s; what compensation is measured against (S-EVICT-5)
	SelfPreservationMaxDuration time.Duration // 0: unlimited
	MinMissing                  int           // how many leases must be overdue before self-preservation begins; 0 stands for 2
	MaxLease                    time.Duration // longest lease; 0 stands for 24 h, negative for unlimited
	MaxInstances                int           // no new ones above; 0: no limit
	MaxPerApp                   int           // of one application, likewise
	FutureStamp                 time.Duration // how far a stamp must be ahead to give way to others; 0 stands for 10 min
	IgnoreDirtyTimestamps       bool          // eureka.server.sync-when-timestamp-differs=false

	// What `heureka.compatibility: netflix` switches on.
	DoubledLeases          bool          // S-LEASE-2: a renewed lease lives twice its duration
	CountBeats             bool          // S-SP-2, S-SP-6: clients x 60 / ExpectedClientInterval against the beats of the last completed minute
	ExpectedClientInterval time.Duration // 0 stands for 30 s
	InitialClients         int           // S-SP-1, with CountBeats
	WarnAfter              time.Duration // S-SP-9, with CountBeats: no warning so soon after opening; 0 stands for 5 min
	NoOverrideRepair       bool          // S-DEF-13: a peer's heartbeat of the same age never brings an override

	Rand        rand.Source // nil: seeded from the system
	FeedChanges int         // how many changes Feed keeps: 0 stands for 4096
	FeedBytes   int64       // how many bytes they may keep alive: 0 stands for 32 MiB

	OnChange func(Change) // the one follower that is never behind. Called in order of Seq with the registry locked: must be quick and must not call back; may be nil
}

// withDefaults returns c with its zero values replaced by what they stand for.
func (c Config) withDefaults() Config {
	if c.RenewalPercentThreshold == 0 {
		c.RenewalPercentThreshold = 0.85
	}
	if c.EvictionInterval == 0 {
		c.EvictionInterval = time.Minute
	}
	if c.FutureStamp == 0 {
		c.FutureStamp = 10 * time.Minute
	}
	if c.MinMissing == 0 {
		c.MinMissing = 2
	}
	switch {
	case c.MaxLease == 0:
		c.MaxLease = 24 * time.Hour
	case c.MaxLease < 0 || c.MaxLease > maxLife:
		c.MaxLease = maxLife
	}
	if c.ExpectedClientInterval <= 0 { // S-DEF-23
		c.ExpectedClientInterval = 30 * time.Second
	}
	if c.WarnAfter == 0 {
		c.WarnAfter = 5 * time.Minute
	}
	if c.FeedChanges == 0 {
		c.FeedChanges = 4096
	}
	if c.FeedBytes == 0 {
		c.FeedBytes = 32 << 20
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
	if p := c.RenewalPercentThreshold; !(p >= 0 && p <= 1) {
		errs = append(errs, fmt.Errorf("renewal percent threshold %v is not between 0 and 1", p))
	}
	if c.EvictionInterval < 0 {
		errs = append(errs, fmt.Errorf("eviction interval %v is negative", c.EvictionInterval))
	}
	if c.SelfPreservationMaxDuration < 0 {
		errs = append(errs, fmt.Errorf("longest self-preservation %v is negative", c.SelfPreservationMaxDuration))
	}
	if c.MinMissing < 0 {
		errs = append(errs, fmt.Errorf("smallest loss %d is negative", c.MinMissing))
	}
	if c.MaxLease < time.Second {
		errs = append(errs, fmt.Errorf("longest lease %v is less than a second", c.MaxLease))
	}
	if c.InitialClients < 0 {
		errs = append(errs, fmt.Errorf("initial number of clients %d is negative", c.InitialClients))
	}
	return errors.Join(errs...)
}
