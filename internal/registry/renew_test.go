package registry_test

import (
	"errors"
	"path"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// renewal is what a heartbeat says, with a dirty timestamp and, optionally, an override.
func renewal(dirtyMS int64, override ...heureka.Status) registry.Renewal {
	c := registry.Renewal{DirtyMS: dirtyMS, HasDirty: true}
	if len(override) > 0 {
		c.Override, c.HasOverride = override[0], true
	}
	return c
}

// W-RENEW-1, S-RENEW-1, S-SYNC-1, S-SYNC-2: who gets what answer, and whether the lease was renewed. The record's dirty timestamp
// is 1000.
func TestRenew1Answers(t *testing.T) {
	const missing, outdated, newer, ok = "missing", "outdated", "newer", "ok"
	tests := []struct {
		name    string
		status  heureka.Status
		id      string
		renewal registry.Renewal
		origin  registry.Origin
		want    string
		renewed bool
	}{
		{"step 1: no lease", heureka.StatusUp, "other", renewal(1000), registry.FromClient, missing, false},
		{"step 2: UNKNOWN", heureka.StatusUnknown, "x", renewal(1000), registry.FromClient, missing, false},
		{"step 2: UNKNOWN, peer", heureka.StatusUnknown, "x", renewal(1), registry.FromPeer, missing, false},
		{"step 3: no timestamp", heureka.StatusUp, "x", registry.Renewal{}, registry.FromClient, ok, true},
		{"step 3: no timestamp, peer", heureka.StatusUp, "x", registry.Renewal{DirtyMS: 5}, registry.FromPeer, ok, true},
		{"step 5: equal", heureka.StatusUp, "x", renewal(1000), registry.FromClient, ok, true},
		{"step 5: equal, peer", heureka.StatusUp, "x", renewal(1000), registry.FromPeer, ok, true},
		{"step 6: sent newer", heureka.StatusUp, "x", renewal(1001), registry.FromClient, outdated, true},
		{"step 6: sent newer, peer", heureka.StatusUp, "x", renewal(1001), registry.FromPeer, outdated, true},
		{"step 7: sent older", heureka.StatusUp, "x", renewal(999), registry.FromClient, ok, true},
		{"step 7: negative", heureka.StatusUp, "x", renewal(-1), registry.FromClient, ok, true},
		{"step 8: sent older, peer", heureka.StatusUp, "x", renewal(999), registry.FromPeer, newer, true},
		{"DOWN renews", heureka.StatusDown, "x", renewal(1000), registry.FromClient, ok, true},
		{"STARTING renews", heureka.StatusStarting, "x", renewal(1000), registry.FromClient, ok, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, registry.Config{})
			w.register(instance("x", status(tt.status)))
			w.advance(20 * time.Second)
			err := w.Renew(key(tt.id), tt.renewal, tt.origin, w.now)
			if got := answerOf(err); got != tt.want {
				t.Errorf("Renew = %v (%s), want %s", err, got, tt.want)
			}
			want := start.UnixMilli()
			if tt.renewed {
				want = w.ms() + 90_000
			}
			if got := w.find("x").Lease().LastRenewalMS; got != want {
				t.Errorf("LastRenewalMS = %d, want %d", got, want)
			}
			s := w.Stats(w.now)
			if renewed := s.Renewals == 1; renewed != tt.renewed {
				t.Errorf("Renewals = %d; counted should be %v", s.Renewals, tt.renewed)
			}
			if notFound := s.NotFound == 1; notFound != (tt.want == missing) {
				t.Errorf("NotFound = %d with answer %s", s.NotFound, tt.want)
			}
			if len(w.changes) != 1 {
				t.Errorf("a heartbeat made changes: %+v", w.changes[1:])
			}
		})
	}
}

func answerOf(err error) string {
	var newer *registry.NewerError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &newer):
		return "newer"
	case errors.Is(err, registry.ErrOutdated) && errors.Is(err, heureka.ErrNotFound):
		return "outdated"
	case err == heureka.ErrNotFound:
		return "missing"
	}
	return err.Error()
}

