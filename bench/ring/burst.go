package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"heureka.internal/heureka/internal/bench"
	"heureka.internal/heureka/internal/remote"
)

// What a burst offers to one node.
const (
	burstSize    = 50_000
	burstTime    = 10 * time.Second
	burstWorkers = 32
)

// burst registers many instances at one node, as a fleet that starts as a whole, and measures how soon all nodes have them.
func burst(ctx context.Context, r *ring, _ options) error {
	began := time.Now()
	var next, failed atomic.Int64
	var wg sync.WaitGroup
	for range burstWorkers {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < burstSize && ctx.Err() == nil; i = next.Add(1) - 1 {
				bench.Sleep(ctx, time.Until(began.Add(time.Duration(i)*burstTime/burstSize)))
				in := instance(fmt.Sprintf("BURST-%03d", i/100), fmt.Sprintf("b-%d", i), 1)
				if r.nodes[0].conn.Register(ctx, in) != nil {
					failed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	sent := time.Since(began)
	want := int64(burstSize + len(r.nodes))
	if err := r.await(ctx, 2*time.Minute, func() bool {
		for _, n := range r.nodes {
			doc, err := n.conn.Apps(ctx, remote.Query{})
			if err != nil || doc.Apps.Count().Total() != want {
				return false
			}
		}
		return true
	}); err != nil {
		return err
	}
	fmt.Printf("burst, %d registrations at one node in %s: %d failed, all nodes have all %s later\n",
		burstSize, sent.Round(time.Millisecond), failed.Load(), (time.Since(began) - sent).Round(time.Millisecond))
	if n := failed.Load(); n > 0 {
		return fmt.Errorf("%d registrations failed", n)
	}
	return nil
}
