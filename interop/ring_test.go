//go:build interop

package interop

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"
)

// A ring is a node of the server under test and a reference server as each other's
// only peers. Each reaches the other through a link that the test can cut.
type ring struct {
	ours, java *server
	toOurs     *link
	toJava     *link
	story      *story
}

// kept is registered once and never renewed: only start-up syncs can bring it to a
// node that was not there at the time.
var kept = key{"KEPT", "no-heartbeats"}

// TestRing runs our server in a ring with each line of the reference.
func TestRing(t *testing.T) {
	for _, gen := range []string{"2025", "2021"} {
		t.Run(gen, func(t *testing.T) {
			t.Parallel()
			r := startRing(t, gen)
			ours, java := key{"LEASE", "beats-at-ours"}, key{"LEASE", "beats-at-java"}
			stopOurs, stopJava := r.lease(t, r.ours, ours), r.lease(t, r.java, java)
			stop := watch(t, []*server{r.ours, r.java}, ours, java, kept)
			began := time.Now()
			r.operate(t, r.ours, r.java)
			r.operate(t, r.java, r.ours)
			r.stamps(t, r.ours, r.java)
			r.stamps(t, r.java, r.ours)
			r.stolen(t)
			r.outlive(t, began)
			stop()
			r.partition(t, ours, java)
			r.restartOurs(t)
			r.expire(t, []key{ours, java}, stopOurs, stopJava)
			r.story.end("")
		})
	}
}

// startRing starts our node, gives it an instance, and then starts the reference
// with only its own way to us open: what it has then it has fetched itself.
func startRing(t *testing.T, gen string) *ring {
	t.Helper()
	oursPort, javaPort := freePort(t), freePort(t)
	r := &ring{toOurs: newLink(t, oursPort), toJava: newLink(t, javaPort), story: &story{name: "ring with " + gen}}
	r.toJava.cut()
	r.ours = startNode(t, target, oursPort, []string{r.toJava.eurekaURL()})
	if err := registerJSON(r.ours.url, kept, 3600, nil); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	r.java = startJavaServer(t, gen, javaPort, []string{r.toOurs.eurekaURL()})
	eventually(t, limit, func() error { return listed(r.java.url, kept, "UP") })
	r.story.did("java started and synced from ours", time.Since(began))
	r.toJava.heal()
	return r
}

// lease registers k at a node and beats there alone.
func (r *ring) lease(t *testing.T, at *server, k key) (stop func()) {
	t.Helper()
	if err := registerJSON(at.url, k, leaseSecs, nil); err != nil {
		t.Fatal(err)
	}
	stop = beat(t, at.url, k)
	r.onBoth(t, k, "UP")
	return stop
}

// onBoth waits until both nodes list k with that status.
func (r *ring) onBoth(t *testing.T, k key, status string) time.Duration {
	t.Helper()
	return eventually(t, limit, func() error {
		return errors.Join(listed(r.ours.url, k, status), listed(r.java.url, k, status))
	})
}

// operate does to one node all that a client can do, and sees each on the other.
func (r *ring) operate(t *testing.T, from, to *server) {
	t.Helper()
	k := key{"OPERATED", "at-" + from.name}
	for _, step := range []struct {
		name string
		do   func() error
		seen func() error
	}{
		{"register", func() error { return registerJSON(from.url, k, 3600, nil) }, func() error { return listed(to.url, k, "UP") }},
		{"override", func() error { return override(from.url, k, "OUT_OF_SERVICE") }, func() error { return listed(to.url, k, "OUT_OF_SERVICE") }},
		{"remove override", func() error { return removeOverride(from.url, k) }, func() error { return listed(to.url, k, "UP") }},
		{"metadata", func() error { return setMetadata(from.url, k, "colour", "green") }, func() error { return hasMetadata(to.url, k, "colour", "green") }},
		{"cancel", func() error { return cancel(from.url, k) }, func() error { return gone(to.url, k) }},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		r.story.did(step.name+" "+from.gen+" to "+to.gen, eventually(t, limit, step.seen))
	}
}

// stamps registers clients at one node whose clocks are wrong by less than ten minutes: the other takes them, and heartbeats with
// these stamps renew them at both.
func (r *ring) stamps(t *testing.T, from, to *server) {
	t.Helper()
	for _, off := range []time.Duration{-9 * time.Minute, 9 * time.Minute} {
		k := key{"STAMPED", fmt.Sprint("at-", from.name, "-", off)}
		stamp := fmt.Sprint(time.Now().Add(off).UnixMilli())
		in := record(k, 9, 3600, nil)
		in["lastDirtyTimestamp"] = stamp
		if err := register(from.url, k, in); err != nil {
			t.Fatal(err)
		}
		eventually(t, limit, func() error { return listed(to.url, k, "UP") })
		for _, at := range []*server{from, to} {
			if err := do("PUT", at.url+"/eureka/apps/"+k.path()+"?status=UP&lastDirtyTimestamp="+stamp, nil); err != nil {
				t.Errorf("a clock that is off by %v: %v", off, err)
			}
		}
	}
}

