package server

import (
	"io"
	"net/http"
	"path"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/changes"
	"heureka.internal/heureka/internal/dashboard"
	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/registry"
)

// pages returns the pages for people, and the files that they need, by their paths (S-DASH-1).
func (s *Server) pages() map[string]http.Handler {
	if s.cfg.DisableDashboard {
		return nil
	}
	below := func(name string) string { return path.Join(s.cfg.DashboardPath, name) }
	pages := map[string]http.Handler{
		"":                  http.RedirectHandler(s.cfg.ContextPath+"/", http.StatusFound), // as Spring's servers
		below("lastn"):      s.page(http.StatusOK, s.lastN),
		below("instances"):  s.page(http.StatusOK, s.instancesPage),
		below("instance"):   s.page(http.StatusOK, s.instancePage),
		below("peers"):      s.page(http.StatusOK, s.peersPage),
		below("renewals"):   s.page(http.StatusOK, s.renewalsPage),
		below("warnings"):   s.page(http.StatusOK, s.warningsPage),
		s.cfg.DashboardPath: s.page(http.StatusOK, s.statusPage),

		below("act"): http.HandlerFunc(s.serveForm),

		below("data/instances"): s.data(s.instancesData),
		below("data/instance"):  s.data(s.instanceData),
		below("data/state"):     s.data(s.stateData),
	}
	for name, file := range dashboard.Assets() {
		pages[below(name)] = httpapi.File(file)
	}
	return pages
}

func (s *Server) page(status int, render func(io.Writer, *http.Request) error) httpapi.Page {
	return httpapi.Page{Status: status, Policy: dashboard.ContentSecurityPolicy, Render: render, ErrorLog: s.requestFailed}
}

func (s *Server) statusPage(w io.Writer, r *http.Request) error {
	return s.status(pageHeld, time.Now()).view(r.URL.Path, s.cache.Apps()).Render(w)
}

func (s *Server) signpost(w io.Writer, r *http.Request) error {
	return dashboard.Signpost{Frame: s.status(0, time.Now()).frame(r.URL.Path), Base: s.cfg.apiPath()}.Render(w)
}

// instancesPage lists instances, those of other regions included.
func (s *Server) instancesPage(w io.Writer, r *http.Request) error {
	now := time.Now()
	rows := make([]dashboard.Row, 0, s.reg.Len())
	for rec := range s.cache.Records() {
		rows = append(rows, s.row(rec, now))
	}
	q, f := dashboard.ParseQuery(r.URL.Query()), s.frame(r, s.status(0, now))
	list := dashboard.NewList(f, q, rows, now)
	if q.Open != "" {
		list.Drawer = s.opened(f, q.Open, rows, now)
		if list.Drawer.Acts = s.acts(r); list.Drawer.Acts != nil {
			list.Drawer.Acts.Back = q.Link()[1:]
		}
	}
	return list.Render(w)
}

// opened is the instance in the drawer. Names of applications may contain a slash: only the rows know which is which.
func (s *Server) opened(f dashboard.Frame, name string, rows []dashboard.Row, now time.Time) *dashboard.Detail {
	for i := range rows {
		if key := rows[i].In.Key(); key.String() == name {
			return s.detail(f, key, &rows[i], now)
		}
	}
	return s.detail(f, heureka.Key{App: name}, nil, now)
}

func (s *Server) instancePage(w io.Writer, r *http.Request) error {
	now := time.Now()
	key, row := s.named(r, now)
	d := s.detail(s.frame(r, s.status(0, now)), key, row, now)
	d.Acts = s.acts(r)
	return d.Render(w)
}

// named is the instance that a request asks for; its row is nil if there is none.
func (s *Server) named(r *http.Request, now time.Time) (heureka.Key, *dashboard.Row) {
	q := r.URL.Query()
	key := heureka.Key{App: heureka.AppName(q.Get("app")), ID: q.Get("id")}
	if rec, ok := s.reg.Find(key); ok {
		return key, new(s.row(rec, now))
	}
	if in, ok := s.remote(key); ok {
		return key, &dashboard.Row{In: in}
	}
	return key, nil
}

