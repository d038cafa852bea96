package bench

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
)

// measure runs the mode's load for the configured time and adds up what happened.
func (t *target) measure(ctx context.Context) (*Result, error) {
	before := UsageOf(t.cfg.PID)
	start := time.Now()
	runCtx, cancel := context.WithTimeout(ctx, t.cfg.Duration)
	defer cancel()

	var background sync.WaitGroup
	background.Go(func() { t.report(runCtx, start) })
	if t.cfg.Mode == Delta || t.cfg.Mode == Churn || t.cfg.Mode == Fleet {
		background.Go(func() { t.change(runCtx) })
	}
	err := t.load(runCtx)
	background.Wait()
	if err == nil {
		err = ctx.Err()
	}
	return t.result(time.Since(start), before, UsageOf(t.cfg.PID)), err
}

func (t *target) load(ctx context.Context) error {
	switch t.cfg.Mode {
	case Fleet:
		t.fleet(ctx, true)
		return nil
	case Propagation:
		return t.propagation(ctx)
	default:
		t.closedLoop(ctx, t.operation())
		return nil
	}
}

// operation returns what one step of a closed loop does; i counts the steps of all workers.
func (t *target) operation() func(ctx context.Context, i int64) (int64, error) {
	n := int64(t.cfg.Instances)
	get := func(path string) func(context.Context, int64) (int64, error) {
		return func(ctx context.Context, _ int64) (int64, error) { return t.do(ctx, http.MethodGet, path, nil) }
	}
	switch t.cfg.Mode {
	case Register:
		return func(ctx context.Context, i int64) (int64, error) { return t.register(ctx, instanceOf(int(i%n))) }
	case Heartbeat:
		return func(ctx context.Context, i int64) (int64, error) { return t.heartbeat(ctx, instanceOf(int(i%n))) }
	case Delta:
		return get("apps/delta")
	case App:
		return func(ctx context.Context, i int64) (int64, error) {
			return t.do(ctx, http.MethodGet, "apps/"+instanceOf(int(i*perApp%n)).App, nil)
		}
	default:
		return get("apps/")
	}
}

func (t *target) closedLoop(ctx context.Context, op func(context.Context, int64) (int64, error)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range t.cfg.Workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := next.Add(1) - 1
				t.count(ctx, func(ctx context.Context) (int64, error) { return op(ctx, i) })
			}
		})
	}
	wg.Wait()
}

// change alters instances at the configured rate, each in turn out of service and up again. Its requests are not counted.
func (t *target) change(ctx context.Context) {
	if t.cfg.Changes <= 0 {
		return
	}
	tick := time.NewTicker(time.Duration(float64(time.Second) / t.cfg.Changes))
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		in := instanceOf(i * 7919 % t.cfg.Instances)
		s := heureka.StatusOutOfService
		if i/t.cfg.Instances%2 == 1 {
			s = heureka.StatusUp
		}
		if _, err := t.flip(ctx, in, s); err != nil && ctx.Err() == nil {
			t.errs.Add(1)
			t.firstErr.CompareAndSwap(nil, &err)
		}
	}
}

func (t *target) report(ctx context.Context, start time.Time) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if t.cfg.Progress != nil {
				t.cfg.Progress(now.Sub(start), t.cfg.Duration, t.ops.Load())
			}
		}
	}
}
