package httpapi

import (
	"cmp"
	"io"
	"net/http"
	"strconv"
)

// A Page is an HTML page for people.
type Page struct {
	Status   int                                      // of the answer; 0 for 200
	Policy   string                                   // Content-Security-Policy
	Render   func(w io.Writer, r *http.Request) error // called once per request, concurrently
	ErrorLog func(r *http.Request, err any)           // as in Config
}

// ServeHTTP answers GET and HEAD with the page.
func (p Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if readOnly(w, r) {
		p.Answer(w, r)
	}
}

// Answer renders the page into memory first, so that a failure becomes an empty 500 and not half a page. The page is
// never kept by a cache: what it says is true only now.
func (p Page) Answer(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	b := buffers.take()
	defer buffers.give(b)
	if err := p.Render(b, r); err != nil {
		if p.ErrorLog != nil {
			p.ErrorLog(r, err)
		}
		h["Content-Length"] = lengthZero
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", p.Policy)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin") // without a referrer, forms would be posted by an origin "null"
	h["X-Content-Type-Options"] = noSniff
	Write(w, r, cmp.Or(p.Status, http.StatusOK), b.B)
}

// readOnly answers every method but GET and HEAD and reports whether the request is one of these.
func readOnly(w http.ResponseWriter, r *http.Request) bool {
	m := methodOf(r.Method)
	if m == get {
		return true
	}
	w.Header()["Allow"] = []string{get.allow()}
	w.Header()["Content-Length"] = lengthZero
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusOK)
	} else {
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
	return false
}

// Write answers with b, whose type is already set. Of what an API serves, large answers take part in its budget.
func Write(w http.ResponseWriter, r *http.Request, status int, b []byte) {
	if own, ok := w.(*response); ok && !own.call.holdAnswer(cap(b)) {
		own.call.refuse(http.StatusServiceUnavailable, Busy)
		return
	}
	w.Header()["Content-Length"] = []string{strconv.Itoa(len(b))}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(b) // an error means that the client is gone: nobody is left to tell
	}
}

// Write implements io.Writer.
func (b *buffer) Write(p []byte) (int, error) {
	b.B = append(b.B, p...)
	return len(p), nil
}

// A File is a part of a page whose path changes with its content, so that it may be kept for ever.
type File struct {
	Type    string
	Content []byte
}

// ServeHTTP implements http.Handler.
func (f File) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !readOnly(w, r) {
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.Type)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h["X-Content-Type-Options"] = noSniff
	Write(w, r, http.StatusOK, f.Content)
}
