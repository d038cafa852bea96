package registry_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/registry/registrytest"
)

// readAll reads what follows cursor, in steps of buf changes.
func readAll(t *testing.T, f *registry.Feed, cursor uint64, buf int) (seqs []uint64) {
	t.Helper()
	changes := make([]registry.Change, buf)
	for {
		n, err := f.Read(cursor, changes)
		if err != nil {
			t.Fatalf("Read(%d) = %v", cursor, err)
		}
		if n == 0 {
			return seqs
		}
		for _, ch := range changes[:n] {
			seqs = append(seqs, ch.Seq)
		}
		cursor = seqs[len(seqs)-1]
	}
}

// numbers returns first to last.
func numbers(first, last uint64) (out []uint64) {
	for ; first <= last; first++ {
		out = append(out, first)
	}
	return out
}

// A follower reads every change once and in order, wherever it begins and whatever its buffer, while the ring grows and
// when it has gone round; one that is behind what is kept is told so.
func TestFeedBoundedInChanges(t *testing.T) {
	w := newWorld(t, registry.Config{FeedChanges: 100})
	for n := uint64(1); n <= 350; n++ {
		w.register(instance(fmt.Sprint(n)))
		first := max(int(n)-100, 0)
		for _, cursor := range []uint64{uint64(first), uint64(first) + 1, n - 1, n} {
			if diff := cmp.Diff(numbers(cursor+1, n), readAll(t, w.Feed(), cursor, 7)); diff != "" && cursor <= n {
				t.Fatalf("after %d of %d (-want +got):\n%s", cursor, n, diff)
			}
		}
		for _, cursor := range []int{first - 1, int(n) + 1} {
			if cursor < 0 {
				continue
			}
			if _, err := w.Feed().Read(uint64(cursor), make([]registry.Change, 1)); !errors.Is(err, registry.ErrBehind) {
				t.Fatalf("Read(%d) with %d to %d kept = %v, want ErrBehind", cursor, first+1, n, err)
			}
		}
	}
}

// However large records are, the ring keeps no more bytes alive than it may; one that is larger than all it may keep
// leaves it empty, and the next one is kept again.
func TestFeedBoundedInBytes(t *testing.T) {
	const limit = 1 << 20
	w := newWorld(t, registry.Config{FeedBytes: limit})
	kept := func() (n int, bytes int) {
		last := w.Feed().Last()
		for n < int(last) {
			buf := make([]registry.Change, n+1)
			if _, err := w.Feed().Read(last-uint64(n)-1, buf); err != nil {
				break
			}
			n++
		}
		buf := make([]registry.Change, n)
		_, _ = w.Feed().Read(last-uint64(n), buf)
		for _, ch := range buf {
			bytes += len(ch.Record.Instance().Metadata.Get("big"))
		}
		return n, bytes
	}
	for i, size := range []int{1000, 300_000, 300_000, 300_000, 300_000, 400_000, 10} {
		w.register(instance(fmt.Sprint(i), metadata("big", strings.Repeat("x", size))))
		if n, bytes := kept(); n == 0 || bytes > limit {
			t.Errorf("after record %d of %d bytes the ring keeps %d changes of %d bytes, want at most %d", i, size, n, bytes, limit)
		}
	}
	w.register(instance("huge", metadata("big", strings.Repeat("x", 2*limit))))
	if n, _ := kept(); n != 0 {
		t.Errorf("after a record beyond all limits %d changes are kept, want none", n)
	}
	last := w.Feed().Last()
	w.register(instance("small"))
	if got := readAll(t, w.Feed(), last, 1); len(got) != 1 {
		t.Errorf("after the next one %v is read, want one change", got)
	}
	// The state before is kept alive too: a huge record that shrinks is still in the change.
	w.register(instance("huge", dirty(2000)))
	if n, _ := kept(); n != 0 {
		t.Errorf("%d changes are kept with a huge state before, want none", n)
	}
}

// Wait ends at the next change, at once if there is one, and with its context.
func TestFeedWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, registry.Config{})
		var woken atomic.Int64
		for range 3 {
			go func() {
				if err := w.Feed().Wait(t.Context(), 0); err != nil {
					t.Errorf("Wait = %v", err)
				}
				woken.Add(1)
			}()
			synctest.Wait()
		}
		if n := woken.Load(); n != 0 {
			t.Errorf("%d followers went on before there was a change", n)
		}
		w.register(instance("x"))
		synctest.Wait()
		if n := woken.Load(); n != 3 {
			t.Errorf("%d of 3 followers heard of the change", n)
		}
		if err := w.Feed().Wait(t.Context(), 0); err != nil {
			t.Errorf("Wait with a change there = %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := w.Feed().Wait(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait until the end of its context = %v", err)
		}
	})
}

