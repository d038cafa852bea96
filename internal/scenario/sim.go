package scenario

import (
	"cmp"
	"container/heap"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// epoch is when every simulation begins, by a clock without offset.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Options choose a simulation. The same options give the same simulation, event by event.
type Options struct {
	Seed uint64
	Bug  Bug // put in on purpose, to see whether it is found

	Operators bool // whether operators dispute, see sim.dispute

	// Story has the simulation without a bug be that in which this one would be put in. Some bugs need much of what is rare.
	Story Bug
}

// A Result is what came of a simulation.
type Result struct {
	Hash      uint64 // of everything that happened
	Events    int
	Violation *Violation // the first broken promise; nil if all were kept
}

// A Violation is a promise that was broken.
type Violation struct {
	Options Options
	At      time.Duration // since the start
	What    string
	Trace   []string // what happened before, the last of it last
}

// Error tells the whole story, and how to see it again.
func (v *Violation) Error() string {
	again := fmt.Sprintf("go run ./internal/scenario/cmd/sim -seed %d", v.Options.Seed)
	if v.Options.Operators {
		again += " -operators"
	}
	if v.Options.Bug != NoBug {
		again += fmt.Sprintf(" -bug %q", string(v.Options.Bug))
	}
	return fmt.Sprintf("seed %d, after %v: %s\nagain with: %s\n%s",
		v.Options.Seed, v.At, v.What, again, strings.Join(v.Trace, "\n"))
}

// Run simulates one cluster until its story ends or a promise is broken.
func Run(opt Options) Result {
	s := newSim(opt)
	for s.violation == nil && len(s.queue) > 0 && s.now <= s.end {
		e := heap.Pop(&s.queue).(*event)
		s.now = e.at
		s.events++
		e.do()
		for _, n := range s.nodes {
			n.attend()
		}
	}
	if s.violation == nil {
		s.judge.operators()
	}
	for _, n := range s.nodes {
		n.kill()
	}
	return Result{Hash: s.log.hash, Events: s.events, Violation: s.violation}
}

// A sim is one simulation. Everything happens in one goroutine, in the order of the queue.
type sim struct {
	opt    Options
	story  story
	rng    *rand.Rand
	extra  *rand.Rand    // see more
	people *rand.Rand    // see dispute
	now    time.Duration // since the epoch
	end    time.Duration
	queue  eventQueue
	seq    uint64

	nodes     []*node
	clients   []*client
	net       network
	free      []string // addresses that nodes have had
	addresses int
	silent    int           // faults that keep all clients from being heard
	wrong     int           // faults that are going on
	wrongLast time.Duration // when the last one ended
	crashing  *client       // of those that never stay
	judge     judge

	log       tracer
	events    int
	violation *Violation
}

func newSim(opt Options) *sim {
	s := &sim{opt: opt, rng: rand.New(rand.NewPCG(opt.Seed, 0x5ce7a210)), extra: rand.New(rand.NewPCG(opt.Seed, 0x5ce7a211))}
	s.story = s.tell()
	s.more(&s.story)
	cmp.Or(opt.Bug, opt.Story).suit(&s.story)
	if opt.Operators {
		s.story.disputes = disputes
	}
	s.end = s.story.chaos + s.story.quiet
	s.net = newNetwork(s, s.story.nodes)
	for i := range s.story.nodes {
		s.nodes = append(s.nodes, s.newNode(i))
	}
	s.judge = newJudge(s)
	for _, n := range s.nodes {
		s.after(s.upTo(2*time.Second), n.start)
	}
	for i := range s.story.clients {
		s.clients = append(s.clients, s.newClient(i, 3*time.Second+s.upTo(2*time.Minute)))
	}
	s.plan()
	s.upheavals()
	s.dispute()
	s.every(time.Second, s.judge.look)
	return s
}

// after has do happen in d.
func (s *sim) after(d time.Duration, do func()) {
	s.seq++
	heap.Push(&s.queue, &event{at: s.now + d, seq: s.seq, do: do})
}

func (s *sim) every(d time.Duration, do func()) {
	s.after(d, func() {
		do()
		s.every(d, do)
	})
}

// upTo returns a random duration below most.
func (s *sim) upTo(most time.Duration) time.Duration { return time.Duration(s.rng.Int64N(int64(most))) }

func (s *sim) chance(p float64) bool { return p > 0 && s.rng.Float64() < p }

// fail ends the simulation.
func (s *sim) fail(about, format string, args ...any) {
	if s.violation == nil {
		s.violation = &Violation{Options: s.opt, At: s.now, What: fmt.Sprintf(format, args...), Trace: s.log.around(about)}
	}
}

func (s *sim) note(what, who, about string, n int) { s.log.add(record{s.now, what, who, about, n}) }

// An event is something that will happen.
type event struct {
	at  time.Duration
	seq uint64 // of two at the same time the one that was planned first comes first
	do  func()
}

type eventQueue []*event

func (q eventQueue) Len() int      { return len(q) }
func (q eventQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q eventQueue) Less(i, j int) bool {
	if q[i].at != q[j].at {
		return q[i].at < q[j].at
	}
	return q[i].seq < q[j].seq
}

// Push implements heap.Interface.
func (q *eventQueue) Push(x any) { *q = append(*q, x.(*event)) }

// Pop implements heap.Interface.
func (q *eventQueue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return e
}
