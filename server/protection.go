package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"heureka.internal/heureka/internal/changes"
	"heureka.internal/heureka/internal/dashboard"
	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/registry"
)

// Where a node tells of its self-preservation, and lets operators end it.
const (
	protectionPath = "/heureka/v1/protection"
	releasePath    = protectionPath + "/release"
)

// mostSilent is how many silent instances a node names: the answer for a fleet of a million that is gone would be huge.
const mostSilent = 10_000

// A protection is what a node says of its self-preservation: the numbers that decide, who is missing, and what will happen.
type protection struct {
	Enabled         bool             `json:"enabled"`
	Active          bool             `json:"active"`
	EvictionAllowed bool             `json:"evictionAllowed"`
	Since           *time.Time       `json:"since,omitempty"`
	Expected        float64          `json:"expected"` // renewals a minute, as the next two
	Present         int64            `json:"present"`
	Threshold       int64            `json:"threshold"`
	Instances       int              `json:"instances"`
	Overdue         int              `json:"overdue"`
	MinMissing      int              `json:"minMissing"`
	Explanation     []string         `json:"explanation"`
	Exits           []string         `json:"exits,omitempty"`
	Applications    []changes.Loss   `json:"applications"`
	Silent          []changes.Silent `json:"silent"` // overdue, the longest silent first, at most mostSilent
}

func (s *Server) protection(now time.Time) protection {
	silent, losses := s.reg.Silence(mostSilent, now)
	st := s.status(0, now)
	reg := &st.Registry
	p := protection{
		Enabled: reg.SelfPreservationEnabled, Active: st.protects(), EvictionAllowed: reg.EvictionAllowed,
		Expected: reg.RenewalsExpected, Present: reg.RenewalsLastMinute, Threshold: reg.RenewalThreshold,
		Instances: reg.Instances, Overdue: reg.Overdue, MinMissing: reg.MinMissing,
		Explanation: st.explain(losses, silent), Exits: st.exits(),
		Applications: []changes.Loss{}, Silent: []changes.Silent{},
	}
	if !reg.ProtectedSince.IsZero() {
		p.Since = new(reg.ProtectedSince.UTC())
	}
	for i, line := range p.Explanation {
		p.Explanation[i] = dashboard.Clock(line)
	}
	for _, l := range losses {
		p.Applications = append(p.Applications, changes.Loss(l))
	}
	for i := range silent {
		p.Silent = append(p.Silent, changes.SilentOf(&silent[i], now))
	}
	return p
}

// protects reports whether self-preservation holds leases.
func (st *status) protects() bool { return protects(&st.Registry) }

func protects(reg *registry.Stats) bool { return reg.SelfPreservationEnabled && reg.BelowThreshold }

func (s *Server) serveProtection(w http.ResponseWriter, r *http.Request) {
	if !allows(w, r, http.MethodGet, http.MethodHead) {
		return
	}
	writeJSON(w, r, http.StatusOK, s.protection(time.Now()))
}

func writeJSON(w http.ResponseWriter, r *http.Request, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("server: %v", err)) // a mistake in this package
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	httpapi.Write(w, r, status, body)
}