// stolen registers an instance with a stamp from the far future, as somebody else may do: its owner's next registration counts
// at our node all the same, and the nodes still exchange all else.
func (r *ring) stolen(t *testing.T) {
	t.Helper()
	k := key{"STOLEN", "x"}
	in := record(k, 9, 3600, map[string]string{"by": "thief"})
	in["lastDirtyTimestamp"] = fmt.Sprint(int64(math.MaxInt64))
	for _, step := range []map[string]any{in, record(k, 9, 3600, map[string]string{"by": "owner"})} {
		if err := register(r.ours.url, k, step); err != nil {
			t.Fatal(err)
		}
	}
	if err := hasMetadata(r.ours.url, k, "by", "owner"); err != nil {
		t.Error(err)
	}
	after := key{"STOLEN", "after"}
	if err := registerJSON(r.ours.url, after, 3600, nil); err != nil {
		t.Fatal(err)
	}
	r.story.did("stamps", eventually(t, limit, func() error { return listed(r.java.url, after, "UP") }))
}

// outlive waits until leases that are renewed at one node only must have ended at
// the other, had the heartbeats not been passed on. The reference keeps a renewed
// lease for twice its duration, hence the factor.
func (r *ring) outlive(t *testing.T, began time.Time) {
	t.Helper()
	eventually(t, limit, func() error {
		if age := time.Since(began); age <= (2*leaseSecs+2)*time.Second {
			return fmt.Errorf("the leases are only %v old", age)
		}
		return nil
	})
	r.story.did("leases held by replicated heartbeats", time.Since(began))
}

// partition separates the nodes until each has lost what beats at the other, changes
// both sides meanwhile, and sees them agree again afterwards.
func (r *ring) partition(t *testing.T, ours, java key) {
	t.Helper()
	r.toOurs.cut()
	r.toJava.cut()
	newOurs, newJava := key{"ORPHAN", "at-ours"}, key{"ORPHAN", "at-java"}
	for k, at := range map[key]*server{newOurs: r.ours, newJava: r.java} {
		if err := registerJSON(at.url, k, leaseSecs, nil); err != nil {
			t.Fatal(err)
		}
		beat(t, at.url, k)
	}
	if err := override(r.ours.url, ours, "OUT_OF_SERVICE"); err != nil {
		t.Fatal(err)
	}
	apart := eventually(t, limit, func() error {
		return errors.Join(gone(r.ours.url, java), gone(r.java.url, ours))
	})
	r.story.did("partition drove them apart", apart)
	if err := errors.Join(gone(r.ours.url, newJava), gone(r.java.url, newOurs)); err != nil {
		t.Fatalf("the partition leaks: %v", err)
	}
	r.toOurs.heal()
	r.toJava.heal()
	began := time.Now()
	for k, status := range map[key]string{ours: "OUT_OF_SERVICE", java: "UP", newOurs: "UP", newJava: "UP", kept: "UP"} {
		r.onBoth(t, k, status)
	}
	r.story.did("agreed again after the heal", time.Since(began))
}

// restartOurs kills our node and starts it again empty, with only its own way to the
// reference open.
func (r *ring) restartOurs(t *testing.T) {
	t.Helper()
	r.ours.kill()
	r.toOurs.cut()
	began := time.Now()
	r.ours = startNode(t, target, r.ours.port, []string{r.toJava.eurekaURL()})
	if err := hasAll(r.ours.url, []key{kept}); target == heurekaGen && err != nil {
		t.Errorf("first answer after a restart: %v", err)
	}
	eventually(t, limit, func() error { return listed(r.ours.url, kept, "UP") })
	r.story.did("ours started and synced from java", time.Since(began))
	r.toOurs.heal()
}

// expire ends the heartbeats and waits until both nodes have dropped the instances.
func (r *ring) expire(t *testing.T, keys []key, stops ...func()) {
	t.Helper()
	for _, stop := range stops {
		stop()
	}
	took := eventually(t, limit, func() error {
		var errs []error
		for _, k := range keys {
			errs = append(errs, gone(r.ours.url, k), gone(r.java.url, k))
		}
		return errors.Join(errs...)
	})
	r.story.did("expired on both", took)
}
