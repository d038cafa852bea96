package registry_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// stamped returns what a heureka node would replicate of the last command about an instance.
func (w *world) stamped(id string) *registry.Command {
	rec := w.find(id)
	stamp, status := rec.Stamp()
	return &registry.Command{Key: key(id), Set: rec.Instance().OverriddenStatus != heureka.StatusUnknown, Status: status, Stamp: &stamp}
}

func (w *world) command(c *registry.Command) bool {
	w.t.Helper()
	changed, err := w.Command(c, registry.FromPeer, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	return changed
}

// threeNodes returns nodes that know the same instance, and have clocks of their own.
func threeNodes(t *testing.T) (a, b, c *world) {
	node := func(seed uint64) *world {
		w := newWorld(t, registry.Config{DisableSelfPreservation: true, Rand: rand.NewPCG(seed, 0)})
		w.register(instance("x", metadata("zone", "z1")))
		return w
	}
	return node(1), node(2), node(3)
}

// A command that arrives late is dropped, whatever it says, and whichever way it comes.
func TestLaterCommandStands(t *testing.T) {
	type step = func(*world)
	drain := func(w *world) { w.setStatus("x", heureka.StatusOutOfService) }
	down := func(w *world) { w.setStatus("x", heureka.StatusDown) }
	clear := func(w *world) { w.clearStatus("x", heureka.StatusUp) }
	tests := []struct {
		name           string
		both           step
		earlier, later step
		status         heureka.Status
		override       bool
	}{
		{"two overrides", func(*world) {}, down, drain, heureka.StatusOutOfService, true},
		{"a removal before an override", drain, clear, down, heureka.StatusDown, true},
		{"an override before a removal", drain, down, clear, heureka.StatusUp, false},
		{"a removal of nothing before an override", func(*world) {}, clear, drain, heureka.StatusOutOfService, true},
		{"the status that it has before an override", func(*world) {}, func(w *world) { w.setStatus("x", heureka.StatusUp) }, drain, heureka.StatusOutOfService, true},
		{"a removal before the override that is there", drain, clear, drain, heureka.StatusOutOfService, true},
		{"an override before a removal of nothing", func(*world) {}, drain, clear, heureka.StatusUp, false},
	}
	for _, tt := range tests {
		for _, way := range []string{"batches", "comparing"} {
			t.Run(tt.name+"/"+way, func(t *testing.T) {
				a, b, c := threeNodes(t)
				tt.both(a)
				b.tell(a)
				c.tell(a)
				tt.earlier(a)
				b.advance(time.Millisecond)
				tt.later(b)
				nodes := []*world{a, b, c}
				for _, from := range []*world{b, a, b} { // to c in the wrong order
					for _, to := range nodes {
						if way == "batches" {
							to.command(from.stamped("x"))
						} else {
							to.tell(from)
						}
					}
				}
				for _, w := range nodes {
					w.wantStatus("x", tt.status)
					if _, set := w.Override(key("x")); set != tt.override {
						t.Errorf("override set: %v, want %v", set, tt.override)
					}
					wantSameDigest(t, w, a, true)
				}
			})
		}
	}
}

// Commands at the same time, on clocks that have not heard of each other: the nodes decide, the same way everywhere.
func TestSimultaneousCommands(t *testing.T) {
	a, b, _ := threeNodes(t)
	a.setStatus("x", heureka.StatusDown)
	b.setStatus("x", heureka.StatusOutOfService)
	ofA, ofB := a.stamped("x"), b.stamped("x")
	if a.command(ofB) == b.command(ofA) {
		t.Error("both nodes have changed, or none")
	}
	wantSameDigest(t, a, b, true)
	if a.find("x").Instance().Status != b.find("x").Instance().Status {
		t.Error("the nodes differ")
	}
}

// Metadata of two operators: keys of one side stay, of a key that both have set the later value. The record stays the client's.
func TestMetadataOfTwoOperators(t *testing.T) {
	set := func(w *world, k, v string) {
		if _, err := w.SetMetadata(key("x"), []heureka.MetadataEntry{{Key: k, Value: v}}, registry.FromClient, w.now); err != nil {
			t.Fatal(err)
		}
	}
	replicate := func(to, from *world) {
		rec := from.find("x")
		told := registry.Told{Incarnation: rec.Incarnation()}
		for k := range rec.Instance().Metadata.All() {
			if c, ok := rec.MetadataCommand(k); ok {
				told.Metadata = append(told.Metadata, c)
			}
		}
		to.RegisterTold(rec.Instance(), told, registry.FromPeer, to.now)
	}
	for name, exchange := range map[string]func(to, from *world){"batches": replicate, "comparing": func(to, from *world) { to.tell(from) }} {
		t.Run(name, func(t *testing.T) {
			a, b, _ := threeNodes(t)
			set(a, "zone", "of a")
			set(a, "ofA", "1")
			set(a, "shared", "earlier")
			b.advance(time.Millisecond)
			set(b, "ofB", "2")
			set(b, "shared", "later")
			exchange(a, b)
			exchange(b, a)
			exchange(a, b)
			want := map[string]string{"zone": "of a", "ofA": "1", "ofB": "2", "shared": "later"}
			for _, w := range []*world{a, b} {
				if diff := cmp.Diff(want, w.find("x").Instance().Metadata.Map()); diff != "" {
					t.Errorf("metadata (-want +got):\n%s", diff)
				}
			}
			wantSameDigest(t, a, b, true)
			a.register(instance("x", dirty(2000), metadata("zone", "z2")))
			exchange(b, a)
			exchange(a, b)
			if diff := cmp.Diff(map[string]string{"zone": "z2"}, b.find("x").Instance().Metadata.Map()); diff != "" {
				t.Errorf("metadata after a new record of the client (-want +got):\n%s", diff)
			}
		})
	}
}

// What nobody has stamped, as a Java peer's update, is said when it arrives: late or not, it wins. Nothing else is promised.
func TestLateCommandOfAJavaPeerWins(t *testing.T) {
	a, b, _ := threeNodes(t)
	a.setStatus("x", heureka.StatusOutOfService)
	b.tell(a)
	a.advance(time.Second)
	if err := a.ClearOverride(key("x"), heureka.StatusUp, 1000, registry.FromPeer, a.now); err != nil {
		t.Fatal(err)
	}
	b.tell(a)
	b.wantStatus("x", heureka.StatusUp)
	wantSameDigest(t, a, b, true)
	before := a.Digest()
	if err := a.ClearOverride(key("x"), heureka.StatusUp, 1000, registry.FromPeer, a.now); err != nil {
		t.Fatal(err)
	}
	if a.Digest() != before {
		t.Error("a command of a Java peer that changes nothing is one")
	}
}

// What a Java peer echoes fills a gap; it replaces no command, neither an override nor its removal, also from a later record.
func TestEchoReplacesNoCommand(t *testing.T) {
	commands := map[string]func(*world){
		"override": func(w *world) { w.setStatus("x", heureka.StatusOutOfService) },
		"removal": func(w *world) {
			w.setStatus("x", heureka.StatusOutOfService)
			w.clearStatus("x", heureka.StatusUp)
		},
	}
	echoes := map[string]func(*world){
		"heartbeat":            func(w *world) { w.Renew(key("x"), renewal(1000, heureka.StatusDown), registry.FromPeer, w.now) },
		"heartbeat of a later": func(w *world) { w.Renew(key("x"), renewal(2000, heureka.StatusDown), registry.FromPeer, w.now) },
		"registration":         func(w *world) { w.registerFrom(registry.FromPeer, instance("x", overridden(heureka.StatusDown))) },
		"registration of later": func(w *world) {
			w.registerFrom(registry.FromPeer, instance("x", dirty(2000), overridden(heureka.StatusDown)))
		},
		"adopted": func(w *world) {
			w.Adopt(instance("x", dirty(2000), overridden(heureka.StatusDown)), registry.FromPeer, w.now)
		},
	}
	for echoName, echo := range echoes {
		t.Run("gap/"+echoName, func(t *testing.T) {
			w, _, _ := threeNodes(t)
			echo(w)
			w.wantOverride("x", heureka.StatusDown, true)
		})
		for name, command := range commands {
			t.Run(name+"/"+echoName, func(t *testing.T) {
				w, _, _ := threeNodes(t)
				command(w)
				status, set := w.Override(key("x"))
				echo(w)
				w.wantOverride("x", status, set)
			})
		}
	}
}

// An eviction ends an override, but not the removal of one: what another node says that has not heard of it does not bring it back.
func TestRemovalOutlivesTheLease(t *testing.T) {
	a, b, _ := threeNodes(t)
	a.setStatus("x", heureka.StatusOutOfService)
	b.tell(a)
	a.clearStatus("x", heureka.StatusUp)
	a.advance(91 * time.Second)
	a.Evict(a.now)
	if a.Len() != 0 {
		t.Fatal("x is still there")
	}
	b.renewAfter("x", 91*time.Second)
	a.tell(b)
	a.wantOverride("x", heureka.StatusUnknown, false)
	b.tell(a)
	b.wantOverride("x", heureka.StatusUnknown, false)
	wantSameDigest(t, a, b, true)

	a.cancel("x")
	a.advance(11 * time.Minute)
	a.Evict(a.now)
	if n := a.Tombstones(); n != 0 {
		t.Errorf("%d tombstones are kept for ever", n)
	}
}

// A node whose clock is wrong does not set those of the others. Its stamps count as they are, for every node alike, and whoever has
// heard of one and commands the same instance comes after it.
func TestClockFromTheFuture(t *testing.T) {
	for ahead, follows := range map[time.Duration]bool{30 * time.Second: true, 10 * time.Minute: false} {
		t.Run(ahead.String(), func(t *testing.T) {
			a, b, c := threeNodes(t)
			for _, w := range []*world{a, b, c} {
				w.register(instance("y"))
			}
			b.renewAfter("x", ahead)
			b.setStatus("x", heureka.StatusOutOfService)
			a.tell(b)
			a.setStatus("y", heureka.StatusDown)
			stamp, _ := a.find("y").Stamp()
			if got := int64(stamp.Clock.Time>>16) > a.ms()+1000; got != follows {
				t.Errorf("a says %v at %d, b's clock is followed: %v, want %v", stamp.Clock.Time>>16, a.ms(), got, follows)
			}
			a.clearStatus("x", heureka.StatusUp)
			for _, w := range []*world{b, c} {
				w.tell(a)
				w.wantStatus("x", heureka.StatusUp)
			}
		})
	}
}

// A status that clears an override asked for, or an override over DOWN, holds until the client speaks again (S-STATUS-3, -5), and a
// later command of another node is shown as it was meant: no mixture.
func TestCommandsDoNotMix(t *testing.T) {
	a, b, _ := threeNodes(t)
	a.setStatus("x", heureka.StatusDown)
	b.advance(time.Millisecond)
	b.setStatus("x", heureka.StatusOutOfService)
	a.tell(b)
	a.wantStatus("x", heureka.StatusOutOfService)
	rec := a.find("x").Instance()
	b.registerFrom(registry.FromPeer, rec) // as a batch has it
	b.wantStatus("x", heureka.StatusOutOfService)
	wantSameDigest(t, a, b, true)
	b.clearStatus("x", heureka.StatusStarting)
	b.wantStatus("x", heureka.StatusStarting)
	b.register(instance("x", metadata("zone", "z1")))
	b.wantStatus("x", heureka.StatusUp)
	a.tell(b)
	a.wantStatus("x", heureka.StatusUp)
}

func TestClockText(t *testing.T) {
	for _, c := range []registry.Clock{{}, {Time: 1, Node: 2}, {Time: 1_700_000_000_000 << 16, Node: 1<<64 - 1}} {
		got, err := registry.ParseClock(c.String())
		if err != nil || got != c {
			t.Errorf("ParseClock(%q) = %v, %v", c, got, err)
		}
	}
	for _, bad := range []string{"", ".", "1", "1.", ".1", "1.2.3", "-1.2", "1.!", fmt.Sprint(uint64(1)<<63, ".", 1), "zzzzzzzzzzzzz.1", "0.1"} {
		if c, err := registry.ParseClock(bad); err == nil {
			t.Errorf("ParseClock(%q) = %v", bad, c)
		}
	}
}

// What an operator said of the status of an instance ends with its lease: a client that registers again speaks for itself, with the same
// record or an earlier one.
func TestEvictedClientsSpeakForThemselves(t *testing.T) {
	for _, stamp := range []int64{1, 2} {
		w := newWorld(t, registry.Config{DisableSelfPreservation: true})
		w.register(instance("x", dirty(2)))
		w.setStatus("x", heureka.StatusDown)
		w.clearStatus("x", heureka.StatusUp)
		w.advance(10 * time.Minute)
		if w.Evict(w.now); w.Len() > 0 {
			t.Fatal("x was not evicted")
		}
		w.register(instance("x", dirty(stamp), status(heureka.StatusStarting)))
		w.wantStatus("x", heureka.StatusStarting)
	}
}
