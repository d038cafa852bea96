package admission_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka/internal/admission"
)

var config = admission.Config{Slots: 2, Wait: 2 * time.Second, Stall: time.Second}

func lively() time.Time { return time.Now() }

// acquire asks for a slot in the background.
func acquire(ctx context.Context, p *admission.Pool) chan *admission.Slot {
	got := make(chan *admission.Slot, 1)
	go func() { got <- p.Acquire(ctx, lively) }()
	synctest.Wait()
	return got
}

func TestTheNewestIsServedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := admission.New(config)
		first, second := p.Acquire(t.Context(), lively), p.Acquire(t.Context(), lively)
		if first == nil || second == nil {
			t.Fatal("a free slot was refused")
		}
		early := acquire(t.Context(), p)
		late := acquire(t.Context(), p)
		first.Release()
		if got := <-late; got == nil {
			t.Error("the newest was refused")
		}
		start := time.Now()
		if got := <-early; got != nil || time.Since(start) != 2*time.Second {
			t.Errorf("the oldest got %v after %v, want a refusal after 2 s", got, time.Since(start))
		}
		second.Release()
		second.Release() // once is enough
		want := admission.Stats{Slots: 2, InFlight: 1, Waited: 1, Refused: 1}
		if got := p.Stats(); got != want {
			t.Errorf("stats = %+v, want %+v", got, want)
		}
	})
}

func TestSlotsWithoutProgressAreTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := admission.New(config)
		began := time.Now()
		stuck := p.Acquire(t.Context(), func() time.Time { return began })
		p.Acquire(t.Context(), lively)
		got := <-acquire(t.Context(), p)
		if waited := time.Since(began); got == nil || waited < time.Second || waited > 1500*time.Millisecond {
			t.Errorf("slot %v after %v, want one after a second", got, waited)
		}
		stuck.Release() // it gave its slot back already: nobody else's is freed
		if st := p.Stats(); st.InFlight != 2 || st.Stalled != 1 {
			t.Errorf("stats = %+v", st)
		}
	})
}

// Whoever is asked for progress may look at the pool: it is not locked then.
func TestProgressIsAskedForWithoutTheLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := admission.New(config)
		asked := 0
		progress := func() time.Time { asked++; p.Stats(); return time.Now() }
		p.Acquire(t.Context(), progress)
		p.Acquire(t.Context(), progress)
		if got := p.Acquire(t.Context(), progress); got != nil || asked == 0 {
			t.Errorf("slot %v after %d questions", got, asked)
		}
	})
}

func TestNobodyWaitsForAClientThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := admission.New(config)
		a, b := p.Acquire(t.Context(), lively), p.Acquire(t.Context(), lively)
		ctx, cancel := context.WithCancel(t.Context())
		gone := acquire(ctx, p)
		cancel()
		if <-gone != nil || p.Stats().Waiting != 0 {
			t.Errorf("a client that is gone still waits: %+v", p.Stats())
		}
		a.Release()
		b.Release()
		if p.Stats().InFlight != 0 {
			t.Errorf("stats = %+v", p.Stats())
		}
	})
}

func TestWithoutWaitingARefusalIsImmediate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := admission.New(admission.Config{Slots: 1, Stall: time.Second})
		slot := p.Acquire(t.Context(), lively)
		start := time.Now()
		if p.Acquire(t.Context(), lively) != nil || time.Since(start) != 0 {
			t.Error("a second request was admitted, or waited")
		}
		slot.Release()
		if p.Acquire(t.Context(), lively) == nil {
			t.Error("the slot that was given back is gone")
		}
	})
}
