// Package registrytest helps tests of other packages that need a registry.
package registrytest

import (
	"cmp"
	"time"

	"heureka.internal/heureka/internal/registry"
)

// Config returns cfg with usual values for what it leaves out.
func Config(cfg registry.Config) registry.Config {
	cfg.RenewalPercentThreshold = cmp.Or(cfg.RenewalPercentThreshold, 0.85)
	cfg.EvictionInterval = cmp.Or(cfg.EvictionInterval, time.Minute)
	cfg.MinMissing = cmp.Or(cfg.MinMissing, 2)
	cfg.MaxLease = cmp.Or(cfg.MaxLease, 24*time.Hour)
	cfg.FutureStamp = cmp.Or(cfg.FutureStamp, 10*time.Minute)
	cfg.ExpectedClientInterval = cmp.Or(cfg.ExpectedClientInterval, 30*time.Second)
	cfg.WarnAfter = cmp.Or(cfg.WarnAfter, 5*time.Minute)
	cfg.FeedChanges = cmp.Or(cfg.FeedChanges, 4096)
	cfg.FeedBytes = cmp.Or(cfg.FeedBytes, 32<<20)
	return cfg
}
