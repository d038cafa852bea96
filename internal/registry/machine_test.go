package registry_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/registry/registrytest"
)

// A machine drives a registry and its model side by side.
type machine struct {
	*registry.Registry
	model   *model
	now     time.Time
	changes []registry.Change
	seq     uint64
	view    map[heureka.Key]*heureka.Instance // what the changes say
}

func newMachine(t *rapid.T) *machine {
	cfg := registry.Config{
		Rand:                    rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0),
		DisableSelfPreservation: rapid.Bool().Draw(t, "no self-preservation"),
		IgnoreDirtyTimestamps:   rapid.Bool().Draw(t, "no timestamps"),
	}
	if rapid.Bool().Draw(t, "netflix") {
		cfg = netflix(cfg)
	}
	cfg.MinMissing = rapid.IntRange(1, 3).Draw(t, "min missing")
	cfg.OwnApp = rapid.SampledFrom([]string{"", "B"}).Draw(t, "own app")
	x := &machine{model: newModel(cfg), now: start, view: map[heureka.Key]*heureka.Instance{}}
	cfg.OnChange = func(ch registry.Change) { x.changes = append(x.changes, ch) }
	r, err := registry.New(registrytest.Config(cfg))
	if err != nil {
		t.Fatal(err)
	}
	x.Registry = r
	r.EvictionAllowed(start) // the registry counts time from here
	return x
}

var (
	drawKey = rapid.Custom(func(t *rapid.T) heureka.Key {
		return heureka.Key{
			App: rapid.SampledFrom([]string{"A", "B"}).Draw(t, "app"),
			ID:  rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "id"),
		}
	})
	drawStatus = rapid.SampledFrom(allStatuses)
	drawOrigin = rapid.SampledFrom([]registry.Origin{registry.FromClient, registry.FromPeer, registry.FromSync})
	drawDirty  = rapid.Int64Range(1, 5)
	drawEntry  = rapid.Custom(func(t *rapid.T) heureka.MetadataEntry {
		return heureka.MetadataEntry{
			Key:   rapid.SampledFrom([]string{"k", "l"}).Draw(t, "key"),
			Value: rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "value"),
		}
	})
	drawInstance = rapid.Custom(func(t *rapid.T) *heureka.Instance {
		key := drawKey.Draw(t, "key")
		in := instance(key.ID, app(key.App), status(drawStatus.Draw(t, "status")), dirty(drawDirty.Draw(t, "dirty")),
			leased(rapid.SampledFrom([]int64{1, 4, 10, 30, 60, 300}).Draw(t, "interval"), rapid.Int64Range(1, 200).Draw(t, "duration")))
		if rapid.IntRange(0, 4).Draw(t, "has override") == 0 {
			in.OverriddenStatus = drawStatus.Draw(t, "override")
		}
		if rapid.Bool().Draw(t, "has metadata") {
			in.Metadata = in.Metadata.With(drawEntry.Draw(t, "metadata"))
		}
		return in
	})
	drawClaim = rapid.Custom(func(t *rapid.T) registry.Renewal {
		return registry.Renewal{
			DirtyMS: drawDirty.Draw(t, "dirty"), HasDirty: rapid.Bool().Draw(t, "has dirty"),
			Override: drawStatus.Draw(t, "override"), HasOverride: rapid.Bool().Draw(t, "has override"),
		}
	})
)

func (x *machine) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"register": x.doRegister, "renew": x.doRenew, "renew2": x.doRenew, "cancel": x.doCancel, "status": x.doSetStatus,
		"clear": x.doClearStatus, "metadata": x.doSetMetadata, "evict": x.doEvict, "open": x.doOpen,
		"wait": x.doWait, "update": x.doUpdate, "": x.check,
	}
}

func (x *machine) doRegister(t *rapid.T) {
	in, origin := drawInstance.Draw(t, "in"), drawOrigin.Draw(t, "origin")
	if _, err := x.Register(in, origin, x.now); err != nil {
		t.Fatal(err)
	}
	x.model.register(*in, origin, x.now)
}

