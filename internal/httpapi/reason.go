package httpapi

import (
	"iter"
	"net/http"
	"strings"
	"sync/atomic"
)

// HeaderReason is the header in which an answer of 400 and above says why, because its body must be empty or has a shape
// of its own.
const HeaderReason = "X-Heureka-Reason"

// A Reason is why a request is refused: a word for the header and for the count.
type Reason uint8

// The reasons.
const (
	Unspecified     Reason = iota // told by the status alone
	UnknownPath                   // no such resource
	WrongMethod                   // not one of the resource's
	NotAcceptable                 // the client takes neither format
	UnknownType                   // of a body
	UnknownCoding                 // of a body
	TooLarge                      // a body, as sent or decompressed
	TooSlow                       // a body
	TooManyEntries                // in a batch
	UnknownHost                   // a browser asks under a name that is none of this node's
	Full                          // the registry, for new instances
	OverLimit                     // a record, or a part of it
	Undecodable                   // a body
	Incomplete                    // a registration that fails the checks
	BadParameter                  // in the query
	NotRegistered                 // no such instance
	NotReady                      // reads, until the registry is whole
	DeltaDisabled                 // by configuration
	NewerRecord                   // this node's is newer than the peer's
	OwnBatch                      // sent by this node itself
	LateBatch                     // of a node that cannot have heard of this one lately, or overtaken
	Busy                          // too many bytes of bodies are held at the moment
	NotAllowed                    // an operator's action, by configuration or because another site's page asks for it
	Unauthenticated               // no credential, or a wrong one
	Forbidden                     // the principal lacks the role
	Unaudited                     // changes, while the audit log cannot be written
	Crowded                       // too many requests of the class are under way
	Failed                        // of the node, logged
	reasonCount
)

// reasonWords are shared header values: nobody may write to them.
var reasonWords = [reasonCount][]string{
	Unspecified: {"unspecified"}, UnknownPath: {"unknown-path"}, WrongMethod: {"wrong-method"},
	NotAcceptable: {"not-acceptable"}, UnknownType: {"unknown-type"}, UnknownCoding: {"unknown-coding"},
	TooLarge: {"too-large"}, TooSlow: {"too-slow"}, TooManyEntries: {"too-many-entries"}, OverLimit: {"over-limit"}, Full: {"full"}, UnknownHost: {"unknown-host"},
	Undecodable: {"undecodable"}, Incomplete: {"incomplete"},
	BadParameter: {"bad-parameter"}, NotRegistered: {"not-registered"}, NotReady: {"not-ready"},
	DeltaDisabled: {"delta-disabled"}, NewerRecord: {"newer-record"}, OwnBatch: {"own-batch"}, LateBatch: {"late-batch"},
	Busy: {"busy"}, NotAllowed: {"not-allowed"}, Crowded: {"crowded"}, Unaudited: {"unaudited"}, Unauthenticated: {"unauthenticated"}, Forbidden: {"forbidden"}, Failed: {"failed"},
}

func (r Reason) String() string { return reasonWords[r][0] }

// ofStatus is the reason of an answer whose giver has none to tell, such as a page.
func ofStatus(status int) Reason {
	switch status {
	case http.StatusNotFound:
		return UnknownPath
	case http.StatusForbidden:
		return NotAllowed
	case http.StatusMethodNotAllowed:
		return WrongMethod
	case http.StatusInternalServerError:
		return Failed
	}
	return Unspecified
}

// refusals counts what was refused, by reason.
type refusals [reasonCount]atomic.Uint64

// add gives a refusal that begins its header, and counts it.
func (n *refusals) add(w *response) {
	if w.reason == Unspecified {
		w.reason = ofStatus(w.status)
	}
	n[w.reason].Add(1)
	if w.detail != "" {
		w.Header()[HeaderReason] = []string{w.reason.String() + ": " + printable(w.detail)}
		return
	}
	w.Header()[HeaderReason] = reasonWords[w.reason]
}

// maxDetail bounds what strangers can have this node repeat.
const maxDetail = 400

// printable returns a text that a header, a log and a terminal can show, for it may repeat what a stranger has sent.
func printable(s string) string {
	s = s[:min(len(s), maxDetail)]
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// Refused iterates over how many requests were refused for each reason.
func (a *API) Refused() iter.Seq2[string, uint64] {
	return func(yield func(string, uint64) bool) {
		for r := range reasonCount {
			if !yield(r.String(), a.refused[r].Load()) {
				return
			}
		}
	}
}
