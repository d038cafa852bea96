package scenario

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/registry/registrytest"
)

// heartbeat is the usual interval of a client, and the longest in most stories.
const heartbeat = 30 * time.Second

type clientState uint8

const (
	idle clientState = iota
	running
	cancelled
	dead // fell silent
)

// A client is an instance that registers, sends heartbeats to whichever node hears it, and may cancel and come back.
type client struct {
	s        *sim
	key      heureka.Key
	in       *heureka.Instance // what it says of itself; replaced, never changed
	interval time.Duration     // that it declares
	pace     time.Duration     // at which it beats
	offset   time.Duration     // of its clock
	state    clientState
	declared map[int64]heureka.Status // by the stamp of its records
	said     []said                   // by operators
	at       int                      // node that it talks to
	turn     int                      // counts registrations of a new life: timers of an earlier one end

	came                  time.Duration // when it registered, for the first time or again
	heardSince, lastHeard time.Duration
	talked                []time.Duration // by node: when it was heard there last
	cancelledAt           time.Duration
	cancelledOn, onLife   int
	heardOn, heardLife    int // where it was heard last
}

func (s *sim) newClient(i int, in time.Duration) *client {
	c := &client{
		s: s, key: keyOf(i), interval: heartbeat, at: s.rng.IntN(len(s.nodes)),
		talked: make([]time.Duration, len(s.nodes)), cancelledOn: -1, declared: map[int64]heureka.Status{},
	}
	if s.chance(0.4) {
		c.interval = []time.Duration{2 * time.Second, 5 * time.Second, 10 * time.Second, 10 * time.Second}[s.rng.IntN(4)]
	}
	if s.story.slow {
		c.interval = s.story.beat
	}
	c.pace = c.interval
	if c.interval > 5*time.Second && s.chance(0.1) {
		c.pace /= 6
	}
	if s.story.skew > 0 {
		c.offset = s.upTo(2*s.story.skew) - s.story.skew
	}
	s.after(in, c.start)
	return c
}

func (c *client) dirtyMS() int64 {
	ms := epoch.Add(c.s.now + c.offset).UnixMilli()
	if c.in != nil {
		ms = max(ms, c.in.LastDirtyMS+1)
	}
	return ms
}

// start registers the client, for the first time or again.
func (c *client) start() {
	if c.state == running {
		return
	}
	c.turn++
	c.forgetSaid(true)
	c.state, c.cancelledOn, c.heardLife = running, -1, -1
	c.came, c.heardSince, c.lastHeard = c.s.now, c.s.now, c.s.now
	c.renewRecord(heureka.StatusUp)
	c.beatAfter(c.pace)
}

// renewRecord registers a record that is new.
func (c *client) renewRecord(status heureka.Status) {
	secs := int64(c.interval / time.Second)
	c.in = &heureka.Instance{
		App: c.key.App, ID: c.key.ID, HostName: c.key.ID, IPAddr: "10.0.0.1", Status: status, LastDirtyMS: c.dirtyMS(), CountryID: 1,
		DataCenter: heureka.OwnDataCenter,
		Lease:      heureka.LeaseInfo{RenewalIntervalSecs: secs, DurationSecs: 3 * secs},
	}
	c.declared[c.in.LastDirtyMS] = status
	c.forgetSaid(false)
	c.try(func(n *node) error { return n.Register(c.in, registry.FromClient) })
}

func (c *client) beatAfter(d time.Duration) {
	turn := c.turn
	c.s.after(d+c.s.upTo(time.Second), func() {
		if c.state == running && c.turn == turn {
			c.beat()
			c.beatAfter(c.pace)
		}
	})
}

// beat sends a heartbeat; a client whom the node does not know registers there.
func (c *client) beat() {
	c.try(func(n *node) error {
		err := n.Renew(c.key, registry.Renewal{DirtyMS: c.in.LastDirtyMS, HasDirty: true}, registry.FromClient)
		if errors.Is(err, heureka.ErrNotFound) {
			return n.Register(c.in, registry.FromClient)
		}
		return nil
	})
}

