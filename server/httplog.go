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

// reportInterval is the least time between two reports of a kind: net/http tries to accept connections, and complains, once a
// second for as long as that fails; clients whose certificates are refused may be many.
const reportInterval = time.Minute

// httpLog receives net/http's internal errors. Most of it is clients' doing and only for debugging. Safe for
// concurrent use.
type httpLog struct {
	log   *slog.Logger
	audit func(address, why string) // of a certificate that was refused

	mu       sync.Mutex
	reported time.Time // when failing accepts were last reported
	refused  time.Time // when a refused certificate was
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
		if due(&l.mu, &l.reported, time.Now()) {
			l.log.Error("cannot accept connections, new clients have to wait",
				"err", text, "hint", "if too many files are open, raise the limit (ulimit -n): each connection needs one")
		}
	default:
		address, why, refused := refusedCertificate(text)
		if refused {
			l.audit(address, why)
		}
		if refused && due(&l.mu, &l.refused, time.Now()) {
			l.log.Warn("client certificate refused", "client", address, "err", why, "hint", certificateHint(why))
		} else {
			l.log.Debug(text)
		}
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

// certificateHint says what mends it.
func certificateHint(why string) string {
	for _, h := range [][2]string{
		{"didn't provide", "the client has to show a certificate; server.ssl.client-auth=want lets it in without one meanwhile"},
		{"unknown authority", "give the client a certificate of an authority in server.ssl.trust-certificate or server.ssl.trust-store, or add its authority there"},
		{"expired or is not yet valid", "renew the client's certificate, or look at the clocks"},
		{"incompatible key usage", "the client's certificate lists what it is for, and not clients: issue one with the use clientAuth"},
		{"too long", "the client should send its certificate and those between it and the authority, not all that it trusts"},
	} {
		if strings.Contains(why, h[0]) {
			return h[1]
		}
	}
	return "look at the client's certificate"
}

// due reports whether a report is due now, and notes it.
func due(mu *sync.Mutex, last *time.Time, now time.Time) bool {
	mu.Lock()
	defer mu.Unlock()
	if !last.IsZero() && now.Sub(*last) < reportInterval {
		return false
	}
	*last = now
	return true
}