// remote finds an instance of another region.
func (s *Server) remote(key heureka.Key) (*heureka.Instance, bool) {
	for rec := range s.cache.Records() {
		if rec.Key() == key {
			return rec.Instance(), true
		}
	}
	return nil, false
}

// row is what lists show of a record.
func (s *Server) row(rec registry.Record, now time.Time) dashboard.Row {
	st := s.reg.Standing(rec, now)
	row := dashboard.Row{In: rec.Instance(), Heard: st.Heard.At, RunsOut: st.RunsOut, Overdue: st.Overdue, By: st.Heard.Through()}
	row.Expired = !st.RunsOut.IsZero() && st.RunsOut.Before(now)
	return row
}

// pageChanges is how many changes a page lists.
const pageChanges = 100

// detail is all that is known of an instance.
func (s *Server) detail(f dashboard.Frame, key heureka.Key, row *dashboard.Row, now time.Time) *dashboard.Detail {
	d := &dashboard.Detail{Frame: f, Now: now, Row: row, Key: key}
	d.Changes, d.Since = s.changesOf(changes.Query{App: key.App, ID: key.ID, Limit: pageChanges}, now)
	if row == nil {
		return d
	}
	d.Until, _ = s.node.terms.of(key)
	for _, found := range s.faultsNow(now) {
		if found.Key() == key {
			d.Faults = append(d.Faults, found)
		}
	}
	return d
}

// changesOf returns changes as pages list them.
func (s *Server) changesOf(q changes.Query, now time.Time) ([]dashboard.Change, time.Time) {
	found, since, _ := s.history.Changes(q, now)
	out := make([]dashboard.Change, len(found))
	for i := range found {
		doc := changes.DocOf(&found[i])
		out[i] = dashboard.Change{At: found[i].At, What: string(doc.What), Key: found[i].Key, From: doc.OldStatus, To: doc.Status, Why: doc.Why}
	}
	return out, since
}

func (s *Server) renewalsPage(w io.Writer, r *http.Request) error {
	now := time.Now()
	silent, losses := s.reg.Silence(mostSilent, now)
	st := s.status(0, now)
	m := dashboard.Meter{
		Frame: s.frame(r, st), Now: now, Acts: s.acts(r), Renewals: st.renewalsView(), Explain: st.explain(losses, silent),
		Plot: dashboard.NewPlot(s.past.all(), now),
	}
	m.Changes, m.Since = s.changesOf(changes.Query{Limit: pageChanges}, now)
	for _, ch := range m.Changes {
		if ch.What == string(changes.Evicted) {
			m.Removed = append(m.Removed, ch)
		}
	}
	return m.Render(w)
}

func (s *Server) peersPage(w io.Writer, r *http.Request) error {
	st := s.status(0, time.Now())
	page := dashboard.Ring{Frame: st.frame(r.URL.Path), Now: st.At}
	for i := range st.Peers {
		p := &st.Peers[i]
		kind := "Java server"
		if p.NodeID != "" {
			kind = "heureka"
		} else if p.LastSuccess.IsZero() {
			kind = "not known"
		}
		page.Peers = append(page.Peers, dashboard.Peer{
			URL: p.URL, Good: available(p), State: string(p.State), Since: p.Since, Error: p.Error, Note: peerNote(p, st.At), Zone: p.Zone, Kind: kind, Version: p.Program,
			Phase: p.Phase, Pending: p.Pending, Lag: p.Lag.Round(time.Millisecond), Batches: p.Batches, Failed: p.Failed, RTT: p.RTT.Round(time.Microsecond),
			LastOK: p.LastSuccess, Skew: p.ClockSkew, EqualAt: p.EqualAt, Healed: p.Healed,
		})
	}
	return page.Render(w)
}

func (s *Server) warningsPage(w io.Writer, r *http.Request) error {
	now := time.Now()
	return dashboard.NewFaults(s.status(0, now).frame(r.URL.Path), s.faultsNow(now)).Render(w)
}
