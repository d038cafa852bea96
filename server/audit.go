package server

import (
	"cmp"
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/audit"
	"heureka.internal/heureka/internal/auth"
	"heureka.internal/heureka/internal/changes"
	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/logs"
	"heureka.internal/heureka/internal/registry"
)

// Audit says where to write who changed what and who was kept from it, a line of JSON each.
type Audit struct {
	Writer       io.Writer // gets each line in one Write, and may block; nil: nothing is written
	RefuseWrites bool      // of clients and operators, apart from heartbeats, while Writer fails
}

// auditEnd is how long a stop waits for a Writer that blocks.
const auditEnd = 5 * time.Second

func (s *Server) openAudit() *audit.Log {
	s.refuseWrites.Store(s.cfg.Audit.RefuseWrites)
	if s.cfg.Audit.Writer == nil {
		return nil
	}
	return audit.New(s.cfg.Audit.Writer, s.cfg.Instance.ResolvedID(), logs.Named(s.log, logs.Server))
}

// runAudit writes until ctx has ended and what came before is written, or cannot be. A Write that blocks for ever is not waited for.
func (s *Server) runAudit(ctx context.Context) {
	writing, end := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.audit.Run(writing)
	}()
	var wg sync.WaitGroup
	wg.Go(func() { every(ctx, denialInterval, s.auditRepeated) })
	s.auditChanges(ctx)
	wg.Wait()
	end()
	select {
	case <-done:
	case <-time.After(auditEnd):
		s.log.Error("audit log not written to its end", "why", "the last write blocks")
	}
}

// auditChanges follows the feed until ctx has ended and nothing is left.
func (s *Server) auditChanges(ctx context.Context) {
	feed, buf, cursor := s.reg.Feed(), make([]registry.Change, 64), uint64(0)
	for {
		ended := feed.Wait(ctx, cursor) != nil
		n, err := feed.Read(cursor, buf)
		if err != nil {
			last := feed.Last()
			s.audit.Lost(last - cursor)
			cursor = last
		}
		for i := range buf[:n] {
			if !buf[i].Origin.Copies() { // whoever had it has written it, and the log tells that there was a copy
				s.audit.Add(auditOf(&buf[i]))
			}
		}
		cursor += uint64(n)
		if ended && n == 0 {
			return
		}
	}
}

// auditActions are what changes come from, in the words of requests.
var auditActions = map[changes.What]string{
	changes.Registered: "register", changes.RegisteredAgain: "register", changes.MetadataChanged: "metadata", changes.OverrideSet: "override",
	changes.OverrideRemoved: "override", changes.Cancelled: "cancel", changes.Evicted: "evict",
}

func auditOf(ch *registry.Change) audit.Entry {
	e := audit.Entry{
		Time: ch.At, Principal: ch.Origin.Principal, Proof: ch.Origin.Proof, Address: ch.Origin.Address, Origin: ch.Origin.By.String(), Note: ch.Origin.Note,
		Action: auditActions[changes.WhatOf(ch)], App: ch.Key.App, ID: ch.Key.ID, Outcome: audit.Done, Reason: ch.Reason,
		Before: audit.StateOf(ch.Previous.Instance()),
	}
	if owner := ch.Record.Owner(); owner != e.Principal {
		e.Owner = owner
	}
	switch {
	case !ch.Removed():
		e.After = audit.StateOf(ch.Record.Instance())
	case ch.Previous.IsZero():
		e.Before = audit.StateOf(ch.Record.Instance())
	}
	if !ch.Previous.IsZero() && !ch.Removed() {
		e.Metadata = differing(ch.Previous.Instance().Metadata, ch.Record.Instance().Metadata)
	}
	return e
}

// differing returns the names of entries that only one of both has, or with another value.
func differing(a, b heureka.Metadata) (names []string) {
	old := make(map[string]string, len(a)) // both may have a thousand, with long names
	for _, e := range a {
		old[e.Key] = e.Value
	}
	for _, e := range b {
		if value, ok := old[e.Key]; !ok || value != e.Value {
			names = append(names, e.Key)
		}
		delete(old, e.Key)
	}
	return append(names, slices.Sorted(maps.Keys(old))...)
}

// maxNamed is how much is kept and written of a name in a request that was refused: any text may stand in a path.
const maxNamed = 512

