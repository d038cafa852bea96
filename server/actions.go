package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/auth"
	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/registry"
)

// actions are what operators may have a node do, by the names that forms use and the paths of heureka's own API.
var actions = map[string]struct {
	path string
	do   func(*Server, context.Context, *order) (any, *failure)
}{
	"override": {"/heureka/v1/instance/override", (*Server).setOverride},
	"restore":  {"/heureka/v1/instance/restore", (*Server).restore},
	"cancel":   {"/heureka/v1/instance/cancel", (*Server).cancelInstance},
	"evict":    {"/heureka/v1/evict", (*Server).evictNow},
	"release":  {releasePath, (*Server).release},
}

// isAction reports whether an operation is one of them.
func isAction(path string) bool {
	for _, a := range actions {
		if strings.HasSuffix(path, a.path) {
			return true
		}
	}
	return false
}

const (
	maxForm     = 64 << 10
	longestTerm = 30 * 24 * time.Hour // of an override
)

// An order is what an operator asks for.
type order struct {
	url.Values
	action string
	by     registry.Origin
}

// mayAct reports whether a caller may act: where there are roles, by theirs, which the chain has asked for; else if the
// configuration lets everybody.
func (s *Server) mayAct(c httpapi.Caller) bool {
	if s.guard.enforces(auth.Operate) {
		return !c.Principal.Wrong && c.Principal.Roles.Has(auth.Operate)
	}
	return s.cfg.Actions
}

// actionsOff is why operators' requests are refused.
const actionsOff = "actions are disabled on this node; heureka.dashboard.actions=true enables them, and so do roles"

// act does what a request asks for: the action of this name, or, without one, that of its form.
func (s *Server) act(w http.ResponseWriter, r *http.Request, action string) (o *order, doc any, bad *failure) {
	o = &order{action: action, by: httpapi.CallerOf(r).Origin}
	o.by.By = registry.ByOperator
	if bad = s.admitted(r); bad == nil {
		bad = o.read(w, r)
	}
	if bad == nil {
		doc, bad = s.perform(r.Context(), o)
	}
	s.auditOrder(o, doc, bad)
	if bad != nil {
		httpapi.Because(w, bad.reason())
	}
	return o, doc, bad
}

// admitted returns why a request may not act.
func (s *Server) admitted(r *http.Request) *failure {
	if http.NewCrossOriginProtection().Check(r) != nil {
		return &failure{http.StatusForbidden, "refused: the request comes from another site's page"}
	}
	if c := httpapi.CallerOf(r); !s.mayAct(c) {
		s.log.Warn("action refused", "path", r.URL.Path, "remote", c.Origin.Address, "why", actionsOff)
		return &failure{http.StatusForbidden, actionsOff}
	}
	return nil
}

// read reads the parameters, which stand in the query or in a form; who asks and why also in headers.
func (o *order) read(w http.ResponseWriter, r *http.Request) *failure {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return &failure{http.StatusBadRequest, "cannot read the form: " + err.Error()}
	}
	o.Values = r.Form
	o.action = cmp.Or(o.action, o.Get("action"))
	o.by.Note = httpapi.Note(cmp.Or(r.Header.Get(httpapi.HeaderOperator), o.Get("operator")), cmp.Or(r.Header.Get(httpapi.HeaderNote), o.Get("reason")))
	return nil
}

// perform does it.
func (s *Server) perform(ctx context.Context, o *order) (any, *failure) {
	a, ok := actions[o.action]
	if !ok {
		return badRequest("there is no action %.40q", o.action)
	}
	return a.do(s, ctx, o)
}

// acting serves one action as part of the API.
func (s *Server) acting(action string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !allows(w, r, http.MethodPost) {
			return
		}
		_, doc, bad := s.act(w, r, action)
		if bad != nil {
			writeJSON(w, r, bad.status, bad)
			return
		}
		writeJSON(w, r, http.StatusOK, doc)
	})
}

// reason is the word for a refused order.
func (f *failure) reason() httpapi.Reason {
	switch f.status {
	case http.StatusBadRequest:
		return httpapi.BadParameter
	case http.StatusForbidden:
		return httpapi.NotAllowed
	case http.StatusNotFound:
		return httpapi.NotRegistered
	case http.StatusConflict:
		return httpapi.NotReady
	}
	return httpapi.Failed
}

// key is the instance that the order names.
func (o *order) key() (key heureka.Key, bad *failure) {
	key = heureka.Key{App: heureka.AppName(strings.TrimSpace(o.Get("app"))), ID: o.Get("id")}
	if key.App == "" || key.ID == "" {
		return key, &failure{http.StatusBadRequest, "app and id name the instance"}
	}
	return key, nil
}

