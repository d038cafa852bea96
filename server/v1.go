package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/changes"
	"heureka.internal/heureka/internal/wire"
)

// operations is heureka's own API beside Eureka's, and what operators may do, by path below the context. A new endpoint goes
// here, and into openapi.yaml.
func (s *Server) operations() map[string]http.Handler {
	all := map[string]http.Handler{
		protectionPath:        http.HandlerFunc(s.serveProtection),
		"/heureka/v1/history": getJSON(s.serveHistory),
		"/heureka/v1/apps":    getJSON(s.serveApps),
		"/heureka/v1/lint":    getJSON(s.serveLint),
		deniedPath:            getJSON(func(url.Values, time.Time) (any, *failure) { return s.deniedDoc(), nil }),
		accessPath:            http.HandlerFunc(s.serveAccess),

		"/heureka/v1/openapi.yaml": http.HandlerFunc(serveOpenAPI),
	}
	for name, a := range actions {
		all[a.path] = s.acting(name)
	}
	return all
}

// Limits of one answer from the history.
const (
	defaultHistory = 100
	maxHistory     = 10_000
)

// follow keeps the history from falling behind until ctx ends.
func (s *Server) follow(ctx context.Context) {
	for s.reg.Feed().Wait(ctx, s.history.Cursor()) == nil {
		s.history.Follow(time.Now())
	}
}

// An answer of the own API that is no success.
type failure struct {
	status int
	Error  string `json:"error"`
}

func badRequest(format string, args ...any) (any, *failure) {
	return nil, &failure{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// allows reports whether a request has one of these methods; it has answered if not.
func allows(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	if slices.Contains(methods, r.Method) {
		return true
	}
	w.Header().Set("Allow", strings.Join(methods, ", "))
	w.WriteHeader(http.StatusMethodNotAllowed)
	return false
}

// getJSON serves GET with what answer returns: a value, or JSON that is ready as json.RawMessage.
func getJSON(answer func(q url.Values, now time.Time) (any, *failure)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !allows(w, r, http.MethodGet, http.MethodHead) {
			return
		}
		status := http.StatusOK
		doc, bad := answer(r.URL.Query(), time.Now())
		if bad != nil {
			doc, status = bad, bad.status
		}
		writeJSON(w, r, status, doc)
	})
}

// moment reads a time, or how long ago it was; zero if there is none.
func moment(q url.Values, name string, now time.Time) (time.Time, *failure) {
	text := q.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, &failure{http.StatusBadRequest, fmt.Sprintf("%s is %.40q: want a time such as 2026-01-02T15:04:05Z, or how long ago, such as 15m", name, text)}
	}
	return t, nil
}

// serveHistory answers GET history?app=&id=&since=&until=&limit=.
func (s *Server) serveHistory(q url.Values, now time.Time) (any, *failure) {
	query := changes.Query{App: heureka.AppName(q.Get("app")), ID: q.Get("id"), Limit: defaultHistory}
	var bad *failure
	if query.Since, bad = moment(q, "since", now); bad != nil {
		return nil, bad
	}
	if query.Until, bad = moment(q, "until", now); bad != nil {
		return nil, bad
	}
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxHistory {
			return badRequest("limit is %.40q: want 1 to %d", text, maxHistory)
		}
		query.Limit = n
	}
	found, since, more := s.history.Changes(query, now)
	doc := changes.HistoryDoc{Since: since.UTC(), More: more, Changes: make([]changes.Doc, len(found))}
	for i := range found {
		doc.Changes[i] = changes.DocOf(&found[i])
	}
	return doc, nil
}

// serveApps answers GET apps?at= with the applications as they were then, in the document of GET /eureka/apps.
func (s *Server) serveApps(q url.Values, now time.Time) (any, *failure) {
	at, bad := moment(q, "at", now)
	if bad != nil {
		return nil, bad
	}
	records, seq := s.cache.Local()
	instances := map[heureka.Key]*heureka.Instance{}
	for rec := range records {
		instances[rec.Key()] = rec.Instance()
	}
	if !at.IsZero() {
		if since, ok := s.history.Rewind(instances, seq, at, now); !ok {
			return nil, &failure{http.StatusGone, "the history of this node begins at " + since.UTC().Format(time.RFC3339)}
		}
	}
	return json.RawMessage(document(instances)), nil
}

// document is the JSON of GET /eureka/apps.
func document(instances map[heureka.Key]*heureka.Instance) []byte {
	var counts heureka.StatusCounts
	keys := make([]heureka.Key, 0, len(instances))
	for key, in := range instances {
		keys = append(keys, key)
		counts.Add(in.Status, 1)
	}
	slices.SortFunc(keys, func(a, b heureka.Key) int {
		if c := strings.Compare(a.App, b.App); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	form := wire.Form{Format: wire.JSON}
	b := form.AppendDocHead(nil, 1, counts.Hash())
	for i, key := range keys {
		switch {
		case i == 0:
			b = form.AppendAppHead(b, key.App)
		case keys[i-1].App != key.App:
			b = append(form.AppendAppTail(b), form.Separator()...)
			b = form.AppendAppHead(b, key.App)
		default:
			b = append(b, form.Separator()...)
		}
		b = form.AppendInstance(b, instances[key], instances[key].Lease)
	}
	if len(keys) > 0 {
		b = form.AppendAppTail(b)
	}
	return form.AppendDocTail(b, 1, counts.Hash())
}
