package replication_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest/memnet"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/registry/registrytest"
	"heureka.internal/heureka/internal/replication"
)

// seed puts an instance into a registry without telling peers.
func (n *node) seed(id string) {
	n.t.Helper()
	in := instance(id)
	in.LastDirtyMS = time.Now().UnixMilli()
	if _, err := n.reg.Register(in, registry.FromClient, time.Now()); err != nil {
		n.t.Fatal(err)
	}
}

// keepAlive renews the instances of a node every 30 s for d.
func (n *node) keepAlive(d time.Duration) {
	var ids []string
	for rec := range n.reg.All() {
		ids = append(ids, rec.Instance().ID)
	}
	for range int(d / (30 * time.Second)) {
		for _, id := range ids {
			n.renew(id)
		}
		time.Sleep(30 * time.Second)
	}
}

// The promise: a partition of ten minutes among 10,000 instances, with 500 changes on either side, heals within seconds of
// the first contact.
func TestPartitionHeals(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		const instances, changes = 10_000, 500
		nodes := []*node{r.start("a", []string{"b"}), r.start("b", []string{"a"})}
		a, b := nodes[0], nodes[1]
		for i := range instances {
			in := instance(fmt.Sprint(i))
			in.Lease.DurationSecs = 3600
			in.LastDirtyMS = 1
			for _, n := range nodes {
				if _, err := n.reg.Register(in, registry.FromSync, time.Now()); err != nil {
					t.Fatal(err)
				}
			}
		}
		r.wait(time.Second)
		r.net.Partition([]string{"a"}, []string{"b"})
		lasting := func(in *heureka.Instance) { in.Lease.DurationSecs = 3600 }
		for k := range changes {
			for i, n := range nodes {
				id := fmt.Sprint(2*k + i)
				switch k % 4 {
				case 0:
					n.register("new "+id, lasting)
				case 1:
					n.cancel(id)
				case 2:
					n.override(id, heureka.StatusOutOfService)
				case 3:
					n.register(id, lasting, func(in *heureka.Instance) { in.HomePageURL = "http://changed/" })
				}
			}
			time.Sleep(time.Second)
		}
		time.Sleep(2 * time.Minute)
		if agree(a, b) {
			t.Fatal("nothing to heal")
		}
		r.net.Heal()
		contact := r.waitFor("contact", 31*time.Second, func() bool {
			return a.status().State == replication.StateOK || b.status().State == replication.StateOK
		})
		took := r.waitFor("agreement", 5*time.Second, func() bool { return agree(a, b) })
		t.Logf("contact after %v, agreement %v later", contact, took)
		if a.reg.Len() != b.reg.Len() || a.reg.Len() != instances {
			t.Errorf("%d and %d instances, want %d", a.reg.Len(), b.reg.Len(), instances)
		}
		for id, want := range map[string]string{"2": "missing", "3": "missing", "4": "OUT_OF_SERVICE/OUT_OF_SERVICE", "5": "OUT_OF_SERVICE/OUT_OF_SERVICE", "new 0": "UP/UNKNOWN"} {
			for _, n := range nodes {
				if got := n.statusOf(id); got != want {
					t.Errorf("%s has %s as %s, want %s", n.name, id, got, want)
				}
			}
		}
	})
}

// S-SYNC-7: what the reference loses for good, heureka nodes find out by themselves, also on a network without faults.
func TestLostOperationsAreFoundOut(t *testing.T) {
	tests := []struct {
		name string
		do   func(n *node) // without telling peers
		want string
	}{
		{"registration", func(n *node) { n.seed("2") }, "UP/UNKNOWN"},
		{"cancel", func(n *node) { _ = n.reg.Cancel(keyOf("1"), registry.FromClient, time.Now()) }, "missing"},
		{"status", func(n *node) {
			_ = n.reg.SetOverride(keyOf("1"), heureka.StatusDown, 0, registry.FromClient, time.Now())
		}, "DOWN/DOWN"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inRing(t, func(t *testing.T, r *ring) {
				a, b := r.start("a", []string{"b"}), r.start("b", []string{"a"})
				a.register("1")
				r.wait(10 * time.Second)
				before := b.logs.count("merged newer entries from peer")
				tt.do(a)
				took := r.waitFor("agreement", 2*time.Minute, func() bool { return agree(a, b) })
				id := "1"
				if tt.name == "registration" {
					id = "2"
				}
				if got := b.statusOf(id); got != tt.want {
					t.Errorf("b has %s, want %s", got, tt.want)
				}
				if took > time.Minute {
					t.Errorf("took %v", took)
				}
				if b.logs.count("merged newer entries from peer") != before+1 {
					t.Errorf("log of b:\n%s", b.logs.b.String())
				}
			})
		})
	}
}

