package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"heureka.internal/heureka/internal/bench"
)

// sizes of the registries; quick runs use a tenth.
func (r *rig) instances() int {
	if r.opts.quick {
		return 1000
	}
	return 10_000
}

func (r *rig) config(p *process, mode bench.Mode, n int) bench.Config {
	return bench.Config{URL: p.url, PID: p.pid(), Mode: mode, Instances: n, Duration: r.opts.dur, Workers: 4}
}

// compare measures a against b and adds the row "what" with the ratio of their CPU times.
func (r *rig) compare(ctx context.Context, rep *report, what, goal string, a, b bench.Config) error {
	c, err := bench.Compare(ctx, a, b, r.opts.rounds)
	if err != nil {
		return err
	}
	rep.ratio(what, goal, c)
	return nil
}

// heartbeats compares a renewal with an empty PUT, at two sizes of the registry, and with the Java server.
func (r *rig) heartbeats(ctx context.Context, rep *report) error {
	defer r.stopAll()
	base, err := r.baseline(ctx, "")
	if err != nil {
		return err
	}
	small, err := r.heureka(ctx)
	if err != nil {
		return err
	}
	empty := r.config(base, bench.Heartbeat, 1000)
	empty.NoPrefill = true
	if err := r.compare(ctx, rep, "heartbeat / empty `net/http` PUT", "at most 1.15", r.config(small, bench.Heartbeat, r.instances()), empty); err != nil {
		return err
	}
	large, err := r.heureka(ctx)
	if err != nil {
		return err
	}
	factor := 100
	if r.opts.quick {
		factor = 10
	}
	if err := r.compare(ctx, rep, fmt.Sprintf("heartbeat, %d / %d instances", r.instances()*factor, r.instances()), "at most 1.3",
		r.config(large, bench.Heartbeat, r.instances()*factor), r.config(small, bench.Heartbeat, r.instances())); err != nil {
		return err
	}
	java, err := r.warmJava(ctx, bench.Heartbeat)
	if java == nil || err != nil {
		return err
	}
	return r.compare(ctx, rep, "heartbeat, Java / heureka", "", r.config(java, bench.Heartbeat, r.instances()), r.config(small, bench.Heartbeat, r.instances()))
}

// fetches compares full answers and deltas with one Write of as many bytes, and with nginx.
func (r *rig) fetches(ctx context.Context, rep *report) error {
	defer r.stopAll()
	srv, err := r.heureka(ctx, "--eureka.server.retention-time-in-m-s-in-delta-queue=1000", "--eureka.server.delta-retention-timer-interval-in-ms=500")
	if err != nil {
		return err
	}
	quiet := r.config(srv, bench.Full, r.instances())
	if _, err := bench.Run(ctx, quiet); err != nil { // fills the registry
		return err
	}
	quiet.NoPrefill = true
	file := filepath.Join(r.dir, "apps.gz")
	size, err := save(ctx, srv.url+"apps", file)
	if err != nil {
		return err
	}
	quiet.Expect = &bench.Body{Size: size, Slack: size / 5} // it is compressed again when parts of it change, and once they are quiet
	rep.fact(fmt.Sprintf("full answer, JSON gzip, %d instances", r.instances()), fmt.Sprintf("%.0f kB", float64(size)/1e3))
	static, err := r.baseline(ctx, file)
	if err != nil {
		return err
	}
	fixed, err := r.fixed(static, file)
	if err != nil {
		return err
	}
	if err := r.compare(ctx, rep, "full fetch, quiet / one `Write` of the whole", "at most 1.05", quiet, fixed); err != nil {
		return err
	}
	churn := quiet
	churn.Mode = bench.Churn
	if err := r.compare(ctx, rep, "full fetch, 20 changes a second / one `Write`", "at most 1.15", churn, fixed); err != nil {
		return err
	}
	if err := r.withNginx(ctx, rep, file, quiet); err != nil {
		return err
	}
	if err := r.deltas(ctx, rep, srv); err != nil {
		return err
	}
	return r.javaFetches(ctx, rep, quiet, churn)
}

func (r *rig) withNginx(ctx context.Context, rep *report, file string, quiet bench.Config) error {
	nginx, err := r.nginxServer(ctx, file)
	if nginx == nil || err != nil {
		return err
	}
	fixed, err := r.fixed(nginx, file)
	if err != nil {
		return err
	}
	return r.compare(ctx, rep, "full fetch, quiet / nginx, `sendfile` of the same bytes", "at most 2.3", quiet, fixed)
}

// fixed is the load on a server that answers with the file, and with nothing else.
func (r *rig) fixed(p *process, file string) (bench.Config, error) {
	cfg := r.config(p, bench.Full, r.instances())
	cfg.NoPrefill = true
	b, err := os.ReadFile(file)
	cfg.Expect = new(bench.BodyOf(b))
	return cfg, err
}

// deltas compares with a static answer as large as a delta is while the load runs.
func (r *rig) deltas(ctx context.Context, rep *report, srv *process) error {
	delta := r.config(srv, bench.Delta, r.instances())
	delta.NoPrefill = true
	sample, err := bench.Run(ctx, delta)
	if err != nil {
		return err
	}
	file := filepath.Join(r.dir, "delta.gz")
	if err := os.WriteFile(file, make([]byte, int(sample.BytesPerOp)), 0o644); err != nil {
		return err
	}
	static, err := r.baseline(ctx, file)
	if err != nil {
		return err
	}
	fixed, err := r.fixed(static, file)
	if err != nil {
		return err
	}
	return r.compare(ctx, rep, "delta, 20 changes a second / one `Write` of its size", "at most 2", delta, fixed)
}

