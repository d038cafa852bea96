package respcache

import (
	"cmp"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/wire"
)

var start = time.Unix(1_700_000_000, 0)

func registered(seq uint64, app, id string) registry.Change {
	in := &heureka.Instance{App: app, ID: id, Status: heureka.StatusUp, DataCenter: heureka.OwnDataCenter, VIPAddress: "v"}
	return registry.Change{Seq: seq, At: start, Key: in.Key(), Record: registry.NewRecord(in)}
}

// crowd lets many readers ask while lock is held, and returns how many different answers they got.
func crowd(lock sync.Locker, get func() *Answer) int {
	var wg sync.WaitGroup
	var started atomic.Int32
	var answers sync.Map
	lock.Lock()
	const readers = 20
	for range readers {
		wg.Go(func() {
			started.Add(1)
			answers.Store(get(), true)
		})
	}
	for started.Load() < readers {
		runtime.Gosched()
	}
	lock.Unlock()
	wg.Wait()
	n := 0
	for range answers.Range {
		n++
	}
	return n
}

// However many readers wait for a document, it is built once.
func TestOneBuildForAllWhoWait(t *testing.T) {
	for range 20 {
		c := newCache(Config{})
		q := Query{Kind: Delta, Form: wire.Form{Format: wire.JSON}}
		get := func() *Answer { a, _ := c.Get(q, start); return a }
		get()
		c.Apply(registered(1, "A", "1"))
		if n := crowd(&c.all.documents[Delta][variantOf(q.Form)].mu, get); n != 1 {
			t.Fatalf("%d documents were built", n)
		}
		q = Query{Kind: App, Name: "A", Form: q.Form}
		get()
		c.Apply(registered(2, "A", "1"))
		l, _ := c.lookups.get(q, start)
		if n := crowd(&l.mu, get); n != 1 {
			t.Fatalf("%d applications were encoded", n)
		}
	}
}

// Changes that nobody looks at are taken in when they are many, or when what they have ended is large: not before, and not never.
func TestFullInboxIsTakenIn(t *testing.T) {
	c := newCache(Config{})
	if c.inbox.full != minWaiting {
		t.Fatalf("an inbox of nothing is full with %d", c.inbox.full)
	}
	for i := range minWaiting + 5 {
		c.Apply(registered(uint64(i)+1, "A", fmt.Sprint(i)))
	}
	if got := c.local.state().len(); got != minWaiting {
		t.Errorf("%d of %d changes were taken in", got, minWaiting+5)
	}
	if counts := c.Counts(); counts[heureka.StatusUp] != minWaiting+5 {
		t.Errorf("a reader is shown %v", counts)
	}
	const heavy, before = maxEnded / 4, minWaiting + 5
	for i := range 10 {
		ch := registered(uint64(before+i)+1, "A", "heavy")
		in := *ch.Record.Instance()
		in.HomePageURL = strings.Repeat("x", heavy)
		ch.Record, ch.Previous = registry.NewRecord(&in), registry.NewRecord(&in)
		c.Apply(ch)
		if got := len(c.inbox.updates); got > 4 {
			t.Errorf("%d changes wait that ended records of %d bytes each", got, heavy)
		}
	}
}

// With regions each change costs more, and fewer are taken in together.
func TestInboxWithRegions(t *testing.T) {
	c := newCache(Config{Regions: []RegionConfig{{Name: "east"}}})
	for i := range 10 * updatesAtOnce {
		c.Apply(registered(uint64(i)+1, "A", fmt.Sprint(i)))
		if got := len(c.inbox.updates); got > updatesAtOnce {
			t.Fatalf("%d changes wait", got)
		}
	}
}

// The list of recent changes is bounded by the number of instances that changed.
func TestChangesAreBounded(t *testing.T) {
	c := newCache(Config{})
	for i := range 10_000 {
		c.Apply(registered(uint64(i)+1, "A", fmt.Sprint(i%10)))
		c.catchUp()
		if n := len(c.local.changes); n > 100 {
			t.Fatalf("%d changes are kept of 10 instances", n)
		}
	}
}

// Forgetting changes counts each of them once: a wrong count would let the list grow, or clean it up all the time.
func TestPurgeCountsChanges(t *testing.T) {
	c := newCache(Config{ChunkBytes: 5000})
	for i := range 1000 {
		ch := registered(uint64(i)+1, "A", fmt.Sprint(i*7919%1000))
		ch.At = start.Add(time.Duration(i) * time.Second)
		c.Apply(ch)
	}
	for _, secs := range []int{180, 181, 500, 1100, 2000} {
		c.PurgeDelta(start.Add(time.Duration(secs) * time.Second))
		want := min(1000, max(0, 1180-secs))
		if m := c.local; m.noted != want || len(m.changes) != want || m.state().recent.len() != want {
			t.Errorf("after %d s %d changes of %d instances are noted, %d kept; want %d",
				secs, len(m.changes), m.noted, m.state().recent.len(), want)
		}
	}
}

// The list is bounded, too, when one record comes and goes behind that of a region.
func TestMergedChangesAreBounded(t *testing.T) {
	c := newCache(Config{Regions: []RegionConfig{{Name: "east"}}})
	c.Apply(registered(1, "A", "1"))
	in := *registered(2, "A", "1").Record.Instance()
	for i := range 1000 {
		in.Action = heureka.ActionAdded
		if i%2 == 1 {
			in.Action = heureka.ActionDeleted
		}
		c.Region("east").ApplyDelta([]*heureka.Application{{Name: "A", Instances: []*heureka.Instance{&in}}}, start)
		if n := len(c.all.mirror.changes); n > 100 {
			t.Fatalf("%d changes are kept of one instance", n)
		}
	}
}

// Maintain gives every chunk its turn, however small the budget and however often the first ones are due again.
func TestEveryChunkHasItsTurn(t *testing.T) {
	c := newCache(Config{ChunkBytes: 1000})
	for i := range 1000 {
		c.Apply(registered(uint64(i), "A", fmt.Sprintf("%04d", i)))
	}
	q := Query{Kind: All, Gzip: true}
	now := start
	c.Get(q, now)
	for i := range 300 {
		now = now.Add(5 * time.Minute) // everything is old
		c.all.documents[All][variantOf(q.Form)].touch(now)
		if done := c.Maintain(now, 7); done != 7 {
			t.Fatalf("call %d did %d chunks", i, done)
		}
	}
	for _, g := range c.local.state().live.groups {
		for _, l := range g.leaves {
			if p := l.pieces[variantOf(q.Form)].Load(); !p.thorough {
				t.Fatalf("chunk from %s had no turn in 2100 of %d", l.first().Instance().ID, len(c.local.state().live.groups)*64)
			}
		}
	}
}

// newCache returns a cache with usual values for what cfg leaves out, as respcachetest.New for tests outside this package.
func newCache(cfg Config) *Cache {
	cfg.UpdateInterval, cfg.AutoExpiration, cfg.DeltaRetention = 30*time.Second, 3*time.Minute, 3*time.Minute
	cfg.ChunkBytes, cfg.LookupBytes = cmp.Or(cfg.ChunkBytes, ChunkBytes), cmp.Or(cfg.LookupBytes, LookupBytes)
	c, err := New(cfg)
	if err != nil {
		panic(err)
	}
	return c
}