func (x *machine) doRenew(t *rapid.T) {
	key, c, origin := drawKey.Draw(t, "key"), drawClaim.Draw(t, "renewal"), drawOrigin.Draw(t, "origin")
	got := answerOf(x.Renew(key, c, origin, x.now))
	if want := x.model.renew(key, c, origin, x.now); got != want {
		t.Fatalf("Renew(%v, %+v, %v) = %s, want %s", key, c, origin, got, want)
	}
}

func (x *machine) doCancel(t *rapid.T) {
	key := drawKey.Draw(t, "key")
	err := x.Cancel(key, drawOrigin.Draw(t, "origin"), x.now)
	if want := x.model.cancel(key, x.now); (err == nil) != want {
		t.Fatalf("Cancel(%v) = %v, want success %v", key, err, want)
	}
}

func (x *machine) doSetStatus(t *rapid.T) {
	key, s, d := drawKey.Draw(t, "key"), drawStatus.Draw(t, "status"), drawDirty.Draw(t, "dirty")
	origin := drawOrigin.Draw(t, "origin")
	err := x.SetOverride(key, s, d, origin, x.now)
	if want := x.model.setStatus(key, s, d, origin, x.now); (err == nil) != want {
		t.Fatalf("SetOverride(%v, %v) = %v, want success %v", key, s, err, want)
	}
}

func (x *machine) doClearStatus(t *rapid.T) {
	key, s, d := drawKey.Draw(t, "key"), drawStatus.Draw(t, "status"), drawDirty.Draw(t, "dirty")
	origin := drawOrigin.Draw(t, "origin")
	err := x.ClearOverride(key, s, d, origin, x.now)
	if want := x.model.clearStatus(key, s, d, origin, x.now); (err == nil) != want {
		t.Fatalf("ClearOverride(%v, %v) = %v, want success %v", key, s, err, want)
	}
}

func (x *machine) doSetMetadata(t *rapid.T) {
	key, e := drawKey.Draw(t, "key"), drawEntry.Draw(t, "entry")
	_, err := x.SetMetadata(key, []heureka.MetadataEntry{e}, registry.FromClient, x.now)
	if want := x.model.setMetadata(key, e, x.now); (err == nil) != want {
		t.Fatalf("SetMetadata(%v) = %v, want success %v", key, err, want)
	}
}

func (x *machine) doEvict(t *rapid.T) {
	want, may := x.model.evict(x.now)
	before := len(x.changes)
	if diff := cmp.Diff(want, x.Evict(x.now)); diff != "" {
		t.Fatalf("Evict (-want +got):\n%s", diff)
	}
	for _, ch := range x.changes[before:] {
		if ch.Kind != registry.Evicted || !may[ch.Key] {
			t.Fatalf("%v was evicted though its lease goes on: %+v", ch.Key, ch)
		}
		if l := x.model.leases[ch.Key]; l.commanded && l.override == nil {
			x.model.tombs[ch.Key] = modelTombstone{at: x.now, commanded: true}
		}
		x.model.remove(ch.Key)
	}
}

func (x *machine) doOpen(t *rapid.T) {
	n := rapid.IntRange(0, 6).Draw(t, "count")
	x.OpenForTraffic(n, x.now)
	if x.model.opened.IsZero() || !x.model.cfg.CountBeats {
		x.model.opened = x.now
	}
	x.model.clients, x.model.lastOpened, x.model.guarded = n, x.now, time.Time{}
}

func (x *machine) doUpdate(*rapid.T) {
	x.UpdateThreshold(x.now)
	x.model.update()
}

func (x *machine) doWait(t *rapid.T) {
	x.now = x.now.Add(time.Duration(rapid.SampledFrom([]int{1, 100, 1000, 7000, 30000, 60000, 90000}).Draw(t, "ms")) * time.Millisecond)
	for x.model.unsure(x.now) {
		x.now = x.now.Add(100 * time.Millisecond)
	}
}

