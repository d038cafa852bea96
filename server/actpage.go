package server

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"heureka.internal/heureka/internal/dashboard"
	"heureka.internal/heureka/internal/httpapi"
)

// acts is what a page lets its reader do; nil for nothing.
func (s *Server) acts(r *http.Request) *dashboard.Acts {
	c := httpapi.CallerOf(r)
	if !s.mayAct(c) {
		return nil
	}
	return &dashboard.Acts{Named: c.Principal.Name != ""}
}

// frame is what stands around the page that r asks for, with the outcome of the action that led to it.
func (s *Server) frame(r *http.Request, st *status) dashboard.Frame {
	f := st.frame(r.URL.Path)
	f.Done = dashboard.Done(r.URL.Query())
	return f
}

// serveForm does what a form of a page asks for, and leads back to a page.
func (s *Server) serveForm(w http.ResponseWriter, r *http.Request) {
	if !allows(w, r, http.MethodPost) {
		return
	}
	o, doc, bad := s.act(w, r, "")
	if bad != nil {
		refused := dashboard.Refused{Frame: s.status(0, time.Now()).frame(r.URL.Path), Why: bad.Error}
		s.page(bad.status, func(w io.Writer, _ *http.Request) error { return refused.Render(w) }).Answer(w, r)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", afterwards(o, doc)) // relative: the prefix that a proxy strips is not known here
	w.WriteHeader(http.StatusSeeOther)
}

// afterwards is the page to which an order leads: a list goes on as it was.
func afterwards(o *order, doc any) string {
	done := url.Values{"done": {o.action}}
	switch d := doc.(type) {
	case *released:
		done.Set("n", strconv.Itoa(d.Released))
		return "renewals?" + done.Encode()
	case *evicted:
		done.Set("n", strconv.Itoa(d.Evicted))
		return "renewals?" + done.Encode()
	case *acted:
		if list, err := url.ParseQuery(o.Get("back")); err == nil && len(list) > 0 {
			return "instances" + dashboard.ParseQuery(list).Link() + "&" + done.Encode()
		}
		done.Set("app", d.App)
		done.Set("id", d.ID)
	}
	return "instance?" + done.Encode()
}
