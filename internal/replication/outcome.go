package replication

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/remote"
)

// outcomeOf sorts what came of a request (S-DISP-11). Statuses that speak of the moment rather than of the request, such
// as those of a proxy whose server is restarting, count as busy; the reference drops batches then, and where a credential is
// wrong.
func outcomeOf(err error) Outcome {
	if err == nil {
		return Delivered
	}
	if status, ok := errors.AsType[*heureka.StatusError](err); ok {
		switch status.Code {
		case http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusGatewayTimeout,
			http.StatusTooEarly:
			return Busy
		case http.StatusRequestEntityTooLarge:
			return TooLarge
		case http.StatusUnauthorized, http.StatusForbidden:
			return Denied
		}
		return Refused
	}
	switch op, isOp := errors.AsType[*net.OpError](err); {
	case errors.Is(err, errUnreadable) || errors.Is(err, remote.ErrTooLarge):
		return Refused
	case isOp && op.Op == "dial":
		return Unreachable
	case errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded):
		return Silent
	}
	return Unreachable
}

// noSuchName reports whether err says no more than that names do not exist.
func noSuchName(err error) bool {
	if all, joined := err.(interface{ Unwrap() []error }); joined {
		return !slices.ContainsFunc(all.Unwrap(), func(each error) bool { return !noSuchName(each) })
	}
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}

// errUnreadable marks answers with status 200 that are not what was asked for, such as the page of a proxy.
var errUnreadable = errors.New("response is not from a Eureka server")

// within gives a peer d for a whole answer, however much it sends meanwhile.
func within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, overdue(d))
}

// overdue says that an answer was still coming when the time for it was over. It matches context.DeadlineExceeded.
type overdue time.Duration

func (d overdue) Error() string { return fmt.Sprintf("no whole answer within %s", time.Duration(d)) }

// Is makes it the end of a context.
func (d overdue) Is(target error) bool { return target == context.DeadlineExceeded }