// status reads the name of a status.
func (o *order) status(name string, byDefault heureka.Status) (heureka.Status, *failure) {
	text := o.Get(name)
	if text == "" {
		return byDefault, nil
	}
	status, ok := heureka.ParseStatus(text)
	if !ok {
		return status, &failure{http.StatusBadRequest, fmt.Sprintf("%s is %.40q: want UP, DOWN, STARTING, OUT_OF_SERVICE or UNKNOWN", name, text)}
	}
	return status, nil
}

// term is for how long; zero for ever.
func (o *order) term() (time.Duration, *failure) {
	text := o.Get("for")
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second || d > longestTerm {
		return 0, &failure{http.StatusBadRequest, fmt.Sprintf("for is %.40q: want a duration from 1s to 720h, such as 30m", text)}
	}
	return d, nil
}

// acted is what an order has made of an instance.
type acted struct {
	App        string     `json:"app"`
	ID         string     `json:"id"`
	Status     string     `json:"status,omitempty"` // "" if it is gone
	Overridden bool       `json:"overridden"`
	Until      *time.Time `json:"until,omitempty"` // when the override ends
}

// acted looks at what has become of an instance.
func (s *Server) acted(key heureka.Key) *acted {
	a := &acted{App: key.App, ID: key.ID}
	rec, ok := s.reg.Find(key)
	if !ok {
		return a
	}
	a.Status, a.Overridden = rec.Status().String(), rec.OverriddenStatus() != heureka.StatusUnknown
	if at, ok := s.node.terms.of(key); ok {
		a.Until = new(at.UTC())
	}
	return a
}

// failed tells why nothing was done to an instance.
func failed(key heureka.Key, err error) *failure {
	if errors.Is(err, heureka.ErrNotFound) {
		return &failure{http.StatusNotFound, fmt.Sprintf("%.200s is not registered", key)}
	}
	return &failure{http.StatusInternalServerError, err.Error()}
}

// setOverride takes an instance out of service, or gives it another status, perhaps for a time.
func (s *Server) setOverride(_ context.Context, o *order) (any, *failure) {
	key, bad := o.key()
	if bad != nil {
		return nil, bad
	}
	status, bad := o.status("status", heureka.StatusOutOfService)
	if bad != nil {
		return nil, bad
	}
	term, bad := o.term()
	if bad != nil {
		return nil, bad
	}
	if err := s.node.SetOverride(key, status, 0, o.by); err != nil {
		return nil, failed(key, err)
	}
	if term > 0 && s.overridden(key, status) {
		s.node.terms.set(key, ending{at: time.Now().Add(term), status: status, by: o.by.String()})
	}
	return s.acted(key), nil
}

// overridden reports whether an instance has this override: a status that it has anyhow is not recorded as one.
func (s *Server) overridden(key heureka.Key, status heureka.Status) bool {
	rec, ok := s.reg.Find(key)
	return ok && rec.OverriddenStatus() == status
}

// restore removes an override. UNKNOWN makes the instance say itself, at its next heartbeat, how it is.
func (s *Server) restore(_ context.Context, o *order) (any, *failure) {
	key, bad := o.key()
	if bad != nil {
		return nil, bad
	}
	status, bad := o.status("as", heureka.StatusUnknown)
	if bad != nil {
		return nil, bad
	}
	if err := s.node.ClearOverride(key, status, 0, o.by); err != nil {
		return nil, failed(key, err)
	}
	return s.acted(key), nil
}

func (s *Server) cancelInstance(_ context.Context, o *order) (any, *failure) {
	key, bad := o.key()
	if bad != nil {
		return nil, bad
	}
	if err := s.node.Cancel(key, o.by); err != nil {
		return nil, failed(key, err)
	}
	return s.acted(key), nil
}

// released is how many leases self-preservation no longer holds.
type released struct {
	Released int `json:"released"`
}

func (s *Server) release(_ context.Context, o *order) (any, *failure) {
	n := s.reg.Release(o.by, time.Now())
	s.log.Warn("protection released", "operator", o.by.String(), "instances", n)
	return &released{n}, nil
}

// evicted is what a tick did.
type evicted struct {
	Allowed        bool `json:"allowed"`
	Expired        int  `json:"expired"`
	Limit          int  `json:"limit"`
	Evicted        int  `json:"evicted"`
	HeardElsewhere int  `json:"heardElsewhere"`
}

// evictNow runs the next tick now, under the same rules.
func (s *Server) evictNow(ctx context.Context, o *order) (any, *failure) {
	select {
	case <-s.phase.opens:
	default:
		return nil, &failure{http.StatusConflict, "nothing is evicted before this node has opened"}
	}
	s.log.Warn("eviction asked for", "operator", o.by.String())
	ev, kept := s.evict(ctx, &o.by, time.Now())
	return &evicted{ev.Allowed, ev.Expired, ev.Limit, ev.Evicted, kept}, nil
}
