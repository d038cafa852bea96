package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/remote"
)

// ErrNoServers says that no server is known, because DNS has not answered yet.
var ErrNoServers = errors.New("no known server")

// A FailoverError says that no server that was tried gave an answer that counts, so that nothing is known. It matches
// whatever one of its attempts matches. That an instance is not there is an answer: a *heureka.StatusError alone.
type FailoverError struct {
	Op       string // such as "renew"
	Attempts []Attempt
}

// An Attempt is one server that was tried.
type Attempt struct {
	Server string // base URL without credentials
	Err    error
}

func (e *FailoverError) Error() string {
	if len(e.Attempts) == 1 {
		return e.Attempts[0].Err.Error()
	}
	texts := make([]string, len(e.Attempts))
	for i, a := range e.Attempts {
		texts[i] = a.Err.Error()
	}
	return strings.Join(texts, "; ")
}

// Unwrap returns the errors of all attempts.
func (e *FailoverError) Unwrap() []error {
	errs := make([]error, len(e.Attempts))
	for i, a := range e.Attempts {
		errs[i] = a.Err
	}
	return errs
}

// retryAfter returns the longest pause that a server asked for (G-FO-3).
func retryAfter(err error) time.Duration {
	f, ok := errors.AsType[*FailoverError](err)
	if !ok {
		return 0
	}
	var longest time.Duration
	for _, a := range f.Attempts {
		longest = max(longest, remote.RetryAfter(a.Err))
	}
	return longest
}

// A verdict is what an answer means for the choice of server (C-FO-4).
type verdict uint8

const (
	accepted verdict = iota // the server did its job, even if the answer is an error
	refused                 // it did, and any other server would say the same: give up
	failed                  // try another server
)

// onStatus accepts the given statuses besides success.
func onStatus(codes ...int) func(error) verdict {
	return func(err error) verdict {
		if s, ok := errors.AsType[*heureka.StatusError](err); err == nil || ok && slices.Contains(codes, s.Code) {
			return accepted
		}
		return failed
	}
}

// Heartbeats and fetches are always valid: a server that rejects them is at fault itself.
var (
	onSuccess   = onStatus()
	onHeartbeat = onStatus(404)
)

// onInstance counts "not registered" as an answer, and does not retry elsewhere when the record itself was rejected.
func onInstance(err error) verdict {
	if s, ok := errors.AsType[*heureka.StatusError](err); ok && sameEverywhere(s.Code) {
		return refused
	}
	return onHeartbeat(err)
}

// sameEverywhere reports whether a status blames the request, so that every server would answer the same. Credentials differ
// from server to server, and other statuses are temporary.
func sameEverywhere(code int) bool {
	switch code {
	case 401, 403, 404, 408, 409, 421, 425, 429:
		return false
	}
	return code/100 == 4
}

// onRegister does not retry elsewhere when the credentials were rejected.
func onRegister(err error) verdict {
	if s, ok := errors.AsType[*heureka.StatusError](err); ok && (s.Code == 401 || s.Code == 403) {
		return refused
	}
	return onInstance(err)
}

// onCancel takes any answer for done (C-SD-4), except a redirect, which is followed where that is allowed.
func onCancel(err error) verdict {
	if _, ok := errors.AsType[*remote.RedirectError](err); ok {
		return failed
	}
	if _, ok := errors.AsType[*heureka.StatusError](err); ok {
		return accepted
	}
	return onSuccess(err)
}

// A session is the choice of server for one kind of calls: it stays with a server that works, moves on when it fails, and
// keeps away for a while from those that failed (sections 15 and 16 of the client specification).
type session struct {
	cfg     *Config
	servers *serverList
	purpose string // for the log

	mu         sync.Mutex
	rand       *rand.Rand
	current    *remote.Conn // nil until a call has succeeded
	last       string       // URL of the server that was current last, "" before the first
	failure    error        // why a server was left, until another one is current
	quarantine map[*remote.Conn]bool
	ends       time.Time // zero: has not begun
}

// do calls f with one server after the other until judge is content with what f returns, at most cfg.Attempts times.
func (s *session) do(ctx context.Context, op string, judge func(error) verdict, f func(context.Context, *remote.Conn) error) error {
	failure := &FailoverError{Op: op}
	if err := s.servers.ensure(ctx); err != nil {
		return fmt.Errorf("%s: %w: %w", op, ErrNoServers, err)
	}
	for conn := range s.serversToTry(time.Now()) {
		number := len(failure.Attempts) + 1
		v, err := s.attempt(ctx, job{op, number, judge, f}, conn)
		if v == accepted {
			return err
		}
		failure.Attempts = append(failure.Attempts, Attempt{conn.URL(), err})
		if v == refused || ctx.Err() != nil || number == s.cfg.Attempts {
			break
		}
	}
	if !givenUp(ctx) {
		s.servers.askAgain()
	}
	if len(failure.Attempts) == 0 {
		return fmt.Errorf("%s: %w", op, ErrNoServers)
	}
	return failure
}

