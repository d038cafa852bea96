package scenario

import "time"

// What happens in some stories beside faults of the network: rings that restart as a whole, by and by or at once, and clocks
// that are set, or stand still with their machine. Drawn from a generator of its own, these leave all other stories as they are.

// more draws it.
func (s *sim) more(t *story) {
	pick := func(d ...time.Duration) time.Duration { return d[s.extra.IntN(len(d))] }
	if !t.compares {
		return
	}
	if s.extra.Float64() < 0.3 {
		t.clocks = 1 + s.extra.IntN(6)
	}
	if s.extra.Float64() < 0.3 {
		t.restarts = 1 + s.extra.IntN(2)
		t.faults = s.extra.IntN(2)
		t.clients = 5 + s.extra.IntN(16)
		t.churn = pick(0, 20*time.Second)
		if s.extra.Float64() < 0.5 {
			t.slow, t.beat = true, 2*heartbeat
			t.expected = pick(heartbeat, t.beat)
		}
		t.chaos += 4 * time.Minute
	}
	if s.extra.Float64() < 0.4 {
		t.finding = []finding{renamed, headless}[s.extra.IntN(2)]
		t.lookUps = pick(15*time.Second, 10*time.Minute)
	}
	if t.restarts > 0 || t.clocks > 0 {
		t.quiet += 3*time.Minute + t.beat // what has begun comes to its end
	}
}

// upheavals plans what more has drawn.
func (s *sim) upheavals() {
	within := func(from time.Duration) time.Duration {
		return from + time.Duration(s.extra.Int64N(int64(s.story.chaos-from)))
	}
	for range s.story.restarts {
		s.after(within(3*time.Minute), s.restart)
	}
	for range s.story.clocks {
		s.after(within(10*time.Second), s.disturbClock)
	}
	if s.story.churn > 0 {
		s.after(s.story.churn, s.newcomer)
	}
}

// soon returns a random duration below most.
func (s *sim) soon(most time.Duration) time.Duration {
	return time.Duration(s.extra.Int64N(int64(most)))
}

// restart restarts the ring, as a StatefulSet does.
func (s *sim) restart() {
	if s.story.clocks > 0 { // nodes that wait look at their clocks
		s.after(s.soon(leaseTime), s.disturbClock)
	}
	kind := s.extra.IntN(3)
	if s.story.finding == headless { // a node that finds itself alone takes itself for the ring
		kind = 2
	}
	switch kind {
	case 0:
		s.note("parallel restart", "", "", 0)
		for _, n := range s.nodes {
			n.kill()
			s.after(s.soon(20*time.Second), n.start)
		}
	case 1:
		s.note("ordered restart", "", "", 0)
		for _, n := range s.nodes {
			n.kill()
		}
		s.inOrder(0, func(i int) *node { return s.nodes[i] })
	case 2:
		s.note("rolling update", "", "", 0)
		s.inOrder(0, func(i int) *node {
			n := s.nodes[len(s.nodes)-1-i]
			n.kill()
			return n
		})
	}
}

// inOrder starts one node after the other, each when the one before is open.
func (s *sim) inOrder(i int, next func(i int) *node) {
	if i == len(s.nodes) {
		return
	}
	n := next(i)
	s.after(s.soon(10*time.Second), func() {
		n.start()
		s.whenOpen(n, func() { s.inOrder(i+1, next) })
	})
}

// whenOpen looks each second, as a readiness probe.
func (s *sim) whenOpen(n *node, do func()) {
	s.after(time.Second, func() {
		if n.runs() && n.open {
			do()
			return
		}
		s.whenOpen(n, do)
	})
}

// newcomer is an instance that crashes, and comes back under another name all the time.
func (s *sim) newcomer() {
	if s.crashing != nil {
		s.crashing.state = dead
	}
	if s.now < s.story.chaos && len(s.clients) < mostClients {
		s.crashing = s.newClient(len(s.clients), 0)
		s.clients = append(s.clients, s.crashing)
		s.after(s.story.churn, s.newcomer)
	}
}

// disturbClock sets the clock of a node, or has its machine stand still.
func (s *sim) disturbClock() {
	n := s.nodes[s.extra.IntN(len(s.nodes))]
	switch kind := s.extra.IntN(4); kind {
	case 0, 1:
		by := []time.Duration{time.Second, time.Minute, time.Hour, 26 * time.Hour}[s.extra.IntN(4)]
		if kind == 1 {
			by = -by
		}
		s.note("clock is set", n.name, "", int(by/time.Second))
		n.clock.offset += by
	default:
		n.freeze(time.Second+s.soon(2*time.Minute), kind == 2)
	}
}

// freeze has a node's machine stand still, and perhaps its clocks.
func (n *node) freeze(d time.Duration, clocks bool) {
	if !n.up || n.frozen() {
		return
	}
	n.s.note("stands still", n.name, "", int(d/time.Second))
	n.thaws = n.s.now + d
	n.thawed = true
	n.s.amiss(d)
	n.s.net.down(n.index)
	n.s.net.update()
	life := n.life
	n.s.after(d, func() {
		n.thaws = 0
		if n.life != life {
			return
		}
		if clocks {
			n.clock.lost += d
		}
		n.s.note("goes on", n.name, "", 0)
		n.s.net.update()
	})
}

func (n *node) frozen() bool { return n.s.now < n.thaws }

// whenItRuns has something happen on a node, when it no longer stands still if it does.
func (n *node) whenItRuns(do func()) {
	if n.frozen() {
		n.s.after(n.thaws-n.s.now+time.Microsecond, func() { n.whenItRuns(do) })
		return
	}
	do()
}

// reachable reports whether all others can reach the node.
func (n *node) reachable() bool { return n.runs() && n.known() }

// runs reports whether the node is there and does not stand still.
func (n *node) runs() bool { return n.up && !n.frozen() }
