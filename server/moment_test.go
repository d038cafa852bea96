package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/replication"
)

var update = flag.Bool("update", false, "write the golden files of conditions anew")

// troubled is the condition of a node on a bad day: one good peer, one that fails, one whose clock is off, a region that does
// not answer, and protection that holds two leases.
func troubled() *status {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	cfg := DefaultConfig()
	cfg.Version, cfg.Instance = "v1.2.3", &heureka.Instance{App: "HEUREKA", ID: "n1", HostName: "n1", IPAddr: "10.0.0.1"}
	cfg.MinAvailablePeers = new(3)
	return &status{
		At: at, Started: at.Add(-26 * time.Hour), cfg: &cfg,
		Phase: phaseStatus{Now: Open, Why: "copied from a peer", Since: at.Add(-25 * time.Hour), Reads: true},
		Registry: registry.Stats{
			Instances: 20, Apps: 3, Statuses: heureka.StatusCounts{heureka.StatusUp: 19, heureka.StatusDown: 1},
			RenewalsLastMinute: 30, RenewalsExpected: 40, RenewalThreshold: 34, SelfPreservationEnabled: true, BelowThreshold: true,
			ProtectedSince: at.Add(-10 * time.Minute), Overdue: 5, MinMissing: 2, Expired: map[string]int{"ORDERS": 2},
			LastEviction: registry.Eviction{Expired: 3, Evicted: 1}, LastEvictionAt: at.Add(-11 * time.Minute),
		},
		Apps: []registry.AppCounts{{App: "BILLING", Statuses: heureka.StatusCounts{heureka.StatusUp: 12, heureka.StatusDown: 1}}, {App: "ORDERS", Statuses: heureka.StatusCounts{heureka.StatusUp: 7}}},
		Held: []registry.Silent{
			{Key: heureka.Key{App: "ORDERS", ID: "o1"}, Heard: at.Add(-9 * time.Minute), RunsOut: at.Add(-7 * time.Minute)},
			{Key: heureka.Key{App: "ORDERS", ID: "o2"}, Heard: at.Add(-5 * time.Minute), RunsOut: at.Add(-3 * time.Minute)},
		},
		Stamps: stamps{Seen: 20, Ahead: 11},
		Ring:   true,
		Peers: []replication.Status{
			{URL: "http://good:8761/eureka/", State: replication.StateOK, Since: at.Add(-time.Hour), LastSuccess: at.Add(-time.Second),
				Batches: 70, NodeID: "x", Phase: "open", EqualAt: at.Add(-2 * time.Second), ClockSkew: new(time.Duration)},
			{URL: "http://gone:8761/eureka/", State: replication.StateFailing, Since: at.Add(-3 * time.Minute), Error: "connection refused",
				Pending: 4, Lag: 3 * time.Minute, Batches: 5, Failed: 9, Zone: "east"},
			{URL: "http://odd:8761/eureka/", State: replication.StateOK, LastSuccess: at, Batches: 1, ClockSkew: new(5 * time.Second), Lag: 2500 * time.Millisecond},
		},
		Regions: []regionStatus{
			{Name: "south", URL: "http://south:8761/eureka/", Loaded: true, LastSuccess: at.Add(-time.Hour), Err: errors.New("no route")},
		},
		Own:       cfg.Instance,
		CPUs:      4,
		HeapBytes: 32 << 20, SystemBytes: 64 << 20, BodyBytes: 3 << 20, BodyRoom: 128 << 20,
	}
}

// golden compares got with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s\nif that is right: go test ./server -run %s -update", file, diff, t.Name())
	}
}

