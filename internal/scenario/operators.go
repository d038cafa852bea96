package scenario

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// Operators who know nothing of each other command the same few instances, each on another node, whatever is between them. What they
// do is drawn from a generator of its own, so that all other stories stay as they are.

// disputes is how often they do where they are asked for, and disputesEach how often more in each partition.
const (
	disputes     = 40
	disputesEach = 4
)

// A said is what an operator was told that it is done: a command about the status, or about a key of the metadata.
type said struct {
	at   time.Duration
	wall time.Time // on the node's clock
	node *node
	life int // of the node
	key  string
	left string // what was there then
}

// dispute is what a simulation with operators has more.
func (s *sim) dispute() {
	s.people = rand.New(rand.NewPCG(s.opt.Seed, 0x5ce7a212))
	for range s.story.disputes {
		s.after(20*time.Second+s.whenever(s.story.chaos), s.quarrel)
	}
}

// quarrelSoon has operators meet while a partition lasts.
func (s *sim) quarrelSoon(d time.Duration) {
	for range min(s.story.disputes, disputesEach) {
		s.after(s.whenever(d), s.quarrel)
	}
}

func (s *sim) whenever(most time.Duration) time.Duration {
	return time.Duration(s.people.Int64N(int64(most)))
}

// quarrel has two or three commands about one instance given on nodes that may not hear of each other.
func (s *sim) quarrel() {
	c := s.clients[s.people.IntN(min(len(s.clients), 3))]
	for range 2 + s.people.IntN(2) {
		n, kind := s.nodes[s.people.IntN(len(s.nodes))], s.people.IntN(9)
		s.after(s.whenever(15*time.Second), func() {
			if n.runs() && c.state == running {
				s.command(n, c, kind)
			}
		})
	}
}

// command has an operator say something on a node.
func (s *sim) command(n *node, c *client, kind int) {
	rec, here := n.reg.Find(c.key)
	if !here {
		return
	}
	s.note("is told", n.name, c.key.ID, kind)
	status := func(err error) {
		if err == nil {
			s.judge.acknowledged(n, c, "")
		}
	}
	metadata := func(key string) {
		entry := heureka.MetadataEntry{Key: key, Value: fmt.Sprint(s.now)}
		if n.SetMetadata(c.key, []heureka.MetadataEntry{entry}, registry.FromClient) == nil && rec.LastDirtyMS() == c.in.LastDirtyMS {
			s.judge.acknowledged(n, c, key)
		}
	}
	switch kind {
	case 0, 1:
		status(n.SetOverride(c.key, heureka.StatusOutOfService, 0, registry.FromClient))
	case 2:
		status(n.SetOverride(c.key, heureka.StatusDown, 0, registry.FromClient))
	case 3:
		status(n.SetOverride(c.key, heureka.StatusUp, 0, registry.FromClient))
	case 4, 5:
		status(n.ClearOverride(c.key, heureka.StatusUp, 0, registry.FromClient))
	case 6:
		status(n.ClearOverride(c.key, heureka.StatusUnknown, 0, registry.FromClient))
	case 7:
		metadata("set on " + n.name)
	case 8:
		metadata("set on all")
	}
}

// left is what a node shows that operators have said: of the status if key is "", else of that key.
func (n *node) left(c *client, key string) string {
	if key == "" {
		s, set := n.reg.Override(c.key)
		return fmt.Sprint(set, s)
	}
	rec, _ := n.reg.Find(c.key)
	value, set := rec.Instance().Metadata.Lookup(key)
	return fmt.Sprint(set, value)
}

func (j *judge) acknowledged(n *node, c *client, key string) {
	c.said = append(c.said, said{at: j.s.now, wall: n.now(), node: n, life: n.life, key: key, left: n.left(c, key)})
}

// forgetSaid is for a new record of the client, which replaces all metadata, and for the end of its instance, somewhere.
func (c *client) forgetSaid(all bool) {
	c.said = slices.DeleteFunc(c.said, func(s said) bool { return all || s.key != "" })
}

// before reports whether a was surely said before b: by the time that their clocks show, if these go right.
func (j *judge) saidBefore(a, b *said) bool {
	if j.s.story.skew == 0 && j.s.story.clocks == 0 {
		return a.at < b.at-2*time.Millisecond
	}
	return j.s.story.clocks == 0 && j.s.story.skew < time.Hour && a.wall.Before(b.wall.Add(-time.Minute-time.Second))
}

// operators: nobody's command is lost to one that was acknowledged before, and commands about different keys leave each other alone.
// A node that ends takes with it what it alone knew.
func (j *judge) operators() {
	if !j.s.story.compares { // nobody hears that a command which changed nothing was the last
		return
	}
	for _, n := range j.s.nodes {
		if !n.runs() || !n.open || !j.talksToAll(n) {
			continue
		}
		for _, c := range j.s.clients {
			if _, here := n.reg.Find(c.key); here && c.state == running {
				j.obeyed(n, c)
			}
		}
	}
}

func (j *judge) talksToAll(n *node) bool {
	for _, other := range j.s.nodes {
		if other != n && other.up && !j.s.net.talking(n, other, Agreement) {
			return false
		}
	}
	return true
}

// obeyed looks at what a node shows of a client, key by key.
func (j *judge) obeyed(n *node, c *client) {
	lasting := map[string]*said{} // the last command that a node knows that has lived on
	for i := range c.said {
		if s := &c.said[i]; s.node.up && s.node.life == s.life {
			lasting[s.key] = s
		}
	}
	for i := range c.said {
		last := lasting[c.said[i].key]
		if last == nil {
			continue
		}
		shown := n.left(c, last.key)
		explains := func(s said) bool {
			return s.key == last.key && s.left == shown && (s.at == last.at || !j.saidBefore(&s, last))
		}
		if !slices.ContainsFunc(c.said, explains) {
			j.s.fail(c.key.ID, "%s shows %q of %s (%s), and %v ago %s has acknowledged %q: %s",
				n.name, shown, c.key, last.key, j.s.now-last.at, last.node.name, last.left, n.about(c.key))
		}
	}
}

// unmixed: an instance shows its override, or what its client itself has said of this record: DOWN or STARTING.
func (j *judge) unmixed(n *node, in *heureka.Instance) {
	if in.OverriddenStatus == heureka.StatusUnknown || in.OverriddenStatus == in.Status {
		return
	}
	for _, c := range j.s.clients {
		if c.key == in.Key() && c.declared[in.LastDirtyMS] != in.Status {
			j.s.fail(c.key.ID, "%s shows %s as %v with override %v, and its client has said %v",
				n.name, c.key, in.Status, in.OverriddenStatus, c.declared[in.LastDirtyMS])
		}
	}
}
