package httpapi

import (
	"net/http"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

// A Ring is the other nodes, as the API meets them: what they ask of this one beside Eureka's API, and what this one tells
// them. All methods must be safe for concurrent use. An address is that of who asks.
type Ring interface {
	// Admit decides about a batch of a heureka node that has come whole: 0 to perform it, else the status that refuses it. It may
	// add to the header of the answer.
	Admit(address string, h, answer http.Header) (status int)
	// Greet adds to the header of the answer to a request what this node says of itself.
	Greet(request, answer http.Header)
	// Performed is told of a batch that has been performed.
	Performed(h http.Header)
	// Digest answers GET peerreplication/digest; nil without anti-entropy.
	Digest(address string, h http.Header) []byte
	// Buckets gives answer what answers POST peerreplication/buckets, or says with which status it refuses. Until answer returns,
	// the asker is one of few.
	Buckets(address string, h http.Header, body []byte, answer func(doc []byte)) (refused int)
	// Heard answers POST peerreplication/heard; nil if that makes no sense.
	Heard(address string, h http.Header, body []byte) []byte
}

// headerNode is the header by which a heureka node says who it is; Java servers do not send it.
const headerNode = "X-Heureka-Node"

// maxBuckets bounds the request for buckets: eight bytes in base64 for each instance in 256 buckets of a million.
const maxBuckets = 32 << 20

// admitted asks the ring about a batch of a heureka node, when all of it has come: a network can hold the end of a request
// as well as all of it. If the batch is refused, it has answered.
func (c *call) admitted() bool {
	if c.cfg.Ring == nil || c.header(headerNode) == "" {
		return true
	}
	c.w.greets = true
	switch status := c.cfg.Ring.Admit(c.Origin.Address, c.Request.Header, c.w.Header()); status {
	case 0:
		return true
	case http.StatusMisdirectedRequest:
		c.refuse(status, OwnBatch)
	default:
		c.refuse(status, LateBatch)
	}
	return false
}

// performed tells the ring that a batch has been performed.
func (c *call) performed() {
	if c.w.greets {
		c.cfg.Ring.Performed(c.Request.Header)
	}
}

// digest serves GET peerreplication/digest.
func (c *call) digest() {
	c.toNode(c.cfg.Ring.Digest(c.Origin.Address, c.Request.Header), http.StatusNotFound, UnknownPath)
}

// buckets serves POST peerreplication/buckets.
func (c *call) buckets() {
	b := buffers.take()
	defer buffers.give(b)
	if !c.readBody(b, maxBuckets) {
		return
	}
	refused := c.cfg.Ring.Buckets(c.Origin.Address, c.Request.Header, b.B, func(doc []byte) {
		late := time.AfterFunc(toNodeTimeout, c.stopWriting())
		defer late.Stop()
		c.toNode(doc, http.StatusBadRequest, Undecodable)
	})
	switch refused {
	case 0:
	case http.StatusServiceUnavailable:
		c.refuse(refused, Busy)
	default:
		c.refuse(refused, Undecodable)
	}
}

// toNodeTimeout is how long a node may take to read buckets: others wait for its place.
const toNodeTimeout = 20 * time.Second

// maxHeard bounds the question who was heard: four thousand keys, some of them long.
const maxHeard = 4 << 20

// heard serves POST peerreplication/heard.
func (c *call) heard() {
	b := buffers.take()
	defer buffers.give(b)
	if c.readBody(b, maxHeard) {
		c.toNode(c.cfg.Ring.Heard(c.Origin.Address, c.Request.Header, b.B), http.StatusBadRequest, Undecodable)
	}
}

// toNode answers another node with JSON, compressed if it wants that, or with a refusal if there is nothing to say.
func (c *call) toNode(doc []byte, status int, why Reason) {
	if doc == nil {
		c.refuse(status, why)
		return
	}
	c.w.greets = true
	h := c.w.Header()
	h["Content-Type"] = typeJSON
	if len(doc) < 1<<10 || !strings.Contains(c.header("Accept-Encoding"), "gzip") {
		c.body(http.StatusOK, doc)
		return
	}
	if !c.holdAnswer(cap(doc)) {
		c.refuse(http.StatusServiceUnavailable, Busy)
		return
	}
	h["Content-Encoding"] = codingGzip
	zw, _ := gzip.NewWriterLevel(&c.w, gzip.BestSpeed) // the level exists
	_, _ = zw.Write(doc)                               // the asker is gone if this fails
	_ = zw.Close()
}
