package server

import (
	"context"
	"log/slog"

	"heureka.internal/heureka/internal/httpapi"
)

// An accessLog writes a line for each request, where there is a log that takes it.
type accessLog struct {
	access *slog.Logger // nil: none
	debug  *slog.Logger
}

// Recording implements httpapi.Recorder.
func (l *accessLog) Recording() bool {
	return l.access != nil || l.debug.Enabled(context.Background(), slog.LevelDebug)
}

// Record implements httpapi.Recorder.
func (l *accessLog) Record(c *httpapi.Call, a httpapi.Answer) {
	log, level := l.debug, slog.LevelDebug
	if l.access != nil {
		log, level = l.access, slog.LevelInfo
	}
	r := c.Request
	attrs := []slog.Attr{
		slog.String("method", r.Method), slog.String("path", r.RequestURI), slog.Int("status", a.Status), slog.Int64("bytes", a.Bytes),
		slog.Duration("took", a.Took), slog.String("client", r.RemoteAddr), slog.String("user_agent", r.UserAgent()),
	}
	if trace := r.Header.Get("Traceparent"); trace != "" {
		attrs = append(attrs, slog.String("traceparent", trace))
	}
	if c.Principal.Name != "" {
		attrs = append(attrs, slog.String("principal", c.Principal.Name))
	}
	if a.Status >= 400 {
		attrs = append(attrs, slog.String("reason", a.Reason.String()))
	}
	log.LogAttrs(context.Background(), level, "request served", attrs...)
}
