package scenario

import (
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/replication"
)

// tick evicts, but not whom another node has heard, as Server.evict does.
func (n *node) tick() {
	n.s.after(evictionInterval, n.inThisLife(n.tick))
	before := n.s.judge.beforeTick(n)
	n.evicted = 0
	plan := n.s.opt.Bug.plan(n.reg, n.now())
	n.s.judge.planned(n, before, len(plan.Keys()))
	done := false
	carryOut := n.inThisLife(func() {
		if done {
			return
		}
		done = true
		before.chosen = n.stillExpired(plan.Keys())
		ev := n.s.opt.Bug.carryOut(n.reg, plan, n.now())
		n.s.note("tick", n.name, "", ev.Evicted)
		n.s.judge.afterTick(n, before, ev)
	})
	if !n.askHeard(plan.Keys(), carryOut) {
		carryOut()
		return
	}
	n.s.after(replication.MaxAsking, carryOut)
}

// advanceInterval is that of the server's upkeep.
const advanceInterval = time.Second

// advance notices protection when it begins and ends, as the server does.
func (n *node) advance() {
	n.s.after(advanceInterval, n.inThisLife(n.advance))
	n.reg.Advance(n.now())
	if !n.reg.EvictionAllowed(n.now()) {
		n.guarded = n.s.now
	}
}

// askHeard asks all peers that can be asked; done is called when all have answered. It reports false if there are none.
func (n *node) askHeard(keys []heureka.Key, done func()) bool {
	waiting := 0
	if len(keys) == 0 || n.s.opt.Bug.is(NobodyAsked) {
		return false
	}
	for _, p := range n.ring.WhoHears() {
		waiting++
		n.flow(func() { p.AskHeard(keys) }, func() {
			if waiting--; waiting == 0 {
				done()
			}
		})
	}
	return waiting > 0
}

// stillExpired returns how many of the leases have run out.
func (n *node) stillExpired(keys []heureka.Key) (expired int) {
	for _, key := range keys {
		for _, e := range n.contents(bucketOf(key)) {
			if e.Key == key && !e.Tombstone && e.Age > seconds(e.Instance.Lease.DurationSecs) {
				expired++
			}
		}
	}
	return expired
}
