package server

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/internal/snapshot"
)

// Of a snapshot that several workers restore nothing is lost and nothing counted twice, and a bad record costs that record.
func TestRestoreCountsEveryRecord(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	const n, bad, ends = 10*restoreBatch + 7, 3, 5
	var lines [][]byte
	for i := range n {
		in := benchInstance(i)
		e := registry.Entry{Key: in.Key(), Instance: in, DirtyMS: in.LastDirtyMS, Rev: 1, HasOverride: i%10 == 0, Override: heureka.StatusDown, OverrideRev: 1}
		lines = append(lines, replication.AppendRecord(nil, &e))
	}
	for i := range bad {
		lines = slices.Insert(lines, 1000*i, []byte(`{"app":"A","id":"x","record":{"instance":7}}`))
	}
	for i := range ends {
		lines = slices.Insert(lines, 500*i, fmt.Appendf(nil, `{"ends":{"app":"A","id":"%d","at":"2100-01-01T00:00:00Z","status":"DOWN"}}`, i))
	}
	store, err := snapshot.Open(dir, "holder")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = store.Save(snapshot.Header{Records: replication.RecordForm, At: now}, slices.Values(lines)); err != nil {
		t.Fatal(err)
	}
	kept, wrong := store.Load(replication.RecordForm)
	store.Close()
	s, err := New(Config{Rand: rand.NewPCG(1, 2)})
	if err != nil || wrong != nil {
		t.Fatal(err, wrong)
	}
	r := restoring{reg: s.reg, terms: &s.node.terms, taken: now}
	if err := r.all(kept); err != nil {
		t.Fatal(err)
	}
	if want := (counts{instances: n, overrides: (n + 9) / 10, bad: bad}); r.counts != want || s.reg.Len() != n || s.node.terms.len() != ends {
		t.Errorf("%+v, want %+v; %d instances, %d endings", r.counts, want, s.reg.Len(), s.node.terms.len())
	}
}

// keepTen writes a snapshot of ten instances, the first with an override.
func keepTen(t *testing.T, dir string, at time.Time) {
	t.Helper()
	var lines [][]byte
	for i := range 10 {
		in := benchInstance(i)
		e := registry.Entry{Key: in.Key(), Instance: in, DirtyMS: in.LastDirtyMS, Rev: 1, HasOverride: i == 0, Override: heureka.StatusDown, OverrideRev: 1}
		lines = append(lines, replication.AppendRecord(nil, &e))
	}
	store, err := snapshot.Open(dir, "holder")
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, err = store.Save(snapshot.Header{Records: replication.RecordForm, At: at}, slices.Values(lines)); err != nil {
		t.Fatal(err)
	}
}

// A snapshot that was taken a little later than now, by clocks that differ a little, tells who is there. One that is hours ahead may be
// of any age, after the clock was set back: it tells what operators have said.
func TestSnapshotOfTheFuture(t *testing.T) {
	for _, tt := range []struct {
		ahead, whole time.Duration
		instances    int
	}{{-time.Minute, 0, 10}, {time.Minute, 0, 10}, {6 * time.Minute, 0, 0}, {6 * time.Minute, time.Hour, 0}, {24 * 365 * time.Hour, 0, 0}} {
		dir, now := t.TempDir(), time.Now()
		keepTen(t, dir, now.Add(tt.ahead))
		var log strings.Builder
		s, err := New(Config{Rand: rand.NewPCG(1, 2), DataDir: dir, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		n := s.restoreSnapshot(s.keeper.load(), tt.whole)
		s.keeper.close()
		overrides := len(s.reg.Parked(now))
		if n != tt.instances || s.reg.Len() != tt.instances || overrides != 1-n/10 {
			t.Errorf("%v ahead: %d restored, %d there, want %d; %d overrides wait", tt.ahead, n, s.reg.Len(), tt.instances, overrides)
		}
		if says := strings.Contains(log.String(), "snapshot is of the future"); says != (n == 0) {
			t.Errorf("%v ahead: the log:\n%s", tt.ahead, log.String())
		}
	}
}

// A client's heartbeat that comes before the snapshot is restored waits for that, for 3 seconds at most. Others do not.
func TestHeartbeatsDuringTheRestore(t *testing.T) {
	for _, restores := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			keepTen(t, dir, time.Now())
			s, err := New(Config{Rand: rand.NewPCG(1, 2), DataDir: dir, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			defer s.keeper.close()
			began, known := time.Now(), benchInstance(10)
			beat := func(i int, by registry.By) error {
				return s.node.Renew(benchInstance(i).Key(), registry.Renewal{}, registry.Origin{By: by})
			}
			if err := s.node.Register(known, registry.Origin{By: registry.ByClient}); err != nil {
				t.Fatal(err)
			}
			early := make(chan error, 1)
			go func() { early <- beat(3, registry.ByClient) }()
			synctest.Wait()
			if err := beat(10, registry.ByClient); err != nil || len(early) > 0 || !errors.Is(beat(3, registry.ByPeer), heureka.ErrNotFound) || time.Since(began) > 0 {
				t.Errorf("a known one: %v; %d answered; after %v", err, len(early), time.Since(began))
			}
			if !restores {
				if err := <-early; !errors.Is(err, heureka.ErrNotFound) || time.Since(began) != restoreWait {
					t.Errorf("without an end: %v after %v", err, time.Since(began))
				}
				return
			}
			s.openAlone("test", s.keeper.load())
			if err := <-early; err != nil {
				t.Errorf("a heartbeat of an instance in the snapshot: %v", err)
			}
			if err := beat(11, registry.ByClient); !errors.Is(err, heureka.ErrNotFound) || time.Since(began) > 0 {
				t.Errorf("of one that nobody knows: %v after %v", err, time.Since(began))
			}
		})
	}
}
