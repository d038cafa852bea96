package replication_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/internal/wire"
)

// S-PEER-4, W-REPL-16, S-DEF-14.
func TestPeer4ThisNode(t *testing.T) {
	tests := []struct {
		name  string
		urls  []string
		setup func(cfg *replication.Config)
		want  []string
	}{
		{"by host and port", []string{url("a"), url("b")}, nil, []string{"a this node", "b ok"}},
		{"in capitals", []string{url("A"), url("b")}, nil, []string{"A this node", "b ok"}},
		{"by my-url", []string{"http://lb:8761/eureka/", url("b")}, func(cfg *replication.Config) { cfg.MyURL = "http://lb:8761/eureka" }, []string{"lb this node", "b ok"}},
		{"by node id", []string{"http://10.0.0.1:8761/eureka/", url("b")}, nil, []string{"10.0.0.1 this node", "b ok"}},
		{"another node at what looks like this one", []string{"http://lb:8761/eureka/"}, func(cfg *replication.Config) { cfg.Hosts = []string{"lb:8761"} }, []string{"lb ok"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inRing(t, func(t *testing.T, r *ring) {
				r.start("b", nil)
				r.net.Alias("10.0.0.1", "a")
				r.net.Alias("lb", "b")
				a := r.start("a", nil, func(n *node, cfg *replication.Config, _ *http.Handler) {
					n.urls.set(nil, tt.urls...)
					if tt.setup != nil {
						tt.setup(cfg)
					}
				})
				a.register("1")
				r.wait(time.Second)
				a.cancel("1")
				r.wait(time.Minute)
				if diff := cmp.Diff(tt.want, a.peerStates()); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if got := a.got(); len(got) > 0 {
					t.Errorf("replicated to itself: %q", got)
				}
				if w := a.logs.count("level=WARN"); w > 0 {
					t.Errorf("warned:\n%s", a.logs.b.String())
				}
			})
		})
	}
}

// S-DEF-14: two nodes on one host are two nodes.
func TestDef14TwoNodesOnOneHost(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		r.net.Alias("a2", "a")
		a := r.start("a", nil, func(n *node, _ *replication.Config, _ *http.Handler) {
			n.urls.set(nil, url("a"), "http://a:8762/eureka/")
		})
		other := r.start("b", nil)
		ln, err := r.net.Host("a").Listen(":8762")
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{Handler: other.peers.Wrap(other.api())}
		done := make(chan struct{})
		go func() { defer close(done); _ = srv.Serve(ln) }()
		a.register("1")
		r.wait(2 * time.Second)
		if !other.has("1") {
			t.Error("the other node on the host did not get the registration")
		}
		_ = srv.Close()
		<-done
	})
}

// Two URLs of one node are replicated to once, by the one that works.
func TestDuplicateURLs(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", nil, func(n *node, _ *replication.Config, _ *http.Handler) {
			n.urls.set(nil, url("b"), url("10.0.0.2"))
		})
		b := r.start("b", nil)
		r.net.Alias("10.0.0.2", "b")
		r.wait(2 * time.Second)
		if diff := cmp.Diff([]string{"b ok", "10.0.0.2 duplicate"}, a.peerStates()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		a.register("1")
		r.wait(time.Second)
		if got := b.got(); !cmp.Equal(got, []string{"Register 1"}) {
			t.Errorf("b received %q", got)
		}
		r.net.Alias("b", "nowhere") // the name leads elsewhere now
		r.net.Reset("a", "b")
		r.wait(time.Minute)
		a.register("2")
		r.wait(time.Second)
		if diff := cmp.Diff([]string{"b failing", "10.0.0.2 ok"}, a.peerStates()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if !b.has("2") {
			t.Error("the other URL is not used")
		}
		for news, want := range map[string]int{"duplicate peer URL": 1, "node of its own": 1, "this node itself": 0} {
			if got := a.logs.count(news); got != want {
				t.Errorf("%d lines say %q, want %d", got, news, want)
			}
		}
	})
}

// poster sends batches by hand.
type poster struct {
	*ring
	client *http.Client
	to     *node
	clock  string           // from the last answer
	body   func() io.Reader // nil: the items
}

