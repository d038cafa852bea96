package replication_test

import (
	"io"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/replication"
)

// A node that is new where names lead is known to those it talks to within seconds, not at their next look-up; so is one
// that an unreachable peer has become.
func TestMembershipFlowsBothWays(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", []string{"b"})
		b := r.start("b", []string{"a"})
		a.register("1")
		r.wait(time.Minute)
		a.urls.set(nil, url("b"), url("c")) // the name leads to c as well from now on; nobody tells a
		c := r.start("c", []string{"a", "b", "c"})
		if took := r.waitFor("a replicates to c", time.Minute, func() bool { return len(a.peers.Status(time.Now())) == 2 }); took > time.Second {
			t.Errorf("a knew c after %v", took)
		}
		r.wait(5 * time.Second)
		a.register("2")
		r.waitFor("c has it", time.Second, func() bool { return c.has("2") })

		b.stop()
		a.urls.set(nil, url("c"), url("d")) // b moves and comes back as d, which nobody can reach yet
		r.waitFor("a looks for b elsewhere", time.Minute, func() bool {
			return len(a.peers.Status(time.Now())) == 2 && a.peerStates()[1][0] == 'd'
		})
	})
}

// Of two that are new within seconds the second is known as soon as the first.
func TestTwoNewcomersAreKnown(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", []string{"b"})
		r.wait(time.Minute)
		for i, name := range []string{"c", "d"} {
			a.urls.set(nil, append([]string{url("c")}, url("d"))[:i+1]...)
			r.start(name, []string{"a"})
			known := func() bool { return len(a.peers.Status(time.Now())) == i+1 && a.peers.Has(name) }
			if took := r.waitFor("a replicates to "+name, time.Minute, known); took > 3*time.Second {
				t.Errorf("a knew %s after %v", name, took)
			}
		}
	})
}

// A node that talks to this one and is not found by looking is complained about once.
func TestUnknownPeerIsReported(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", nil)
		r.start("b", []string{"a"})
		r.wait(10 * time.Minute)
		if n := a.logs.count("is not in the list of peers"); n != 1 {
			t.Errorf("reported %d times, want once", n)
		}
	})
}

// Whether a URL leads to this node is asked again at each look-up.
func TestThisNodeIsAskedAgain(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", []string{"balancer"})
		b := r.start("b", nil)
		stop := r.serve("balancer", wrapped(a))
		r.waitFor("a recognises itself", time.Minute, func() bool { return a.status().State == replication.StateThisNode })
		stop()
		r.serve("balancer", wrapped(b))
		r.wait(time.Second)
		a.peers.Reload()
		r.wait(time.Second)
		if s := a.status(); s.State != replication.StateOK || s.NodeID != b.peers.NodeID() {
			t.Errorf("a second after a look-up: %+v", s)
		}
	})
}

// What a Java peer is told while it takes no password of this node arrives when the password is mended: here, in the service
// URL, or there.
func TestNewPasswordLosesNothing(t *testing.T) {
	for _, here := range []bool{true, false} {
		inRing(t, func(t *testing.T, r *ring) {
			var want atomic.Value
			want.Store("old")
			guarded := func(n *node, cfg *replication.Config, h *http.Handler) {
				java(n, cfg, h)
				inner := *h
				*h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if _, word, _ := r.BasicAuth(); word != want.Load() {
						w.WriteHeader(http.StatusUnauthorized)
						return
					}
					inner.ServeHTTP(w, r)
				})
			}
			b, a := r.start("b", nil, guarded), r.start("a", []string{"u:old@b"})
			a.register("overridden")
			a.register("cancelled")
			r.wait(time.Second)
			want.Store("new")
			a.override("overridden", heureka.StatusDown)
			a.cancel("cancelled")
			a.register("registered")
			r.wait(20 * time.Second)
			if s := a.status(); !s.Permanent || !b.has("cancelled") {
				t.Errorf("without its password: %+v", s)
			}
			if here {
				a.urls.set(nil, url("u:new@b"))
				a.peers.Reload()
			} else {
				want.Store("old")
			}
			r.waitFor("b has all", time.Minute, func() bool {
				return b.statusOf("overridden") == "DOWN/DOWN" && !b.has("cancelled") && b.has("registered")
			})
		})
	}
}

// noticed returns after how long b has what a was told while they could not talk.
func (r *ring) noticed(a, b *node, cut time.Duration, heal func()) time.Duration {
	r.t.Helper()
	early := min(cut, 10*time.Second)
	r.wait(cut - early)
	id := time.Now().String()
	a.register(id)
	r.wait(early)
	heal()
	took := r.waitFor("b has it", time.Minute, func() bool { return b.has(id) })
	r.wait(time.Minute)
	return took
}

// soon is two seconds, and the second that a connection attempt under way takes.
const soon = 3500 * time.Millisecond

// A link that works again is noticed within two seconds, however long it was cut, and whether or not it seemed to work meanwhile.
func TestHealedLinkIsNoticedSoon(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a, b := r.start("a", []string{"b"}), r.start("b", nil)
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		rng := rand.New(rand.NewPCG(seed, 0))
		for i := range 100 {
			cut := time.Duration(rng.Int64N(int64(2 * time.Minute)))
			r.net.Partition([]string{"a"}, []string{"b"})
			if i%2 == 0 {
				r.wait(time.Minute)
				r.net.Heal()
				r.wait(time.Duration(rng.Int64N(int64(5 * time.Second))))
				r.net.Partition([]string{"a"}, []string{"b"})
			}
			if took := r.noticed(a, b, cut, r.net.Heal); took > soon {
				t.Errorf("noticed %v after a cut of %v", took, cut)
			}
		}
	})
}

// So is a peer that answers again, after it has taken connections and said nothing on them, as the kernel does for a process that
// was stopped; but for a batch under way, which has to time out.
func TestPeerThatWasStoppedIsNoticedSoon(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		var stopped atomic.Bool
		a := r.start("a", []string{"b"})
		b := r.start("b", nil, func(_ *node, _ *replication.Config, h *http.Handler) {
			plain := *h
			*h = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if stopped.Load() {
					_, _ = io.Copy(io.Discard, req.Body) // so that the end of the request is noticed
					<-req.Context().Done()
					return
				}
				plain.ServeHTTP(w, req)
			})
		})
		r.wait(time.Minute)
		for i := range 20 {
			stopped.Store(true)
			cut := time.Minute + time.Duration(i)*1300*time.Millisecond
			if took := r.noticed(a, b, cut, func() { stopped.Store(false) }); took > soon+5*time.Second {
				t.Errorf("noticed %v after a stop of %v", took, cut)
			}
		}
	})
}

// wrapped is what a node serves.
func wrapped(n *node) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { n.peers.Wrap(n.api()).ServeHTTP(w, r) })
}
