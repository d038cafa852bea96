package server

import (
	"context"
	"log/slog"
	"strings"

	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/outbound"
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
		slog.String("method", r.Method), slog.String("path", shownURI(c)), slog.Int("status", a.Status), slog.Int64("bytes", a.Bytes),
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

// shownURI is what a client asked for, without passwords that it put there. Values of metadata are not for the log.
func shownURI(c *httpapi.Call) string {
	path, query, asks := strings.Cut(c.Request.RequestURI, "?")
	if strings.Contains(path, "://") {
		path = outbound.Hide(path)
	}
	if !asks {
		return path
	}
	params := strings.Split(query, "&")
	for i, p := range params {
		if name, value, ok := strings.Cut(p, "="); ok && value != "" && (c.Route.Resource == httpapi.MetadataResource || outbound.IsSecretName(name)) {
			params[i] = name + "=" + outbound.Mask
		}
	}
	return path + "?" + strings.Join(params, "&")
}