// Writers on all sides and followers of every speed: each follower sees gapless numbers, or is told that it is behind.
func TestFeedFollowersAtOnce(t *testing.T) {
	const writers, each = 4, 400
	r, err := registry.New(registrytest.Config(registry.Config{FeedChanges: 64}))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			for j := range each {
				if _, err := r.Register(instance(fmt.Sprint(i, "-", j%10)), registry.FromClient, time.Now()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, size := range []int{1, 5, 100} {
		all.Go(func() { follow(t, r.Feed(), writers*each, size) })
	}
	all.Wait()
}

// follow reads up to the change last, and begins again when it is behind.
func follow(t *testing.T, f *registry.Feed, last uint64, size int) {
	buf := make([]registry.Change, size)
	for cursor := uint64(0); cursor < last; {
		if err := f.Wait(t.Context(), cursor); err != nil {
			t.Error(err)
			return
		}
		n, err := f.Read(cursor, buf)
		if err != nil {
			cursor = f.Last()
			continue
		}
		for _, ch := range buf[:n] {
			if cursor++; ch.Seq != cursor || ch.Record.Instance() == nil {
				t.Errorf("change %d where %d was due", ch.Seq, cursor)
				return
			}
		}
	}
}

// A change says who asked for it; an eviction where the last heartbeat arrived, and when.
func TestChangesSayWhy(t *testing.T) {
	w := newWorld(t, registry.Config{DisableSelfPreservation: true})
	w.OpenForTraffic(0, w.now)
	from := registry.Origin{By: registry.ByClient, Address: "10.0.0.7", Principal: "orders"}
	peer := registry.Origin{By: registry.ByPeer, Address: "10.0.0.2"}
	sync := registry.Origin{By: registry.BySync, Address: "http://b:8761/eureka/"}
	operator := registry.Origin{By: registry.ByOperator, Address: "10.0.0.9", Principal: "alice", Note: "new disk"}

	w.registerFrom(from, instance("silent"))
	w.registerFrom(from, instance("here"))
	w.registerFrom(peer, instance("there"))
	w.Merge(registry.Entry{Key: key("merged"), Instance: instance("merged"), DirtyMS: 1000, Age: time.Second, From: sync}, w.now)
	w.advance(10 * time.Second)
	for id, o := range map[string]registry.Origin{"here": from, "there": peer} {
		if err := w.Renew(key(id), registry.Renewal{}, o, w.now); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.SetOverride(key("here"), heureka.StatusOutOfService, 0, operator, w.now); err != nil {
		t.Fatal(err)
	}
	if err := w.Cancel(key("here"), peer, w.now); err != nil {
		t.Fatal(err)
	}
	w.advance(3 * time.Minute)
	for w.Len() > 0 {
		w.Evict(w.now)
	}
	type fact struct {
		ID       string
		Kind     registry.ChangeKind
		Origin   registry.Origin
		LastBeat registry.Heartbeat
	}
	var got []fact
	for _, ch := range w.changes {
		got = append(got, fact{ch.Key.ID, ch.Kind, ch.Origin, ch.LastBeat})
	}
	beat := start.Add(10 * time.Second)
	want := []fact{
		{"silent", registry.Registered, from, registry.Heartbeat{}},
		{"here", registry.Registered, from, registry.Heartbeat{}},
		{"there", registry.Registered, peer, registry.Heartbeat{}},
		{"merged", registry.Registered, sync, registry.Heartbeat{}},
		{"here", registry.StatusChanged, operator, registry.Heartbeat{}},
		{"here", registry.Cancelled, peer, registry.Heartbeat{}},
		{"silent", registry.Evicted, registry.FromNode, registry.Heartbeat{By: registry.ByClient}},
		{"there", registry.Evicted, registry.FromNode, registry.Heartbeat{At: beat, By: registry.ByPeer, Address: "10.0.0.2"}},
		{"merged", registry.Evicted, registry.FromNode, registry.Heartbeat{At: start.Add(-time.Second), By: registry.ByPeer, Address: "http://b:8761/eureka/"}},
	}
	anyOrder := cmpopts.SortSlices(func(a, b fact) bool { return a.ID+fmt.Sprint(a.Kind) < b.ID+fmt.Sprint(b.Kind) })
	if diff := cmp.Diff(want, got, anyOrder); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

// However many peers there seem to be, each heartbeat has its teller, the ones beyond the limit without an address.
func TestManyTellers(t *testing.T) {
	w := newWorld(t, registry.Config{DisableSelfPreservation: true, RenewalPercentThreshold: 0.0001})
	w.OpenForTraffic(0, w.now)
	const peers = 1200
	for i := range peers {
		id := fmt.Sprint(i)
		w.register(instance(id))
		if err := w.Renew(key(id), registry.Renewal{}, registry.Origin{By: registry.ByPeer, Address: "peer-" + id}, w.now); err != nil {
			t.Fatal(err)
		}
	}
	w.advance(3 * time.Minute)
	w.Evict(w.now)
	named := 0
	for _, ch := range w.changes[peers:] {
		if ch.LastBeat.By != registry.ByPeer || ch.LastBeat.Address != "" && ch.LastBeat.Address != "peer-"+ch.Key.ID {
			t.Fatalf("the last heartbeat of %s came from %+v", ch.Key.ID, ch.LastBeat)
		}
		if ch.LastBeat.Address != "" {
			named++
		}
	}
	if evicted := len(w.changes) - peers; evicted < 1100 || named < 900 || named > 1000 {
		t.Errorf("%d evicted, %d of them with the name of a peer; want about all, and 1000", evicted, named)
	}
}

func TestOriginString(t *testing.T) {
	for want, o := range map[string]registry.Origin{
		"client":                                {},
		"client at 10.0.0.7":                    {Address: "10.0.0.7"},
		"this node":                             registry.FromNode,
		"anti-entropy at http://b:8761/eureka/": {By: registry.BySync, Address: "http://b:8761/eureka/"},
		"operator alice at 10.0.0.9 (new disk)": {By: registry.ByOperator, Address: "10.0.0.9", Principal: "alice", Note: "new disk"},
	} {
		if got := o.String(); got != want {
			t.Errorf("%+v is %q, want %q", o, got, want)
		}
	}
}