// try does something on the node that the client talks to, else on another one. An answer that gets lost makes it do the
// same again elsewhere.
func (c *client) try(do func(*node) error) {
	for range len(c.s.nodes) {
		n := c.s.nodes[c.at]
		lost := c.s.chance(c.s.story.clientLoss)
		if n.runs() && c.s.silent == 0 && (!lost || c.s.chance(0.5)) {
			c.s.note("is heard", n.name, c.key.ID, int(c.state))
			if err := do(n); err == nil {
				c.heard(n)
			}
			if !lost {
				return
			}
		}
		c.at = (c.at + 1 + c.elsewhere()) % len(c.s.nodes)
	}
}

// elsewhere is how many nodes to pass over: none where all have to be tried, because most may be down.
func (c *client) elsewhere() int {
	if c.s.story.restarts > 0 {
		return 0
	}
	return c.s.rng.IntN(len(c.s.nodes) - 1)
}

func (c *client) heard(n *node) {
	if c.s.now-c.lastHeard > c.pace+2*time.Second {
		c.heardSince = c.s.now
	}
	c.lastHeard, c.talked[n.index] = c.s.now, c.s.now
	c.heardOn, c.heardLife = n.index, n.life
}

// cancel leaves.
func (c *client) cancel() {
	c.state = dead
	c.forgetSaid(true)
	c.try(func(n *node) error {
		last := c.s.judge.knowsLatest(n, c)
		if err := n.Cancel(c.key, registry.FromClient); err != nil {
			return err
		}
		c.state, c.cancelledAt = cancelled, c.s.now
		if last {
			c.cancelledOn, c.onLife = n.index, n.life
		}
		return nil
	})
}

// change is something that happens beside heartbeats.
func (s *sim) change() {
	c := s.clients[s.rng.IntN(len(s.clients))]
	if c.state != running {
		c.start()
		return
	}
	n := s.nodes[s.rng.IntN(len(s.nodes))]
	switch kind := s.rng.IntN(10); kind {
	case 0, 1, 2:
		c.cancel()
	case 3:
		c.state = dead
	case 4, 5:
		c.renewRecord([]heureka.Status{heureka.StatusUp, heureka.StatusDown, heureka.StatusStarting}[s.rng.IntN(3)])
	case 6, 7, 8, 9:
		if n.runs() && s.silent == 0 {
			s.note("is operated on", n.name, c.key.ID, kind)
			operate(n, c, kind)
		}
	}
}

// operate is what people do on a node.
func operate(n *node, c *client, kind int) {
	var err error // there may be no such instance
	switch kind {
	case 6, 7:
		err = n.SetOverride(c.key, heureka.StatusOutOfService, 0, registry.FromClient)
	case 8:
		err = n.ClearOverride(c.key, heureka.StatusUp, 0, registry.FromClient)
	case 9:
		_ = n.SetMetadata(c.key, []heureka.MetadataEntry{{Key: "k", Value: fmt.Sprint(n.s.now)}}, registry.FromClient)
		return
	}
	if err == nil {
		n.s.judge.acknowledged(n, c, "")
	}
}

// brief reports whether leases of the client may run out on a node before others have found its new address.
func (c *client) brief() bool { return 3*c.interval < c.s.story.finding.found()+2*slack }

// find returns what a node knows of the client: its record, or its tombstone.
func (c *client) find(n *node) (registry.Entry, bool) {
	for _, k := range n.reg.Bucket(bucketOf(c.key), n.now()) {
		if k.Key() == c.key {
			return k.Entry(), true
		}
	}
	return registry.Entry{}, false
}

// mostClients is how many clients a story may have.
const mostClients = 96

func keyOf(i int) heureka.Key { return heureka.Key{App: "APP", ID: fmt.Sprint("i", i)} }

// buckets tells where a digest shows each client, found out by registering them one after the other.
var buckets = sync.OnceValue(func() map[heureka.Key]int {
	r, err := registry.New(registrytest.Config(registry.Config{}))
	if err != nil {
		panic(err)
	}
	found := map[heureka.Key]int{}
	for i := range mostClients {
		before, key := r.Digest(), keyOf(i)
		if _, err := r.Register(&heureka.Instance{App: key.App, ID: key.ID}, registry.FromClient, epoch); err != nil {
			panic(err)
		}
		after := r.Digest()
		for b := range after {
			if after[b] != before[b] {
				found[key] = b
			}
		}
	}
	return found
})

func bucketOf(key heureka.Key) int { return buckets()[key] }