// W-RENEW-1 step 8: the refusal carries the record.
func TestRenew1NewerErrorCarriesTheRecord(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.register(instance("x"))
	err := w.Renew(key("x"), renewal(1), registry.FromPeer, w.now)
	newer, ok := errors.AsType[*registry.NewerError](err)
	if !ok || newer.Record != w.find("x") {
		t.Fatalf("Renew = %v, want the stored record", err)
	}
	if got, want := newer.Error(), "record of A/x is newer here"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}

// W-RENEW-1 step 3: with timestamps switched off nobody is refused for his.
func TestRenew1IgnoreDirtyTimestamps(t *testing.T) {
	w := newWorld(t, registry.Config{IgnoreDirtyTimestamps: true})
	w.register(instance("x"))
	for _, c := range []registry.Renewal{renewal(1), renewal(2000), renewal(2000, heureka.StatusDown)} {
		if err := w.Renew(key("x"), c, registry.FromPeer, w.now); err != nil {
			t.Errorf("Renew(%+v) = %v, want nil", c, err)
		}
	}
	w.wantOverride("x", heureka.StatusUnknown, false)
}

// S-RENEW-3, S-RULE-3: a heartbeat leaves every status as it is.
func TestRenew3StatusStays(t *testing.T) {
	for _, s := range []heureka.Status{heureka.StatusUp, heureka.StatusOutOfService, heureka.StatusDown, heureka.StatusStarting} {
		for _, override := range []heureka.Status{heureka.StatusUp, heureka.StatusOutOfService, heureka.StatusDown} {
			w := newWorld(t, registry.Config{})
			w.register(instance("x", status(s), overridden(override)))
			before := w.find("x")
			w.renew("x")
			if after := w.find("x"); after != before {
				t.Errorf("%v with override %v: heartbeat changed %v to %v", s, override, before.Status(), after.Status())
			}
		}
	}
}

// S-RENEW-4: heartbeats from peers count like those from clients, and are replications as well.
func TestRenew4PeersCount(t *testing.T) {
	inBothSettings(t, registry.Config{}, func(t *testing.T, w *world) {
		w.OpenForTraffic(1, w.now)
		w.register(instance("x"))
		for range 3 {
			w.Renew(key("x"), registry.Renewal{}, registry.FromPeer, w.now)
		}
		w.renew("x")
		w.advance(time.Minute - 1)
		want := int64(0) // a lease that is overdue, whoever has renewed it how often
		if path.Base(t.Name()) == "netflix" {
			want = 4
			w.advance(1) // the minute is over
		}
		if s := w.Stats(w.now); s.RenewalsLastMinute != want || s.ReplicationsLastMinute != 3 || s.Renewals != 4 {
			t.Errorf("last minute %d renewals, %d replications, %d ever; want %d, 3, 4",
				s.RenewalsLastMinute, s.ReplicationsLastMinute, s.Renewals, want)
		}
	})
}

// S-RENEW-6, S-RENEW-2: an UNKNOWN instance must register, and its lease runs out meanwhile.
func TestRenew6UnknownMustRegister(t *testing.T) {
	w := newWorld(t, registry.Config{DisableSelfPreservation: true})
	w.register(instance("x", status(heureka.StatusUnknown)))
	w.advance(60 * time.Second)
	if err := w.Renew(key("x"), registry.Renewal{}, registry.FromClient, w.now); !isNotFound(err) {
		t.Errorf("Renew = %v, want not found", err)
	}
	w.advance(31 * time.Second)
	if e := w.Evict(w.now); e.Evicted != 1 {
		t.Errorf("Evict = %+v, want the lease to have run out", e)
	}
}

// S-RENEW: a lease that has run out but is still there is revived.
func TestRenewRevives(t *testing.T) {
	w := newWorld(t, registry.Config{DisableSelfPreservation: true})
	w.register(instance("x"))
	w.advance(10 * time.Minute)
	w.renew("x")
	if _, ok := w.Get(key("x"), w.now); !ok {
		t.Error("renewed instance is not found")
	}
	if e := w.Evict(w.now); e.Evicted != 0 {
		t.Errorf("Evict = %+v, want nothing evicted", e)
	}
}

