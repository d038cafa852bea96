package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/bench"
	"heureka.internal/heureka/internal/remote"
)

// propagation registers on the first node and looks on the second, first with nothing else going on, then while the ring
// takes 300 heartbeats a second.
func propagation(ctx context.Context, r *ring, o options) error {
	if err := r.fill(ctx, 0, 300); err != nil {
		return err
	}
	if err := spread(ctx, r, o, "idle"); err != nil {
		return err
	}
	beatCtx, stop := context.WithCancel(ctx)
	var beats sync.WaitGroup
	beats.Go(func() { heartbeats(beatCtx, r, 300) })
	err := spread(ctx, r, o, "300 heartbeats a second")
	stop()
	beats.Wait()
	return err
}

func spread(ctx context.Context, r *ring, o options, name string) error {
	var took []time.Duration
	for i := range o.samples {
		in := instance("PROBES", name+strconv.Itoa(i), 1)
		if err := r.nodes[0].conn.Register(ctx, in); err != nil {
			return err
		}
		accepted := time.Now()
		for {
			if _, err := r.nodes[1].conn.Instance(ctx, in.Key()); err == nil {
				break
			}
			if time.Since(accepted) > 30*time.Second {
				return fmt.Errorf("%s did not reach the second node within 30 s", in.Key())
			}
		}
		took = append(took, time.Since(accepted))
		bench.Sleep(ctx, 10*time.Millisecond)
	}
	slices.Sort(took)
	fmt.Printf("propagation, %s: p50 %s, p99 %s, max %s of %d\n", name, quantile(took, 0.5), quantile(took, 0.99), took[len(took)-1], len(took))
	return nil
}

func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[int(math.Ceil(q*float64(len(sorted))))-1]
}

// heartbeats renews instances in turn, rate a second, spread over all nodes but the last.
func heartbeats(ctx context.Context, r *ring, rate int) {
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			k := i % 300
			key := heureka.Key{App: fmt.Sprintf("SERVICE-%03d", k/20), ID: fmt.Sprintf("i-%d", k)}
			_ = r.nodes[i%2].conn.Renew(ctx, key, remote.Renewal{Status: heureka.StatusUp}) // the load is what counts
		}
	}
}

// heal cuts the last node off, changes the registry on both sides, and measures how soon all agree after contact.
func heal(ctx context.Context, r *ring, o options) error {
	if err := r.fill(ctx, 0, o.instances); err != nil {
		return err
	}
	if err := r.await(ctx, time.Minute, func() bool { return agree(ctx, r) }); err != nil {
		return err
	}
	r.cut(2, true)
	for i := range o.changes {
		for _, side := range []int{0, 2} {
			if err := changeOne(ctx, r, side, i); err != nil {
				return err
			}
		}
	}
	bench.Sleep(ctx, o.away)
	if agree(ctx, r) {
		return fmt.Errorf("the sides agree although they are cut off: nothing is measured")
	}
	healed := time.Now()
	r.cut(2, false)
	if err := r.await(ctx, 5*time.Minute, func() bool { return agree(ctx, r) }); err != nil {
		return err
	}
	all := time.Now()
	fmt.Printf("heal, %d instances, %d changes on each side, %s apart: all agree %s after contact, which came %s after the network was whole\n",
		o.instances, o.changes, o.away, all.Sub(r.contact(2)).Round(time.Millisecond), r.contact(2).Sub(healed).Round(time.Millisecond))
	return nil
}

// changeOne makes the i-th change of a side: in turn a new instance, a cancelled one, one out of service.
func changeOne(ctx context.Context, r *ring, side, i int) error {
	conn := r.nodes[side].conn
	k := 6*i + side
	key := heureka.Key{App: fmt.Sprintf("SERVICE-%03d", k/20), ID: fmt.Sprintf("i-%d", k)}
	switch i % 3 {
	case 0:
		return conn.Register(ctx, instance(fmt.Sprintf("SIDE-%d", side), fmt.Sprintf("new-%d", i), 1))
	case 1:
		return conn.Cancel(ctx, key)
	default:
		return conn.SetOverride(ctx, key, heureka.StatusOutOfService, 0)
	}
}

// agree reports whether all nodes list the same instances with the same status.
func agree(ctx context.Context, r *ring) bool {
	var first map[heureka.Key]heureka.Status
	for _, n := range r.nodes {
		doc, err := n.conn.Apps(ctx, remote.Query{})
		if err != nil {
			return false
		}
		seen := map[heureka.Key]heureka.Status{}
		for _, app := range doc.Apps.Apps {
			for _, in := range app.Instances {
				seen[in.Key()] = in.Status
			}
		}
		if first == nil {
			first = seen
		}
		if len(seen) != len(first) {
			return false
		}
		for k, s := range seen {
			if first[k] != s {
				return false
			}
		}
	}
	return true
}

// blackhole stops the last node, so that it takes connections and answers nothing, and compares what the others use with
// the same time before.
func blackhole(ctx context.Context, r *ring, o options) error {
	if err := r.fill(ctx, 0, 300); err != nil {
		return err
	}
	beatCtx, stop := context.WithCancel(ctx)
	var beats sync.WaitGroup
	beats.Go(func() { heartbeats(beatCtx, r, 300) })
	defer beats.Wait()
	defer stop()
	bench.Sleep(ctx, 5*time.Second)
	normal := r.use(ctx, min(o.away, 2*time.Minute))
	if err := r.nodes[2].cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	alone := r.use(ctx, o.away)
	_ = r.nodes[2].cmd.Process.Signal(syscall.SIGCONT) // it is killed in the end in any case
	fmt.Printf("blackhole, 300 heartbeats a second: the two others use %.1f %% and %.1f %% of a processor with the third, %.1f %% and %.1f %% while it hangs for %s; resident %.0f and %.0f MB before, %.0f and %.0f MB after\n",
		normal.cpu[0], normal.cpu[1], alone.cpu[0], alone.cpu[1], o.away, normal.resident[0], normal.resident[1], alone.resident[0], alone.resident[1])
	return nil
}

// A use is what the first two nodes consumed: percent of a processor, and megabytes in the end.
type use struct{ cpu, resident [2]float64 }

func (r *ring) use(ctx context.Context, d time.Duration) (u use) {
	var before [2]bench.Usage
	for i := range before {
		before[i] = bench.UsageOf(r.nodes[i].cmd.Process.Pid)
	}
	bench.Sleep(ctx, d)
	for i := range before {
		after := bench.UsageOf(r.nodes[i].cmd.Process.Pid)
		u.cpu[i] = 100 * float64(after.CPU-before[i].CPU) / float64(d)
		u.resident[i] = float64(after.Resident) / 1e6
	}
	return u
}
