package remote

import (
	"errors"
	"fmt"
	"os"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/outbound"
)

var (
	// ErrNotEureka marks answers that no Eureka server gives, such as the HTML page of a proxy or a wrong path.
	ErrNotEureka = errors.New("response is not from a Eureka server")
	// ErrEmpty marks a 200 without a body where a document was asked for (W-BUG-1, W-GOCLI-6).
	ErrEmpty = errors.New("empty answer")
	// ErrTooLarge marks an answer beyond the limit.
	ErrTooLarge = errors.New("answer too large")
)

// A RedirectError is a redirect that was not followed. It unwraps to a *heureka.StatusError.
type RedirectError struct {
	Status *heureka.StatusError
	// Base is the API of the other server, fit for Conn.At; "" if the location is none, such as a login page. It is
	// what stands before "apps" in the location, on any path (C-RD-4), while Java understands only ".../v2/apps".
	Base string
}

func (e *RedirectError) Error() string {
	if e.Base == "" {
		return e.Status.Error()
	}
	return e.Status.Error() + " to " + outbound.Hide(e.Base)
}

func (e *RedirectError) Unwrap() error { return e.Status }

// A SilenceError says that the server sent nothing for a whole ReadTimeout. It matches os.ErrDeadlineExceeded.
type SilenceError struct{ After time.Duration }

func (e *SilenceError) Error() string { return fmt.Sprintf("no answer for %v", e.After) }

// Timeout makes it a time-out for net.Error's users.
func (e *SilenceError) Timeout() bool { return true }

// Temporary completes net.Error.
func (e *SilenceError) Temporary() bool { return true }

// Is matches os.ErrDeadlineExceeded.
func (e *SilenceError) Is(target error) bool { return target == os.ErrDeadlineExceeded }

// RetryAfter returns how long the server that answered with err asked to be left alone; 0 if it did not.
func RetryAfter(err error) time.Duration {
	if status, ok := errors.AsType[*heureka.StatusError](err); ok {
		return status.RetryAfter
	}
	return 0
}