// Cancelled instances do not come back, whoever still has them.
func TestCancelledStayCancelled(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a, b := r.start("a", []string{"b"}), r.start("b", []string{"a"})
		a.register("1")
		r.wait(time.Second)
		r.net.Partition([]string{"a"}, []string{"b"})
		r.wait(time.Minute)
		a.cancel("1")
		b.renew("1") // a heartbeat on its way
		r.wait(3 * time.Minute)
		r.net.Heal()
		r.waitFor("agreement", time.Minute, func() bool { return agree(a, b) })
		r.wait(5 * time.Minute)
		if a.has("1") || b.has("1") {
			t.Errorf("the cancelled instance is on a: %t, on b: %t", a.has("1"), b.has("1"))
		}
	})
}

// A node that came back empty is filled without a restart, and what it missed is not resurrected from it.
func TestRestartedNodeIsFilled(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a, b := r.start("a", []string{"b"}), r.start("b", []string{"a"})
		for i := range 100 {
			a.register(fmt.Sprint(i))
		}
		r.wait(time.Second)
		b.stop()
		r.net.Host("b").Kill()
		r.wait(time.Minute)
		a.cancel("7")
		r.net.Host("b").Restart()
		b = r.start("b", []string{"a"})
		took := r.waitFor("agreement", time.Minute, func() bool { return agree(a, b) })
		if took > 3*time.Second || b.reg.Len() != 99 || b.has("7") {
			t.Errorf("took %v, b has %d", took, b.reg.Len())
		}
	})
}

// Nothing is pulled from a node that copies registries itself: what it lacks is on its way to it, and a large registry would be gone
// through for nothing. What it knows better is taken over when it opens.
func TestNothingIsPulledFromANodeThatCopies(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		var phase atomic.Value
		phase.Store(replication.PhaseSyncing)
		b := r.start("b", []string{"a"}, func(_ *node, cfg *replication.Config, _ *http.Handler) {
			cfg.Phase = func() string { return phase.Load().(string) }
		})
		b.seed("only b's")
		a := r.start("a", []string{"b"})
		a.seed("only a's")
		r.wait(time.Minute)
		if n := a.status().Exchanges; n > 0 || a.has("only b's") {
			t.Errorf("%d exchanges with a node that copies", n)
		}
		phase.Store(replication.PhaseOpen)
		r.waitFor("agreement", 10*time.Second, func() bool { return agree(a, b) })
		if !a.has("only b's") || !b.has("only a's") {
			t.Errorf("a has %d instances, b %d, want two each", a.reg.Len(), b.reg.Len())
		}
	})
}

// While registries agree, nobody compares anything, whatever the heartbeats; idle peers say a word each half minute.
func TestQuietWhenEqual(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a, b := r.start("a", []string{"b"}), r.start("b", []string{"a"})
		for i := range 1000 {
			a.register(fmt.Sprint(i))
		}
		r.wait(time.Minute)
		before := r.net.Traffic("a", "b").Bytes + r.net.Traffic("b", "a").Bytes
		exchanges := a.status().Exchanges + b.status().Exchanges
		r.wait(time.Hour)
		if n := a.status().Exchanges + b.status().Exchanges - exchanges; n > 0 {
			t.Errorf("%d exchanges in an idle hour", n)
		}
		perMinute := (r.net.Traffic("a", "b").Bytes + r.net.Traffic("b", "a").Bytes - before) / 60
		if perMinute > 5000 {
			t.Errorf("%d bytes a minute between idle nodes", perMinute)
		}
		if equal := a.status().EqualAt; time.Since(equal) > time.Minute {
			t.Errorf("equal at %v, now %v", equal, time.Now())
		}
		a.keepAlive(10 * time.Minute)
		if n := a.status().Exchanges + b.status().Exchanges - exchanges; n > 0 {
			t.Errorf("%d exchanges while only heartbeats came", n)
		}
		t.Logf("%d bytes a minute between idle nodes", perMinute)
	})
}

