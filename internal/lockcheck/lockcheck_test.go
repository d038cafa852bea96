package lockcheck_test

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"heureka.internal/heureka/internal/lockcheck"
)

// A recorder stands in for the test that is to fail.
type recorder struct {
	testing.TB
	failed string
}

func (r *recorder) Errorf(format string, args ...any) { r.failed = fmt.Sprintf(format, args...) }

func TestLockedCallersAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("takes the patience of a checker")
	}
	for _, locked := range []bool{false, true} {
		r := &recorder{TB: t}
		c := lockcheck.New(r)
		var mu sync.Mutex
		c.Probe(func() { mu.Lock(); defer mu.Unlock() })
		if locked {
			mu.Lock()
		}
		slog.New(c.Handler()).Info("something happened")
		if locked {
			mu.Unlock()
		}
		if found := strings.Contains(r.failed, "something happened"); found != locked || c.Checks() != 1 {
			t.Errorf("lock held %v: reported %q after %d checks", locked, r.failed, c.Checks())
		}
	}
}
