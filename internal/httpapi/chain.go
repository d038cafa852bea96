package httpapi

import (
	"cmp"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/auth"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/wire"
)

// A Call is one request on its way through the chain, as its steps see it: where it goes, whose it is. It is valid until
// the step returns.
type Call struct {
	Request   *http.Request
	Route     Route           // parsed once; nothing else looks at the path
	Origin    registry.Origin // peer or client as the replication header claims; where from; once authenticated, who
	Principal auth.Principal
	// Done, if a step sets it, is called when the call has been answered, or has failed.
	Done func()
}

// Steps are what a call passes before it is served, in this order. A nil step lets every call pass.
type Steps struct {
	Admit        Step // may the node take it on at all?
	Authenticate Step // who sent it? Sets Call.Principal
	Authorise    Step // may they?

	// Register is the last step of a registration, which has been read: may they register this?
	Register func(c *Call, in *heureka.Instance) Refusal
}

// A Step looks at a call and may refuse it, which ends the chain.
type Step func(c *Call) Refusal

// A Refusal is why a call is not served. The zero value refuses nothing.
type Refusal struct {
	Status int // of the answer, which has no body
	Reason Reason
}

// A call is a Call with what it takes to answer it.
type call struct {
	*API
	Call
	w     response
	held  *holding  // of the node's budget for its body; nil while nothing
	out   *holding  // likewise, for its answer
	began time.Time // of a call that is recorded, else zero
}

// An Answer is what became of a call.
type Answer struct {
	Status int
	Reason Reason // of a refusal
	Bytes  int64  // of the body
	Took   time.Duration
}

// A Recorder hears of calls when they have been answered, on the request's goroutine.
type Recorder interface {
	Recording() bool // asked when a call begins: is this one recorded?
	Record(c *Call, a Answer)
}

// calls keeps the memory of calls for the next ones: steps and handlers get pointers into it.
var calls = sync.Pool{New: func() any { return new(call) }}

// ServeHTTP takes one request through the chain. A heartbeat must not cost more than net/http costs anyway.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := calls.Get().(*call)
	c.API, c.Request, c.w.call, c.w.ResponseWriter = a, r, c, w
	if a.cfg.Recorder != nil && a.cfg.Recorder.Recording() {
		c.began = time.Now()
	}
	defer c.rescue()
	c.Route = a.route(r.URL)
	c.Origin = originOf(r)
	if c.passes(a.cfg.Steps.Admit) && c.authenticated() && c.passes(a.cfg.Steps.Authorise) {
		c.serve()
	}
	c.release()
	c.record()
	c.readOn()
	c.finish()
	*c = call{}
	calls.Put(c)
}

// CallOf returns a request as the first step would see it.
func (a *API) CallOf(r *http.Request) *Call {
	return &Call{Request: r, Route: a.route(r.URL), Origin: originOf(r)}
}

// passes asks a step.
func (c *call) passes(s Step) bool {
	if s == nil {
		return true
	}
	return c.goesOn(s(&c.Call))
}

// goesOn reports whether a step has let the call pass; if not, it has answered.
func (c *call) goesOn(no Refusal) bool {
	if no.Status == 0 {
		return true
	}
	if no.Status == http.StatusUnauthorized && c.cfg.Challenges != nil {
		c.w.Header()["Www-Authenticate"] = c.cfg.Challenges()
		if c.Principal.Proof == auth.ByCertificate && c.Principal.Wrong { // the next connection may have a better one
			c.w.Header()["Connection"] = []string{"close"}
		}
	}
	c.refuse(no.Status, no.Reason)
	return false
}

// finish gives back what a step took for the call.
func (c *call) finish() {
	if c.Done != nil {
		c.Done()
	}
}

// record tells of a call that is recorded how it was answered.
func (c *call) record() {
	if !c.began.IsZero() {
		c.cfg.Recorder.Record(&c.Call, Answer{Status: cmp.Or(c.w.status, http.StatusOK), Reason: c.w.reason, Bytes: c.w.bytes, Took: time.Since(c.began)})
	}
}

// authenticated is the second step, after which the call's origin has a name.
func (c *call) authenticated() bool {
	ok := c.passes(c.cfg.Steps.Authenticate)
	c.Origin.Principal = c.Principal.Name
	if c.Principal.Proof != auth.NoProof {
		c.Origin.Proof = c.Principal.Proof.String()
	}
	return ok
}

// rescue turns a panic into an empty 500. One that comes when the answer has begun ends the connection instead, so that
// nobody takes half a document for a whole one.
func (c *call) rescue() {
	p := recover()
	if p == nil {
		return
	}
	c.release()
	c.finish()
	defer c.record()
	if p == http.ErrAbortHandler {
		panic(p)
	}
	c.cfg.ErrorLog(c.Request, p)
	if c.w.status != 0 {
		panic(http.ErrAbortHandler)
	}
	clear(c.w.Header())
	c.refuse(http.StatusInternalServerError, Failed)
}

// originOf reads the replication header: exactly "true" means a peer (W-HDR-1).
func originOf(r *http.Request) registry.Origin {
	o := registry.Origin{Address: hostOf(r.RemoteAddr)}
	if v := r.Header[wire.HeaderReplication]; len(v) > 0 && v[0] == "true" {
		o.By = registry.ByPeer
	}
	return o
}

// The headers by which a tool says for whom it acts, and why. They prove nothing: the name is part of the note.
const (
	HeaderOperator = "X-Heureka-Operator"
	HeaderNote     = "X-Heureka-Note"
	maxNote        = 200
)

// byOperator looks whether a change comes from a person's tool. Heartbeats are not asked.
func (c *call) byOperator() registry.Origin {
	o := c.Origin
	name := Operator(c.Request.Header)
	if name == "" || o.By != registry.ByClient {
		return o
	}
	o.By, o.Note = registry.ByOperator, name
	return o
}

// Operator returns for whom a tool acts, and why, as far as these headers say; "" if they name nobody.
func Operator(h http.Header) string {
	if h.Get(HeaderOperator) == "" {
		return ""
	}
	return Note(h.Get(HeaderOperator), h.Get(HeaderNote))
}

// Note is what is kept of who an operator claims to be, and why they act.
func Note(name, why string) string {
	name, why = Printable(name, maxNote), Printable(why, maxNote)
	if name != "" && why != "" {
		return name + ": " + why
	}
	return name + why
}

// Printable returns what may be shown of a header: so many runes of printable text.
func Printable(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most])
	}
	return s
}

// hostOf returns the address without the port, which says nothing of who it was.
func hostOf(addr string) string {
	if i := strings.LastIndexByte(addr, ':'); i >= 0 {
		addr = addr[:i]
	}
	return strings.Trim(addr, "[]")
}

// peer is the origin of what stands in a batch, whoever posted it.
func (c *call) peer() registry.Origin {
	o := c.Origin
	o.By = registry.ByPeer
	return o
}
