package registry_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/registry/registrytest"
)

// S-QUERY-1: a single instance is found until its lease has run out, or while eviction is not allowed.
func TestQuery1HidesExpired(t *testing.T) {
	tests := []struct {
		name   string
		cfg    registry.Config
		after  time.Duration
		wantOK bool
	}{
		{"alive", registry.Config{DisableSelfPreservation: true}, 90 * time.Second, true},
		{"expired", registry.Config{DisableSelfPreservation: true}, 91 * time.Second, false},
		{"expired, protected", registry.Config{}, 91 * time.Second, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBothSettings(t, tt.cfg, func(t *testing.T, w *world) {
				w.OpenForTraffic(2, w.now)
				w.register(instance("x"))
				w.register(instance("y"))
				w.advance(tt.after)
				if _, ok := w.Get(key("x"), w.now); ok != tt.wantOK {
					t.Errorf("Get found: %v, want %v", ok, tt.wantOK)
				}
				if _, ok := w.GetByID("x", w.now); ok != tt.wantOK {
					t.Errorf("GetByID found: %v, want %v", ok, tt.wantOK)
				}
				if _, ok := w.Find(key("x")); !ok {
					t.Error("Find found nothing")
				}
				if n := len(slices.Collect(w.All())); n != 2 {
					t.Errorf("All has %d instances, want 2: expired ones are listed until evicted", n)
				}
			})
		})
	}
}

// S-QUERY-2: by id over all applications; an expired one does not hide one that is alive.
func TestQuery2ByID(t *testing.T) {
	w := newWorld(t, registry.Config{DisableSelfPreservation: true})
	apps := []string{"A", "B", "C"}
	for _, a := range apps {
		w.register(instance("x", app(a)))
	}
	w.advance(80 * time.Second)
	w.Renew(heureka.Key{App: "B", ID: "x"}, registry.Renewal{}, registry.FromClient, w.now)
	w.advance(11 * time.Second)
	if rec, ok := w.GetByID("x", w.now); !ok || rec.Instance().App != "B" {
		t.Errorf("GetByID = %+v, %v, want that of B", rec.Instance(), ok)
	}
	if _, ok := w.GetByID("X", w.now); ok {
		t.Error("ids are not case-sensitive")
	}
	for i, a := range []string{"C", "A", "B"} { // from the middle, the front, alone
		w.cancelKey(heureka.Key{App: a, ID: "x"})
		if n := len(slices.Collect(w.All())); n != 2-i {
			t.Errorf("%d instances after cancelling %s, want %d", n, a, 2-i)
		}
	}
}

// S-REG-6: all instances, in any order; stopping early is fine.
func TestReg6All(t *testing.T) {
	w := newWorld(t, registry.Config{})
	var want []heureka.Key
	for i := range 500 {
		in := instance(fmt.Sprintf("i%03d", i/2), app(string(rune('A'+i%2))))
		w.register(in)
		want = append(want, in.Key())
	}
	var got []heureka.Key
	for rec := range w.All() {
		got = append(got, rec.Instance().Key())
	}
	byKey := func(a, b heureka.Key) int { return strings.Compare(a.String(), b.String()) }
	slices.SortFunc(got, byKey)
	slices.SortFunc(want, byKey)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("All (-want +got):\n%s", diff)
	}
	n := 0
	for range w.All() {
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("iterated over %d instances, want 3", n)
	}
}

// S-LOCK-3, S-DEF-29: what was read stays as it was, whatever happens afterwards.
func TestReadsAreSnapshots(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.register(instance("x", metadata("a", "1")))
	in := w.find("x").Instance()
	before := *in
	w.setStatus("x", heureka.StatusDown)
	w.SetMetadata(key("x"), []heureka.MetadataEntry{{Key: "a", Value: "2"}}, registry.FromClient, w.now)
	w.Renew(key("x"), registry.Renewal{}, registry.FromClient, w.now)
	w.cancel("x")
	if diff := cmp.Diff(&before, in); diff != "" {
		t.Errorf("a record that was read has changed:\n%s", diff)
	}
}

// Stats count statuses, as the hash of the registry does (S-DELTA-5).
func TestStatsStatuses(t *testing.T) {
	w := newWorld(t, registry.Config{})
	for i, s := range allStatuses {
		for j := range i + 1 {
			w.register(instance(fmt.Sprintf("%v%d", s, j), status(s)))
		}
	}
	w.cancel("STARTING0")
	w.setStatus("DOWN1", heureka.StatusUp)
	if got, want := w.Stats(w.now).Statuses.Hash(), "DOWN_1_OUT_OF_SERVICE_4_STARTING_2_UNKNOWN_5_UP_2_"; got != want {
		t.Errorf("hash = %s, want %s", got, want)
	}
}

// The registry has no defaults of its own: each number that is missing is a mistake.
func TestNewWantsEveryNumber(t *testing.T) {
	complete := registrytest.Config(registry.Config{CountBeats: true})
	for _, name := range []string{"RenewalPercentThreshold", "EvictionInterval", "MinMissing", "MaxLease", "FutureStamp", "ExpectedClientInterval", "FeedChanges", "FeedBytes"} {
		cfg := complete
		reflect.ValueOf(&cfg).Elem().FieldByName(name).SetZero()
		if _, err := registry.New(cfg); err == nil {
			t.Errorf("New accepts a configuration without %s", name)
		}
	}
}

// New reports all that is wrong with its configuration.
func TestNewReportsAllMistakes(t *testing.T) {
	_, err := registry.New(registry.Config{
		RenewalPercentThreshold: 1.5, EvictionInterval: -1, SelfPreservationMaxDuration: -1, InitialClients: -1,
		MinMissing: -1, MaxLease: 1,
	})
	want := "renewal percent threshold 1.5 is not above 0 and at most 1\neviction interval -1ns is not positive\n" +
		"longest self-preservation -1ns is negative\na feed of 0 changes and 0 bytes keeps nothing\nsmallest loss -1 is not positive\n" +
		"longest lease 1ns is less than a second\ndistance of stamps from the future is missing\ninitial number of clients -1 is negative"
	if err == nil || err.Error() != want {
		t.Errorf("New = %v, want %s", err, want)
	}
	if _, err := registry.New(registrytest.Config(registry.Config{})); err != nil {
		t.Errorf("New = %v", err)
	}
}