// Steady changes are no difference: they are under way.
func TestChurnCausesNoExchanges(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a, b := r.start("a", []string{"b"}), r.start("b", []string{"a"})
		r.wait(5 * time.Second)
		before := a.status().Exchanges + b.status().Exchanges
		for i := range 6000 {
			n := []*node{a, b}[i%2]
			n.register(fmt.Sprint(i))
			time.Sleep(9 * time.Millisecond)
		}
		if n := a.status().Exchanges + b.status().Exchanges - before; n > 2 {
			t.Errorf("%d exchanges in a minute of 110 registrations a second", n)
		}
	})
}

// Registries may differ for good, such as by what has expired on one side. That must not cost much.
func TestLastingDifferenceIsCheap(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", []string{"b"})
		for i := range 500 {
			a.seed(fmt.Sprint(i)) // never renewed, and protected from eviction
		}
		r.wait(10 * time.Minute)
		b := r.start("b", []string{"a"})
		r.wait(10 * time.Minute)
		if b.reg.Len() > 0 {
			t.Fatalf("b took over %d expired instances", b.reg.Len())
		}
		before := r.net.Traffic("a", "b").Bytes + r.net.Traffic("b", "a").Bytes
		exchanges := a.status().Exchanges + b.status().Exchanges
		r.wait(time.Hour)
		perMinute := (r.net.Traffic("a", "b").Bytes + r.net.Traffic("b", "a").Bytes - before) / 60
		n := a.status().Exchanges + b.status().Exchanges - exchanges
		t.Logf("%d exchanges in an hour, %d bytes a minute", n, perMinute)
		if n > 300 || perMinute > 60_000 {
			t.Errorf("%d exchanges in an hour, %d bytes a minute", n, perMinute)
		}
	})
}

// Anti-entropy is for heureka nodes; a Java server hears of none of it.
func TestJavaPeersSeeBatchesOnly(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", []string{"b"})
		paths := make(chan string, 10_000)
		r.serve("b", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			paths <- req.Method + " " + req.URL.Path
			_, _ = io.WriteString(w, `{"responseList":[]}`)
		}))
		a.register("1")
		a.keepAlive(10 * time.Minute)
		for range len(paths) {
			if p := <-paths; p != "POST /eureka/peerreplication/batch/" {
				t.Errorf("a Java server was asked %s", p)
			}
		}
		if s := a.status(); s.NodeID != "" || s.Phase != "" || !s.EqualAt.IsZero() {
			t.Errorf("status %+v", s)
		}
	})
}

func TestAntiEntropyCanBeSwitchedOff(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		off := func(_ *node, cfg *replication.Config, _ *http.Handler) { cfg.DisableAntiEntropy = true }
		a, b := r.start("a", []string{"b"}, off), r.start("b", []string{"a"})
		a.seed("1")
		r.wait(10 * time.Minute)
		if b.has("1") || b.status().Exchanges > 0 {
			t.Errorf("b has 1: %t, exchanges %d", b.has("1"), b.status().Exchanges)
		}
	})
}

// Nonsense from a node is an error in the log, once, and changes nothing.
func TestBadDigests(t *testing.T) {
	tests := []struct{ name, digest, buckets, says string }{
		{"no JSON", "<html>", "", "invalid character"},
		{"short digest", `{"digest":"AAAA"}`, "", "wrong size"},
		{"empty digest", `{}`, "", "wrong size"},
		{"broken buckets", wholeDigest, `{"entries":[`, "found the end"},
		{"nothing of what was asked", wholeDigest, restOfAll(), "none of 32 requested buckets arrived"},
		{"unknown status", wholeDigest, `{"entries":[{"app":"A","id":"1","override":"ODD"}]}`, "unknown status"},
		{"broken record", wholeDigest, `{"entries":[{"app":"A","id":"1","record":{"instance":{}}}]}`, "entry A/1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inRing(t, func(t *testing.T, r *ring) {
				a := r.start("a", []string{"b"})
				r.serve("b", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					w.Header().Set(replication.HeaderNode, "b")
					w.Header().Set(replication.HeaderProtocol, strconv.Itoa(replication.Protocol))
					w.Header().Set(replication.HeaderDigest, "other")
					body := tt.buckets
					switch {
					case strings.HasSuffix(req.URL.Path, "/batch/"):
						body = `{"responseList":[]}`
					case strings.HasSuffix(req.URL.Path, "/digest"):
						body = tt.digest
					}
					_, _ = io.WriteString(w, body)
				}))
				a.seed("1")
				r.wait(10 * time.Minute)
				if n := a.logs.count("cannot compare registries"); n != 1 || a.logs.count(tt.says) != 1 {
					t.Errorf("want one complaint that says %q:\n%s", tt.says, a.logs.b.String())
				}
				if a.reg.Len() != 1 {
					t.Errorf("%d instances", a.reg.Len())
				}
			})
		})
	}
}

