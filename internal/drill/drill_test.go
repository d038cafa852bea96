//go:build drill

package drill

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// Pods come one after the other, as each is ready; all are replaced by others with new addresses; one machine dies; the
// set grows to five and shrinks to two. No open pod ever lacks a living client or answers a heartbeat with 404, and in the
// end each lists all others.
func TestMovingRing(t *testing.T) {
	for i, tt := range []struct {
		name  string
		fleet int
		next  func(i int) netip.Addr
	}{
		{"IPv4", 500, func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 77, 1, byte(i)}) }},
		{"IPv6", 150, func(i int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("fd77::2:%x", i)) }},
		{"both", 150, func(i int) netip.Addr {
			if i%2 == 0 {
				return netip.AddrFrom4([4]byte{10, 77, 3, byte(i)})
			}
			return netip.MustParseAddr(fmt.Sprintf("fd77::3:%x", i))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSet(t, fmt.Sprintf("eureka-%d.drill", i), tt.next)
			for range 3 { // OrderedReady
				s.awaitOpen(s.start())
			}
			s.crowd(tt.fleet)
			time.Sleep(3 * beatEvery)
			s.whole()
			for _, p := range s.running() { // a rolling update
				s.retire(p)
				s.awaitOpen(s.start())
			}
			s.whole()
			s.kill(s.running()[1]) // a machine dies
			s.awaitOpen(s.start())
			s.awaitOpen(s.start())
			s.awaitOpen(s.start())
			s.whole()
			for len(s.running()) > 2 {
				s.retire(s.running()[0])
			}
			time.Sleep(leaseSecs * time.Second) // whoever is not known any more is evicted now
			s.whole()
		})
	}
}

// Pods start all at once under a fleet that comes, and die and start all at once, at new addresses: none opens before it has all
// of it.
func TestParallelStart(t *testing.T) {
	t.Parallel()
	s := newSet(t, "eureka-p.drill", func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 77, 9, byte(i)}) })
	s.crowd(150)
	for range 2 {
		for _, p := range s.running() {
			s.kill(p)
		}
		for range 3 {
			s.start()
		}
		for _, p := range s.running() {
			s.awaitOpen(p)
		}
		s.whole()
	}
}
