package server

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
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