var wholeDigest = `{"digest":"` + base64.StdEncoding.EncodeToString(make([]byte, 8*registry.Buckets-1)) + `"}`

func init() {
	all := make([]byte, 8*registry.Buckets)
	for i := range all {
		all[i] = byte(i) | 1
	}
	wholeDigest = `{"digest":"` + base64.StdEncoding.EncodeToString(all) + `"}`
}

func restOfAll() string {
	var rest []string
	for i := range 32 {
		rest = append(rest, fmt.Sprint(i))
	}
	return `{"entries":[],"rest":[` + strings.Join(rest, ",") + `]}`
}

// A registry far larger than one answer comes in several.
func TestLargeRegistryComesInPieces(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", nil)
		for i := range 1000 {
			in := instance(fmt.Sprint(i))
			in.Metadata = heureka.NewMetadata(map[string]string{"big": strings.Repeat("x", 10_000)})
			if _, err := a.reg.Register(in, registry.FromClient, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		b := r.start("b", []string{"a"})
		r.waitFor("agreement", time.Minute, func() bool { return agree(a, b) })
	})
}

// What travels between nodes loses nothing that they compare.
func TestEntriesSurviveTheTrip(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", nil)
		full := &heureka.Instance{
			App: "APP", ID: "full", HostName: "h", IPAddr: "10.0.0.1", SID: "sid", Status: heureka.StatusStarting,
			Port: heureka.Port{Number: 1, Enabled: true}, SecurePort: heureka.Port{Number: 2}, CountryID: 3,
			DataCenter: &heureka.DataCenter{Name: heureka.Amazon, Metadata: heureka.NewMetadata(map[string]string{"instance-id": "i-1", "x": ""})},
			Lease:      heureka.LeaseInfo{RenewalIntervalSecs: 7, DurationSecs: 70}, Metadata: heureka.NewMetadata(map[string]string{"a": "ü\"\\\n", "b": ""}),
			AppGroupName: "G", HomePageURL: "http://h/", StatusPageURL: "http://h/s", HealthCheckURL: "http://h/h",
			SecureHealthCheckURL: "https://h/h", VIPAddress: "v,w", SecureVIPAddress: "sv", ASGName: "asg", LastDirtyMS: 12345,
		}
		blank := instance("blank")
		blank.Blank = heureka.FieldAppGroupName | heureka.FieldVIPAddress | heureka.FieldASGName
		noID := &heureka.Instance{App: "APP", HostName: "host", DataCenter: heureka.OwnDataCenter, CountryID: 1}
		for _, in := range []*heureka.Instance{full, blank, noID, instance("plain")} {
			if _, err := a.reg.Register(in, registry.FromClient, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range []heureka.Status{heureka.StatusUnknown, heureka.StatusDown} {
			id := "over " + s.String()
			a.seed(id)
			if err := a.reg.SetOverride(keyOf(id), s, 0, registry.FromClient, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		a.seed("gone")
		_ = a.reg.Cancel(keyOf("gone"), registry.FromClient, time.Now())
		b := r.start("b", []string{"a"})
		r.wait(5 * time.Second)
		for i := range registry.Buckets {
			ofA, ofB := a.reg.Bucket(i, time.Now()), b.reg.Bucket(i, time.Now())
			if a.reg.Digest()[i] != b.reg.Digest()[i] {
				for k := range min(len(ofA), len(ofB)) {
					t.Errorf("(-sent +came)\n%s", cmp.Diff(ofA[k].Entry(), ofB[k].Entry()))
				}
			}
		}
	})
}

// Nothing that was taken over refers to the answer that it came in: its memory serves for the next one.
func TestTakenRecordsStandAlone(t *testing.T) {
	store := func() *registry.Registry {
		reg, err := registry.New(registrytest.Config(registry.Config{Rand: rand.NewPCG(1, 1)}))
		if err != nil {
			t.Fatal(err)
		}
		return reg
	}
	from, to, now := store(), store(), time.Now()
	in := instance("1")
	in.Metadata = heureka.NewMetadata(map[string]string{"zone": "a", "ü": "\"quoted\""})
	if _, err := from.Register(in, registry.FromClient, now); err != nil {
		t.Fatal(err)
	}
	if err := from.SetOverride(in.Key(), heureka.StatusDown, 0, registry.FromClient, now); err != nil {
		t.Fatal(err)
	}
	digest := from.Digest()
	p := replication.NewPull(to, registry.FromSync, replication.NonZero(&digest))
	doc := replication.AnswerBuckets(from, p.Request(now), now)
	if err := p.Take(doc, now); err != nil {
		t.Fatal(err)
	}
	clear(doc)
	for i := range registry.Buckets {
		sent, came := from.Bucket(i, now), to.Bucket(i, now)
		for k := range max(len(sent), len(came)) {
			if s, c := sent[k].Entry(), came[k].Entry(); s.Digest() != c.Digest() {
				t.Errorf("(-sent +came)\n%s", cmp.Diff(s, c))
			}
		}
	}
}

// What others may ask for the buckets with.
func TestBucketsRequest(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", nil)
		a.seed("1")
		for body, want := range map[string]bool{
			`{"buckets":[{"bucket":3,"have":"AAAA"}]}`: true,
			`{}`:                           true,
			`{"buckets":[{"bucket":256}]}`: false,
			`{"buckets":[{"bucket":-1}]}`:  false,
			`{"buckets":[` + strings.Repeat(`{},`, 256) + `{}]}`: false,
			`[`: false,
		} {
			got := false
			a.peers.Buckets("", http.Header{replication.HeaderProtocol: {strconv.Itoa(replication.Protocol)}}, []byte(body), func(doc []byte) { got = doc != nil })
			if got != want {
				t.Errorf("%.60s answered: %t, want %t", body, got, want)
			}
		}
	})
}