func (p *poster) post(from, number, heard string, items ...wire.ReplicationItem) int {
	p.t.Helper()
	body := io.Reader(bytes.NewReader(wire.AppendBatch(nil, items)))
	if p.body != nil {
		body = p.body()
	}
	req, err := http.NewRequest("POST", url(p.to.name)+"peerreplication/batch/", body)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set(replication.HeaderNode, from)
	req.Header.Set(replication.HeaderProtocol, strconv.Itoa(replication.Protocol))
	req.Header.Set(replication.HeaderBatch, number)
	req.Header.Set(replication.HeaderHeard, heard)
	resp, err := p.client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	resp.Body.Close()
	p.clock = resp.Header.Get(replication.HeaderClock)
	return resp.StatusCode
}

var (
	registerOne = wire.ReplicationItem{App: "APP", ID: "1", Action: wire.Register, Instance: instance("1")}
	cancelOne   = wire.ReplicationItem{App: "APP", ID: "1", Action: wire.Cancel}
)

// A batch must not be performed when a later one of its sender has been: the sender gave it up.
func TestOvertakenBatch(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		p := &poster{ring: r, client: &http.Client{Transport: r.transport("b")}, to: r.start("a", nil)}
		p.post("sender", "1", "")
		clock := p.clock
		for _, step := range []struct {
			number string
			item   wire.ReplicationItem
			want   int
		}{{"5", registerOne, 200}, {"7", cancelOne, 200}, {"6", registerOne, 425}, {"7", cancelOne, 425}, {"", cancelOne, 200}, {"8", registerOne, 200}} {
			if got := p.post("sender", step.number, clock, step.item); got != step.want {
				t.Errorf("batch %s: %d, want %d", step.number, got, step.want)
			}
			if step.number == "6" && p.to.has("1") {
				t.Error("the cancelled instance is back")
			}
		}
		for i := range 3000 { // other senders come and go
			if got := p.post(fmt.Sprint(i), "1", p.clock, cancelOne); got != 200 {
				t.Fatalf("batch of sender %d: %d", i, got)
			}
		}
	})
}

// Nor if its sender cannot have heard of the receiver lately.
func TestBatchFromThePast(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		p := &poster{ring: r, client: &http.Client{Transport: r.transport("b")}, to: r.start("a", nil)}
		for _, heard := range []string{"", "nonsense", "other 5", p.to.peers.NodeID() + " x"} {
			if got := p.post("sender", "1", heard, registerOne); got != http.StatusTooEarly || p.clock == "" {
				t.Errorf("heard %q: %d, told %q", heard, got, p.clock)
			}
		}
		old := p.clock
		if got := p.post("sender", "1", old, registerOne); got != 200 || !p.to.has("1") {
			t.Errorf("with the clock: %d", got)
		}
		r.wait(16 * time.Second)
		if got := p.post("sender", "2", old, cancelOne); got != http.StatusTooEarly || !p.to.has("1") {
			t.Errorf("with an old clock: %d", got)
		}
		if got := p.post("", "", "", cancelOne); got != 200 { // a Java server knows nothing of this
			t.Errorf("from a Java server: %d", got)
		}
	})
}

// A request counts as late as its end: a network can hold that back as well as all of it.
func TestBatchWhoseEndIsFromThePast(t *testing.T) {
	for held, want := range map[time.Duration]int{10 * time.Second: 200, 16 * time.Second: http.StatusTooEarly} {
		inRing(t, func(t *testing.T, r *ring) {
			p := &poster{ring: r, client: &http.Client{Transport: r.transport("b")}, to: r.start("a", nil)}
			p.post("sender", "1", "")
			body := string(wire.AppendBatch(nil, []wire.ReplicationItem{registerOne}))
			p.body = func() io.Reader {
				return io.MultiReader(strings.NewReader(body[:9]), after(held), strings.NewReader(body[9:]))
			}
			if got := p.post("sender", "2", p.clock); got != want || p.to.has("1") != (want == 200) {
				t.Errorf("end of the body after %v: %d, performed: %t", held, got, p.to.has("1"))
			}
		})
	}
}

// after is a reader that has nothing, and says so when this time is over.
type after time.Duration

func (d after) Read([]byte) (int, error) {
	time.Sleep(time.Duration(d))
	return 0, io.EOF
}