// clipped returns a copy of the beginning of a name, which keeps no path in memory.
func clipped(name string) string { return strings.Clone(name[:min(len(name), maxNamed)]) }

// auditCall is what a request has in an entry.
func auditCall(c *httpapi.Call, now time.Time) audit.Entry {
	e := audit.Entry{Time: now, Principal: c.Principal.Name, Address: c.Origin.Address, Origin: c.Origin.By.String(), Action: endpointOf(c)}
	if c.Principal.Proof != auth.NoProof {
		e.Proof = c.Principal.Proof.String()
	}
	switch c.Route.Resource {
	case httpapi.AppResource, httpapi.InstanceResource, httpapi.StatusResource, httpapi.MetadataResource, httpapi.InstanceByIDResource:
		e.App, e.ID = clipped(c.Route.App), clipped(c.Route.ID)
	case httpapi.ActuatorResource:
		e.Action += " " + clipped(c.Route.App)
	case httpapi.OperationResource:
		e.Action = c.Request.URL.Path
	}
	return e
}

// auditAnswer writes of requests that change something beside the registry, whose changes have lines of their own.
func (s *Server) auditAnswer(c *httpapi.Call, a httpapi.Answer) {
	switch c.Route.Resource {
	case httpapi.OperationResource:
		if isAction(c.Request.URL.Path) { // auditOrder knows more
			return
		}
	case httpapi.ActuatorResource, httpapi.ASGResource:
	default:
		return
	}
	if s.audit == nil || !c.Writes() || a.Reason == httpapi.Unauthenticated || a.Reason == httpapi.Forbidden {
		return
	}
	e := auditCall(c, time.Now())
	e.Outcome, e.Note = audit.Done, httpapi.Operator(c.Request.Header)
	if a.Status >= http.StatusBadRequest {
		e.Outcome, e.Reason = audit.Failed, a.Reason.String()
	}
	s.audit.Add(e)
}

// auditOrder writes of what an operator asked for, unless a change of the registry tells of it.
func (s *Server) auditOrder(o *order, doc any, bad *failure) {
	if _, told := doc.(*acted); told || s.audit == nil {
		return
	}
	e := audit.Entry{
		Time: time.Now(), Principal: o.by.Principal, Proof: o.by.Proof, Address: o.by.Address, Origin: o.by.By.String(), Note: o.by.Note,
		Action: cmp.Or(actions[o.action].path, "action"), App: o.Get("app"), ID: o.Get("id"), Outcome: audit.Done,
	}
	if bad != nil {
		e.Outcome, e.Reason = audit.Failed, bad.reason().String()
	}
	s.audit.Add(e)
}

// whatIsWrong is how much of the reason why a certificate was refused tells the kind: names and times follow.
const whatIsWrong = 64

// auditTLS writes of a client whose certificate was refused, once a minute as other denials.
func (s *Server) auditTLS(address, why string) {
	if s.audit == nil {
		return
	}
	e := audit.Entry{Time: time.Now(), Address: address, Action: "connect", Origin: registry.ByClient.String(), Outcome: audit.Denied, Reason: clipped(why)}
	if due, repeated := s.strangers.add(denial{address: address, fault: strings.Clone(why[:min(len(why), whatIsWrong)])}, e, ""); due {
		e.Repeated = repeated
		s.audit.Add(e)
	}
}

// unaudited reports whether a call has to wait until it can be audited. Heartbeats never do, nor what peers replicate, which was
// audited where it came from.
func (s *Server) unaudited(c *httpapi.Call) bool {
	return s.refuseWrites.Load() && c.Writes() && c.Origin.By != registry.ByPeer && c.Needs(false) != auth.Peer &&
		endpointOf(c) != "heartbeat" && s.audit.Failing(time.Now())
}

// mayBeAudited refuses what cannot be audited, if the settings say so.
func (s *Server) mayBeAudited(next httpapi.Step) httpapi.Step {
	if s.audit == nil {
		return next
	}
	return func(c *httpapi.Call) httpapi.Refusal {
		if next != nil {
			if no := next(c); no.Status != 0 {
				return no
			}
		}
		if s.unaudited(c) {
			return httpapi.Refusal{Status: http.StatusServiceUnavailable, Reason: httpapi.Unaudited}
		}
		return httpapi.Refusal{}
	}
}
