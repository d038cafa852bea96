package client

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
)

// TransportHooks tell a program what its Transport does. All are optional; they are called by the goroutines of requests
// and must not block.
type TransportHooks struct {
	// Try is called after every try of an instance, when the header of its answer has come or will not come.
	Try func(TryInfo)
	// Eject is called when an instance is left alone.
	Eject func(heureka.Key)
}

// A TryInfo is one try of an instance.
type TryInfo struct {
	Service  string // as the request names it
	Instance *heureka.Instance
	Number   int // 1 for the first instance that one request tries
	Status   int // 0 if no answer came
	Duration time.Duration
	Err      error
	Again    bool // another instance is tried after it
}

// TransportStats are the numbers of a Transport.
type TransportStats struct {
	EjectionStats
	Requests  uint64 // to services
	Retries   uint64
	OverDrawn uint64 // retries that RetryBudget did not allow
	TimedOut  uint64 // tries
}

type transportCounts struct{ requests, retries, overdrawn, timedOut atomic.Uint64 }

// Stats returns the numbers as they are now.
func (t *Transport) Stats() TransportStats {
	return TransportStats{
		EjectionStats: t.ejector.numbers(), Requests: t.counts.requests.Load(), Retries: t.counts.retries.Load(),
		OverDrawn: t.counts.overdrawn.Load(), TimedOut: t.counts.timedOut.Load(),
	}
}

// A TryTimeoutError says that an instance has not begun its answer within TryTimeout. It is a time-out for net.Error.
type TryTimeoutError struct{ After time.Duration }

func (e *TryTimeoutError) Error() string { return "no answer for " + e.After.String() }

// Timeout and Temporary are net.Error's.
func (e *TryTimeoutError) Timeout() bool   { return true }
func (e *TryTimeoutError) Temporary() bool { return true }

// RoundTrip sends req to an instance of the service that its host names. The error matches ErrNoInstance if there is none.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	base := t.base()
	if !t.concerns(req.URL) {
		return base.RoundTrip(req)
	}
	t.counts.requests.Add(1)
	t.budget.earn()
	var tried []*heureka.Instance
	for {
		p, err := t.pick(req, tried)
		if err != nil {
			closeBody(req)
			return nil, err
		}
		r := t.try(req, p.Instance, len(tried))
		p.Done(r.forTracker())
		tried = append(tried, p.Instance)
		r.again = r.what > nobodyKnows && len(tried) <= t.retries() && mayRepeat(req, r.err) &&
			t.hasOther(req.URL, tried) && t.affords(r.what)
		t.recordTry(req, p.Instance, len(tried), r)
		if !r.again {
			return r.resp, r.err
		}
		if r.resp != nil {
			discard(r.resp)
		}
	}
}

// A result is how one try ended.
type result struct {
	resp  *http.Response
	err   error
	what  outcome
	took  time.Duration
	again bool
}

// forTracker is what a Tracker is told.
func (r *result) forTracker() error {
	switch {
	case r.what == nobodyKnows:
		return ErrNoOutcome
	case r.err == nil && r.what == broke:
		return errors.New(r.resp.Status)
	}
	return r.err
}

// recordTry notes how a try went.
func (t *Transport) recordTry(req *http.Request, in *heureka.Instance, number int, r result) {
	if r.what == timedOut {
		t.counts.timedOut.Add(1)
	}
	if r.again {
		t.counts.retries.Add(1)
	}
	if r.what == refusedDial {
		t.Client.hint()
	}
	if t.ejector.record(in.Key(), r.what, time.Now()) && t.Hooks.Eject != nil {
		t.Hooks.Eject(in.Key())
	}
	if t.Hooks.Try != nil {
		info := TryInfo{Service: req.URL.Host, Instance: in, Number: number, Duration: r.took, Err: r.err, Again: r.again}
		if r.resp != nil {
			info.Status = r.resp.StatusCode
		}
		t.Hooks.Try(info)
	}
}

// affords asks the budget for a retry. What was never sent burdens nobody.
func (t *Transport) affords(what outcome) bool {
	if what == refusedDial || t.budget.spend() {
		return true
	}
	t.counts.overdrawn.Add(1)
	return false
}

// try sends the request to one instance.
func (t *Transport) try(req *http.Request, in *heureka.Instance, before int) result {
	began := time.Now()
	resp, err := t.send(req, in, before)
	r := result{resp: resp, err: err, took: time.Since(began)}
	switch {
	case err != nil:
		r.what = t.failure(req, err, r.took)
	case t.failed(resp):
		r.what = broke
	}
	return r
}

