package replication_test

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/registry/registrytest"
	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/internal/replication/replicationtest"
	"heureka.internal/heureka/internal/wire"
)

func newLink() *replication.Link {
	return replication.NewLink(replication.LinkConfig{
		Queue: replicationtest.Queue(replication.QueueConfig{Rand: rand.New(rand.NewPCG(1, 1))}), Rand: rand.New(rand.NewPCG(1, 2)), ExchangeInterval: 30 * time.Second,
	})
}

// said is the reply of a node with a digest to a batch of one with another.
func said(theirs, mine string, now time.Time) *replication.Reply {
	return &replication.Reply{Said: replication.Greeting{Node: "b", Digest: theirs}, Digest: mine, Sent: now, Came: now}
}

// exchangeOnce sends the first batch, which is empty, and returns what the link wants after the answer.
func exchangeOnce(t *testing.T, l *replication.Link, r *replication.Reply) replication.Ready {
	t.Helper()
	b, _ := l.Next(r.Came, true)
	if b == nil {
		t.Fatal("nothing to send")
	}
	if !l.Worth(b, r.Came) || l.Again(b, r) {
		t.Fatal("an empty batch finds out who is there, once")
	}
	return l.Done(b, r, true)
}

// Registries are compared at the first contact; later, when they have differed for 3 s, and again at the earliest after
// 30 s if that brought nothing.
func TestLinkCompares(t *testing.T) {
	l := newLink()
	if todo := exchangeOnce(t, l, said("x", "y", start)); !todo.Exchange {
		t.Error("not at the first contact")
	}
	mine, theirs := [registry.Buckets]uint64{1: 1}, [registry.Buckets]uint64{1: 2}
	e := l.Compare(&mine, &theirs, start)
	l.Exchanged(e, &mine, 0, start)
	for _, tt := range []struct {
		at                      time.Duration
		theirs, mine            string
		comparing, wantExchange bool
	}{
		{29 * time.Second, "x", "y", true, false}, // nothing came of the last one
		{31 * time.Second, "", "y", true, false},  // says nothing of its registry
		{31 * time.Second, "x", "", true, false},  // nor this one
		{31 * time.Second, "x", "x", true, false},
		{31 * time.Second, "x", "y", true, true},   // who compares has seen a difference that lasts
		{31 * time.Second, "x", "y", false, false}, // else it must last
		{33 * time.Second, "x", "y", false, false},
		{34 * time.Second, "x", "y", false, true},
		{35 * time.Second, "x", "x", false, false},
		{36 * time.Second, "x", "y", false, false}, // they were equal meanwhile
		{38 * time.Second, "x", "y", true, true},
		{38500 * time.Millisecond, "x", "y", false, false}, // which does not make this node's own look earlier
		{39 * time.Second, "x", "y", false, true},
	} {
		if _, exchange := l.Contact(tt.theirs, tt.mine, tt.comparing, start.Add(tt.at)); exchange != tt.wantExchange {
			t.Errorf("%+v: exchange %v", tt, exchange)
		}
	}
}

// A peer that nothing is sent to is asked every 30 s, give or take a quarter, and one that leads nowhere every 5 min.
func TestLinkProbes(t *testing.T) {
	for replicated, want := range map[bool]time.Duration{true: 30 * time.Second, false: 5 * time.Minute} {
		seen := map[time.Duration]bool{}
		l, now := newLink(), start
		for range 50 {
			b, _ := l.Next(now, replicated)
			if b == nil {
				t.Fatal("no probe")
			}
			l.Done(b, said("x", "x", now), replicated)
			_, wait := l.Next(now, replicated)
			if wait < want*3/4 || wait > want*5/4 {
				t.Errorf("next probe after %v, want about %v", wait, want)
			}
			seen[wait] = true
			now = now.Add(wait)
		}
		if len(seen) < 40 {
			t.Errorf("50 probes with %d different pauses", len(seen))
		}
	}
}

// Pauses after failures double from 0.1 s to 30 s, and each is between half and all of that. In the long ones the peer is
// asked every one to two seconds whether it is there, by an empty batch.
func TestPausesAreSpread(t *testing.T) {
	first := map[time.Duration]bool{}
	for seed := range uint64(50) {
		q := replication.NewQueue(replicationtest.Queue(replication.QueueConfig{Rand: rand.New(rand.NewPCG(seed, 1))}))
		recs := records{keyOf("1"): instance("1")}
		now, tried, last := start, time.Time{}, start
		for most := 50 * time.Millisecond; most < 40*time.Second; {
			q.Add(wire.Heartbeat, keyOf("1"), now)
			b, wait := q.Next(now)
			if b == nil {
				now = now.Add(wait)
				continue
			}
			if now.Sub(last) > 2*time.Second {
				t.Errorf("seed %d: nothing is sent for %v", seed, now.Sub(last))
			}
			last = now
			if len(b.Fill(recs, now)) > 0 {
				if limit := min(most, 30*time.Second); !tried.IsZero() && (now.Sub(tried) < limit/2 || now.Sub(tried) > limit) {
					t.Errorf("seed %d: a pause of %v, want up to %v", seed, now.Sub(tried), limit)
				}
				if most == 100*time.Millisecond {
					first[now.Sub(tried)] = true
				}
				tried = now
				most *= 2
			}
			q.Done(b, replication.Result{Outcome: replication.Unreachable}, now)
		}
	}
	if len(first) < 40 {
		t.Errorf("50 nodes make %d different pauses: they come back together", len(first))
	}
}

// A bare probe that arrives ends the pause, and what waited because of that does not expire.
func TestBareProbeEndsThePause(t *testing.T) {
	b := newBench(t, 1, replication.QueueConfig{MaxAge: 5 * time.Second})
	for tried := 0; tried < 9; {
		b.add("StatusUpdate 0")
		tried += len(b.next())
		b.done(replication.Unreachable)
		b.now = b.now.Add(b.wait())
	}
	for failed := b.now; b.now.Sub(failed) < 8*time.Second; b.now = b.now.Add(b.wait()) { // longer than a status change is worth sending
		b.want(b.next())
		b.done(replication.Unreachable)
	}
	b.want(b.next())
	b.done(replication.Delivered) // a bare one
	b.want(b.next(), "DeleteStatusOverride 0")
	b.done(replication.Delivered, 200)
	if b.q.Failing() || b.wait() != replication.Idle {
		t.Error("the pause outlives a success")
	}
}

// A peer that answers bare probes and takes no batch is tried less and less often, as one that is not there, until it has been
// away again.
func TestBareProbesDoNotHurryBatches(t *testing.T) {
	b := newBench(t, 1, replication.QueueConfig{MaxAge: time.Hour})
	b.add("StatusUpdate 0")
	b.next()
	for range 9 {
		b.done(replication.Silent)
		b.untilTried(replication.Delivered)
	}
	b.done(replication.Silent)
	if w := b.untilTried(replication.Delivered); w < 15*time.Second {
		t.Errorf("a peer that takes no batch is tried again after %v", w)
	}
	b.done(replication.Silent)
	for _, o := range []replication.Outcome{replication.Silent, replication.Delivered} {
		b.now = b.now.Add(b.wait())
		b.want(b.next())
		b.done(o)
	}
	b.want(b.next(), "DeleteStatusOverride 0")
	b.done(replication.Silent)
	if w := b.wait(); w > 2*time.Second {
		t.Errorf("pauses begin with %v after it has been away", w)
	}
}

// A peer that asks to be left alone is.
func TestNoBareProbesAgainstItsWish(t *testing.T) {
	b := newBench(t, 1, replication.QueueConfig{})
	b.add("Register 0")
	b.next()
	b.q.Done(b.batch, replication.Result{Outcome: replication.Busy, RetryAfter: 20 * time.Second}, b.now)
	b.now = b.now.Add(10 * time.Second)
	if w := b.wait(); w != 10*time.Second {
		t.Errorf("next batch after %v, want 10s", w)
	}
}

// What bare probes bring while batches fail is no news: the status and the log follow the batches.
func TestBareProbesAreNoNews(t *testing.T) {
	l, now := newLink(), start
	answers := map[bool]replication.Outcome{false: replication.Silent, true: replication.Delivered}
	for range 50 {
		l.Add(wire.Cancel, keyOf("1"), now)
		b, wait := l.Next(now, true)
		if b == nil {
			now = now.Add(wait)
			continue
		}
		r := &replication.Reply{Result: replication.Result{Outcome: answers[b.Bare()]}, Err: errors.New("503"), Came: now}
		if todo := l.Done(b, r, true); b.Bare() && todo.News != (replication.News{}) || todo.Exchange {
			t.Fatalf("after a bare probe: %+v", todo)
		}
		if s := l.Status(now); s.State != replication.StateFailing || s.Since != start {
			t.Fatalf("status after %v: %s since %v", now.Sub(start), s.State, s.Since)
		}
	}
}

// A late batch is posted again once; to an empty one, the refusal is the answer that it was for.
func TestLinkPostsAgainOnce(t *testing.T) {
	l := newLink()
	l.Add(wire.Cancel, keyOf("1"), start)
	b, _ := l.Next(start, true)
	b.Fill(records{}, start)
	late := &replication.Reply{Late: true, Err: errors.New("425"), Said: replication.Greeting{Clock: "b 7"}, Result: replication.Result{Outcome: replication.Busy}}
	if !l.Again(b, late) || l.Heard() != "b 7" {
		t.Error("not posted again with the new clock")
	}
	if l.Again(b, late) {
		t.Error("posted a third time")
	}
	l = newLink()
	probe, _ := l.Next(start, true)
	if l.Again(probe, late) || late.Outcome != replication.Delivered || late.Err != nil {
		t.Errorf("an empty batch is %v, %v", late.Outcome, late.Err)
	}
}

// What has become equal is fetched again when it differs in the old way.
func TestFruitlessForgetsWhatIsEqual(t *testing.T) {
	f := replication.Fruitless{}
	mine, theirs := [registry.Buckets]uint64{5: 1}, [registry.Buckets]uint64{5: 2}
	differing := func(at time.Duration) int { return len(f.Differing(&mine, &theirs, start.Add(at))) }
	f.Remember([]int{5}, &mine, &theirs, start)
	if n := differing(59 * time.Second); n != 0 {
		t.Error("fetched again within a minute")
	}
	if n := differing(time.Minute); n != 1 {
		t.Error("not fetched again after a minute")
	}
	f.Remember([]int{5}, &theirs, &theirs, start)
	if n := differing(time.Second); n != 1 {
		t.Error("not fetched although it was equal meanwhile")
	}
}

// An answer without a date says nothing of the peer's clock.
func TestNoDateNoSkew(t *testing.T) {
	l := newLink()
	exchangeOnce(t, l, said("x", "x", start))
	if s := l.Status(start); s.ClockSkew != nil || s.RTT != 0 {
		t.Errorf("skew %v, round trip %v", s.ClockSkew, s.RTT)
	}
}

// A set needs all that it works with.
func TestNewNeedsItsParts(t *testing.T) {
	whole := replicationtest.Config(replication.Config{Store: newRegistry(t), Resolver: new(urls), Transport: new(http.Transport)})
	for name, cut := range map[string]func(*replication.Config){
		"store": func(c *replication.Config) { c.Store = nil }, "resolver": func(c *replication.Config) { c.Resolver = nil },
		"transport": func(c *replication.Config) { c.Transport = nil }, "logger": func(c *replication.Config) { c.Logger = nil },
		"random numbers": func(c *replication.Config) { c.Rand = nil }, "phase": func(c *replication.Config) { c.Phase = nil },
		"update interval": func(c *replication.Config) { c.UpdateInterval = 0 }, "time-out": func(c *replication.Config) { c.ReadTimeout = 0 },
		"exchange interval": func(c *replication.Config) { c.ExchangeInterval = 0 }, "queue": func(c *replication.Config) { c.MaxPending = 0 },
		"age": func(c *replication.Config) { c.MaxAge = 0 }, "": func(*replication.Config) {},
	} {
		cfg := whole
		cut(&cfg)
		if _, err := replication.New(cfg); (err == nil) != (name == "") {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

func newRegistry(t *testing.T) *registry.Registry {
	r, err := registry.New(registrytest.Config(registry.Config{}))
	if err != nil {
		t.Fatal(err)
	}
	return r
}
