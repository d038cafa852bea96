package replication_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/internal/replication/replicationtest"
	"heureka.internal/heureka/internal/wire"
)

var actions = []wire.ReplicationAction{wire.Register, wire.Heartbeat, wire.Cancel, wire.StatusUpdate, wire.DeleteStatusOverride}

// naiveQueue is the queue as one would explain it: for each instance the list of what the peer has to be told.
type naiveQueue struct {
	ops, beats []*naiveEntry
	max        int
	dropped    int
}

type naiveEntry struct {
	id  string
	ops []wire.ReplicationAction
}

func (e *naiveEntry) add(a wire.ReplicationAction) {
	has := func(b wire.ReplicationAction) bool { return slices.Contains(e.ops, b) }
	without := func(bs ...wire.ReplicationAction) {
		e.ops = slices.DeleteFunc(e.ops, func(o wire.ReplicationAction) bool { return slices.Contains(bs, o) })
	}
	switch a {
	case wire.Cancel:
		e.ops = nil
	case wire.Register:
		without(wire.Register, wire.Heartbeat)
	case wire.StatusUpdate, wire.DeleteStatusOverride: // which of both is sent, the record says: here always the latter
		without(wire.DeleteStatusOverride)
		a = wire.DeleteStatusOverride
	case wire.Heartbeat:
		if has(wire.Cancel) || has(wire.Register) || has(wire.Heartbeat) {
			return
		}
	}
	e.ops = append(e.ops, a)
}

func (e *naiveEntry) beatOnly() bool { return len(e.ops) == 1 && e.ops[0] == wire.Heartbeat }

// items is how many items the entry may become: a cancelled instance that is back needs two.
func (e *naiveEntry) items() int {
	if slices.Contains(e.ops, wire.Cancel) {
		return max(2, len(e.ops))
	}
	return len(e.ops)
}

// take removes and returns the entry of id.
func (m *naiveQueue) take(id string) *naiveEntry {
	for _, l := range []*[]*naiveEntry{&m.ops, &m.beats} {
		for i, e := range *l {
			if e.id == id {
				*l = slices.Delete(*l, i, i+1)
				return e
			}
		}
	}
	return nil
}

func (m *naiveQueue) find(id string) (e *naiveEntry, beats bool) {
	for _, e := range m.ops {
		if e.id == id {
			return e, false
		}
	}
	for _, e := range m.beats {
		if e.id == id {
			return e, true
		}
	}
	return nil, false
}

func (m *naiveQueue) len() int { return len(m.ops) + len(m.beats) }

func (m *naiveQueue) add(id string, a wire.ReplicationAction) {
	e, wasBeat := m.find(id)
	if e != nil {
		e.add(a)
		if wasBeat && !e.beatOnly() {
			m.ops = append(m.ops, m.take(id))
		}
		return
	}
	if m.len() == m.max {
		m.dropped++
		if a == wire.Heartbeat && len(m.beats) == 0 {
			return
		}
		m.dropOne()
	}
	e = &naiveEntry{id: id}
	e.add(a)
	if e.beatOnly() {
		m.beats = append(m.beats, e)
	} else {
		m.ops = append(m.ops, e)
	}
}

func (m *naiveQueue) dropOne() {
	if len(m.beats) > 0 {
		m.beats = m.beats[1:]
	} else {
		m.ops = m.ops[1:]
	}
}

// batch takes what one batch with room for limit items holds.
func (m *naiveQueue) batch(limit int) (out []*naiveEntry) {
	used := 0
	from := func(l *[]*naiveEntry, limit int) {
		for len(*l) > 0 && (used+(*l)[0].items() <= limit || len(out) == 0) {
			used += (*l)[0].items()
			out = append(out, (*l)[0])
			*l = (*l)[1:]
		}
	}
	from(&m.ops, limit-min(limit/5, len(m.beats)))
	from(&m.beats, limit)
	return out
}

