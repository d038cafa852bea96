package server

import (
	"bytes"
	"log"
	"log/slog"
	"sync"
	"time"
)

// acceptReports is the least time between two reports that connections cannot be accepted: net/http tries, and
// complains, once a second for as long as it lasts.
const acceptReports = time.Minute

// httpLog receives net/http's internal errors. Most of it is clients' doing and only for debugging. Safe for
// concurrent use.
type httpLog struct {
	log *slog.Logger

	mu       sync.Mutex
	reported time.Time // when failing accepts were last reported
}

func newHTTPLog(l *slog.Logger) *log.Logger { return log.New(&httpLog{log: l}, "", 0) }

// Write implements io.Writer. It takes one line at a time, or a panic with its stack.
func (l *httpLog) Write(line []byte) (int, error) {
	text := string(bytes.TrimSpace(line))
	switch {
	case bytes.HasPrefix(line, []byte("http: panic")):
		l.log.Error(text)
	case bytes.HasPrefix(line, []byte("http: Accept error")):
		if l.reportsAccept(time.Now()) {
			l.log.Error("cannot accept connections, new clients have to wait",
				"err", text, "hint", "if too many files are open, raise the limit (ulimit -n): each connection needs one")
		}
	default:
		l.log.Debug(text)
	}
	return len(line), nil
}

// reportsAccept reports whether a report is due now, and notes it.
func (l *httpLog) reportsAccept(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.reported.IsZero() && now.Sub(l.reported) < acceptReports {
		return false
	}
	l.reported = now
	return true
}
