// Package lockcheck fails a test when code calls a logger, a transport or a callback while it holds a lock. The callee may
// block, and then everything that needs the lock blocks as well. It is for tests only.
package lockcheck

import (
	"context"
	"log/slog"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// patience is how long probes may take on a machine that is busy with something else. Only a failing test waits so long.
const patience = 10 * time.Second

// A Checker stands where code calls out to. It holds the call up and runs probes meanwhile, which take the locks that must
// be free: if one does not come to its end, the caller holds a lock. All methods are safe for concurrent use.
type Checker struct {
	t      testing.TB
	probes atomic.Pointer[[]func()]
	busy   atomic.Bool  // a check is under way: what its probes call in their turn is not checked
	ticks  atomic.Int64 // of real time, which a synctest bubble does not have
	checks atomic.Int64
}

const tick = 10 * time.Millisecond

// New returns a checker that checks nothing before it is given probes. Call it outside a synctest bubble; the checker may be
// used inside.
func New(t testing.TB) *Checker {
	c := &Checker{t: t}
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
				c.ticks.Add(1)
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-ended })
	return c
}

// Probe says what must be possible during every call from now on. A probe takes locks and must not wait for anything else.
func (c *Checker) Probe(probes ...func()) { c.probes.Store(&probes) }

// Checks returns how many calls have been checked, so that a test can tell that there were any.
func (c *Checker) Checks() int64 { return c.checks.Load() }

// Check is to be called by what stands in for the outside; what says which call that is.
func (c *Checker) Check(what string) {
	probes := c.probes.Load()
	if probes == nil || !c.busy.CompareAndSwap(false, true) {
		return
	}
	defer c.busy.Store(false)
	c.checks.Add(1)
	var done atomic.Bool
	go func() {
		defer done.Store(true)
		for _, probe := range *probes {
			probe()
		}
	}()
	for until := c.ticks.Load() + int64(patience/tick); !done.Load(); runtime.Gosched() {
		if c.ticks.Load() > until {
			stack := make([]byte, 16<<10)
			c.t.Errorf("called out to with a lock held: %s\n%s", what, stack[:runtime.Stack(stack, false)])
			c.probes.Store(nil) // one report is enough
			return
		}
	}
}

// Handler returns a log handler that checks at each record.
func (c *Checker) Handler() slog.Handler { return handler{c} }

type handler struct{ c *Checker }

// Enabled implements slog.Handler.
func (h handler) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (h handler) Handle(_ context.Context, r slog.Record) error {
	h.c.Check("log: " + r.Message)
	return nil
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup implements slog.Handler.
func (h handler) WithGroup(string) slog.Handler { return h }
