package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/internal/remote"
	"heureka.internal/heureka/internal/wire"
	"heureka.internal/heureka/server"
)

// A javaPeer is a peer that knows the reference's protocol only: it notes the batches it gets, and answers as it is told.
type javaPeer struct {
	mu      sync.Mutex
	batches []batch
	out     int // batches that are being answered
	most    int // the most that were at once
	answer  func(n int, w http.ResponseWriter, items int)
}

type batch struct {
	at    time.Time
	items []string // "Register x"
}

func (p *javaPeer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		http.NotFound(w, r) // no digests, and no registry to copy
		return
	}
	var body struct {
		ReplicationList []struct{ Action, ID string }
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	b := batch{at: time.Now()}
	for _, item := range body.ReplicationList {
		b.items = append(b.items, item.Action+" "+item.ID)
	}
	p.mu.Lock()
	p.batches = append(p.batches, b)
	n := len(p.batches)
	p.out++
	p.most = max(p.most, p.out)
	p.mu.Unlock()
	p.answer(n, w, len(b.items))
	p.mu.Lock()
	p.out--
	p.mu.Unlock()
}

// seen returns the batches so far, also the empty ones with which a node asks whether its peer is there.
func (p *javaPeer) seen() []batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.batches)
}

// told returns the batches that have items.
func (p *javaPeer) told() []batch {
	return slices.DeleteFunc(p.seen(), func(b batch) bool { return len(b.items) == 0 })
}

// fine answers that everything went well.
func fine(w http.ResponseWriter, items int) {
	type item struct {
		StatusCode int `json:"statusCode"`
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"responseList": slices.Repeat([]item{{200}}, items)})
}

// besideJava runs a node whose only peer is p, past its start.
func besideJava(t *testing.T, p *javaPeer, story func(t *testing.T, c *heurekatest.Cluster, conn *remote.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"a"}, Seed: 17, Configure: func(_ string, cfg *server.Config) {
			cfg.ServiceURLs = map[string][]string{"defaultZone": {"http://java:8761/eureka/"}}
			cfg.RegisterWithEureka = new(false)
			cfg.SyncRetries = -1
		}})
		ln, err := c.Net.Host("java").Listen(":8761")
		if err != nil {
			t.Fatal(err)
		}
		hs := &http.Server{Handler: p}
		go func() { _ = hs.Serve(ln) }()
		defer hs.Close()
		time.Sleep(time.Minute)
		story(t, c, connect(t, c.Node("a"), "client"))
	})
}

// S-DISP-1, S-DISP-2, S-DISP-6, S-DISP-7: what a client does goes to an idle peer at once; one batch is out at a time, so
// that the order of operations stays, and what gathers meanwhile goes in the next.
func TestDisp1OneBatchAtATime(t *testing.T) {
	p := &javaPeer{answer: func(n int, w http.ResponseWriter, items int) {
		time.Sleep(2 * time.Second)
		fine(w, items)
	}}
	besideJava(t, p, func(t *testing.T, _ *heurekatest.Cluster, conn *remote.Conn) {
		begun := time.Now()
		register(t, conn, instance("ORDERS", "first"))
		time.Sleep(time.Second)
		for i := range 300 {
			register(t, conn, instance("ORDERS", fmt.Sprint(i)))
		}
		if err := conn.Cancel(t.Context(), heureka.Key{App: "ORDERS", ID: "first"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		seen := p.told()
		if first := seen[0].at.Sub(begun); first > 20*time.Millisecond {
			t.Errorf("the first operation went after %s, want at once", first)
		}
		if p.most != 1 {
			t.Errorf("%d batches were out at once, want 1", p.most)
		}
		var sizes []int
		var items []string
		for _, b := range seen {
			sizes, items = append(sizes, len(b.items)), append(items, b.items...)
		}
		if want := []int{1, 250, 51}; !slices.Equal(sizes, want) {
			t.Errorf("batches of %v, want %v", sizes, want)
		}
		for i, item := range items[1:301] {
			if item != fmt.Sprint("Register ", i) {
				t.Fatalf("item %d is %s: operations changed places", i+1, item)
			}
		}
		if last := items[len(items)-1]; last != "Cancel first" {
			t.Errorf("the last item is %s, want the cancel", last)
		}
	})
}

// S-DISP-9, S-DISP-11, S-DEF-2: a peer that fails is tried ever less often, in no fixed rhythm, and no number or kind of
// failures ends replication to it.
func TestDisp9FailuresEndNothing(t *testing.T) {
	well := make(chan struct{})
	p := &javaPeer{answer: func(n int, w http.ResponseWriter, items int) {
		select {
		case <-well:
			fine(w, items)
			return
		default:
		}
		if n%2 == 0 { // an error without any words: the connection just ends
			if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
				conn.Close()
			}
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}}
	besideJava(t, p, func(t *testing.T, _ *heurekatest.Cluster, conn *remote.Conn) {
		in := instance("ORDERS", "x")
		in.Lease = heureka.LeaseInfo{RenewalIntervalSecs: 3600, DurationSecs: 7200} // so long a registration waits
		register(t, conn, in)
		time.Sleep(10 * time.Minute)
		seen := p.seen()
		if len(seen) < 20 || len(seen) > 120 {
			t.Errorf("%d attempts in ten minutes, want about one in 30 s or less", len(seen))
		}
		pauses := map[time.Duration]int{}
		for i := range seen[1:] {
			pause := seen[i+1].at.Sub(seen[i].at)
			pauses[pause.Round(time.Millisecond)]++
			if pause < 50*time.Millisecond || pause > 31*time.Second {
				t.Errorf("pause %d lasts %s", i, pause)
			}
		}
		if len(pauses) < len(seen)/2 {
			t.Errorf("pauses repeat: %v", pauses)
		}
		before := len(p.told())
		close(well)
		time.Sleep(40 * time.Second)
		if told := p.told(); len(told) == before || told[len(told)-1].items[0] != "Register x" {
			t.Errorf("after all those failures the peer is not told any more: %+v", told)
		}
	})
}

// W-REPL-15: the record that comes with 409 is the one there was when its entry was performed, whatever follows in the batch.
func TestRepl15RecordOfAConflict(t *testing.T) {
	alone(t, nil, func(t *testing.T, n *heurekatest.Node) {
		conn := connect(t, n, "peer")
		register(t, conn, instance("ORDERS", "x"))
		key := heureka.Key{App: "ORDERS", ID: "x"}
		body := wire.AppendBatch(nil, []wire.ReplicationItem{
			{App: key.App, ID: key.ID, Action: wire.Heartbeat, LastDirtyMS: 0, HasLastDirty: true, Status: "UP"},
			{App: key.App, ID: key.ID, Action: wire.Cancel},
		})
		answer, err := conn.Do(t.Context(), remote.Request{Method: http.MethodPost, Path: "peerreplication/batch/", Body: body})
		if err != nil {
			t.Fatal(err)
		}
		results, err := wire.DecodeBatchResult(answer.Body, 2)
		if err != nil || len(results) != 2 || results[0].StatusCode != 409 || results[1].StatusCode != 200 {
			t.Fatalf("%s, %v; want 409 and 200", answer.Body, err)
		}
		if in := results[0].Instance; in == nil || in.Action != heureka.ActionAdded || in.Key() != key {
			t.Errorf("record %+v, want the one before the cancel", in)
		}
		if n.Has(key.App, key.ID) {
			t.Error("the cancel was not performed")
		}
	})
}