// A batch that another one of its sender has overtaken on the way, as over two URLs of one node, is not lost: who still
// waits for the answer sends it again.
func TestOvertakenBatchIsSentAgain(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		var overtake sync.Once
		b := r.start("b", nil, func(n *node, _ *replication.Config, h *http.Handler) {
			*h = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if req.ContentLength > 100 { // no probe
					overtake.Do(func() {
						number, _ := strconv.Atoi(req.Header.Get(replication.HeaderBatch))
						other := httptest.NewRequestWithContext(req.Context(), "POST", req.URL.Path, strings.NewReader(`{"replicationList":[]}`))
						other.Header = req.Header.Clone()
						other.Header.Set(replication.HeaderBatch, strconv.Itoa(number+1))
						n.peers.Wrap(n.api()).ServeHTTP(httptest.NewRecorder(), other)
					})
				}
				n.peers.Wrap(n.api()).ServeHTTP(w, req)
			})
		})
		off := func(_ *node, cfg *replication.Config, _ *http.Handler) { cfg.DisableAntiEntropy = true }
		a := r.start("a", []string{"b"}, off)
		r.wait(time.Second)
		a.register("1")
		r.wait(5 * time.Second)
		if s := a.status(); !b.has("1") || s.Counts.Refused > 0 || s.State != replication.StateOK {
			t.Errorf("b has the instance: %t, %s, %d refused", b.has("1"), s.State, s.Counts.Refused)
		}
	})
}

// W-REPL-16: what a node has sent itself, by whatever way, it does not perform.
func TestBatchFromThisNode(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		p := &poster{ring: r, client: &http.Client{Transport: r.transport("b")}, to: r.start("a", nil)}
		p.post("sender", "1", "")
		if got := p.post(p.to.peers.NodeID(), "1", p.clock, registerOne); got != http.StatusMisdirectedRequest || p.to.has("1") {
			t.Errorf("status %d, performed: %t", got, p.to.has("1"))
		}
	})
}

// What a network held while it was cut is not performed when it heals, minutes after it was overtaken by events.
func TestHeldRequestIsNotPerformed(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		off := func(_ *node, cfg *replication.Config, _ *http.Handler) { cfg.DisableAntiEntropy = true }
		a, b := r.start("a", []string{"b"}, off), r.start("b", nil, off)
		a.register("0")
		r.wait(time.Second)
		r.net.Partition([]string{"a"}, []string{"b"})
		a.register("1") // leaves over the connection that is open
		r.wait(time.Minute)
		a.cancel("1")
		r.wait(9 * time.Minute) // after which the cancel is not sent any more
		r.net.Heal()
		r.wait(time.Minute)
		if b.has("1") || !b.has("0") {
			t.Errorf("b has the instance that was cancelled: %t", b.has("1"))
		}
	})
}

// What a node says that has not heard of a cancellation does not undo it; what a client says later does.
func TestCancelledIncarnation(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		off := func(_ *node, cfg *replication.Config, _ *http.Handler) { cfg.DisableAntiEntropy = true }
		a, b := r.start("a", nil, off), r.start("b", []string{"a"}, off)
		b.register("1")
		r.wait(time.Second)
		a.cancel("1")
		b.renew("1")
		r.wait(time.Second)
		if got, want := b.status().Counts, a.got(); got.Unknown != 1 || got.Rejected != 0 || a.has("1") {
			t.Errorf("after %q: %+v, listed %t", want, got, a.has("1"))
		}
		rec, _ := b.reg.Find(keyOf("1"))
		b.cancel("1")
		if _, err := b.reg.Register(rec.Instance(), registry.FromClient, time.Now()); err != nil {
			t.Fatal(err)
		}
		b.peers.Add(wire.Register, keyOf("1"), time.Now())
		r.wait(time.Second)
		if !a.has("1") {
			t.Errorf("the instance that a client registered again is not listed after %q", a.got())
		}
	})
}

// S-DISP-11: a probe tells a node that its peer is back, also when it has nothing to say.
func TestProbeEndsAPause(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		off := func(_ *node, cfg *replication.Config, _ *http.Handler) { cfg.DisableAntiEntropy = true }
		a := r.start("a", []string{"b"}, off)
		a.register("1")
		r.wait(3 * time.Minute) // a tries b every 15 to 30 s
		r.start("b", []string{"a"}, off)
		r.wait(2 * time.Second)
		if s := a.status(); s.State != replication.StateOK {
			t.Errorf("after 2 s b is %s: %s", s.State, s.Error)
		}
	})
}
