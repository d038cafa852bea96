package heureka

import (
	"errors"
	"fmt"
	"time"
)

// What callers branch on.
var (
	// ErrNotFound says that the registry has no such instance. A client that hears it for a heartbeat registers again.
	ErrNotFound = errors.New("no such instance")
	// ErrNotReady says that the registry is not whole yet and refuses reads (W-GATE-1).
	ErrNotReady = errors.New("registry is not ready")
)

// A StatusError is an answer that a server refused to give.
type StatusError struct {
	Op   string // "renew ORDERS/host1:8080"
	URL  string // without credentials
	Code int    // HTTP status

	Reason     string        // first line of a textual explanation, as a 400 has one (W-ERR-5); "" if there was none
	RetryAfter time.Duration // how long the server asked to be left alone; 0 if it did not
}

func (e *StatusError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("%s: %s answered %d", e.Op, e.URL, e.Code)
	}
	return fmt.Sprintf("%s: %s answered %d: %s", e.Op, e.URL, e.Code, e.Reason)
}

// Is makes errors.Is(err, ErrNotFound) true for a 404.
func (e *StatusError) Is(target error) bool { return target == ErrNotFound && e.Code == 404 }
