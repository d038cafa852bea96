package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"heureka.internal/heureka/internal/bench"
)

// What a storm offers, whether or not the server keeps up.
const (
	stormBeats   = 20_000 // heartbeats a second
	stormFetches = 500    // full fetches a second
	stormConns   = 64     // of heartbeats
	stormReaders = 32     // of fetches
	inTime       = 100 * time.Millisecond
)

// storm offers more than a server on one core can do, and looks at what matters: heartbeats that come in time, and instances
// that are wrongly gone afterwards.
func (r *rig) storm(ctx context.Context, rep *report) error {
	defer r.stopAll()
	srv, err := r.heureka(ctx)
	if err != nil {
		return err
	}
	servers := []*process{srv}
	java, err := r.warmJava(ctx, bench.Heartbeat, bench.Full)
	if err != nil {
		return err
	}
	if java != nil {
		servers = append(servers, java)
	}
	for _, p := range servers {
		s, err := r.storming(ctx, p)
		if err != nil {
			return err
		}
		rep.fact(fmt.Sprintf("storm of %d heartbeats and %d full fetches a second, %s (goal: 99.9 %% within 100 ms, none gone)", stormBeats, stormFetches, p.name), s)
	}
	return nil
}

func (r *rig) storming(ctx context.Context, p *process) (string, error) {
	cfg := r.config(p, bench.Heartbeat, r.instances())
	cfg.Duration = time.Second
	if _, err := bench.Run(ctx, cfg); err != nil { // fills the registry
		return "", err
	}
	duration := time.Minute
	if r.opts.quick {
		duration = 2 * time.Second
	}
	host := strings.TrimSuffix(strings.TrimPrefix(p.url, "http://"), "/eureka/")
	ctx, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	var sent, late, failed, fetched, refused atomic.Int64
	var wg sync.WaitGroup
	for i := range stormConns {
		wg.Go(func() {
			offer(ctx, host, stormBeats/stormConns, func(n int) string { return bench.HeartbeatRequest((n*stormConns + i) % r.instances()) },
				func(status int, took time.Duration) {
					sent.Add(1)
					switch {
					case status != http.StatusOK:
						failed.Add(1)
					case took > inTime:
						late.Add(1)
					}
				})
		})
	}
	for range stormReaders {
		wg.Go(func() {
			offer(ctx, host, float64(stormFetches)/stormReaders, func(int) string {
				return "GET /eureka/apps/ HTTP/1.1\r\nHost: h\r\nAccept: application/json\r\nAccept-Encoding: gzip\r\n\r\n"
			}, func(status int, _ time.Duration) {
				if status == http.StatusOK {
					fetched.Add(1)
				} else {
					refused.Add(1)
				}
			})
		})
	}
	wg.Wait()
	missing, err := r.missing(p)
	offered := int64(stormBeats * duration.Seconds())
	good := sent.Load() - late.Load() - failed.Load()
	return fmt.Sprintf("%.2f %% of %d in time, %d late, %d failed, %d not sent; %d fetches answered, %d refused; %d of %d instances gone; %.0f MB",
		100*float64(good)/float64(offered), offered, late.Load(), failed.Load(), offered-sent.Load(), fetched.Load(), refused.Load(), missing, r.instances(),
		float64(bench.UsageOf(p.pid()).Resident)/1e6), err
}

// offer sends requests over one connection, so many a second. Latencies count from the moment that a request was due.
func offer[N int | float64](ctx context.Context, host string, perSecond N, request func(n int) string, done func(status int, took time.Duration)) {
	gap := time.Duration(float64(time.Second) / float64(perSecond))
	var conn net.Conn
	var in *bufio.Reader
	began := time.Now()
	for n := 0; ctx.Err() == nil; n++ {
		due := began.Add(time.Duration(n) * gap)
		bench.Sleep(ctx, time.Until(due))
		if conn == nil {
			var err error
			if conn, err = net.Dial("tcp", host); err != nil {
				done(0, time.Since(due))
				continue
			}
			in = bufio.NewReaderSize(conn, 64<<10)
		}
		status := exchange(conn, in, request(n))
		if done(status, time.Since(due)); status == 0 {
			conn.Close()
			conn = nil
		}
	}
	if conn != nil {
		conn.Close()
	}
}

// exchange returns the status of the answer, 0 without one.
func exchange(conn net.Conn, in *bufio.Reader, request string) int {
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		return 0
	}
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return 0
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if resp.Body.Close(); err != nil || resp.Close {
		return 0
	}
	return resp.StatusCode
}

// missing returns how many instances the server no longer lists.
func (r *rig) missing(p *process) (int, error) {
	resp, err := http.Get(p.url + "apps/")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	doc, err := io.ReadAll(resp.Body)
	return r.instances() - strings.Count(string(doc), "<instanceId>"), err
}

// How a crowd reads that does not read as it should.
const (
	slowReaders = 1000 // 1 kB a second
	deafReaders = 500  // nothing at all
)

// readers holds answers to clients that hardly take them, and looks at the memory, kernel buffers included, and at others.
func (r *rig) readers(ctx context.Context, rep *report) error {
	defer r.stopAll()
	srv, err := r.heureka(ctx)
	if err != nil {
		return err
	}
	cfg := r.config(srv, bench.Full, r.instances())
	cfg.Duration = time.Second
	if _, err := bench.Run(ctx, cfg); err != nil {
		return err
	}
	before := srv.group.Used()
	duration := 30 * time.Second
	if r.opts.quick {
		duration = 2 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	host := strings.TrimSuffix(strings.TrimPrefix(srv.url, "http://"), "/eureka/")
	var crowd sync.WaitGroup
	for i := range slowReaders + deafReaders {
		crowd.Go(func() { hardlyRead(ctx, host, i < slowReaders) })
	}
	peak := int64(0)
	crowd.Go(func() {
		for ctx.Err() == nil {
			peak = max(peak, srv.group.Used())
			bench.Sleep(ctx, 100*time.Millisecond)
		}
	})
	var beats []time.Duration
	failed := 0
	offer(ctx, host, 200, func(n int) string { return bench.HeartbeatRequest(n % r.instances()) }, func(status int, took time.Duration) {
		if beats = append(beats, took); status != http.StatusOK {
			failed++
		}
	})
	crowd.Wait()
	slices.Sort(beats)
	rep.fact(fmt.Sprintf("%d clients read a full answer at 1 kB/s and %d do not read, %v (goal: memory within 20 %%)", slowReaders, deafReaders, duration),
		fmt.Sprintf("%.0f MB before, %.0f MB at most (cgroup); heartbeats meanwhile: %d failed, p99 %v", float64(before)/1e6, float64(peak)/1e6, failed,
			beats[len(beats)*99/100].Round(10*time.Microsecond)))
	return nil
}

// hardlyRead asks for everything and takes little of it, or nothing.
func hardlyRead(ctx context.Context, host string, some bool) {
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return
	}
	defer conn.Close()
	if until, ok := ctx.Deadline(); ok { // one that was refused has nothing to read
		_ = conn.SetDeadline(until)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4 << 10) // what is not read stays with the server
	}
	_, _ = io.WriteString(conn, "GET /eureka/apps/ HTTP/1.1\r\nHost: h\r\nAccept: application/json\r\nAccept-Encoding: gzip\r\n\r\n")
	buf := make([]byte, 1<<10)
	for ctx.Err() == nil {
		bench.Sleep(ctx, time.Second)
		if some {
			if _, err := conn.Read(buf); err != nil {
				return
			}
		}
	}
}
