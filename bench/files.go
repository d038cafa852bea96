package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"heureka.internal/heureka/internal/bench"
)

// A node that may open few files, and a crowd that wants all of them.
const (
	fileLimit  = 1024
	fileCrowd  = 2 * fileLimit
	probeLimit = time.Second
)

// files opens twice as many connections as a node may have files, and asks its management port how it is.
func (r *rig) files(ctx context.Context, rep *report) error {
	defer r.stopAll()
	management, err := bench.FreePort()
	if err != nil {
		return err
	}
	r.opts.files = fileLimit
	srv, err := r.heureka(ctx, "--management.server.port="+management)
	if r.opts.files = 0; err != nil {
		return err
	}
	var crowd []net.Conn
	defer func() {
		for _, c := range crowd {
			c.Close()
		}
	}()
	for range fileCrowd {
		c, err := net.DialTimeout("tcp", srv.host(), probeLimit)
		if err != nil {
			return err
		}
		crowd = append(crowd, c)
	}
	slowest, probes := time.Duration(0), 0
	client := &http.Client{Timeout: probeLimit, Transport: &http.Transport{DisableKeepAlives: true}} // a probe is a new connection
	for began := time.Now(); time.Since(began) < max(r.opts.dur, probeLimit); probes++ {
		asked := time.Now()
		resp, err := client.Get("http://127.0.0.1:" + management + "/actuator/health/liveness")
		if err != nil {
			return err
		}
		if resp.Body.Close(); resp.StatusCode != http.StatusOK {
			return fmt.Errorf("liveness answered %s", resp.Status)
		}
		slowest = max(slowest, time.Since(asked))
		bench.Sleep(ctx, 10*time.Millisecond)
	}
	rep.fact(fmt.Sprintf("probes on the management port while %d connections want the %d files of a node (goal: within 1 s)", fileCrowd, fileLimit),
		fmt.Sprintf("all of %d answered, the slowest after %v", probes, slowest.Round(100*time.Microsecond)))
	return nil
}
