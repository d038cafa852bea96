package server

import (
	"log/slog"
	"net/http"
	"sync"
	"time"
)

const (
	refusalPause    = time.Minute // between two lines about one application
	maxRefusalNames = 1024        // applications remembered; what is beyond them shares one line
)

// A refusalLog says why registrations are refused: one line an application and minute, because a client that is refused
// tries again and again.
type refusalLog struct {
	log *slog.Logger

	mu   sync.Mutex
	said map[string]time.Time // by application, when a line may follow
}

func newRefusalLog(log *slog.Logger) *refusalLog {
	return &refusalLog{log: log, said: make(map[string]time.Time)}
}

func (l *refusalLog) refused(r *http.Request, app, why string) {
	if app = clipped(app); l.due(app, time.Now()) {
		l.log.Warn("registration refused", "app", app, "from", r.RemoteAddr, "why", why)
	}
}

// due reports whether a line about app may be written now, and notes it.
func (l *refusalLog) due(app string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.said[app]; !known && len(l.said) >= maxRefusalNames {
		for name, next := range l.said {
			if !now.Before(next) {
				delete(l.said, name)
			}
		}
		if len(l.said) >= maxRefusalNames {
			app = ""
		}
	}
	if now.Before(l.said[app]) {
		return false
	}
	l.said[app] = now.Add(refusalPause)
	return true
}