// S-BATCH-3: while a peer of several is a black hole, the others are served as if nothing were.
func TestBlackHoleDoesNotDisturbOthers(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		const instances = 2000
		a := r.start("a", []string{"b", "hole"})
		b := r.start("b", nil)
		r.net.Host("hole")
		r.net.SetLink("a", "hole", memnet.Link{Drop: true})
		for i := range instances {
			a.register(fmt.Sprint(i))
		}
		r.wait(5 * time.Second)
		b.posts()
		worst := time.Duration(0)
		for range 10 {
			for i := range instances {
				a.renew(fmt.Sprint(i))
			}
			time.Sleep(30 * time.Second)
			worst = max(worst, a.peers.Status(time.Now())[0].Lag)
		}
		hole := a.peers.Status(time.Now())[1]
		if hole.Pending != instances || hole.Failed > 40 { // pauses grow to 30 s
			t.Errorf("the black hole has %d pending and was tried %d times", hole.Pending, hole.Failed)
		}
		if posts := len(b.posts()); worst > 0 || posts != 10*instances/250 {
			t.Errorf("b lags %v, got %d batches", worst, posts)
		}
	})
}

// A peer whose answer never ends holds up the comparison with it for two minutes, not for ever.
func TestComparisonWithASlowPeerEnds(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		var asked atomic.Int32
		b := r.start("b", []string{"a"}, func(_ *node, _ *replication.Config, h *http.Handler) {
			plain := *h
			*h = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if strings.HasSuffix(req.URL.Path, "/digest") && asked.Add(1) == 1 {
					w = trickling(w, req, nil)
				}
				plain.ServeHTTP(w, req)
			})
		})
		b.seed("1")
		a := r.start("a", []string{"b"})
		for began := time.Now(); !a.has("1"); r.wait(30 * time.Second) {
			if _ = b.reg.Renew(keyOf("1"), registry.Renewal{}, registry.FromClient, time.Now()); time.Since(began) > 4*time.Minute {
				t.Fatal("a lacks what b has")
			}
		}
	})
}
