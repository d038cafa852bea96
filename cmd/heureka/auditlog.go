package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"

	"heureka.internal/heureka/internal/audit"
	"heureka.internal/heureka/internal/config"
)

// auditTo is the setting that says where the audit log goes.
const auditTo = "heureka.audit.to"

// A switching writer is one whose destination may be replaced. It has no lock, for the reason that logFile has none.
type switching struct{ to atomic.Pointer[auditSink] }

func (s *switching) Write(line []byte) (int, error) { return s.to.Load().Write(line) }

// An auditSink is where the audit log goes.
type auditSink struct {
	io.Writer
	name string
	file *logFile  // nil: none
	end  io.Closer // nil: nothing is to be closed
}

// openAudit opens where the audit log goes; nil if there is none.
func (l *logging) openAudit(to string, stdout io.Writer) (*auditSink, error) {
	switch {
	case to == "off":
		return nil, nil
	case to == "stdout":
		return &auditSink{Writer: stdout, name: to}, nil
	case to == "syslog" || strings.HasPrefix(to, "syslog:") || strings.HasPrefix(to, "syslog+tcp:"):
		w, err := audit.Syslog(to)
		if err != nil {
			return nil, &failure{status: statusUsage, err: fmt.Errorf("%s: %w", auditTo, err), hint: "write to a file, or to stdout"}
		}
		return &auditSink{Writer: w, name: to, end: w}, nil
	}
	f, err := l.open(auditTo, to, 0o600)
	if err != nil {
		return nil, err
	}
	return &auditSink{Writer: f, name: to, file: f, end: f}, nil
}

// auditWriter returns what the server writes to; nil: nothing.
func (l *logging) auditWriter() io.Writer {
	if l.audit == nil {
		return nil
	}
	return l.audit
}

// redirects reports whether the audit log goes elsewhere from now on. Whether there is one is decided at the start.
func (l *logging) redirects(now *config.Settings) bool {
	to := now.Text(auditTo)
	return l.audit != nil && to != "off" && to != l.audit.to.Load().name
}

// close forgets a destination that is no longer used.
func (l *logging) close(s *auditSink) {
	l.files = slices.DeleteFunc(l.files, func(f *logFile) bool { return f == s.file })
	if s.end != nil {
		_ = s.end.Close() // what it had got was written line by line
	}
}