func (r *rig) javaFetches(ctx context.Context, rep *report, quiet, churn bench.Config) error {
	java, err := r.warmJava(ctx, bench.Full, bench.Churn)
	if java == nil || err != nil {
		return err
	}
	if err := r.compare(ctx, rep, "full fetch, quiet, Java / heureka", "", r.config(java, bench.Full, r.instances()), quiet); err != nil {
		return err
	}
	other := r.config(java, bench.Churn, r.instances())
	other.NoPrefill = true
	return r.compare(ctx, rep, "full fetch, 20 changes a second, Java / heureka", "", other, churn)
}

// registrations compares with the Java server.
func (r *rig) registrations(ctx context.Context, rep *report) error {
	defer r.stopAll()
	srv, err := r.heureka(ctx)
	if err != nil {
		return err
	}
	own := r.config(srv, bench.Register, r.instances())
	java, err := r.warmJava(ctx, bench.Register)
	if err != nil {
		return err
	}
	if java != nil {
		return r.compare(ctx, rep, "registration, heureka / Java", "at most 0.25", own, r.config(java, bench.Register, r.instances()))
	}
	res, err := bench.Run(ctx, own)
	if err == nil {
		rep.fact("registration", res.CPUPerOp.Round(100*time.Nanosecond).String()+" CPU")
	}
	return err
}

// memory fills registries and reads them in both formats; the smallest plain, too, as Python and JavaScript clients do.
func (r *rig) memory(ctx context.Context, rep *report) error {
	type read struct {
		format string
		plain  bool
	}
	gzip := []read{{"json", false}, {"xml", false}, {"json", false}}
	for _, m := range []struct {
		factor     int
		goal, used string
		reads      []read
	}{
		{1, "60 MB", "JSON and XML, gzip and plain", append([]read{{"json", true}, {"xml", true}}, gzip...)},
		{10, "350 MB", "JSON and XML gzip", gzip},
		{100, "3 GB", "JSON and XML gzip", gzip},
	} {
		n, most := r.instances()*m.factor, int64(0)
		srv, err := r.heureka(ctx)
		if err != nil {
			return err
		}
		for i, rd := range m.reads {
			cfg := r.config(srv, bench.Full, n)
			cfg.Format, cfg.Plain, cfg.NoPrefill, cfg.Workers = rd.format, rd.plain, i > 0, 2
			res, err := bench.Run(ctx, cfg)
			if err != nil {
				return err
			}
			if err := wrong(res.Errors, res.FirstError); err != nil {
				return err
			}
			most = max(most, srv.memory())
		}
		rep.fact(fmt.Sprintf("memory, %d instances, %s in use (cgroup; goal %s)", n, m.used, m.goal), fmt.Sprintf("%.0f MB, %.0f MB at most after a format",
			float64(srv.memory())/1e6, float64(most)/1e6))
		r.stopAll()
	}
	return nil
}

// startTimes measures from the start of the process to its first answer.
func (r *rig) startTimes(ctx context.Context, rep *report) error {
	defer r.stopAll()
	var took []time.Duration
	for range r.opts.rounds {
		srv, err := r.heureka(ctx)
		if err != nil {
			return err
		}
		took = append(took, srv.took)
		r.stopAll()
	}
	rep.fact("start to first answer (goal 50 ms)", median(took).Round(time.Millisecond).String())
	java, err := r.javaServer(ctx)
	if java != nil && err == nil {
		rep.fact("start to first answer, Java", java.took.Round(100*time.Millisecond).String())
	}
	return err
}

// fleet runs many clients at their own pace, once the deltas have their usual size.
func (r *rig) fleet(ctx context.Context, rep *report) error {
	defer r.stopAll()
	clients, duration, retention := 100_000, time.Minute, "180000"
	if r.opts.quick {
		clients, duration, retention = 1000, 2*time.Second, "1000"
	}
	srv, err := r.heureka(ctx, "--eureka.server.delta-retention-timer-interval-in-ms=1000", "--eureka.server.retention-time-in-m-s-in-delta-queue="+retention)
	if err != nil {
		return err
	}
	cfg := r.config(srv, bench.Fleet, clients)
	cfg.Clients, cfg.Duration = clients, duration
	res, err := bench.Run(ctx, cfg)
	if err != nil {
		return err
	}
	rep.fact(fmt.Sprintf("fleet of %d clients, 5 changes a second (goal: no error, p99 under 20 ms)", clients),
		fmt.Sprintf("%d errors of %d, %.0f a second; heartbeats %s; deltas of %.0f kB %s; %.0f MB", res.Errors, res.Operations, res.PerSecond,
			res.Heartbeats, 2*res.BytesPerOp/1e3, res.Polls, float64(res.Resident)/1e6))
	return wrong(res.Errors, res.FirstError)
}

// wrong returns an error if there were wrong answers.
func wrong(errors int64, first string) error {
	if errors == 0 {
		return nil
	}
	return fmt.Errorf("%d answers were wrong, the first: %s", errors, first)
}

// save stores a gzip answer as it was sent.
func save(ctx context.Context, url, file string) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Accept-Encoding", "gzip")
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("get %s: answered %s", url, resp.Status)
	}
	f, err := os.Create(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return io.Copy(f, resp.Body)
}
