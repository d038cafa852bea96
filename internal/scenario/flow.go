package scenario

import (
	"context"
	"iter"
	"net/http"
)

// A flow is product code that sends requests and waits for their answers: it stands still meanwhile, and goes on when the
// simulation has the answer. One flow at a time runs.
type flow struct {
	n      *node
	yield  func(*http.Request) bool
	next   func() (*http.Request, bool)
	stop   func()
	over   bool // the node is gone
	answer *http.Response
	err    error
}

// flow begins to do something, and calls done at its end, unless the node ends before.
func (n *node) flow(do, done func()) {
	f := &flow{n: n}
	f.next, f.stop = iter.Pull(func(yield func(*http.Request) bool) {
		f.yield = yield
		do()
	})
	n.flows[f] = true
	f.step(done)
}

func (f *flow) step(done func()) {
	f.n.running = f
	req, more := f.next()
	f.n.running = nil
	if !more {
		delete(f.n.flows, f)
		done()
		return
	}
	f.n.s.request(f.n, req, func(answer *http.Response, err error) {
		f.answer, f.err = answer, err
		f.step(done)
	})
}

// endFlows has all flows of a node that has ended give up.
func (n *node) endFlows() {
	for f := range n.flows {
		f.over = true
		n.running = f
		f.stop()
	}
	n.flows, n.running = map[*flow]bool{}, nil
}

// RoundTrip implements http.RoundTripper for the flow that runs.
func (n *node) RoundTrip(req *http.Request) (*http.Response, error) {
	f := n.running
	if f.over || !f.yield(req) {
		f.over = true
		return nil, context.Canceled
	}
	return f.answer, f.err
}
