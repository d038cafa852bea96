package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"heureka.internal/heureka/internal/bench"
)

// What a million instances do, and for how long their nodes are looked at when nobody asks them anything.
const (
	leaseInterval = 30 * time.Second
	settleFor     = 25 * time.Second // the nodes give back the memory that the copy took, which is a collection of a large heap
	equalFor      = 20 * time.Second // all of it shorter than a lease: what happens when nobody renews is not measured
	copyLimit     = 5 * time.Minute
)

// million has a million instances renew every 30 s, starts a second node that copies them, which the first one knows, and looks at
// what both use while they are equal. The nodes are not pinned: the load takes most of a processor, too.
func (r *rig) million(ctx context.Context, rep *report) error {
	defer r.stopAll()
	r.opts.pin = false
	n, duration, settle, equal := 100*r.instances(), r.opts.long, settleFor, equalFor
	if r.opts.quick {
		n, duration, settle, equal = 10*r.instances(), 2*time.Second, 0, time.Second
	}
	port, err := bench.FreePort()
	if err != nil {
		return err
	}
	first, err := r.heureka(ctx, "--eureka.client.service-url.defaultZone=http://127.0.0.1:"+port+"/eureka/")
	if err != nil {
		return err
	}
	fill := r.config(first, bench.Heartbeat, n)
	fill.Duration = time.Second
	if _, err := bench.Run(ctx, fill); err != nil {
		return err
	}
	beats, peak := beatFor(ctx, first, n, duration)
	numbers, err := first.numbers(ctx)
	if err != nil {
		return err
	}
	rep.fact(fmt.Sprintf("%d instances, each renews every %v, for %v (goal: memory 2 GB)", n, leaseInterval, duration), fmt.Sprintf(
		"%d heartbeats, %d failed; %s; %s; %.0f MB at most (cgroup)", beats.sent.Load(), beats.failed.Load(), beats, collector(numbers), float64(peak)/1e6))
	if err := wrong(beats.failed.Load(), "a heartbeat that is not 200"); err != nil {
		return err
	}
	if err := first.awaitOpen(ctx); err != nil { // alone it waits until nobody registers any more
		return err
	}
	second, err := r.copied(ctx, rep, first, port, n)
	if err != nil {
		return err
	}
	bench.Sleep(ctx, settle)
	before := []bench.Usage{bench.UsageOf(first.pid()), bench.UsageOf(second.pid())}
	bench.Sleep(ctx, equal)
	share := func(i int, p *process) float64 {
		return 100 * float64(bench.UsageOf(p.pid()).CPU-before[i].CPU) / float64(equal)
	}
	rep.fact(fmt.Sprintf("both nodes, equal and asked nothing, for %v (goal: 1 %% of a processor)", equal), fmt.Sprintf("%.2f %% and %.2f %%", share(0, first), share(1, second)))
	return nil
}

// beatFor renews n instances at their pace, and returns how that went and the most memory the server had.
func beatFor(ctx context.Context, p *process, n int, duration time.Duration) (*tally, int64) {
	requests := make([]string, n)
	for i := range requests {
		requests[i] = bench.HeartbeatRequest(i)
	}
	ctx, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	var beats tally
	var wg sync.WaitGroup
	perSecond := float64(n) / leaseInterval.Seconds() / stormConns
	for i := range stormConns {
		wg.Go(func() {
			offer(ctx, p.host(), perSecond, func(k int) string { return requests[(k*stormConns+i)%n] }, beats.add)
		})
	}
	peak := int64(0)
	for bench.Sleep(ctx, 100*time.Millisecond) {
		peak = max(peak, p.memory())
	}
	wg.Wait()
	return &beats, peak
}

// copied starts a node at a port that has first as its peer, waits until it answers reads, and tells what its copy has taken.
func (r *rig) copied(ctx context.Context, rep *report, first *process, port string, n int) (*process, error) {
	before, began := bench.UsageOf(first.pid()), time.Now()
	second, err := r.heurekaAt(ctx, port, "--eureka.client.service-url.defaultZone="+first.url)
	if err != nil {
		return nil, err
	}
	if err := second.awaitOpen(ctx); err != nil {
		return nil, err
	}
	took := time.Since(began)
	one, two := bench.UsageOf(first.pid()), bench.UsageOf(second.pid())
	numbers, err := second.numbers(ctx)
	if err != nil {
		return nil, err
	}
	if got := numbers[`heureka_instances{status="UP"}`]; got < float64(n) {
		return nil, fmt.Errorf("the second node has %.0f of %d instances", got, n)
	}
	rep.fact(fmt.Sprintf("from the start of a second node until it has all %d instances (goal 20 s, 2 GB)", n), fmt.Sprintf(
		"%s; %.0f MB and %.0f MB; %.0f s and %.0f s of processor time", took.Round(10*time.Millisecond), float64(one.Resident)/1e6, float64(two.Resident)/1e6,
		(one.CPU-before.CPU).Seconds(), two.CPU.Seconds()))
	return second, nil
}

// awaitOpen waits until the node answers reads.
func (p *process) awaitOpen(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, copyLimit) // which does not end the node
	defer cancel()
	for bench.Sleep(ctx, 20*time.Millisecond) {
		resp, err := http.Get(p.url + "vips/none")
		if err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		if resp.Body.Close(); resp.StatusCode == http.StatusOK {
			return nil
		}
	}
	return fmt.Errorf("%s does not open within %v", p.url, copyLimit)
}

// collector returns how long garbage collections stopped the program.
func collector(numbers map[string]float64) string {
	return fmt.Sprintf("%.0f collections, pauses p50 %.2f ms, max %.2f ms", numbers["go_gc_duration_seconds_count"],
		1e3*numbers[`go_gc_duration_seconds{quantile="0.5"}`], 1e3*numbers[`go_gc_duration_seconds{quantile="1"}`])
}

// numbers returns what a node says of itself at /metrics.
func (p *process) numbers(ctx context.Context) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.host()+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	found := map[string]float64{}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			found[name] = v
		}
	}
	return found, lines.Err()
}

// A tally counts answers by how long they took. It keeps no answer, so that it does not grow. Safe for concurrent use.
type tally struct {
	sent, failed, late atomic.Int64 // late: of those that did not fail, not within inTime
	took               [tallySteps + 1]atomic.Int64
}

const (
	tallyStep  = 100 * time.Microsecond
	tallySteps = 50_000 // 5 s; beyond that all are alike
)

func (t *tally) add(status int, took time.Duration) {
	t.sent.Add(1)
	switch {
	case status != http.StatusOK:
		t.failed.Add(1)
	case took > inTime:
		t.late.Add(1)
	}
	t.took[min(max(took, 0)/tallyStep, tallySteps)].Add(1)
}

// within returns the time that a share of the answers did not exceed.
func (t *tally) within(share float64) time.Duration {
	rest := int64(share * float64(t.sent.Load()))
	for i := range t.took {
		if rest -= t.took[i].Load(); rest <= 0 {
			return time.Duration(i+1) * tallyStep
		}
	}
	return tallySteps * tallyStep
}

// String returns the distribution.
func (t *tally) String() string {
	return fmt.Sprintf("p50 %v, p99 %v, p99.9 %v", t.within(0.5), t.within(0.99), t.within(0.999))
}
