package replication_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

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

// A link that works again is noticed within two seconds, however long it was cut; now and then a request that was under way when
// it came back has to time out first.
func TestHealedLinkIsNoticedSoon(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a, b := r.start("a", []string{"b"}), r.start("b", nil)
		const heals = 10
		var late []time.Duration
		for i := range heals {
			r.net.Partition([]string{"a"}, []string{"b"})
			cut := time.Minute
			if i%2 == 1 {
				cut = 10 * time.Minute
			}
			r.wait(cut - 10*time.Second)
			id := strconv.Itoa(i)
			a.register(id)
			r.wait(10 * time.Second)
			r.net.Heal()
			took := r.waitFor("b has it", time.Minute, func() bool { return b.has(id) })
			if took > 3500*time.Millisecond { // a connection attempt under way takes another second
				late = append(late, took)
			}
			r.wait(time.Minute)
		}
		if len(late) > heals/2 {
			t.Errorf("%d of %d were noticed late: %v", len(late), heals, late)
		}
	})
}

// wrapped is what a node serves.
func wrapped(n *node) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { n.peers.Wrap(n.api()).ServeHTTP(w, r) })
}
