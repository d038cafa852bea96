package server

import (
	"bytes"
	"log"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"
)

// acceptReports is the least time between two reports that connections cannot be accepted: net/http tries, and
// complains, once a second for as long as it lasts.
const acceptReports = time.Minute

// httpLog receives net/http's internal errors. Most of it is clients' doing and only for debugging. Safe for
// concurrent use.
type httpLog struct {
	log   *slog.Logger
	audit func(address, why string) // of a certificate that was refused

	mu       sync.Mutex
	reported time.Time // when failing accepts were last reported
}

func newHTTPLog(l *slog.Logger, audit func(address, why string)) *log.Logger {
	return log.New(&httpLog{log: l, audit: audit}, "", 0)
}

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
		if address, why, ok := refusedCertificate(text); ok {
			l.audit(address, why)
		}
		l.log.Debug(text)
	}
	return len(line), nil
}

// refusedCertificate reads who was refused a connection for their certificate, or for having none. net/http tells it nowhere else.
func refusedCertificate(text string) (address, why string, ok bool) {
	rest, ok := strings.CutPrefix(text, "http: TLS handshake error from ")
	if !ok {
		return "", "", false
	}
	address, why, _ = strings.Cut(rest, ": ")
	host, _, _ := net.SplitHostPort(address)
	return host, why, strings.Contains(why, "certificate") && !strings.HasPrefix(why, "remote error")
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
