package replication_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest/memnet"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/registry/registrytest"
	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/internal/replication/replicationtest"
	"heureka.internal/heureka/internal/wire"
)

// ring is some nodes on one network, in one bubble.
type ring struct {
	t   *testing.T
	net *memnet.Network
}

func inRing(t *testing.T, f func(t *testing.T, r *ring)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(time.Second) }) // net/http lets a connection linger after an answer nobody read
		f(t, &ring{t, &memnet.Network{Seed: 1, Default: memnet.Link{Latency: time.Millisecond, Jitter: time.Millisecond}}})
	})
}

// node is a registry, the API's part for peers, and the peers.
type node struct {
	*ring
	name  string
	reg   *registry.Registry
	peers *replication.Peers
	logs  *logs
	urls  *urls
	stop  func()

	mu       sync.Mutex
	received []string // items of batches, such as "Heartbeat 1"
	batches  []*http.Request
}

// urls is a resolver whose answer tests change.
type urls struct {
	mu    sync.Mutex
	found []replication.Target
	err   error
}

func (u *urls) Resolve(context.Context) ([]replication.Target, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.found), u.err
}

func (u *urls) set(err error, found ...string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.found, u.err = nil, err
	for _, f := range found {
		u.found = append(u.found, replication.Target{URL: f, Zone: "z"})
	}
}

// logs collects what is logged.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), s)
}

func url(host string) string { return "http://" + host + ":8761/eureka/" }

// A setup changes a node before it starts.
type setup func(n *node, cfg *replication.Config, h *http.Handler)

// java makes a node answer as one that is not heureka.
func java(n *node, cfg *replication.Config, h *http.Handler) {
	*h = n.api()
	cfg.DisableAntiEntropy = true
}

// start runs a node on the host called name, whose peers are on the hosts in peers.
func (r *ring) start(name string, peers []string, setups ...setup) *node {
	r.t.Helper()
	n := &node{ring: r, name: name, logs: new(logs), urls: new(urls)}
	var all []string
	for _, p := range peers {
		all = append(all, url(p))
	}
	n.urls.set(nil, all...)
	var err error
	if n.reg, err = registry.New(registrytest.Config(registry.Config{DisableSelfPreservation: true, Rand: rand.NewPCG(1, 1)})); err != nil {
		r.t.Fatal(err)
	}
	cfg := replication.Config{
		Store: n.reg, Resolver: n.urls, Transport: r.transport(name),
		Logger: slog.New(slog.NewTextHandler(n.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Rand:   rand.NewPCG(uint64(len(name)), uint64(name[0])),
		Hosts:  []string{name + ":8761"},
		Whole:  func() time.Duration { return time.Minute },
	}
	h := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { n.peers.Wrap(n.api()).ServeHTTP(w, req) }))
	for _, s := range setups {
		s(n, &cfg, &h)
	}
	if n.peers, err = replication.New(replicationtest.Config(cfg)); err != nil {
		r.t.Fatal(err)
	}
	stopServing := r.serve(name, h)
	ctx, cancel := context.WithCancel(r.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { n.peers.Run(ctx) })
	n.stop = sync.OnceFunc(func() { cancel(); wg.Wait(); stopServing() })
	r.t.Cleanup(n.stop)
	synctest.Wait() // until the peers are resolved
	return n
}

// transport is what package server builds for peers.
func (r *ring) transport(host string) *http.Transport {
	tr := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		return r.net.Host(host).DialContext(ctx, network, addr)
	}}
	r.t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// serve answers on port 8761 of a host until the returned function is called, or the test ends.
func (r *ring) serve(host string, h http.Handler) (stop func()) {
	r.t.Helper()
	ln, err := r.net.Host(host).Listen(":8761")
	if err != nil {
		r.t.Fatal(err)
	}
	srv := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(ln) })
	stop = sync.OnceFunc(func() { _ = srv.Close(); wg.Wait() })
	r.t.Cleanup(stop)
	return stop
}

// api is the part of the Eureka API that peers use.
func (n *node) api() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.Method + " " + r.URL.Path {
		case "POST /eureka/peerreplication/batch/":
			n.batch(w, r)
		case "GET /eureka/apps/":
			_, _ = w.Write(n.document())
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
}

