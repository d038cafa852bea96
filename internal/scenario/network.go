package scenario

import (
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

const (
	connectTimeout = time.Second
	readTimeout    = 5 * time.Second
	never          = time.Duration(1<<63 - 1)
)

// A link is the way from one node to another. Faults overlap, so they are counted.
type link struct {
	drop, lossy, slow int
}

func (l *link) clean() bool { return *l == link{} }

// A network joins the nodes.
type network struct {
	s     *sim
	links [][]link
	since [][]time.Duration // when the link of a pair became clean, both ways, with both nodes up; never if it is not
}

func newNetwork(s *sim, nodes int) network {
	n := network{s: s}
	for range nodes {
		n.links = append(n.links, make([]link, nodes))
		n.since = append(n.since, make([]time.Duration, nodes))
	}
	for i := range n.since {
		for j := range n.since[i] {
			n.since[i][j] = never
		}
	}
	return n
}

// update finds out which pairs can talk now.
func (n *network) update() {
	for i := range n.links {
		for j := range n.links {
			switch clean := n.links[i][j].clean() && n.links[j][i].clean() && n.s.nodes[i].reachable() && n.s.nodes[j].reachable(); {
			case !clean:
				n.since[i][j] = never
			case n.since[i][j] == never:
				n.since[i][j] = n.s.now
			}
		}
	}
}

// down notes that a node's process ended, so that its pairs count anew when it returns.
func (n *network) down(i int) {
	for j := range n.since {
		n.since[i][j], n.since[j][i] = never, never
	}
}

// talking reports whether two nodes have been able to talk for d.
func (n *network) talking(a, b *node, d time.Duration) bool {
	since := n.since[a.index][b.index]
	return since != never && n.s.now-since >= d
}

func (n *network) latency(l *link) time.Duration {
	d := time.Millisecond + n.s.upTo(n.s.story.latency)
	if l.slow > 0 {
		d += n.s.upTo(8 * time.Second)
	}
	return d
}

// request sends a request of a node. The receiver may get it late, twice or not at all; done is called exactly once, unless the
// sender restarts.
func (s *sim) request(from *node, req *http.Request, done func(*http.Response, error)) {
	c := &exchange{s: s, from: from, life: from.life, msg: s.opt.Bug.sent(messageOf(req)), done: done}
	to, takes, err := s.net.dial(req.URL.Hostname())
	if err != nil {
		c.settle(takes, nil, dialError(err))
		return
	}
	c.to = to
	c.out, c.back = &s.net.links[from.index][to.index], &s.net.links[to.index][from.index]
	s.note("sends", c.msg.path, from.name+"-"+to.name, len(c.msg.body))
	open := s.chance(0.5) // a connection from before
	switch {
	case !to.up:
		c.settle(s.net.latency(c.out), nil, dialError(syscall.ECONNREFUSED))
		return
	case !open && (c.out.drop > 0 || c.back.drop > 0):
		c.settle(connectTimeout, nil, dialError(os.ErrDeadlineExceeded))
		return
	}
	c.settle(readTimeout, nil, os.ErrDeadlineExceeded)
	c.receiver = to.life
	c.travel()
}

func dialError(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }

// An exchange is one request, under way.
type exchange struct {
	s              *sim
	from, to       *node
	life, receiver int // of both, when it began
	out, back      *link
	msg            message
	done           func(*http.Response, error)
	settled        bool
}

// settle ends it in d, if it has not ended before.
func (c *exchange) settle(d time.Duration, answer *http.Response, err error) {
	c.s.after(d, func() {
		c.from.whenItRuns(func() {
			if !c.settled && c.from.up && c.from.life == c.life {
				c.settled = true
				answer, err = c.s.opt.Bug.came(answer, err)
				c.done(answer, err)
			}
		})
	})
}

// travel has the request arrive, and perhaps twice.
func (c *exchange) travel() {
	s := c.s
	switch {
	case c.out.lossy > 0 && s.chance(s.story.loss):
		c.settle(s.net.latency(c.out), nil, errReset)
	case c.out.drop > 0: // what a dropping link swallows may arrive when it works again
		s.after(s.upTo(40*time.Second), c.deliver)
	default:
		s.after(s.net.latency(c.out), c.deliver)
	}
	if s.chance(s.story.twice) {
		s.after(s.upTo(20*time.Second), c.deliver)
	}
}

var errReset = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}

func (c *exchange) deliver() {
	switch {
	case !c.to.up || c.to.life != c.receiver:
		c.settle(0, nil, errReset)
		return
	case c.to.frozen(): // its kernel takes the request
		c.to.whenItRuns(c.deliver)
		return
	case c.out.drop > 0:
		return
	}
	answer := c.to.serve(&c.msg, c.from)
	c.s.note("answers", c.msg.path, c.to.name+"-"+c.from.name, answer.StatusCode)
	switch {
	case c.back.drop > 0:
	case c.back.lossy > 0 && c.s.chance(c.s.story.loss):
		c.settle(0, nil, errReset)
	default:
		c.settle(c.s.net.latency(c.back), answer, nil)
	}
}