func (m *naiveQueue) putBack(batch []*naiveEntry) {
	for _, e := range slices.Backward(batch) {
		if newer := m.take(e.id); newer != nil {
			for _, a := range newer.ops {
				e.add(a)
			}
		}
		if e.beatOnly() {
			m.beats = slices.Insert(m.beats, 0, e)
		} else {
			m.ops = slices.Insert(m.ops, 0, e)
		}
	}
	for m.len() > m.max {
		m.dropped++
		m.dropOne()
	}
}

// items returns what the entries are sent as: always in one order of kinds.
func items(batch []*naiveEntry) []string {
	out := []string{}
	for _, e := range batch {
		if slices.Contains(e.ops, wire.Cancel) { // the instance is in the registry all the same
			e = &naiveEntry{id: e.id, ops: []wire.ReplicationAction{wire.Register, wire.DeleteStatusOverride}}
		}
		for _, a := range []wire.ReplicationAction{wire.Register, wire.DeleteStatusOverride, wire.Heartbeat} {
			if !slices.Contains(e.ops, a) {
				continue
			}
			out = append(out, string(a)+" "+e.id)
		}
	}
	return out
}

// Whatever is asked for, in whatever order, with whatever outcomes: the queue holds and sends what the naive one does.
func TestQueueAgainstNaiveModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const instances = 400
		m := &naiveQueue{max: rapid.SampledFrom([]int{3, 20, 10_000}).Draw(t, "max")}
		q := replication.NewQueue(replicationtest.Queue(replication.QueueConfig{
			MaxPending: m.max, MaxAge: time.Hour, Linger: -1, Rand: rand.New(rand.NewPCG(1, 2)),
		}))
		recs := records{}
		for i := range instances {
			recs[keyOf(fmt.Sprint(i))] = instance(fmt.Sprint(i))
			recs[keyOf(fmt.Sprint(i))].Lease.RenewalIntervalSecs = 24 * 3600
		}
		now := start
		failing := false
		add := func(a wire.ReplicationAction, id string) {
			q.Add(a, keyOf(id), now)
			m.add(id, a)
		}
		addSome := func(t *rapid.T) {
			for range rapid.SampledFrom([]int{1, 1, 3, 300}).Draw(t, "count") {
				add(rapid.SampledFrom(actions).Draw(t, "action"), fmt.Sprint(rapid.IntRange(0, instances-1).Draw(t, "id")))
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				if q.Len() != m.len() || q.Len() > m.max {
					t.Fatalf("Len = %d, model %d, maximum %d", q.Len(), m.len(), m.max)
				}
				if got := q.Counts().Overflowed; got != uint64(m.dropped) {
					t.Fatalf("Overflowed = %d, model %d", got, m.dropped)
				}
			},
			"add": addSome,
			"send": func(t *rapid.T) {
				batch, wait := q.Next(now)
				if batch == nil && wait < replication.Idle {
					now = now.Add(wait)
					batch, wait = q.Next(now)
				}
				for batch != nil && batch.Bare() { // it changes nothing, but when the next one goes
					q.Done(batch, replication.Result{Outcome: rapid.SampledFrom([]replication.Outcome{replication.Delivered, replication.Unreachable, replication.Silent}).Draw(t, "bare")}, now)
					if failing = failing && q.Failing(); q.Len() == 0 && !failing {
						return
					}
					if batch, wait = q.Next(now); batch == nil {
						now = now.Add(wait)
						batch, wait = q.Next(now)
					}
				}
				limit := 250
				if failing {
					limit = 10
				}
				want := m.batch(limit)
				if batch == nil {
					if len(want) > 0 || wait != replication.Idle {
						t.Fatalf("no batch, wait %v; the model has %v", wait, items(want))
					}
					return
				}
				got := []string{}
				for _, it := range batch.Fill(recs, now) {
					got = append(got, string(it.Action)+" "+it.ID)
				}
				if diff := cmp.Diff(items(want), got); diff != "" {
					t.Fatalf("batch (-model +queue):\n%s", diff)
				}
				addSome(t) // while the batch is out
				outcome := rapid.SampledFrom([]replication.Outcome{
					replication.Delivered, replication.Busy, replication.Silent, replication.Unreachable, replication.Refused, replication.Denied,
				}).Draw(t, "outcome")
				q.Done(batch, replication.Result{Outcome: outcome, Results: make([]wire.ReplicationResult, len(got))}, now)
				failing = outcome != replication.Delivered
				if outcome != replication.Delivered && outcome != replication.Refused {
					m.putBack(want)
				}
			},
		})
	})
}