// send ends the wait for the header of an answer; the body may take its time.
func (t *Transport) send(req *http.Request, in *heureka.Instance, before int) (*http.Response, error) {
	limit := t.limit(req, in, before)
	if limit <= 0 {
		out, err := t.redirect(req.Context(), req, in, before > 0)
		if err != nil {
			return nil, err
		}
		return t.own.RoundTrip(out)
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	out, err := t.redirect(ctx, req, in, before > 0)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	timer := time.AfterFunc(limit, func() { cancel(&TryTimeoutError{limit}) })
	resp, err := t.own.RoundTrip(out)
	if !timer.Stop() && err == nil {
		_ = resp.Body.Close()
		err = context.Cause(ctx)
	}
	if err == nil {
		resp.Body = bodyUntil(resp.Body, cancel)
		return resp, nil
	}
	if late, ok := errors.AsType[*TryTimeoutError](context.Cause(ctx)); ok {
		err = late
	}
	cancel(nil)
	return nil, err
}

// limit is how long a try may take; 0 for ever. An instance that hung before must leave its caller time for another.
func (t *Transport) limit(req *http.Request, in *heureka.Instance, before int) time.Duration {
	limit := max(cmp.Or(t.TryTimeout, 10*time.Second), 0)
	deadline, ok := req.Context().Deadline()
	if ok && before < t.retries() && repeatable(req) && t.ejector.suspects(in.Key()) {
		if half := time.Until(deadline) / 2; limit == 0 || half < limit {
			return max(half, time.Millisecond)
		}
	}
	return limit
}

// shortTime is what a caller has to give an instance before that counts as too slow.
const shortTime = 500 * time.Millisecond

// failure says what an error means for the instance.
func (t *Transport) failure(req *http.Request, err error, took time.Duration) outcome {
	_, late := errors.AsType[*TryTimeoutError](err)
	switch {
	case late:
		return timedOut
	case expired(req.Context()):
		if took >= shortTime {
			return timedOut
		}
		return nobodyKnows
	case req.Context().Err() != nil || errors.Is(err, context.Canceled):
		return nobodyKnows
	case noConnection(err):
		return refusedDial
	}
	return broke
}

// expired reports whether a caller's time is over. http.Client may end a request at that moment, before the context says so.
func expired(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && !time.Now().Before(deadline)
}

func (t *Transport) failed(resp *http.Response) bool {
	if t.Failed != nil {
		return t.Failed(resp)
	}
	switch resp.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// bodyUntil ends the context of a try with the body. A body that can be written to, as after 101, stays one.
func bodyUntil(body io.ReadCloser, cancel context.CancelCauseFunc) io.ReadCloser {
	b := tryBody{body, cancel}
	if w, ok := body.(io.Writer); ok {
		return &duplexBody{b, w}
	}
	return &b
}

type tryBody struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

// Close ends the exchange.
func (b *tryBody) Close() error {
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}

type duplexBody struct {
	tryBody
	io.Writer
}

// discard makes the connection of an unwanted answer ready for another, if that is cheap.
func discard(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	_ = resp.Body.Close()
}

// A budget allows retries in proportion to requests.
type budget struct {
	ratio float64

	mu     sync.Mutex
	begun  bool
	tokens float64
}

const fullBudget = 50

// earn adds the share of one request.
func (b *budget) earn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.begun {
		b.begun, b.tokens = true, fullBudget
	}
	b.tokens = min(b.tokens+max(b.ratio, 0), fullBudget)
}

// spend takes one retry out.
func (b *budget) spend() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ratio < 0 || b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// closeBody is what RoundTrip owes for a request that it does not send.
func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// noConnection reports whether err says that no connection could be established, so that nothing of the request was sent.
func noConnection(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// repeatable reports whether a request may be sent twice.
func repeatable(req *http.Request) bool {
	if req.Body != nil && req.Body != http.NoBody && req.GetBody == nil {
		return false
	}
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions:
		return true
	}
	return false
}

// mayRepeat reports whether a request that failed with err, or was answered with a failure, can be sent once more without
// being done twice.
func mayRepeat(req *http.Request, err error) bool {
	if req.Context().Err() != nil || expired(req.Context()) || errors.Is(err, context.Canceled) {
		return false
	}
	hasBody := req.Body != nil && req.Body != http.NoBody
	return repeatable(req) || noConnection(err) && (!hasBody || req.GetBody != nil)
}
