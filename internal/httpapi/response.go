package httpapi

import (
	"io"
	"net/http"
	"slices"
)

// A response is the one wrapper around the ResponseWriter of a call. It sees every answer begin: there a refusal gets its
// reason and its place in the count, whoever gives it, and an answer to another node this one's greeting.
type response struct {
	http.ResponseWriter
	call   *call
	status int    // of the answer that has begun, else 0
	reason Reason // of a refusal, if whoever refuses has one to tell
	detail string // added to reason
	bytes  int64  // of the body so far
	greets bool   // the answer says what this node has to say to others
}

// WriteHeader implements http.ResponseWriter.
func (w *response) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.begin(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) begin(status int) {
	w.status = status
	if w.greets {
		w.call.cfg.Ring.Greet(w.call.Request.Header, w.Header())
	}
	if status >= http.StatusBadRequest {
		w.call.refused.add(w)
	}
}

// Write implements http.ResponseWriter.
func (w *response) Write(b []byte) (int, error) {
	w.writing()
	out := w.call.out
	if out == nil {
		n, err := w.ResponseWriter.Write(b)
		w.bytes += int64(n)
		return n, err
	}
	var written int
	for part := range slices.Chunk(b, writeStep) {
		n, err := w.ResponseWriter.Write(part)
		written += n
		w.bytes += int64(n)
		out.moved.Add(int64(n))
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// writeStep is after how many bytes of an answer that holds some of the budget its progress is noted.
const writeStep = 64 << 10

// ReadFrom lets net/http copy from src by its own means.
func (w *response) ReadFrom(src io.Reader) (n int64, err error) {
	w.writing()
	if to, ok := w.ResponseWriter.(io.ReaderFrom); ok {
		n, err = to.ReadFrom(src)
	} else {
		n, err = io.Copy(w.ResponseWriter, src)
	}
	w.bytes += n
	return n, err
}

// writing begins an answer whose status nobody has named.
func (w *response) writing() {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
}

// Flush implements http.Flusher.
func (w *response) Flush() {
	w.writing()
	_ = http.NewResponseController(w.ResponseWriter).Flush() // a writer that cannot has nothing to flush
}

// Unwrap serves http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }
