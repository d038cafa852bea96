package replication_test

import (
	"testing"
	"time"

	"heureka.internal/heureka/internal/replication"
)

// S-DISP-11 as far as it is about tasks: what happens to them after each outcome.
func TestDisp11Outcomes(t *testing.T) {
	tests := []struct {
		outcome  replication.Outcome
		kept     bool
		min, max time.Duration
	}{
		{replication.Delivered, false, replication.Idle, replication.Idle},
		{replication.Unsent, false, replication.Idle, replication.Idle},
		{replication.Busy, true, 500 * time.Millisecond, time.Second},
		{replication.Silent, true, 500 * time.Millisecond, time.Second},
		{replication.Unreachable, true, 50 * time.Millisecond, 100 * time.Millisecond},
		{replication.Refused, false, 50 * time.Millisecond, 100 * time.Millisecond},
		{replication.Denied, true, 50 * time.Millisecond, 100 * time.Millisecond},
	}
	for _, tt := range tests {
		b := newBench(t, 2, replication.QueueConfig{})
		b.add("Register 0", "Heartbeat 1")
		b.next()
		b.done(tt.outcome, 200, 200)
		if w := b.wait(); w < tt.min || w > tt.max {
			t.Errorf("outcome %d: wait %v, want %v to %v", tt.outcome, w, tt.min, tt.max)
		}
		if kept := b.q.Len() == 2; kept != tt.kept || b.q.Len() == 1 {
			t.Errorf("outcome %d: %d left", tt.outcome, b.q.Len())
		}
		c := b.q.Counts()
		if refused := c.Refused == 2; refused != (tt.outcome == replication.Refused) {
			t.Errorf("outcome %d: counts %+v", tt.outcome, c)
		}
	}
}

func TestPausesGrow(t *testing.T) {
	b := newBench(t, 1, replication.QueueConfig{MaxAge: time.Hour})
	b.add("StatusUpdate 0")
	var last time.Duration
	b.next()
	for i := range 30 {
		b.done(replication.Unreachable)
		w := b.untilTried(replication.Unreachable)
		top := min(100*time.Millisecond<<min(i, 20), 30*time.Second)
		if w < top/2 || w > top {
			t.Errorf("pause %d is %v, want %v to %v", i, w, top/2, top)
		}
		last = w
	}
	if last < 15*time.Second {
		t.Errorf("last pause %v", last)
	}
	b.done(replication.Delivered)
	if b.q.Failing() || b.wait() != replication.Idle {
		t.Error("the pause outlives a success")
	}
}

// untilTried ends bare probes with an outcome until the next batch is out, and returns how long that takes.
func (b *bench) untilTried(bare replication.Outcome) time.Duration {
	began := b.now
	for {
		batch, wait := b.q.Next(b.now)
		if b.batch = batch; batch == nil {
			b.now = b.now.Add(wait)
			continue
		}
		if len(batch.Fill(b.recs, b.now)) > 0 {
			return b.now.Sub(began)
		}
		b.done(bare)
	}
}

func TestRetryAfter(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{10 * time.Second: 10 * time.Second, time.Hour: 30 * time.Second} {
		b := newBench(t, 1, replication.QueueConfig{})
		b.add("Register 0")
		b.next()
		b.q.Done(b.batch, replication.Result{Outcome: replication.Busy, RetryAfter: asked}, b.now)
		if w := b.wait(); w != want {
			t.Errorf("asked for %v: wait %v, want %v", asked, w, want)
		}
	}
}

// A broken peer gets small batches until one succeeds, also when there is nothing to say.
func TestProbes(t *testing.T) {
	b := newBench(t, 300, replication.QueueConfig{})
	b.addMany("Register", 0, 300)
	b.next()
	b.done(replication.Unreachable)
	b.now = b.now.Add(100 * time.Millisecond)
	if n := len(b.next()); n != 10 {
		t.Errorf("the probe has %d items, want 10", n)
	}
	b.done(replication.Delivered)
	if n := len(b.next()); n != 250 {
		t.Errorf("after the probe: %d items, want 250", n)
	}
	b.done(replication.Refused)
	b.now = b.now.Add(100 * time.Millisecond)
	b.next()
	b.done(replication.Refused)
	for i := 0; b.q.Len() > 0; i++ {
		b.now = b.now.Add(30 * time.Second)
		b.next()
		b.done(replication.Refused)
	}
	b.now = b.now.Add(30 * time.Second)
	b.want(b.next())
}

func TestProbeNow(t *testing.T) {
	b := newBench(t, 1, replication.QueueConfig{})
	b.add("Heartbeat 0")
	batch := b.q.Probe(b.now)
	if batch == nil || len(batch.Fill(b.recs, b.now)) != 1 {
		t.Fatal("a probe takes what is pending")
	}
	if b.q.Probe(b.now) != nil {
		t.Error("two batches are out")
	}
	b.q.Done(batch, replication.Result{Outcome: replication.Unreachable}, b.now)
	if b.q.Probe(b.now) != nil {
		t.Error("a probe ends the pause")
	}
}

func TestContactShortensAPause(t *testing.T) {
	b := newBench(t, 1, replication.QueueConfig{MaxAge: time.Hour})
	if b.q.Contact(b.now) {
		t.Error("contact with a healthy peer wakes the sender")
	}
	b.add("StatusUpdate 0")
	for range 12 {
		b.next()
		b.done(replication.Unreachable)
		b.now = b.now.Add(30 * time.Second)
	}
	b.next()
	b.done(replication.Unreachable)
	if !b.q.Contact(b.now) || b.q.Contact(b.now) {
		t.Error("the first contact wakes the sender, the second changes nothing")
	}
	if w := b.wait(); w != time.Second {
		t.Errorf("wait %v after the failure, want 1s", w)
	}
	b.now = b.now.Add(5 * time.Second)
	b.next()
}

// A batch that is too large comes again in halves; a single entry that is too large is given up.
func TestTooLarge(t *testing.T) {
	b := newBench(t, 8, replication.QueueConfig{})
	b.addMany("Register", 0, 8)
	for _, want := range []int{8, 4, 2, 1} {
		if n := len(b.next()); n != want {
			t.Fatalf("%d items, want %d", n, want)
		}
		b.done(replication.TooLarge)
	}
	if c := b.q.Counts().Refused; c != 1 || b.q.Len() != 7 {
		t.Errorf("refused %d, %d left; want 1 and 7", c, b.q.Len())
	}
	b.want(b.next(), "Register 1")
	b.done(replication.Delivered, 200)
	b.want(b.next(), "Register 2", "Register 3")
}
