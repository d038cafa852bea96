package scenario

import "time"

// A story is what a seed makes of a simulation.
type story struct {
	nodes, clients int
	chaos, quiet   time.Duration // faults begin in the first part; in the second one everything must come right
	latency        time.Duration // most, one way
	skew           time.Duration // of wall clocks, either way
	loss           float64       // of a lossy link, each way
	twice          float64       // of each request: to be delivered again, late
	clientLoss     float64
	pending        int  // bound of queues
	compares       bool // anti-entropy; without it nodes are to each other as Java servers
	faults         int
	disputes       int           // between operators
	longest        time.Duration // fault
	beat           time.Duration // longest interval of a client

	busy             int           // more things that people and clients do
	clocks, restarts int           // how often clocks are disturbed, and the ring restarts
	churn            time.Duration // an instance comes each time that crashes, and comes back as another; 0: none does
	slow             bool          // clients beat each beat
	finding          finding
	lookUps          time.Duration // between two
	expected         time.Duration // what nodes take for the interval of clients
}

// tell draws the story.
func (s *sim) tell() story {
	pick := func(d ...time.Duration) time.Duration { return d[s.rng.IntN(len(d))] }
	t := story{
		nodes: 2 + s.rng.IntN(3), clients: 1 + s.rng.IntN(20),
		chaos: 8 * time.Minute, quiet: Agreement + heartbeat + 30*time.Second,
		latency: pick(2*time.Millisecond, 50*time.Millisecond, 300*time.Millisecond),
		skew:    pick(0, 0, time.Minute, time.Hour), loss: 0.3, pending: 10_000, compares: true,
		faults: 1 + s.rng.IntN(6), beat: heartbeat, lookUps: 10 * time.Minute, expected: heartbeat, longest: pick(20*time.Second, 2*time.Minute, 7*time.Minute),
	}
	if s.chance(0.5) {
		t.twice = 0.05
	}
	if s.chance(0.3) {
		t.clientLoss = 0.1
	}
	if s.chance(0.2) {
		t.pending = 3
	}
	if s.chance(0.2) { // what the protocol of Java servers can do: short faults, mended by trying again
		t.compares, t.longest, t.pending = false, 8*time.Second, 10_000
	}
	return t
}

// plan draws the faults and what people and clients do beside heartbeats.
func (s *sim) plan() {
	for range s.story.faults {
		s.after(s.upTo(s.story.chaos), s.fault)
	}
	for range 5 + s.rng.IntN(20) + s.story.busy {
		s.after(10*time.Second+s.upTo(s.story.chaos+time.Minute), s.change)
	}
}

// fault begins a fault that ends by itself, at the latest when the chaos is over.
func (s *sim) fault() {
	left := s.story.chaos - s.now
	if left <= 0 {
		return
	}
	d := min(time.Second+s.upTo(s.story.longest), left)
	kind := s.rng.IntN(8)
	if !s.story.compares {
		kind %= 5 // no restarts: what a node forgets only heartbeats bring back; no silence: it is not about peers
	}
	switch kind {
	case 0, 1:
		s.partition(d, true)
	case 2:
		s.partition(d, false)
	case 3:
		s.between(d, "loses", func(l *link) *int { return &l.lossy })
	case 4:
		s.between(d, "is slow", func(l *link) *int { return &l.slow })
	case 5, 6:
		n := s.nodes[s.rng.IntN(len(s.nodes))]
		n.kill()
		s.after(min(d, time.Minute), n.start)
	case 7:
		s.silence(d)
	}
}

// partition keeps some nodes from talking to the others, or only from being heard.
func (s *sim) partition(d time.Duration, bothWays bool) {
	side := 1 + s.rng.IntN(1<<len(s.nodes)-2)
	var links []*link
	for i := range s.nodes {
		for j := range s.nodes {
			out, in := side>>i&1 == 1, side>>j&1 == 1
			if out && !in || bothWays && in && !out {
				links = append(links, &s.net.links[i][j])
			}
		}
	}
	s.note("partition", "", "", side)
	s.quarrelSoon(d)
	s.forAWhile(d, links, func(l *link) *int { return &l.drop })
}

// between makes one link bad, in one direction.
func (s *sim) between(d time.Duration, what string, count func(*link) *int) {
	i := s.rng.IntN(len(s.nodes))
	j := (i + 1 + s.rng.IntN(len(s.nodes)-1)) % len(s.nodes)
	s.note(what, s.nodes[i].name+"-"+s.nodes[j].name, "", 0)
	s.forAWhile(d, []*link{&s.net.links[i][j]}, count)
}

// forAWhile has links be different for d.
func (s *sim) forAWhile(d time.Duration, links []*link, count func(*link) *int) {
	for _, l := range links {
		*count(l)++
	}
	s.amiss(d)
	s.net.update()
	s.after(d, func() {
		for _, l := range links {
			*count(l)--
		}
		s.note("heals", "", "", len(links))
		s.net.update()
	})
}

// amiss notes that something is wrong for d.
func (s *sim) amiss(d time.Duration) {
	s.wrong++
	s.after(d, func() {
		s.wrong--
		s.wrongLast = s.now
	})
}

// silence keeps all clients from being heard.
func (s *sim) silence(d time.Duration) {
	s.note("silence", "", "", 0)
	s.silent++
	s.amiss(d)
	s.after(d, func() {
		s.silent--
		s.note("silence ends", "", "", 0)
	})
}
