package server

import (
	"net/http"
	"strings"
	"time"

	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/listener"
	"heureka.internal/heureka/internal/logs"
)

// routes puts the API, the health endpoints and the pages into one chain, and what is for management alone into another.
func (s *Server) routes() error {
	s.requests = &requestNumbers{next: accessLog{s.cfg.AccessLog, logs.Named(s.log, logs.Resources)}, audit: s.auditAnswer}
	numbers := s.numbers()
	cfg := httpapi.Config{
		Prefix:         s.cfg.ContextPath,
		MaxBodyBytes:   s.cfg.MaxBodyBytes,
		MaxBatchBytes:  s.cfg.MaxBatchBytes,
		MaxHeldBytes:   s.cfg.Limits.heldBytes(),
		Limits:         s.cfg.Limits.decoding(),
		NotReadyStatus: s.cfg.notReadyStatus(),
		DisableDelta:   s.cfg.DisableDelta,
		DeltaReach:     s.deltaReach,
		ErrorLog:       s.requestFailed,
		Metrics:        metricsHandler(numbers),
		Pages:          s.pages(),
		Operations:     s.operations(),
		Watch:          http.HandlerFunc(s.serveWatch),

		Recorder:            s.requests,
		Freed:               s.freed,
		Hold:                listener.Hold,
		Room:                s.node.roomForCopy,
		RegistrationRefused: newRefusalLog(s.log).refused,

		Actuator: s.actuator(s.cfg.ContextPath, numbers),
	}
	if !s.cfg.DisableDashboard {
		cfg.Signpost = s.page(http.StatusNotFound, s.signpost)
	}
	known := s.hosts()
	cfg.Steps.Admit = func(c *httpapi.Call) httpapi.Refusal {
		if no := known.admit(c); no.Status != 0 {
			return no
		}
		if c.Route.Resource == httpapi.WatchResource && !s.phase.readsAllowed() {
			return httpapi.Refusal{Status: cfg.NotReadyStatus, Reason: httpapi.NotReady}
		}
		if !s.node.roomForCall(c) {
			return crowded
		}
		return s.crowd.admit(c)
	}
	if !*s.cfg.UseReadOnlyResponseCache { // else who hears of a change would not find it in what it reads then
		cfg.Version = func() string { return s.watching.version(s.cache.Seq()) }
	}
	s.guard.protect(&cfg, false, s.tls.serving)
	s.identify = func(c *httpapi.Call) { cfg.Steps.Authenticate(c) }
	cfg.Steps.Authorise = s.mayBeAudited(cfg.Steps.Authorise)
	if s.peers != nil {
		cfg.Ring = s.peers
	}
	alone := httpapi.Config{ErrorLog: cfg.ErrorLog, Recorder: cfg.Recorder, Actuator: cfg.Actuator, Metrics: cfg.Metrics}
	alone.Steps.Admit = known.admit
	s.guard.protect(&alone, true, s.tls.management)
	alone.Steps.Authorise = s.mayBeAudited(alone.Steps.Authorise)
	if s.cfg.Profiling {
		alone.Pages = profiles()
	}
	if s.cfg.Management == ManagementSeparate {
		alone.Prefix = strings.TrimRight("/"+strings.Trim(s.cfg.Actuator.ManagementBase, "/"), "/")
		alone.Actuator = s.actuator(alone.Prefix, numbers)
	} else {
		alone.Prefix = s.cfg.ContextPath
	}
	if s.cfg.Management != ManagementShared {
		cfg.Metrics = nil
		cfg.Actuator = s.probesAlone()
	}
	var err error
	if s.handler, err = httpapi.New(cfg, backend{s.node, s}); err != nil {
		return err
	}
	s.management, err = httpapi.New(alone, nil)
	return err
}

// requestFailed logs what nobody foresaw: an answer 500.
func (s *Server) requestFailed(r *http.Request, err any) {
	s.log.Error("request failed", "method", r.Method, "path", r.URL.Path, "err", err)
}

// deltaReach is how far a delta reaches back now: no further than to when the node opened, because of what its peers took
// out before that it has never heard. The read-only cache adds to the age of the state that a delta has to follow.
func (s *Server) deltaReach() time.Duration {
	now, opened := time.Now(), s.phase.opened()
	if opened.IsZero() {
		return 0
	}
	reach := min(s.cfg.DeltaRetention, now.Sub(opened))
	if *s.cfg.UseReadOnlyResponseCache {
		reach -= s.cfg.ResponseCacheUpdate
	}
	return max(reach, 0)
}