// serversToTry is the order in which one call tries servers: the current one, then the candidates as they are after that failed.
func (s *session) serversToTry(now time.Time) iter.Seq[*remote.Conn] {
	return func(yield func(*remote.Conn) bool) {
		current := s.begin(now)
		if current != nil && !yield(current) {
			return
		}
		for _, conn := range s.candidates() {
			// One that just failed gets its second chance only if there is no other: perhaps it had merely closed the
			// connection (C-FO-3).
			if conn == current && len(s.servers.ordered()) > 1 {
				continue
			}
			if !yield(conn) {
				return
			}
		}
	}
}

// A job is what to try with one server.
type job struct {
	op     string
	number int // of the attempt
	judge  func(error) verdict
	do     func(context.Context, *remote.Conn) error
}

// attempt tries one server, following it where it redirects to, and settles the outcome.
func (s *session) attempt(ctx context.Context, j job, conn *remote.Conn) (verdict, error) {
	target := conn
	for hops := 0; ; hops++ {
		start := time.Now()
		err := j.do(ctx, target)
		s.report(ctx, &RequestInfo{
			Op: j.op, Server: target.URL(), Attempt: j.number, Status: statusOf(err), Duration: time.Since(start), Err: err,
		})
		if to := s.redirected(target, err); to != nil && hops < remote.MaxRedirects {
			target = to
			continue
		}
		v := j.judge(err)
		if v == failed {
			s.leave(ctx, conn, err)
		} else {
			s.stay(target)
		}
		return v, err
	}
}

// report tells who wants to know of every request.
func (s *session) report(ctx context.Context, info *RequestInfo) {
	call(s.cfg.Hooks.Request, *info)
	if s.cfg.Logger.Enabled(ctx, slog.LevelDebug) {
		s.cfg.Logger.DebugContext(ctx, "request", "op", info.Op, "server", info.Server, "attempt", info.Attempt,
			"status", info.Status, "duration", info.Duration, "err", info.Err)
	}
}

// redirected returns the server that an answer points to, nil if it points nowhere or that is not wanted.
func (s *session) redirected(from *remote.Conn, err error) *remote.Conn {
	redirect, ok := errors.AsType[*remote.RedirectError](err)
	if !ok || redirect.Base == "" || !s.cfg.HTTP.AllowRedirects {
		return nil
	}
	to, err := from.At(redirect.Base)
	if err != nil {
		return nil
	}
	return to
}

// stay makes the server that answered the current one, even if another one redirected there.
func (s *session) stay(target *remote.Conn) {
	before, failure := s.makeCurrent(target)
	if before == "" && failure != nil {
		s.cfg.Logger.Info("using another server", "for", s.purpose, "server", target.URL(), "err", failure)
	}
	if before == "" || before == target.URL() {
		return
	}
	attrs := []any{"for", s.purpose, "server", target.URL(), "before", before}
	if failure != nil { // else a new session has begun
		attrs = append(attrs, "err", failure)
	}
	s.cfg.Logger.Info("changed server", attrs...)
}

// makeCurrent returns which server was current last, and why it was left.
func (s *session) makeCurrent(target *remote.Conn) (before string, failure error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, failure = s.last, s.failure
	s.current, s.last, s.failure = target, target.URL(), nil
	return before, failure
}

// leave avoids the server that failed. A call that its caller gave up says nothing about a server; one that ran out of
// time does.
func (s *session) leave(ctx context.Context, conn *remote.Conn, err error) {
	if givenUp(ctx) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = nil
	s.quarantine[conn] = true
	if s.failure == nil {
		s.failure = err
	}
}

// begin returns the current server, or nil if there is none or its time is over (C-SE-1).
func (s *session) begin(now time.Time) *remote.Conn {
	current, over := s.inUse(now)
	if over {
		s.servers.reshuffle(now)
	}
	return current
}

// inUse also begins a new session, whose length differs from the last so that clients do not move in step.
func (s *session) inUse(now time.Time) (current *remote.Conn, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ends.IsZero() && (s.cfg.SessionDuration < 0 || now.Before(s.ends)) {
		return s.current, false
	}
	s.current = nil
	s.quarantine = make(map[*remote.Conn]bool)
	half := max(s.cfg.SessionDuration/2, 1)
	s.ends = now.Add(half + time.Duration(s.rand.Int64N(int64(2*half))))
	return nil, true
}

// candidates returns the servers outside quarantine. When too many are in it all are set free (C-FO-5).
func (s *session) candidates() []*remote.Conn {
	list := s.servers.ordered()
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.quarantine {
		if !slices.Contains(list, conn) {
			delete(s.quarantine, conn)
		}
	}
	threshold := min(int(math.Floor(float64(len(list))*s.cfg.QuarantineThreshold)), len(list))
	if len(s.quarantine) >= threshold {
		clear(s.quarantine)
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(c *remote.Conn) bool { return s.quarantine[c] })
}

// server returns the server in use, "" if none, and how many are in quarantine.
func (s *session) server() (current string, quarantined int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		current = s.current.URL()
	}
	return current, len(s.quarantine)
}

// statusOf is for hooks, which want a number for everything.
func statusOf(err error) int {
	if err == nil {
		return 200
	}
	if s, ok := errors.AsType[*heureka.StatusError](err); ok {
		return s.Code
	}
	return 0
}