// check compares everything that can be seen with the model.
func (x *machine) check(t *rapid.T) {
	x.model.notice(x.now)
	want := map[heureka.Key]heureka.Instance{}
	overrides := map[heureka.Key]heureka.Status{}
	var statuses heureka.StatusCounts
	for key, l := range x.model.leases {
		in := l.in
		in.Lease.LastRenewalMS = l.seen.UnixMilli()
		if l.renewed {
			in.Lease.LastRenewalMS += l.life.Milliseconds()
		}
		want[key] = in
		statuses.Add(in.Status, 1)
		if l.override != nil {
			overrides[key] = *l.override
		}
	}
	got := map[heureka.Key]heureka.Instance{}
	for rec := range x.All() {
		in := *rec.Instance()
		in.Lease = rec.Lease()
		got[in.Key()] = in
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("instances (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(overrides, x.Overrides()); diff != "" {
		t.Fatalf("overrides (-want +got):\n%s", diff)
	}
	for _, a := range []string{"A", "B"} {
		for _, id := range []string{"x", "y", "z"} {
			key := heureka.Key{App: a, ID: id}
			if _, ok := x.Get(key, x.now); ok != x.model.found(key, x.now) {
				t.Fatalf("Get(%v) found: %v, want %v", key, ok, !ok)
			}
		}
	}
	s := x.Stats(x.now)
	if s.Statuses != statuses || s.Instances != len(want) || x.Len() != len(want) {
		t.Fatalf("statuses %v, %d instances; want %v, %d", s.Statuses, s.Instances, statuses, len(want))
	}
	if s.Overdue != x.model.overdue(x.now) || s.BelowThreshold != x.model.warns(x.now) {
		t.Fatalf("%d overdue, below threshold %v; want %d, %v", s.Overdue, s.BelowThreshold, x.model.overdue(x.now), x.model.warns(x.now))
	}
	if s.RenewalsExpected != x.model.expected() || s.RenewalsLastMinute != int64(x.model.renewed(x.now)) {
		t.Fatalf("%v renewals expected, %d last minute; want %v, %d",
			s.RenewalsExpected, s.RenewalsLastMinute, x.model.expected(), int64(x.model.renewed(x.now)))
	}
	x.checkChanges(t)
	x.checkInside(t)
}

// checkChanges applies the new changes to a view, which must then be the registry.
func (x *machine) checkChanges(t *rapid.T) {
	for _, ch := range x.changes {
		if !cmp.Equal(ch.Previous.Instance(), x.view[ch.Key]) {
			t.Fatalf("change %d has %+v as previous state, want %+v", ch.Seq, ch.Previous.Instance(), x.view[ch.Key])
		}
		if x.seq++; ch.Seq != x.seq {
			t.Fatalf("change %d follows %d", ch.Seq, x.seq-1)
		}
		if ch.Removed() {
			delete(x.view, ch.Key)
		} else {
			x.view[ch.Key] = ch.Record.Instance()
		}
	}
	x.changes = x.changes[:0]
	got := map[heureka.Key]*heureka.Instance{}
	for rec := range x.All() {
		got[rec.Instance().Key()] = rec.Instance()
	}
	if !cmp.Equal(got, x.view) {
		t.Fatalf("applying all changes gives %v, the registry has %v", x.view, got)
	}
}

// checkInside checks what must hold inside whatever the registry contains.
func (x *machine) checkInside(t *rapid.T) {
	if got, want := x.Digest(), x.RecomputedDigest(); got != want {
		t.Fatal("the digest has drifted")
	}
	x.checkSilence(t)
	if n := x.MisplacedLeases(); n > 0 {
		t.Fatalf("the wheel has misplaced %d leases", n)
	}
}

// checkSilence checks that what is counted is the sum over the leases.
func (x *machine) checkSilence(t *rapid.T) {
	var got, want [3]int64
	got[0], got[1], got[2] = x.CountedSilence()
	want[0], want[1], want[2] = x.RecountedSilence()
	if got != want {
		t.Fatalf("silence (weight, leases) and rate are %v, recounted %v", got, want)
	}
}

func runMachine(t *rapid.T) {
	x := newMachine(t)
	t.Repeat(x.actions())
}

// Any sequence of operations leaves the registry as the naive model.
func TestModel(t *testing.T) { rapid.Check(t, runMachine) }

func FuzzModel(f *testing.F) { f.Fuzz(rapid.MakeFuzz(runMachine)) }
