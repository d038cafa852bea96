package scenario

import (
	"time"

	"heureka.internal/heureka/internal/replication"
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
			switch clean := n.links[i][j].clean() && n.links[j][i].clean() && n.s.nodes[i].up && n.s.nodes[j].up; {
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

// call sends a request from one node to another. Perform happens at the receiver, possibly late, twice or not at all; done
// at the sender, exactly once unless it restarts.
func call[T any](from, to *node, perform func() (T, replication.Outcome), done func(T, replication.Outcome)) {
	s := from.s
	var none T
	senderLife, settled := from.life, false
	settle := func(after time.Duration, answer T, o replication.Outcome) {
		s.after(after, func() {
			if !settled && from.up && from.life == senderLife {
				settled = true
				done(answer, o)
			}
		})
	}
	out, back := &s.net.links[from.index][to.index], &s.net.links[to.index][from.index]
	open := s.chance(0.5) // a connection from before
	switch {
	case !to.up:
		settle(s.net.latency(out), none, replication.Unreachable)
		return
	case !open && (out.drop > 0 || back.drop > 0):
		settle(connectTimeout, none, replication.Unreachable)
		return
	}
	settle(readTimeout, none, replication.Busy)
	receiverLife := to.life
	deliver := func() {
		switch {
		case !to.up || to.life != receiverLife:
			settle(0, none, replication.Unreachable)
			return
		case out.drop > 0:
			return
		}
		answer, o := perform()
		switch {
		case back.drop > 0:
		case back.lossy > 0 && s.chance(s.story.loss):
			settle(0, none, replication.Unreachable)
		default:
			settle(s.net.latency(back), answer, o)
		}
	}
	switch {
	case out.lossy > 0 && s.chance(s.story.loss):
		settle(s.net.latency(out), none, replication.Unreachable)
	case out.drop > 0: // what a dropping link swallows may arrive when it works again
		s.after(s.upTo(40*time.Second), deliver)
	default:
		s.after(s.net.latency(out), deliver)
	}
	if s.chance(s.story.twice) {
		s.after(s.upTo(20*time.Second), deliver)
	}
}
