package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
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
// that are wrongly gone afterwards. One server runs at a time.
func (r *rig) storm(ctx context.Context, rep *report) error {
	for _, start := range []func() (*process, error){
		func() (*process, error) { return r.heureka(ctx) },
		func() (*process, error) { return r.warmJava(ctx, bench.Heartbeat, bench.Full) },
	} {
		p, err := start()
		if p == nil || err != nil {
			return err
		}
		s, err := r.storming(ctx, p)
		if err != nil {
			return err
		}
		rep.fact(fmt.Sprintf("storm of %d heartbeats and %d full fetches a second on one core, %s (goal: 99.9 %% within 100 ms, none gone)", stormBeats, stormFetches, p.name), s)
		r.stopAll()
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
	ctx, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	var beats, fetches tally
	var wg sync.WaitGroup
	for i := range stormConns {
		wg.Go(func() {
			offer(ctx, p.host(), float64(stormBeats)/stormConns, func(n int) string { return bench.HeartbeatRequest((n*stormConns + i) % r.instances()) }, beats.add)
		})
	}
	for range stormReaders {
		wg.Go(func() {
			offer(ctx, p.host(), float64(stormFetches)/stormReaders, func(int) string { return fetchRequest }, fetches.add)
		})
	}
	peak := int64(0)
	for bench.Sleep(ctx, 100*time.Millisecond) {
		peak = max(peak, p.memory())
	}
	wg.Wait()
	missing, err := r.missing(p)
	if err == nil && p.name == "heureka" && missing > 0 {
		err = fmt.Errorf("%d instances are gone whose heartbeats were answered", missing)
	}
	sent, late, failed := beats.sent.Load(), beats.late.Load(), beats.failed.Load()
	offered := max(int64(stormBeats*duration.Seconds()), sent)
	return fmt.Sprintf("%.2f %% of %d in time, %d late, %d failed, %d not sent; %s; %d fetches answered, %d refused; %d of %d instances gone; %.0f MB at most (cgroup)",
		100*float64(sent-late-failed)/float64(offered), offered, late, failed, offered-sent, &beats, fetches.sent.Load()-fetches.failed.Load(), fetches.failed.Load(),
		missing, r.instances(), float64(peak)/1e6), err
}

// fetchRequest asks for everything.
const fetchRequest = "GET /eureka/apps/ HTTP/1.1\r\nHost: h\r\nAccept: application/json\r\nAccept-Encoding: gzip\r\n\r\n"

// offer sends requests over one connection, so many a second. Latencies count from the moment that a request was due.
func offer(ctx context.Context, host string, perSecond float64, request func(n int) string, done func(status int, took time.Duration)) {
	gap := time.Duration(float64(time.Second) / perSecond)
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
	var crowd sync.WaitGroup
	for i := range slowReaders + deafReaders {
		crowd.Go(func() { hardlyRead(ctx, srv.host(), i < slowReaders) })
	}
	peak := int64(0)
	crowd.Go(func() {
		for ctx.Err() == nil {
			peak = max(peak, srv.group.Used())
			bench.Sleep(ctx, 100*time.Millisecond)
		}
	})
	var beats tally
	offer(ctx, srv.host(), 200, func(n int) string { return bench.HeartbeatRequest(n % r.instances()) }, beats.add)
	crowd.Wait()
	rep.fact(fmt.Sprintf("%d clients read a full answer at 1 kB/s and %d do not read, %v (goal: memory within 20 %% and bounded buffers)", slowReaders, deafReaders, duration),
		fmt.Sprintf("%.0f MB before, %.0f MB at most (cgroup); heartbeats meanwhile: %d failed, %s", float64(before)/1e6, float64(peak)/1e6, beats.failed.Load(), &beats))
	return wrong(beats.failed.Load(), "a heartbeat that is not 200")
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
	_, _ = io.WriteString(conn, fetchRequest)
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
