package server

import (
	"runtime"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/admission"
	"heureka.internal/heureka/internal/auth"
	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/lint"
	"heureka.internal/heureka/internal/listener"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/replication"
)

// A status is the condition of a node at one moment. Health, the metrics, the status page, GET /eureka/status and what the
// node says of its protection are written from one, and ask nothing else: what they say agrees. It is not changed once taken.
type status struct {
	At      time.Time
	Started time.Time
	Phase   phaseStatus

	Registry registry.Stats
	Apps     []registry.AppCounts // by name; only statusByApp takes them
	Held     []registry.Silent    // leases that ran out, the longest silent first, as many as were asked for
	Stamps   stamps

	Roles   bool                 // who acts needs one
	Ring    bool                 // has peers configured
	Peers   []replication.Status // without this node and without doubles
	Regions []regionStatus

	Own   *heureka.Instance // as the registry has it, else as it will be registered
	Lease heureka.LeaseInfo

	Passing int // kinds of requests that would be denied, of the last minutes

	CPUs                   int // that the process may use
	HeapBytes, SystemBytes uint64

	Refused     []refusals
	BodyBytes   int64 // of bodies that are being read and decoded
	BodyRoom    int64 // for them at a time
	Classes     []classStatus
	TLS         []tlsStatus
	Batches     batchStats
	Told        uint64            // changes, to all watchers together
	Resets      uint64            // of watchers
	Faults      map[lint.Kind]int // registrations that will give trouble, as found last; nil before the first look
	Connections listener.Stats    // of a handler that somebody else serves: none
	Kept        *keptStatus       // nil without a directory

	cfg *Config
}

// How many of the leases that ran out are named.
const (
	pageHeld   = 2000 // marked on the page
	healthHeld = 20
)

// refusals are how many requests were refused for one reason.
type refusals struct {
	Reason string
	Count  uint64
}

// classStatus is how one class of requests is doing.
type classStatus struct {
	Name string
	admission.Stats
}

// status takes the condition of the node now, with at most held of the leases that ran out. Its cost does not grow with the
// registry.
func (s *Server) status(held int, now time.Time) *status {
	st := &status{At: now}
	st.Registry, st.Held = s.reg.Condition(held, now)
	return s.complete(st)
}

// statusByApp takes the condition of the node now with the instances of each application, which costs as much as they are many.
func (s *Server) statusByApp(now time.Time) *status {
	st := &status{At: now}
	st.Registry, st.Apps = s.reg.ConditionByApp(now)
	return s.complete(st)
}

// complete adds what is not of the registry.
func (s *Server) complete(st *status) *status {
	now := st.At
	st.Started, st.Phase, st.cfg = s.node.started, s.phase.status(), &s.cfg
	st.Stamps = s.stamps(now)
	st.Roles = s.guard.enforces(auth.Operate)
	st.Ring, st.Peers = s.peers != nil, s.node.peerStatus(now)
	for _, r := range s.node.regions {
		st.Regions = append(st.Regions, r.status())
	}
	st.Own, st.Lease = s.node.own()
	st.CPUs = runtime.GOMAXPROCS(0)
	st.HeapBytes, st.SystemBytes = memory()
	for reason, n := range s.handler.Refused() {
		st.Refused = append(st.Refused, refusals{reason, n})
	}
	st.BodyBytes, st.BodyRoom = s.handler.HeldBytes(), s.node.limits.Load().heldBytes()
	for i, pool := range s.crowd.pools {
		st.Classes = append(st.Classes, classStatus{classNames[i], pool.Stats()})
	}
	st.Batches = s.crowd.batches.stats()
	for _, u := range s.tls.uses() {
		st.TLS = append(st.TLS, tlsStatus{u.name, u.Stats()})
	}
	if s.guard != nil {
		st.Passing = s.guard.recent.passing(now)
	}
	st.Kept = s.keeper.status()
	st.Told, st.Resets = s.watching.told.Load(), s.watching.resets.Load()
	if found := s.faults.Load(); found != nil {
		st.Faults = *found
	}
	if conns := s.conns.Load(); conns != nil {
		st.Connections = conns.Stats()
	}
	return st
}

// backend is the node with what only the whole server can tell.
type backend struct {
	*node
	s *Server
}

// StatusInfo implements httpapi.Backend.
func (b backend) StatusInfo() httpapi.StatusInfo { return b.s.status(0, time.Now()).info() }