// S-SYNC-3, S-SYNC-4: a peer whose record is newer passes its override on with the heartbeat; no client does. Differing
// from the reference it shows at once, and as a change (S-DEF-12).
func TestSync3OverrideOfANewerPeer(t *testing.T) {
	tests := []struct {
		name         string
		renewal      registry.Renewal
		origin       registry.Origin
		had          heureka.Status
		want         heureka.Status
		wantOverride bool
	}{
		{"adopted", renewal(2000, heureka.StatusOutOfService), registry.FromPeer, 0, heureka.StatusOutOfService, true},
		{"replaces", renewal(2000, heureka.StatusOutOfService), registry.FromPeer, heureka.StatusDown, heureka.StatusOutOfService, true},
		{"UNKNOWN is none", renewal(2000, heureka.StatusUnknown), registry.FromPeer, 0, heureka.StatusUp, false},
		{"not from a client", renewal(2000, heureka.StatusOutOfService), registry.FromClient, 0, heureka.StatusUp, false},
		{"not from an older record", renewal(1, heureka.StatusOutOfService), registry.FromPeer, 0, heureka.StatusUp, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBothSettings(t, registry.Config{}, func(t *testing.T, w *world) {
				w.register(instance("x", overridden(tt.had)))
				before := w.find("x")
				w.advance(time.Second)
				w.Renew(key("x"), tt.renewal, tt.origin, w.now)
				w.wantStatus("x", tt.want)
				if _, ok := w.Override(key("x")); ok != tt.wantOverride {
					t.Errorf("override recorded: %v, want %v", ok, tt.wantOverride)
				}
				if !tt.wantOverride {
					return
				}
				ch := w.changes[len(w.changes)-1]
				in := ch.Record.Instance()
				if ch.Kind != registry.StatusChanged || ch.Origin != registry.FromPeer || ch.Previous != before {
					t.Errorf("change = %+v", ch)
				}
				if in.Action != heureka.ActionModified || in.LastUpdatedMS != w.ms() || in.LastDirtyMS != 1000 {
					t.Errorf("changed record = %+v", in)
				}
			})
		})
	}
}

// S-DEF-13: a status update that was lost on its way to this node is repaired by the peer's next heartbeat, unless this
// node knows better.
func TestSync7LostStatusUpdateIsRepaired(t *testing.T) {
	oos := renewal(1000, heureka.StatusOutOfService)
	tests := []struct {
		name    string
		prepare func(*world)
		want    heureka.Status
	}{
		{"repaired", func(*world) {}, heureka.StatusOutOfService},
		{"own override stays", func(w *world) { w.setStatus("x", heureka.StatusDown) }, heureka.StatusDown},
		{"removed override stays removed", func(w *world) {
			w.setStatus("x", heureka.StatusOutOfService)
			w.clearStatus("x", heureka.StatusUp)
		}, heureka.StatusUp},
		{"also after the client has a new record", func(w *world) {
			w.setStatus("x", heureka.StatusOutOfService)
			w.clearStatus("x", heureka.StatusUp)
			w.register(instance("x", dirty(1001)))
			w.register(instance("x", dirty(1001)))
		}, heureka.StatusUp},
		{"also after the same record registered again", func(w *world) {
			w.setStatus("x", heureka.StatusOutOfService)
			w.clearStatus("x", heureka.StatusUp)
			w.register(instance("x"))
		}, heureka.StatusUp},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, registry.Config{})
			w.register(instance("x"))
			tt.prepare(w)
			if err := w.Renew(key("x"), renewal(w.find("x").Instance().LastDirtyMS, heureka.StatusOutOfService), registry.FromPeer, w.now); err != nil {
				t.Fatal(err)
			}
			w.wantStatus("x", tt.want)
		})
	}
	t.Run("not in the netflix setting", func(t *testing.T) {
		w := newWorld(t, netflix(registry.Config{}))
		w.register(instance("x"))
		w.Renew(key("x"), oos, registry.FromPeer, w.now)
		w.wantStatus("x", heureka.StatusUp)
	})
}

// The hot path must not allocate.
func TestRenewDoesNotAllocate(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.register(instance("x"))
	k, c := key("x"), renewal(1000)
	if n := testing.AllocsPerRun(100, func() { w.Renew(k, c, registry.FromClient, w.now) }); n != 0 {
		t.Errorf("Renew allocates %v times", n)
	}
}
