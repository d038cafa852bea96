// Package replicationtest helps tests of other packages that replicate.
package replicationtest

import (
	"cmp"
	"log/slog"
	"math/rand/v2"
	"time"

	"heureka.internal/heureka/internal/replication"
)

// Config returns cfg with usual values for what it leaves out.
func Config(cfg replication.Config) replication.Config {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.NewPCG(1, 1)
	}
	if cfg.Phase == nil {
		cfg.Phase = func() string { return replication.PhaseOpen }
		cfg.Program = "v1.2.3"
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.UpdateInterval = cmp.Or(cfg.UpdateInterval, 10*time.Minute)
	cfg.ReadTimeout = cmp.Or(cfg.ReadTimeout, 5*time.Second)
	cfg.ExchangeInterval = cmp.Or(cfg.ExchangeInterval, replication.ExchangeInterval)
	q := Queue(replication.QueueConfig{MaxPending: cfg.MaxPending, MaxAge: cfg.MaxAge, Linger: cfg.Linger})
	cfg.MaxPending, cfg.MaxAge, cfg.Linger = q.MaxPending, q.MaxAge, q.Linger
	return cfg
}

// Queue returns cfg with usual values for what it leaves out.
func Queue(cfg replication.QueueConfig) replication.QueueConfig {
	cfg.MaxPending = cmp.Or(cfg.MaxPending, 10_000)
	cfg.MaxAge = cmp.Or(cfg.MaxAge, 30*time.Second)
	cfg.Linger = cmp.Or(cfg.Linger, replication.Linger)
	return cfg
}
