package heurekatest

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
)

// keptLines is how many lines of a log are kept: the last ones.
const keptLines = 10_000

// Logger returns a logger whose lines are shown if the test fails, and only then.
func Logger(t testing.TB) *slog.Logger {
	l := &testLog{}
	t.Cleanup(func() {
		if lines := l.end(); t.Failed() && len(lines) > 0 {
			t.Log("log:\n" + strings.Join(lines, ""))
		}
	})
	return slog.New(slog.NewTextHandler(l, nil))
}

// A testLog keeps lines until the test has ended.
type testLog struct {
	mu    sync.Mutex
	lines []string
	ended bool
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return len(p), nil
	}
	if len(l.lines) == 2*keptLines {
		l.lines = append(l.lines[:0], l.lines[keptLines:]...)
	}
	l.lines = append(l.lines, string(p))
	return len(p), nil
}

// end returns the last lines.
func (l *testLog) end() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	l.lines, l.ended = nil, true
	return lines[max(0, len(lines)-keptLines):]
}
