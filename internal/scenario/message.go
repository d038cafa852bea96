package scenario

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
)

// A message is a request on its way.
type message struct {
	method, path string
	url          url.URL
	header       http.Header
	body         []byte
}

func messageOf(req *http.Request) message {
	body, _ := io.ReadAll(req.Body)
	m := message{method: req.Method, path: req.URL.Path, url: url.URL{Path: req.URL.Path, RawPath: req.URL.RawPath, RawQuery: req.URL.RawQuery}, header: req.Header, body: body}
	m.header.Del("Accept-Encoding") // compressing takes time, and tells nothing
	return m
}

// serve has the node's API answer a message, as often as it arrives.
func (n *node) serve(m *message, from *node) *http.Response {
	u := m.url
	req := &http.Request{
		Method: m.method, URL: &u, RequestURI: u.RequestURI(), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: m.header.Clone(),
		Host: n.name, RemoteAddr: from.name + ":1", Body: io.NopCloser(bytes.NewReader(m.body)), ContentLength: int64(len(m.body)),
	}
	w := &answerWriter{header: http.Header{"Date": {n.now().UTC().Format(http.TimeFormat)}}}
	n.api.ServeHTTP(w, req)
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	return &http.Response{StatusCode: w.status, Header: w.header, Body: io.NopCloser(&w.body)}
}

// An answerWriter keeps an answer.
type answerWriter struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (w *answerWriter) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *answerWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

// Write implements http.ResponseWriter.
func (w *answerWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}