// javaPeer stores what batches say as the reference server does, as far as existence, order and overrides go.
type javaPeer map[heureka.Key]heureka.Instance

func (p javaPeer) receive(items []wire.ReplicationItem) []wire.ReplicationResult {
	out := make([]wire.ReplicationResult, len(items))
	for i, it := range items {
		out[i].StatusCode = p.receiveOne(it, &out[i])
	}
	return out
}

func (p javaPeer) receiveOne(it wire.ReplicationItem, r *wire.ReplicationResult) int {
	key := heureka.Key{App: it.App, ID: it.ID}
	mine, known := p[key]
	status, _ := heureka.ParseStatus(it.Status)
	switch {
	case it.Action == wire.Register:
		p[key] = p.registered(mine, known, *it.Instance)
	case !known:
		return 404
	case it.Action == wire.Cancel:
		delete(p, key)
	case it.Action == wire.Heartbeat:
		return p.renewed(key, mine, it, r)
	case it.Action == wire.StatusUpdate && status != mine.Status:
		mine.Status, mine.OverriddenStatus = status, status
		p[key] = mine
	case it.Action == wire.DeleteStatusOverride && mine.OverriddenStatus != heureka.StatusUnknown:
		mine.Status, mine.OverriddenStatus = status, heureka.StatusUnknown
		p[key] = mine
	}
	return 200
}

// registered follows S-REGISTER-1.
func (p javaPeer) registered(mine heureka.Instance, known bool, in heureka.Instance) heureka.Instance {
	if known && mine.LastDirtyMS > in.LastDirtyMS {
		return mine
	}
	if known && mine.OverriddenStatus != heureka.StatusUnknown {
		in.OverriddenStatus = mine.OverriddenStatus
	}
	if in.OverriddenStatus != heureka.StatusUnknown {
		in.Status = in.OverriddenStatus
	}
	return in
}

// renewed follows S-SYNC-1 and S-SYNC-3.
func (p javaPeer) renewed(key heureka.Key, mine heureka.Instance, it wire.ReplicationItem, r *wire.ReplicationResult) int {
	switch {
	case it.LastDirtyMS > mine.LastDirtyMS:
		if o, ok := heureka.ParseStatus(it.OverriddenStatus); ok {
			mine.OverriddenStatus = o
			p[key] = mine
		}
		return 404
	case it.LastDirtyMS < mine.LastDirtyMS:
		r.Instance = &mine
		return 409
	}
	return 200
}

// local is the sending node's registry with its queue.
type local struct {
	recs records
	q    *replication.Queue
	now  time.Time
	last int64 // dirty timestamp
}

func (l *local) do(a wire.ReplicationAction, id string, s heureka.Status) {
	key := keyOf(id)
	in, known := l.recs[key]
	if !known && a != wire.Register {
		return
	}
	next := instance(id)
	if known {
		next = in.Clone()
	}
	next.Lease.RenewalIntervalSecs = 24 * 3600
	switch a {
	case wire.Register:
		l.last++
		next.LastDirtyMS = l.last
	case wire.StatusUpdate:
		if next.Status == s { // S-STATUS-3
			break
		}
		next.Status, next.OverriddenStatus = s, s
	case wire.DeleteStatusOverride:
		next.Status, next.OverriddenStatus = heureka.StatusUp, heureka.StatusUnknown
	}
	l.recs[key] = next
	if a == wire.Cancel {
		delete(l.recs, key)
	}
	l.q.Add(a, key, l.now)
}

