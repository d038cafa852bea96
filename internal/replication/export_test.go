package replication

import (
	"context"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
)

// Bare reports whether a batch only asks whether the peer is there.
func (b *Batch) Bare() bool { return b.bare }

// Sync is one round.
func (ps *Peers) Sync(ctx context.Context) iter.Seq[Copied] {
	return func(yield func(Copied) bool) {
		c := ps.Copier(ctx)
		defer c.Close()
		c.Round(ctx)(yield)
	}
}

// Wrap joins the set with an API that serves batches and more, as package httpapi does.
func (ps *Peers) Wrap(api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		var doc []byte
		switch {
		case strings.HasSuffix(r.URL.Path, batchPath+"/") && r.Header.Get(HeaderNode) != "":
			ps.batch(w, r, api)
			return
		case strings.HasSuffix(r.URL.Path, digestPath):
			doc = ps.Digest(r.RemoteAddr, r.Header)
		case strings.HasSuffix(r.URL.Path, bucketsPath):
			ps.Buckets(r.RemoteAddr, r.Header, body, func(b []byte) { doc = slices.Clone(b) })
		case strings.HasSuffix(r.URL.Path, heardPath):
			doc = ps.Heard(r.RemoteAddr, r.Header, body)
		}
		if doc == nil {
			api.ServeHTTP(w, r)
			return
		}
		ps.Greet(r.Header, w.Header())
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(compressed(doc))
	})
}

func (ps *Peers) batch(w http.ResponseWriter, r *http.Request, api http.Handler) {
	if status := ps.Admit(r.RemoteAddr, r.Header, w.Header()); status != 0 {
		ps.Greet(r.Header, w.Header())
		w.WriteHeader(status)
		return
	}
	api.ServeHTTP(&greeting{ResponseWriter: w, request: r.Header, ps: ps}, r)
	ps.Performed(r.Header)
}

// A greeting greets when the answer begins.
type greeting struct {
	http.ResponseWriter
	request http.Header
	ps      *Peers
	done    bool
}

func (g *greeting) WriteHeader(status int) {
	if !g.done {
		g.done = true
		g.ps.Greet(g.request, g.Header())
	}
	g.ResponseWriter.WriteHeader(status)
}

func (g *greeting) Write(b []byte) (int, error) {
	if !g.done {
		g.WriteHeader(http.StatusOK)
	}
	return g.ResponseWriter.Write(b)
}

// Senders returns how many nodes are remembered with the number of their last batch.
func (g *Guard) Senders() int { return max(len(g.last), len(g.claimed)) }
