package heureka

import (
	"errors"
	"fmt"
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
}

func (e *StatusError) Error() string { return fmt.Sprintf("%s: %s answered %d", e.Op, e.URL, e.Code) }

// Is makes errors.Is(err, ErrNotFound) true for a 404.
func (e *StatusError) Is(target error) bool { return target == ErrNotFound && e.Code == 404 }
