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
	defer s.keeper.close()
	var wg sync.WaitGroup
	defer wg.Wait()
	if s.keeper != nil {
		wg.Go(func() { s.keeper.run(ctx) })
	}
	wg.Go(func() {
		<-ctx.Done()
		s.phase.end()
		s.leaveTerms()
	})
	wg.Go(func() { every(ctx, s.cfg.DeltaRetentionTimer, s.cache.PurgeDelta) })
	wg.Go(func() { every(ctx, s.cfg.RenewalThresholdUpdateInterval, s.reg.UpdateThreshold) })
	if *s.cfg.UseReadOnlyResponseCache {
		wg.Go(func() { s.syncReadOnly(ctx) })
	}
	wg.Go(func() { every(ctx, giveBackInterval, s.giveBack) })
	wg.Go(func() { every(ctx, maintainInterval, s.maintain) })
	if len(s.tls.uses()) > 0 {
		wg.Go(func() { every(ctx, tlsInterval, s.refreshTLS) })
	}
	if s.guard != nil {
		wg.Go(func() { s.followIssuer(ctx) })
		wg.Go(func() { every(ctx, tlsInterval, s.refreshAuth) })
	}
	if s.audit != nil {
		wg.Go(func() { s.runAudit(ctx) })
	}
	wg.Go(func() { s.follow(ctx) })
	wg.Go(func() { s.lookForFaults(ctx) })
	wg.Go(func() { s.logEvents(ctx) })
	if s.peers != nil {
		wg.Go(func() { s.peers.Run(ctx) })
	}
	for _, r := range s.node.regions {
		wg.Go(func() { r.run(ctx, s.cfg.RemoteRegionInterval) })
	}
	if *s.cfg.RegisterWithEureka {
		wg.Go(func() { every(ctx, s.cfg.renewalInterval(), s.keepAlive) })
	}
	wg.Go(func() { s.minded(ctx) })
	wg.Go(func() { s.start(ctx) })
	wg.Go(func() {
		select {
		case <-ctx.Done():
		case <-s.phase.opens:
			every(ctx, s.cfg.EvictionInterval, func(now time.Time) { _, _ = s.evict(ctx, nil, now) })
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
	s.endTerms(now)
	s.reportProtection(now)
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

// evict runs one eviction tick, perhaps because somebody asked for it, and says what it did. Whom another node has heard within the lease is kept.
func (s *Server) evict(ctx context.Context, askedBy *registry.Origin, now time.Time) (ev registry.Eviction, kept int) {
	plan := s.reg.PlanEviction(now)
	plan.AskedBy = askedBy
	if s.peers != nil {
		if kept = s.peers.AskHeard(ctx, plan.Keys()); kept > 0 {
			s.log.Info("instances kept, their heartbeats reach another node", "instances", kept)
		}
	}
	ev = s.reg.CarryOut(plan, time.Now())
	numbers := slog.Group("leases", "evicted", ev.Evicted, "expired", ev.Expired, "limit", ev.Limit, "heard_elsewhere", kept)
	switch {
	case ev.Released:
		s.log.Warn("released instances evicted", numbers)
	case ev.Evicted > 0 && s.protected.Load():
		s.log.Warn("self-preservation limit reached, evicting below threshold", numbers)
	case ev.Evicted > 0:
		s.log.Info("instances evicted", numbers)
	case ev.Expired > 0:
		s.log.Debug("eviction held back", "expired", ev.Expired, "allowed", ev.Allowed)
	}
	return ev, kept
}