// What a node says on a bad day, word for word: every detail of health, the metrics, the page and GET /eureka/status.
func TestTroubledNodeTellsAll(t *testing.T) {
	st := troubled()
	health, err := json.MarshalIndent(st.health(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "troubled-health.json", append(health, '\n'))
	golden(t, "troubled-metrics.txt", bytes.ReplaceAll(metricsText(t, st), []byte(runtime.Version()), []byte("(go version)")))
	var page bytes.Buffer
	if err := st.view("/", nil).Render(&page); err != nil {
		t.Fatal(err)
	}
	golden(t, "troubled-page.html", regexp.MustCompile(`-[0-9a-f]{12}\.`).ReplaceAll(page.Bytes(), []byte("-(hash).")))
	info := st.info()
	golden(t, "troubled-status.txt", fmt.Appendf(nil, "%q\n%q\nhealthy %v\n", info.General, info.Application, *info.Healthy))
	var explained bytes.Buffer
	for _, line := range st.explain([]registry.Loss{{App: "ORDERS", Instances: 7, Overdue: 5, Expired: 2}}, st.Held) {
		fmt.Fprintln(&explained, line)
	}
	golden(t, "troubled-explained.txt", explained.Bytes())
}

// metricsText is each number of a status on a line.
func metricsText(t *testing.T, st *status) []byte {
	t.Helper()
	ch := make(chan prometheus.Metric)
	go func() {
		defer close(ch)
		st.collect(ch)
	}()
	var out bytes.Buffer
	for m := range ch {
		var value dto.Metric
		if err := m.Write(&value); err != nil {
			t.Error(err)
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(m.Desc().String(), `Desc{fqName: "`), `"`)
		fmt.Fprint(&out, name)
		for _, l := range value.GetLabel() {
			fmt.Fprintf(&out, " %s=%s", l.GetName(), l.GetValue())
		}
		fmt.Fprintf(&out, " %v\n", value.GetCounter().GetValue()+value.GetGauge().GetValue())
	}
	return out.Bytes()
}

// All that a status is written as says the same, whatever the registry does meanwhile.
func TestStatusIsOneMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		cfg.Instance = &heureka.Instance{IPAddr: "10.0.0.1"}
		s, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		add := func(id string) {
			in := &heureka.Instance{App: "ORDERS", ID: id, Status: heureka.StatusUp}
			if _, err := s.reg.Register(in, registry.FromClient, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		add("a")
		st := s.status(healthHeld, time.Now())
		say := func() string {
			health, _ := json.Marshal(st.health())
			var page bytes.Buffer
			if err := st.view("/", nil).Render(&page); err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(string(health), page.String(), string(metricsText(t, st)), st.info())
		}
		before := say()
		add("b")
		s.phase.stopping()
		time.Sleep(5 * time.Minute)
		if diff := cmp.Diff(before, say()); diff != "" {
			t.Errorf("the status said another thing later (-before +after):\n%s", diff)
		}
		if !strings.Contains(before, `"instancesRegistered":1`) || !strings.Contains(before, "heureka_instances status=UP 1\n") {
			t.Errorf("the status has not one instance: %s", before)
		}
	})
}

// The numbers of applications add up to those of the registry, also while instances come and go.
func TestStatusByAppAddsUp(t *testing.T) {
	s := lone(t)
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() { comeAndGo(t, s, fmt.Sprint("APP-", w), stop) })
	}
	defer writers.Wait()
	defer close(stop)
	for range 2000 {
		st := s.statusByApp(time.Now())
		var sum heureka.StatusCounts
		for _, app := range st.Apps {
			for status, n := range app.Statuses {
				sum.Add(heureka.Status(status), n)
			}
		}
		if sum != st.Registry.Statuses || len(st.Apps) != st.Registry.Apps {
			t.Fatalf("%d applications with %v, the registry has %d with %v", len(st.Apps), sum, st.Registry.Apps, st.Registry.Statuses)
		}
	}
}

// comeAndGo registers and cancels an instance until stop is closed.
func comeAndGo(t *testing.T, s *Server, app string, stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		in := &heureka.Instance{App: app, ID: "1", Status: heureka.StatusUp}
		if _, err := s.reg.Register(in, registry.FromClient, time.Now()); err != nil {
			t.Error(err)
		}
		if err := s.reg.Cancel(in.Key(), registry.FromClient, time.Now()); err != nil {
			t.Error(err)
		}
	}
}
