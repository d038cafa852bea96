package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"heureka.internal/heureka"
)

// fleetWorkers bounds how many of a fleet's requests are under way; a server that falls behind shows in the latencies,
// which count from the moment a request was due.
const fleetWorkers = 256

// errLate counts a request of an open loop that found no free worker for a whole interval.
var errLate = errors.New("request was due while all workers waited for the server")

// fleet sends each client's heartbeat and poll when they are due, whether or not the server keeps up. Before it is measured, there
// are only heartbeats, so that no lease runs out.
func (t *target) fleet(ctx context.Context, measured bool) {
	type due struct {
		client int
		poll   bool
		at     time.Time
	}
	queue := make(chan due, fleetWorkers)
	var wg sync.WaitGroup
	for range fleetWorkers {
		wg.Go(func() {
			for d := range queue {
				if d.poll && !measured {
					continue
				}
				n, err := t.fleetRequest(ctx, d.client, d.poll)
				if measured && ctx.Err() == nil {
					t.recordFleet(d.poll, time.Since(d.at), n, err)
				}
			}
		})
	}
	gap := t.cfg.Interval / time.Duration(2*t.cfg.Clients)
	start := time.Now()
	for i := 0; ctx.Err() == nil; i++ {
		at := start.Add(time.Duration(i) * gap)
		if wait := time.Until(at); wait > 0 {
			Sleep(ctx, wait)
		}
		d := due{client: i / 2 % t.cfg.Clients, poll: i%2 == 1, at: at}
		select {
		case queue <- d:
		case <-ctx.Done():
		case <-time.After(t.cfg.Interval):
			if measured {
				t.record(t.cfg.Interval, 0, errLate)
			}
		}
	}
	close(queue)
	wg.Wait()
}

func (t *target) fleetRequest(ctx context.Context, client int, poll bool) (int64, error) {
	if poll {
		return t.do(ctx, http.MethodGet, "apps/delta", nil)
	}
	return t.heartbeat(ctx, instanceOf(client%t.cfg.Instances))
}

func (t *target) recordFleet(poll bool, took time.Duration, n int64, err error) {
	t.record(took, n, err)
	if poll {
		t.polls.add(took)
	} else {
		t.beats.add(took)
	}
}

// propagation registers an instance at one server, looks for it at the other until it shows, and notes how long that took.
func (t *target) propagation(ctx context.Context) error {
	to := newTarget(Config{URL: t.cfg.To, Workers: 1, Format: t.cfg.Format, TLS: t.cfg.TLS, Show: t.cfg.Show})
	defer to.close()
	for i := 0; ctx.Err() == nil; i++ {
		in := instanceOf(i)
		in.App = "PROPAGATION"
		in.ID = fmt.Sprintf("probe-%d", i)
		took, err := t.propagate(ctx, to, in)
		if ctx.Err() != nil {
			return nil
		}
		t.record(took, 0, err)
		if _, err := t.do(ctx, http.MethodDelete, pathOf(in), nil); err != nil && ctx.Err() == nil {
			return err
		}
		Sleep(ctx, 50*time.Millisecond)
	}
	return nil
}

func (t *target) propagate(ctx context.Context, to *target, in *heureka.Instance) (time.Duration, error) {
	if _, err := t.register(ctx, in); err != nil {
		return 0, err
	}
	accepted := time.Now()
	path := "apps/" + in.App + "/" + url.PathEscape(in.ID)
	for {
		_, err := to.do(ctx, http.MethodGet, path, nil)
		took := time.Since(accepted)
		if err == nil || took > requestTimeout || !errors.Is(err, heureka.ErrNotFound) {
			return took, err
		}
		Sleep(ctx, 200*time.Microsecond)
	}
}
