package server

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"heureka.internal/heureka/internal/registry"
)

// Run runs the node's tasks until ctx ends, and returns when all of them have: start-up, peers, eviction, caches. Serve calls
// it; whoever mounts Handler in a server of their own calls it once beside that.
func (s *Server) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { every(ctx, s.cfg.DeltaRetentionTimer, s.cache.PurgeDelta) })
	wg.Go(func() { every(ctx, s.cfg.RenewalThresholdUpdateInterval, s.reg.UpdateThreshold) })
	if *s.cfg.UseReadOnlyResponseCache {
		wg.Go(func() { s.syncReadOnly(ctx) })
	}
	wg.Go(func() { every(ctx, maintainInterval, s.maintain) })
	if s.peers != nil {
		wg.Go(func() { s.peers.Run(ctx) })
	}
	for _, r := range s.node.regions {
		wg.Go(func() { r.run(ctx, s.cfg.RemoteRegionInterval) })
	}
	if *s.cfg.RegisterWithEureka {
		wg.Go(func() { every(ctx, s.cfg.renewalInterval(), s.keepAlive) })
	}
	wg.Go(func() {
		if s.start(ctx) {
			every(ctx, s.cfg.EvictionInterval, s.evict)
		}
	})
}

// Upkeep of the cached answers, and of what is known of silent leases: little, often.
const (
	maintainInterval = time.Second
	maintainChunks   = 8
)

func (s *Server) maintain(now time.Time) {
	s.cache.Maintain(now, maintainChunks)
	s.reg.Advance(now)
}

// every calls do at each interval until ctx ends. A run that takes longer than the interval delays the next one.
func every(ctx context.Context, interval time.Duration, do func(now time.Time)) {
	t := time.NewTicker(interval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			do(time.Now())
		}
	}
}

// syncReadOnly copies to the read-only cache level at multiples of the interval since the epoch (S-CACHE-6), so that all
// nodes of a ring change their answers at the same time.
func (s *Server) syncReadOnly(ctx context.Context) {
	interval := s.cfg.ResponseCacheUpdate
	first := time.NewTimer(time.Until(s.cache.NextSync(time.Now())))
	defer first.Stop()
	select {
	case <-ctx.Done():
		return
	case now := <-first.C:
		s.cache.SyncReadOnly(now)
		every(ctx, interval, s.cache.SyncReadOnly)
	}
}

// evict runs one eviction tick and says what it did.
func (s *Server) evict(now time.Time) {
	ev := s.reg.Evict(now)
	switch {
	case ev.Evicted > 0 && s.protected.Load():
		s.log.Warn("self-preservation has lasted its longest: evicting although too few heartbeats arrive", "evicted", ev.Evicted, "expired", ev.Expired, "limit", ev.Limit)
	case ev.Evicted > 0:
		s.log.Info("evicted instances whose leases ran out", "evicted", ev.Evicted, "expired", ev.Expired, "limit", ev.Limit)
	case ev.Expired > 0:
		s.log.Debug("eviction held back", "expired", ev.Expired, "allowed", ev.Allowed)
	}
	s.reportProtection(now)
}

// reportProtection logs when self-preservation begins and ends: once each, with the numbers that decided it.
func (s *Server) reportProtection(now time.Time) {
	st := s.reg.Stats(now)
	protected := st.SelfPreservationEnabled && st.BelowThreshold
	if protected == s.protected.Swap(protected) {
		return
	}
	if protected {
		s.log.Warn("self-preservation: too few heartbeats arrive, nothing is evicted until they recover", protectionNumbers(st))
		return
	}
	s.log.Info("self-preservation ended: heartbeats have recovered", protectionNumbers(st))
}

func protectionNumbers(st registry.Stats) slog.Attr {
	return slog.Group("renewals", "last_minute", st.RenewalsLastMinute, "threshold", st.RenewalThreshold, "instances", st.Instances)
}