func (n *node) batch(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	items, err := wire.DecodeBatch(body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	wire.SetBeside(items, r.Header.Get)
	results := make([]wire.ReplicationResult, len(items))
	n.mu.Lock()
	if len(items) > 0 {
		n.batches = append(n.batches, r)
	}
	for _, it := range items {
		n.received = append(n.received, string(it.Action)+" "+it.ID)
	}
	n.mu.Unlock()
	for i := range items {
		results[i] = n.perform(&items[i])
	}
	if owners := wire.OwnersOfResults(results); owners != "" {
		w.Header().Set(wire.HeaderOwners, owners)
	}
	_, _ = w.Write(wire.AppendBatchResult(nil, results))
}

// perform is W-REPL-7.
func (n *node) perform(it *wire.ReplicationItem) wire.ReplicationResult {
	key := heureka.Key{App: it.App, ID: it.ID}
	status, _ := heureka.ParseStatus(it.Status)
	now := time.Now()
	var err error
	switch it.Action {
	case wire.Register:
		told := registry.Told{Incarnation: registry.AnyIncarnation, Own: it.Own, HasOwn: it.HasOwn}
		if it.HasIncarnation {
			told.Incarnation = it.Incarnation
		}
		_, err = n.reg.RegisterTold(it.Instance, told, registry.Origin{By: registry.ByPeer, Owner: it.Owner}, now)
	case wire.Cancel:
		err = n.reg.Cancel(key, registry.FromPeer, now)
	case wire.StatusUpdate, wire.DeleteStatusOverride:
		c := registry.Command{Key: key, Set: it.Action == wire.StatusUpdate, Status: status, DirtyMS: it.LastDirtyMS}
		if s := it.Stamp; s != nil {
			c.Stamp = &registry.Stamp{
				Clock: registry.Clock{Time: s.Time, Node: s.Node}, Rev: s.Rev, About: registry.About{DirtyMS: s.DirtyMS, Rev: s.RecordRev},
			}
			if !c.Set {
				c.Status = s.Restored
			}
		}
		_, err = n.reg.Command(&c, registry.FromPeer, now)
	case wire.Heartbeat:
		renewal := registry.Renewal{DirtyMS: it.LastDirtyMS, HasDirty: it.HasLastDirty}
		renewal.Override, renewal.HasOverride = heureka.ParseStatus(it.OverriddenStatus)
		err = n.reg.Renew(key, renewal, registry.FromPeer, now)
	}
	switch newer, conflict := errors.AsType[*registry.NewerError](err); {
	case conflict:
		return wire.ReplicationResult{StatusCode: 409, Instance: newer.Record.Instance(), Owner: newer.Record.Owner()}
	case err != nil:
		return wire.ReplicationResult{StatusCode: 404}
	}
	return wire.ReplicationResult{StatusCode: 200}
}

func (n *node) document() []byte {
	f := wire.Form{Format: wire.JSON}
	b := f.AppendDocHead(nil, 1, "")
	b = f.AppendAppHead(b, "APP")
	first := true
	for rec := range n.reg.All() {
		if !first {
			b = append(b, f.Separator()...)
		}
		first = false
		b = f.AppendInstance(b, rec.Instance(), rec.Lease())
	}
	b = f.AppendAppTail(b)
	return f.AppendDocTail(b, 1, "")
}

// What clients do on a node.

func (n *node) register(id string, change ...func(*heureka.Instance)) {
	n.t.Helper()
	n.registerAs("", id, change...)
}

func (n *node) registerAs(owner, id string, change ...func(*heureka.Instance)) {
	n.t.Helper()
	in := instance(id)
	in.LastDirtyMS = time.Now().UnixMilli()
	for _, c := range change {
		c(in)
	}
	if _, err := n.reg.Register(in, registry.Origin{Principal: owner}, time.Now()); err != nil {
		n.t.Fatal(err)
	}
	n.peers.Add(wire.Register, keyOf(id), time.Now())
}

func (n *node) renew(id string) {
	_ = n.reg.Renew(keyOf(id), registry.Renewal{}, registry.FromClient, time.Now())
	n.peers.Add(wire.Heartbeat, keyOf(id), time.Now())
}

func (n *node) cancel(id string) {
	n.t.Helper()
	if err := n.reg.Cancel(keyOf(id), registry.FromClient, time.Now()); err != nil {
		n.t.Fatal(err)
	}
	n.peers.Add(wire.Cancel, keyOf(id), time.Now())
}

func (n *node) override(id string, s heureka.Status) {
	n.t.Helper()
	if err := n.reg.SetOverride(keyOf(id), s, 0, registry.FromClient, time.Now()); err != nil {
		n.t.Fatal(err)
	}
	n.peers.Add(wire.StatusUpdate, keyOf(id), time.Now())
}

func (n *node) setMetadata(id, key, value string) {
	n.t.Helper()
	if _, err := n.reg.SetMetadata(keyOf(id), []heureka.MetadataEntry{{Key: key, Value: value}}, registry.FromClient, time.Now()); err != nil {
		n.t.Fatal(err)
	}
	n.peers.Add(wire.Register, keyOf(id), time.Now())
}

// What tests look at.

func (n *node) has(id string) bool {
	_, ok := n.reg.Find(keyOf(id))
	return ok
}

// ownerOf returns whose a record is; "missing" if there is none.
func (n *node) ownerOf(id string) string {
	rec, ok := n.reg.Find(keyOf(id))
	if !ok {
		return "missing"
	}
	return rec.Owner()
}

func (n *node) statusOf(id string) string {
	rec, ok := n.reg.Find(keyOf(id))
	if !ok {
		return "missing"
	}
	return rec.Instance().Status.String() + "/" + rec.Instance().OverriddenStatus.String()
}

// got returns what came in batches since the last call.
func (n *node) got() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	got := n.received
	n.received = nil
	return got
}

// posts returns the requests with batches that were not empty since the last call.
func (n *node) posts() []*http.Request {
	n.mu.Lock()
	defer n.mu.Unlock()
	got := n.batches
	n.batches = nil
	return got
}

// status returns that of the only peer.
func (n *node) status() replication.Status {
	n.t.Helper()
	all := n.peers.Status(time.Now())
	if len(all) != 1 {
		n.t.Fatalf("%d peers, want 1", len(all))
	}
	return all[0]
}

// peerStates returns "host state" of all URLs.
func (n *node) peerStates() []string {
	out := []string{}
	for _, s := range n.peers.Status(time.Now()) {
		host := strings.TrimSuffix(strings.TrimPrefix(s.URL, "http://"), ":8761/eureka/")
		out = append(out, fmt.Sprint(host, " ", s.State))
	}
	return out
}

// wait lets time pass.
func (r *ring) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// waitFor lets time pass until ok, and returns how much.
func (r *ring) waitFor(what string, most time.Duration, ok func() bool) time.Duration {
	r.t.Helper()
	began := time.Now()
	for !ok() {
		if time.Since(began) > most {
			r.t.Fatalf("after %v still not: %s", most, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(began)
}

// agree reports whether nodes know the same.
func agree(nodes ...*node) bool {
	for _, n := range nodes[1:] {
		if n.reg.Digest() != nodes[0].reg.Digest() {
			return false
		}
	}
	return true
}