// Nothing is lost: whatever happens to batches and their answers on the way, once everything has been sent a peer that
// follows the reference's rules has what this node has.
func TestQueueConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := &local{recs: records{}, now: start, last: 1}
		l.q = replication.NewQueue(replicationtest.Queue(replication.QueueConfig{MaxAge: 24 * time.Hour, Linger: -1, Rand: rand.New(rand.NewPCG(1, 2))}))
		peer := javaPeer{}
		act := func(t *rapid.T) {
			l.do(rapid.SampledFrom(actions).Draw(t, "action"), fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "id")),
				rapid.SampledFrom([]heureka.Status{heureka.StatusUp, heureka.StatusDown, heureka.StatusOutOfService}).Draw(t, "status"))
		}
		send := func(during func(), fate string) {
			batch, wait := l.q.Next(l.now)
			if batch == nil {
				l.now = l.now.Add(min(wait, time.Second))
				return
			}
			items := batch.Fill(l.recs, l.now)
			r := replication.Result{Outcome: replication.Unreachable}
			if fate != "request lost" {
				r.Results = peer.receive(items)
			}
			if fate == "delivered" {
				r.Outcome = replication.Delivered
			}
			during()
			l.q.Done(batch, r, l.now)
		}
		t.Repeat(map[string]func(*rapid.T){
			"act": act,
			"send": func(t *rapid.T) {
				fate := rapid.SampledFrom([]string{"delivered", "request lost", "answer lost"}).Draw(t, "fate")
				send(func() { act(t) }, fate)
			},
		})
		for i := 0; l.q.Len() > 0 || l.q.Failing(); i++ {
			if i > 1000 {
				t.Fatal("the queue does not become empty")
			}
			send(func() {}, "delivered")
		}
		want := javaPeer{}
		for key, in := range l.recs {
			want[key] = *in
			// An override to what the status was anyway is not recorded (S-STATUS-3). If the state before it never reached
			// the peer, it does so there too.
			if got, ok := peer[key]; ok && in.OverriddenStatus == in.Status && got.OverriddenStatus == heureka.StatusUnknown {
				got.OverriddenStatus = in.OverriddenStatus
				peer[key] = got
			}
		}
		if diff := cmp.Diff(want, peer); diff != "" {
			t.Errorf("peer (-node +peer):\n%s", diff)
		}
	})
}

func BenchmarkQueue(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		keys := make([]heureka.Key, n)
		recs := records{}
		for i := range keys {
			keys[i] = heureka.Key{App: fmt.Sprintf("APP-%d", i%500), ID: fmt.Sprintf("host-%d.example.net:app:8080", i)}
			recs[keys[i]] = instance(keys[i].ID)
		}
		newQueue := func() *replication.Queue {
			return replication.NewQueue(replicationtest.Queue(replication.QueueConfig{MaxPending: n, Linger: -1, Rand: rand.New(rand.NewPCG(1, 2))}))
		}
		b.Run(fmt.Sprintf("Add/%d", n), func(b *testing.B) {
			q := newQueue()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				q.Add(wire.Heartbeat, keys[i%n], start)
			}
		})
		b.Run(fmt.Sprintf("AddNextDone/%d", n), func(b *testing.B) { // per instance
			q := newQueue()
			ok := make([]wire.ReplicationResult, 250)
			for i := range ok {
				ok[i].StatusCode = 200
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				q.Add(wire.Heartbeat, keys[i%n], start)
				if q.Len() < 250 {
					continue
				}
				batch, _ := q.Next(start)
				batch.Fill(recs, start)
				q.Done(batch, replication.Result{Results: ok}, start)
			}
		})
	}
}
