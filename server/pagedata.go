package server

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/dashboard"
	"heureka.internal/heureka/internal/httpapi"
)

// columns are the instances as the script of the pages reads them: an array for each column, which compresses better than
// an object for each row. Each distinct set of metadata stands there once.
type columns struct {
	Version    string              `json:"version"` // from which to watch on
	Now        int64               `json:"now"`     // ms
	App        []string            `json:"app,omitempty"`
	ID         []string            `json:"id,omitempty"`
	Status     []string            `json:"status,omitempty"`
	Overridden []int8              `json:"overridden,omitempty"`
	Address    []string            `json:"address,omitempty"`
	IP         []string            `json:"ip,omitempty"`
	VIP        []string            `json:"vip,omitempty"`
	Zone       []string            `json:"zone,omitempty"`
	Changed    []int64             `json:"changed,omitempty"` // ms
	Heard      []int64             `json:"heard,omitempty"`   // s ago; -1: not known
	Lease      []int8              `json:"lease,omitempty"`   // 1: overdue, 2: run out
	Meta       []int               `json:"meta,omitempty"`    // index of Metas
	Metas      []map[string]string `json:"metas,omitempty"`
}

// instancesData is the whole list. What changes while it is written, watching from its version tells again.
func (s *Server) instancesData(_ *http.Request, now time.Time) any {
	c := &columns{Version: s.watching.version(s.cache.Seq()), Now: now.UnixMilli()}
	known := map[string]int{}
	for rec := range s.cache.Records() {
		row := s.row(rec, now)
		c.add(&row, c.metadata(row.In.Metadata, known), now)
	}
	return c
}

func (c *columns) add(r *dashboard.Row, meta int, now time.Time) {
	in := r.In
	c.App, c.ID, c.Status = append(c.App, in.App), append(c.ID, in.ResolvedID()), append(c.Status, in.Status.String())
	c.Address, c.IP, c.VIP = append(c.Address, r.Address()), append(c.IP, in.IPAddr), append(c.VIP, in.VIPAddress)
	c.Zone, c.Changed, c.Meta = append(c.Zone, r.Zone()), append(c.Changed, in.LastUpdatedMS), append(c.Meta, meta)
	heard, lease, overridden := int64(-1), int8(0), int8(0)
	if !r.Heard.IsZero() {
		heard = int64(now.Sub(r.Heard) / time.Second)
	}
	switch {
	case r.Expired:
		lease = 2
	case r.Overdue:
		lease = 1
	}
	if r.Overridden() {
		overridden = 1
	}
	c.Heard, c.Lease, c.Overridden = append(c.Heard, heard), append(c.Lease, lease), append(c.Overridden, overridden)
}

// metadata returns the index of a set of metadata.
func (c *columns) metadata(m heureka.Metadata, known map[string]int) int {
	var key strings.Builder
	for _, e := range m {
		key.WriteString(e.Key + "\x00" + e.Value + "\x00")
	}
	if i, ok := known[key.String()]; ok {
		return i
	}
	set := make(map[string]string, len(m))
	for _, e := range m {
		set[e.Key] = e.Value
	}
	known[key.String()] = len(c.Metas)
	c.Metas = append(c.Metas, set)
	return len(c.Metas) - 1
}

// stateDoc is the condition of the node, for the script.
type stateDoc struct {
	Kind   dashboard.StateKind `json:"kind"`
	Text   string              `json:"text"` // times as dashboard.Clock reads them
	Faults int                 `json:"faults"`
}

// stateData is what every page shows above its content.
func (s *Server) stateData(_ *http.Request, now time.Time) any {
	f := s.status(0, now).frame("/")
	return &stateDoc{f.State.Kind, f.State.Text, f.Faults}
}

// instanceData is one instance, as its page shows it.
func (s *Server) instanceData(r *http.Request, now time.Time) any {
	key, row := s.named(r, now)
	d := s.detail(dashboard.Frame{}, key, row, now)
	d.Acts = s.acts(r)
	return d.Data()
}

// data serves what the script of the pages asks for.
func (s *Server) data(of func(*http.Request, time.Time) any) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !allows(w, r, http.MethodGet, http.MethodHead) {
			return
		}
		body, err := json.Marshal(of(r, time.Now()))
		if err != nil {
			panic("server: " + err.Error()) // a mistake in this package
		}
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", "no-store")
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") && len(body) > 1000 {
			h.Set("Content-Encoding", "gzip")
			body = zipped(body)
		}
		httpapi.Write(w, r, http.StatusOK, body)
	})
}

func zipped(body []byte) []byte {
	var b bytes.Buffer
	zw, _ := gzip.NewWriterLevel(&b, 5)
	_, _ = zw.Write(body) // into memory
	_ = zw.Close()
	return b.Bytes()
}
