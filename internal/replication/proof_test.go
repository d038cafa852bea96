package replication_test

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/replication"
)

// ask asks a node for buckets with these headers, and returns with which status it refuses, and the headers of its answer.
func ask(n *node, header http.Header) (refused int, answer http.Header) {
	return askFrom("", n, header)
}

func askFrom(address string, n *node, header http.Header) (refused int, answer http.Header) {
	refused = n.peers.Buckets(address, header, []byte(`{"buckets":[{"bucket":1}]}`), func([]byte) {})
	answer = http.Header{}
	n.peers.Greet(header, answer)
	return refused, answer
}

// heads are the headers of the requests that a node sends.
type heads struct {
	http.RoundTripper
	mu   sync.Mutex
	last http.Header
}

func (s *heads) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.last = r.Header.Clone()
	s.mu.Unlock()
	return s.RoundTripper.RoundTrip(r)
}

func (s *heads) of() http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func (s *heads) setup(_ *node, cfg *replication.Config, _ *http.Handler) {
	s.RoundTripper = cfg.Transport
	cfg.Transport = s
}

// Nodes that have each other in their lists prove to each other that they are peers; who only names a peer's id does not, and
// keeps nobody from doing so.
func TestPeersProveWhoTheyAre(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		var ofA, ofB heads
		a := r.start("a", []string{"b"}, ofA.setup)
		b := r.start("b", []string{"a"}, ofB.setup)
		for i := range 20 { // a stranger names a's id and floods b with nonces of its own
			ask(b, http.Header{replication.HeaderNode: {a.peers.NodeID()}, replication.HeaderNonce: {fmt.Sprint("forged-", i)}})
		}
		r.wait(10 * time.Second)
		a.register("1")
		b.register("0")
		r.wait(10 * time.Second)
		a.register("3")
		r.wait(10 * time.Second)
		if !b.has("1") || !a.has("0") {
			t.Error("the registrations have not reached the others")
		}
		last := ofA.of()
		if _, answer := ask(b, last); answer.Get(replication.HeaderProven) == "" {
			t.Errorf("a does not prove to b that it is its peer: %v", last)
		}
		for _, h := range []http.Header{
			{replication.HeaderNode: {a.peers.NodeID()}},
			{replication.HeaderNode: {a.peers.NodeID()}, replication.HeaderProof: {"guess"}},
			{replication.HeaderNode: {a.peers.NodeID()}, replication.HeaderProof: {last.Get(replication.HeaderNonce)}}, // a's own
			{replication.HeaderNode: {a.peers.NodeID()}, replication.HeaderProof: {"a b c d " + last.Get(replication.HeaderProof)}},
		} {
			if _, answer := ask(b, h); answer.Get(replication.HeaderProven) != "" {
				t.Errorf("%v proves to be a peer", h)
			}
		}
		for i := range 20 { // now that a is proven, a stranger no longer pushes its nonce out
			ask(b, http.Header{replication.HeaderNode: {a.peers.NodeID()}, replication.HeaderNonce: {fmt.Sprint("late-", i)}})
		}
		b.register("2")
		r.wait(10 * time.Second)
		if _, answer := ask(a, ofB.of()); answer.Get(replication.HeaderProven) == "" {
			t.Error("b no longer proves to a that it is its peer")
		}
	})
}

// A flooder sends nonces of its own in the name of a node after each request of that node.
type flooder struct {
	http.RoundTripper
	flood func()
}

func (f *flooder) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := f.RoundTripper.RoundTrip(r)
	f.flood()
	return answer, err
}

// Who names a peer's id pushes out his own nonces, not that of the peer.
func TestStrangersPushOutTheirOwnNonces(t *testing.T) {
	for name, from := range map[string]func(i int) string{
		"one address":  func(int) string { return "192.0.2.1" },
		"one network":  func(i int) string { return fmt.Sprintf("2001:db8::%x", i+1) },
		"40 addresses": func(i int) string { return fmt.Sprint("192.0.2.", i%40) },
	} {
		t.Run(name, func(t *testing.T) {
			inRing(t, func(t *testing.T, r *ring) {
				var ofB heads
				b := r.start("b", []string{"a"}, ofB.setup)
				n := 0
				a := r.start("a", []string{"b"}, func(a *node, cfg *replication.Config, _ *http.Handler) {
					cfg.Transport = &flooder{cfg.Transport, func() {
						for range 50 {
							n++
							askFrom(from(n), b, http.Header{replication.HeaderNode: {a.peers.NodeID()}, replication.HeaderNonce: {fmt.Sprint("forged-", n)}})
						}
					}}
				})
				for i := range 20 {
					a.register(fmt.Sprint("a", i))
					r.wait(10 * time.Second)
					b.register(fmt.Sprint("b", i))
					r.wait(10 * time.Second)
				}
				if _, answer := ask(a, ofB.of()); answer.Get(replication.HeaderProven) == "" {
					t.Errorf("b does not prove to a that it is its peer: %q", ofB.of().Get(replication.HeaderProof))
				}
			})
		})
	}
}

// A node that does not answer reads yet gives its registry to proven peers only, and each asks for one part at a time.
func TestBucketsAreForPeers(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		phase := "waiting"
		a := r.start("a", nil, func(_ *node, cfg *replication.Config, _ *http.Handler) { cfg.Phase = func() string { return phase } })
		stranger := http.Header{replication.HeaderNode: {"somebody"}, replication.HeaderProtocol: {strconv.Itoa(replication.Protocol)}}
		if refused, _ := ask(a, stranger); refused != http.StatusServiceUnavailable {
			t.Errorf("a stranger is answered %d while reads are closed, want 503", refused)
		}
		phase = replication.PhaseOpen
		if refused, _ := ask(a, stranger); refused != 0 {
			t.Errorf("a stranger is answered %d while reads are open", refused)
		}
	})
}

// A slowStore takes its time for a bucket.
type slowStore struct{ *registry.Registry }

func (s slowStore) Bucket(i int, now time.Time) []registry.Known {
	time.Sleep(time.Second)
	return s.Registry.Bucket(i, now)
}

// A peer gets one answer with buckets at a time, also while reads are closed; strangers get a few, all together.
func TestOneExchangeForEachPeer(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		phase := replication.PhaseOpen
		var ofA heads
		b := r.start("b", []string{"a"}, func(n *node, cfg *replication.Config, _ *http.Handler) {
			cfg.Store, cfg.Phase = slowStore{n.reg}, func() string { return phase }
		})
		a := r.start("a", []string{"b"}, ofA.setup)
		r.wait(10 * time.Second)
		a.register("1")
		r.wait(10 * time.Second)
		phase = "waiting"
		count := func(n int, header http.Header) (served int) {
			var wg sync.WaitGroup
			answers := make([]int, n)
			for i := range n {
				wg.Go(func() { answers[i], _ = ask(b, header) })
			}
			wg.Wait()
			for _, refused := range answers {
				if refused == 0 {
					served++
				}
			}
			return served
		}
		if n := count(5, ofA.of()); n != 1 {
			t.Errorf("%d of 5 questions of a peer are answered at a time, want 1", n)
		}
		phase = replication.PhaseOpen
		if n := count(9, http.Header{replication.HeaderNode: {"somebody"}, replication.HeaderProtocol: {strconv.Itoa(replication.Protocol)}}); n != 4 {
			t.Errorf("%d of 9 questions of strangers are answered at a time, want 4", n)
		}
	})
}
