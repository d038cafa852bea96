package server

import (
	"context"
	"net/url"
	"time"

	"heureka.internal/heureka/internal/changes"
	"heureka.internal/heureka/internal/lint"
	"heureka.internal/heureka/internal/respcache"
)

// lintInterval is how often a node looks at all registrations for the number of faults, lintRest how many times as long as that took
// it rests at least: a million instances take seconds. It begins with a rest, as if it had looked, at lintCost an instance. Whoever
// asks for the faults themselves has them found anew.
const (
	lintInterval = 30 * time.Second
	lintRest     = 300
	lintCost     = 3 * time.Microsecond
)

// mostFaults is how many faults one answer names.
const mostFaults = 10_000

// faultsNow looks at all registrations of this node, and at what has happened to them.
func (s *Server) faultsNow(now time.Time) []lint.Finding {
	records, _ := s.cache.Local()
	happened, _, _ := s.history.Changes(changes.Query{Since: now.Add(-time.Hour)}, now)
	return lint.Check(respcache.ByApp(records), happened, now)
}

// lookForFaults counts them, for the metrics and the pages, from when the node is open until ctx ends.
func (s *Server) lookForFaults(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-s.phase.opens:
	}
	for wait := max(lintInterval, lintRest*lintCost*time.Duration(s.reg.Len())); ; {
		select {
		case <-ctx.Done():
			return
		case now := <-time.After(wait):
			found := lint.Count(s.faultsNow(now))
			s.faults.Store(&found)
			wait = max(lintInterval-time.Since(now), lintRest*time.Since(now))
		}
	}
}

// A lintDoc is the answer of GET lint.
type lintDoc struct {
	Counts   map[lint.Kind]int `json:"counts"`
	Findings []lint.Finding    `json:"findings"` // the most harmful kinds first, at most mostFaults
}

func (s *Server) serveLint(_ url.Values, now time.Time) (any, *failure) {
	found := s.faultsNow(now)
	doc := lintDoc{Counts: lint.Count(found), Findings: []lint.Finding{}}
	doc.Findings = append(doc.Findings, found[:min(len(found), mostFaults)]...)
	return doc, nil
}
