package replication

import (
	"net/http"
	"strconv"
	"time"
)

// The resources for peers, below the API's base.
const (
	batchPath   = "peerreplication/batch"
	digestPath  = "peerreplication/digest"
	bucketsPath = "peerreplication/buckets"
	heardPath   = "peerreplication/heard"
)

// Admit decides about a batch with these headers, of a heureka node at an address, all of which has come: 0 to perform it, 421 for what
// this node sent itself (W-REPL-16), 425 for what comes too late. Performing either would bring cancelled instances back.
//
// A batch of a node that speaks another protocol is performed like that of a Java server: what h says beside it is taken out.
func (ps *Peers) Admit(address string, h, answer http.Header) (status int) {
	from := ps.meet(address, h)
	switch {
	case from.Node == ps.nodeID:
		return http.StatusMisdirectedRequest
	case !speaks(h.Get(HeaderProtocol)):
		silence(h)
		return 0
	}
	ps.mu.Lock()
	admitted, last := ps.guard.Admit(from.Greeting, from.proven, ps.cfg.Now())
	ps.mu.Unlock()
	if !admitted {
		answer.Set(HeaderLast, strconv.FormatUint(last, 10))
		from.Digest = ""
		ps.heard(from, "", false) // all that a node asks for that has nothing to send
		return http.StatusTooEarly
	}
	return 0
}

// Performed notes that the batch with these headers has been performed.
func (ps *Peers) Performed(h http.Header) {
	ps.heard(trust{greetingIn(h), ps.proves(h)}, ps.digest(), false)
}

// Greet adds what this node says of itself to the answer to a request. Called when the answer begins, its digest contains
// what the request has changed.
func (ps *Peers) Greet(request, answer http.Header) {
	hello := ps.greeting()
	hello.Clock = ps.guard.Clock(ps.cfg.Now())
	hello.addTo(answer)
	if ps.proves(request) {
		answer.Set(HeaderProven, "yes")
	}
}

// heard notes that a node has spoken to this one, and whether its registry is like ours. If it is comparing, it has seen a
// difference that lasts. Of who proves nothing only that is believed that somebody may be there.
func (ps *Peers) heard(from trust, mine string, comparing bool) {
	now := ps.cfg.Now()
	found, met := ps.peersOf(from.Node)
	ps.lookOut(from.Node, met, len(found) == 0, now)
	theirs := from.Digest
	if !met || !from.proven {
		theirs = ""
	}
	for _, p := range found {
		if p.has(Replica) {
			p.contact(theirs, mine, comparing, now)
		}
	}
}

// Digest answers with one number for each bucket whoever asks with these headers; nil without anti-entropy.
func (ps *Peers) Digest(address string, h http.Header) []byte {
	if ps.cfg.DisableAntiEntropy {
		return nil
	}
	doc := AnswerDigest(ps.cfg.Store, ps.whole())
	ps.heard(ps.meet(address, h), ps.digest(), true)
	return doc
}

// whole is Config.Whole, 0 without.
func (ps *Peers) whole() time.Duration {
	if ps.cfg.Whole == nil {
		return 0
	}
	return ps.cfg.Whole()
}

// maxStrangers is how many of those get buckets at a time that have not proved to be peers, as peers that have just started:
// each answer may have some megabytes.
const maxStrangers = 4

// room reports whether there is memory for so many bytes.
func (ps *Peers) room(bytes int) bool { return ps.cfg.Room == nil || ps.cfg.Room(int64(bytes)) }

// encodingCost is how many times the size of an answer is needed to encode it: in a buffer that grows.
const encodingCost = 2

// Buckets gives answer the entries that the asker lacks. It refuses with 400 if it asks for what there is not, and with 503 if it
// asks for too much at a time or more than there is memory for, or asks a node that does not answer reads yet without having proved
// to be its peer. One that speaks another protocol lacks nothing that this node could tell it.
func (ps *Peers) Buckets(address string, h http.Header, body []byte, answer func(doc []byte)) (refused int) {
	switch {
	case ps.cfg.DisableAntiEntropy:
		return http.StatusNotFound
	case !speaks(h.Get(HeaderProtocol)):
		answer(newAnswer().end())
		return 0
	}
	from := ps.meet(address, h)
	if !ps.begin(from) {
		return http.StatusServiceUnavailable
	}
	defer ps.end(from)
	if !ps.room(encodingCost * maxBucketsBatch) {
		return http.StatusServiceUnavailable
	}
	doc := AnswerBuckets(ps.cfg.Store, body, ps.cfg.Now())
	if doc == nil {
		return http.StatusBadRequest
	}
	answer(doc)
	reuse(doc)
	return 0
}
