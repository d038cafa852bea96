package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/bench"
	"heureka.internal/heureka/internal/outbound"
	"heureka.internal/heureka/internal/remote"
)

// A ring is three nodes. Each reaches the others through a gate of its own, which can be shut.
type ring struct {
	nodes     []*node
	gates     map[[2]int]*gate // from, to
	transport *http.Transport
}

type node struct {
	port string
	conn *remote.Conn
	cmd  *exec.Cmd
}

func build(ctx context.Context, dir string) (string, error) {
	bin := filepath.Join(dir, "heureka")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", bin, "./cmd/heureka")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return bin, nil
}

// startRing starts three nodes and waits until all answer reads.
func startRing(ctx context.Context, bin, dir string) (*ring, error) {
	r := &ring{gates: map[[2]int]*gate{}, transport: outbound.Transport(new(net.Dialer))}
	r.transport.MaxIdleConnsPerHost = 64
	for range 3 {
		port, err := bench.FreePort()
		if err != nil {
			return r, err
		}
		conn, err := remote.New(remote.Config{URL: "http://127.0.0.1:" + port + "/eureka/", Transport: r.transport})
		if err != nil {
			return r, err
		}
		r.nodes = append(r.nodes, &node{port: port, conn: conn})
	}
	for i := range r.nodes {
		if err := r.startNode(ctx, bin, dir, i); err != nil {
			return r, err
		}
	}
	return r, r.await(ctx, 2*time.Minute, func() bool {
		for _, n := range r.nodes {
			if doc, err := n.conn.Apps(ctx, remote.Query{}); err != nil || doc.Apps.Count().Total() != 3 {
				return false
			}
		}
		return true
	})
}

func (r *ring) startNode(ctx context.Context, bin, dir string, i int) error {
	urls := []string{"http://127.0.0.1:" + r.nodes[i].port + "/eureka/"}
	for j, other := range r.nodes {
		if i == j {
			continue
		}
		g, err := newGate("127.0.0.1:" + other.port)
		if err != nil {
			return err
		}
		r.gates[[2]int{i, j}] = g
		urls = append(urls, "http://"+g.addr()+"/eureka/")
	}
	log, err := os.Create(filepath.Join(dir, "node"+strconv.Itoa(i)+".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	n := r.nodes[i]
	n.cmd = exec.CommandContext(ctx, bin, "serve", "--server.port="+n.port, "--server.address=127.0.0.1",
		"--eureka.instance.hostname=127.0.0.1", "--eureka.client.service-url.defaultZone="+strings.Join(urls, ","))
	n.cmd.Stdout, n.cmd.Stderr, n.cmd.Dir = log, log, dir
	return n.cmd.Start()
}

func (r *ring) stop() {
	for _, n := range r.nodes {
		if n.cmd != nil && n.cmd.Process != nil {
			_ = n.cmd.Process.Kill()
			_ = n.cmd.Wait()
		}
	}
	for _, g := range r.gates {
		g.close()
	}
	r.transport.CloseIdleConnections()
}

// cut separates node i from the others, or joins it again.
func (r *ring) cut(i int, shut bool) {
	for way, g := range r.gates {
		if way[0] == i || way[1] == i {
			g.set(shut)
		}
	}
}

// contact returns when the first connection between node i and the others came after the cut was over.
func (r *ring) contact(i int) (first time.Time) {
	for way, g := range r.gates {
		if at := g.since(); (way[0] == i || way[1] == i) && !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// await polls until done, or fails after limit.
func (r *ring) await(ctx context.Context, limit time.Duration, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for !done() {
		if !bench.Sleep(ctx, 20*time.Millisecond) {
			return fmt.Errorf("the ring did not get there within %s", limit)
		}
	}
	return nil
}

// fill registers n instances at node i.
func (r *ring) fill(ctx context.Context, i, n int) error {
	for k := range n {
		if err := r.nodes[i].conn.Register(ctx, instance(fmt.Sprintf("SERVICE-%03d", k/20), fmt.Sprintf("i-%d", k), 1)); err != nil {
			return err
		}
	}
	return nil
}

func instance(app, id string, dirty int64) *heureka.Instance {
	return &heureka.Instance{
		App: app, ID: id, HostName: "host-" + id + ".example.net", IPAddr: "10.0.0.1", Status: heureka.StatusUp,
		Port: heureka.Port{Number: 8080, Enabled: true}, SecurePort: heureka.Port{Number: 443}, CountryID: 1,
		DataCenter: heureka.OwnDataCenter, VIPAddress: strings.ToLower(app), LastDirtyMS: dirty,
		Lease:    heureka.LeaseInfo{RenewalIntervalSecs: 30, DurationSecs: 3600}, // nobody sends their heartbeats
		Metadata: heureka.NewMetadata(map[string]string{"zone": "a", "version": "1.2.3"}),
	}
}
