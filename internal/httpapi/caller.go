package httpapi

import (
	"context"
	"net/http"

	"heureka.internal/heureka/internal/auth"
	"heureka.internal/heureka/internal/registry"
)

// A Caller is who asks for something beside the API: what the chain has found out about them.
type Caller struct {
	Origin    registry.Origin
	Principal auth.Principal
	again     func() bool
}

// StillMay reports whether the same request would be let in now: what takes long has to ask again.
func (c *Caller) StillMay() bool { return c.again == nil || c.again() }

type callerKey struct{}

// CallerOf returns who sent a request that a handler of Config got; nobody, for any other.
func CallerOf(r *http.Request) Caller {
	c, _ := r.Context().Value(callerKey{}).(Caller)
	return c
}

// withCaller is the request for a handler beside the API.
func (c *call) withCaller() *http.Request {
	caller := Caller{Origin: c.Origin, Principal: c.Principal}
	if c.Route.Resource == WatchResource && c.cfg.Steps.Authorise != nil {
		caller.again = letIn(&c.cfg.Steps, c.Call)
	}
	return c.Request.WithContext(context.WithValue(c.Request.Context(), callerKey{}, caller))
}

// letIn returns what asks whether the call would be let in.
func letIn(steps *Steps, c Call) func() bool {
	return func() bool {
		c := Call{Request: c.Request, Route: c.Route, Origin: c.Origin}
		for _, step := range []Step{steps.Authenticate, steps.Authorise} {
			if step != nil && step(&c).Status != 0 {
				return false
			}
		}
		return true
	}
}

// Because gives an answer of such a handler, before it begins, the reason for which it refuses.
func Because(w http.ResponseWriter, why Reason) {
	if own, ok := w.(*response); ok {
		own.reason = why
	}
}
