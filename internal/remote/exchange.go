package remote

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"time"

	"heureka.internal/heureka"
)

// A Request is one raw exchange below the base URL, for endpoints that have no method of their own.
type Request struct {
	Method string      // "" stands for GET
	Path   string      // relative to the base URL, percent-encoded
	Query  string      // encoded, without "?"
	Header http.Header // sent in addition; not changed
	Body   []byte      // JSON; nil: none
	Limit  int64       // of the answer; 0 stands for Config.MaxBytes

	Pooled bool // the reply's body may come from a pool: the caller must Release it
	// arriving reads the body instead, while it comes.
	arriving func(reply *Reply, body io.Reader) error

	unread bool // nobody wants the body: whatever it is, the status alone counts (W-GOCLI-3)
}

// A Reply is an answer, read to its end and decompressed.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte

	buf *bytes.Buffer // owns Body if Pooled
}

// Date returns the server's clock, or the zero time.
func (r *Reply) Date() time.Time {
	t, err := http.ParseTime(r.Header.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return t
}

func (r *Reply) isHTML() bool { return strings.Contains(r.mediaType(), "html") }

// mediaType returns what the body is labelled as, or what it looks like if it has no label.
func (r *Reply) mediaType() string {
	label := r.Header.Get("Content-Type")
	if label == "" {
		label = http.DetectContentType(r.Body)
	}
	t, _, err := mime.ParseMediaType(label)
	if err != nil {
		return "an invalid content type"
	}
	return t
}

// Do sends req and reads the answer. Answers other than 2xx, and 304 to a conditional GET, are errors: a
// *heureka.StatusError, or a *RedirectError that holds one. The reply comes with them as far as there is one; it is never
// nil.
func (c *Conn) Do(ctx context.Context, req Request) (*Reply, error) {
	if req.Method == "" {
		req.Method = http.MethodGet
	}
	return c.exchange(ctx, op{verb: req.Method, subject: req.Path}, req)
}

// exchange follows redirects where that is allowed, and is otherwise exchangeOnce.
func (c *Conn) exchange(ctx context.Context, op op, req Request) (*Reply, error) {
	at := c
	for hops := 0; ; hops++ {
		reply, err := at.exchangeOnce(ctx, op, req)
		redirect, ok := err.(*RedirectError)
		if !ok || !c.cfg.FollowRedirects || req.Method != http.MethodGet || redirect.Base == "" || hops == MaxRedirects {
			return reply, err
		}
		if at, err = at.At(redirect.Base); err != nil {
			return reply, redirect
		}
	}
}

// exchangeOnce is one request and its answer. It does not use http.Client: redirects must not be followed by themselves,
// since they may leave the API, and cookies mean nothing here.
func (c *Conn) exchangeOnce(ctx context.Context, op op, req Request) (*Reply, error) {
	ctx, quiet := c.watchSilence(ctx)
	defer quiet.stop()
	hr := c.newRequest(ctx, req, quiet)
	resp, err := c.cfg.Transport.RoundTrip(hr)
	if err != nil {
		return &Reply{}, fmt.Errorf("%s at %s: %w", op, c.shown, quiet.cause(err))
	}
	quiet.touch()
	defer discard(resp.Body)
	reply := &Reply{Status: resp.StatusCode, Header: resp.Header}
	if !succeeded(resp.StatusCode, hr) {
		return reply, c.refusal(op, hr, resp, reply)
	}
	if req.unread {
		return reply, nil
	}
	if err := c.readBody(reply, resp, req, quiet); err != nil {
		return reply, fmt.Errorf("%s at %s: %w", op, c.shown, quiet.cause(err))
	}
	return reply, nil
}

// succeeded takes 304 for success only from those who asked for it.
func succeeded(status int, hr *http.Request) bool {
	return status/100 == 2 || status == http.StatusNotModified && hr.Header.Get("If-None-Match") != ""
}

// newRequest sets path and raw path, so that an escaped slash in an id stays one.
func (c *Conn) newRequest(ctx context.Context, req Request, quiet *silence) *http.Request {
	u := c.base
	base := c.base.EscapedPath()
	u.RawPath = base + req.Path
	u.Path = c.base.Path + unescape(req.Path)
	u.RawQuery = req.Query
	hr := &http.Request{
		Method: req.Method, URL: &u, Host: u.Host, Header: c.headerFor(req),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: http.NoBody,
	}
	if req.Body != nil {
		hr.ContentLength = int64(len(req.Body))
		hr.GetBody = func() (io.ReadCloser, error) {
			return io.NopCloser(quiet.reader(bytes.NewReader(req.Body))), nil
		}
		hr.Body, _ = hr.GetBody()
	}
	return hr.WithContext(ctx)
}

// unescape is the inverse of url.PathEscape for paths that it made.
func unescape(path string) string {
	if s, err := url.PathUnescape(path); err == nil {
		return s
	}
	return path
}

// headerFor returns a map of the request's own.
func (c *Conn) headerFor(req Request) http.Header {
	if len(req.Header) == 0 && req.Body == nil {
		return c.header.Clone() // RoundTrippers that instrument may add to it
	}
	h := c.header.Clone()
	for k, v := range req.Header {
		h[http.CanonicalHeaderKey(k)] = v
	}
	if req.Body != nil {
		h.Set("Content-Type", "application/json")
	}
	return h
}

// maxReason is how much of the explanation of a refusal is kept.
const maxReason = 256

// refusal makes the error of an answer that is not 2xx. Its body is not decoded, only the first line of a short text is
// kept for people (W-GOCLI-7).
func (c *Conn) refusal(op op, hr *http.Request, resp *http.Response, reply *Reply) error {
	shown := *hr.URL
	status := &heureka.StatusError{Op: op.String(), URL: shown.String(), Code: resp.StatusCode}
	status.RetryAfter = parseRetryAfter(resp.Header, reply.Date())
	if strings.HasPrefix(reply.mediaType(), "text/plain") || resp.StatusCode == http.StatusBadRequest && !reply.isHTML() {
		status.Reason = firstLine(resp.Body)
	}
	if base, ok := redirectBase(hr.URL, resp); ok {
		return &RedirectError{Status: status, Base: base}
	}
	return status
}

// firstLine keeps an explanation short and printable.
func firstLine(r io.Reader) string {
	b, _ := io.ReadAll(io.LimitReader(r, maxReason))
	line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	return strings.ToValidUTF8(strings.TrimSpace(line), "")
}

// parseRetryAfter reads both forms of the header. A date is compared with the server's own clock, if it sent that.
func parseRetryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if v == "" {
		return 0
	}
	const most = 24 * time.Hour // beyond which a value is nonsense, and could overflow
	if secs, err := strconv.ParseInt(v, 10, 32); err == nil {
		return min(max(time.Duration(secs)*time.Second, 0), most)
	}
	if t, err := http.ParseTime(v); err == nil && !now.IsZero() {
		return min(max(t.Sub(now), 0), most)
	}
	return 0
}

// redirectBase says whether resp is a redirect, and to which API.
func redirectBase(from *url.URL, resp *http.Response) (base string, ok bool) {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return "", false
	}
	to, err := resp.Location()
	if err != nil || resp.StatusCode == http.StatusMovedPermanently || resp.StatusCode == http.StatusSeeOther {
		return "", true
	}
	to = from.ResolveReference(to)
	path := to.EscapedPath()
	i := strings.LastIndex(path+"/", "/apps/")
	if i < 0 || to.Scheme != "http" && to.Scheme != "https" || to.Host == "" {
		return "", true
	}
	return (&url.URL{Scheme: to.Scheme, Host: to.Host}).String() + path[:i+1], true
}

// trace lets the silence timer see a connection come up and a request go out.
func (q *silence) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn:      func(httptrace.GotConnInfo) { q.touch() },
		WroteRequest: func(httptrace.WroteRequestInfo) { q.touch() },
	}
}
