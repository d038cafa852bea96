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
}

type callerKey struct{}

// CallerOf returns who sent a request that a handler of Config got; nobody, for any other.
func CallerOf(r *http.Request) Caller {
	c, _ := r.Context().Value(callerKey{}).(Caller)
	return c
}

// withCaller is the request for a handler beside the API.
func (c *call) withCaller() *http.Request {
	return c.Request.WithContext(context.WithValue(c.Request.Context(), callerKey{}, Caller{c.Origin, c.Principal}))
}

// Because gives an answer of such a handler, before it begins, the reason for which it refuses.
func Because(w http.ResponseWriter, why Reason) {
	if own, ok := w.(*response); ok {
		own.reason = why
	}
}
