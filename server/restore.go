package server

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/internal/snapshot"
)

// freshFor is how old a snapshot may be to tell who is there, and how long an instance in it may not have been heard beyond its lease:
// a node that crashes again and again gives a new lease each time. An older one tells what operators have said of those who come back.
const freshFor = time.Hour

// aheadFor is by how much a snapshot may be of the future. Beyond that the clock was set back, and how old it is nobody knows.
const aheadFor = 5 * time.Minute

// openAlone opens a node that asks no peer: with what it has kept.
func (s *Server) openAlone(why string, kept *snapshot.Loaded) {
	n := s.restoreSnapshot(kept, 0)
	if n == 0 {
		s.open(why, 0)
		s.watchForEarlierLife()
		return
	}
	s.open(fmt.Sprintf("%s, %d instances restored from the snapshot", why, n), n)
}

// openWithKept asks the peers once and opens the node with the registry of one of them, or else with what was kept: peers that
// refuse, do not exist or are starting have nothing, and silent ones get as long as one that is asked alone. Whoever is giving
// its registry is waited for until ctx ends. It reports false if nobody is known who is there.
func (s *Server) openWithKept(ctx context.Context, copier *replication.Copier, kept *snapshot.Loaded) bool {
	brief, cancel := context.WithTimeout(ctx, replication.HedgeAfter)
	defer cancel()
	r := s.askPeers(copier.Round(brief), kept)
	for r.From == "" && copier.Sending() && ctx.Err() == nil {
		r = s.askPeers(copier.Round(ctx), kept)
	}
	if r.From != "" || ctx.Err() != nil {
		return true
	}
	n := s.restoreSnapshot(kept, 0)
	if n > 0 {
		s.open(fmt.Sprintf("no peer has a registry, %d instances restored from the snapshot", n), n)
	}
	return n > 0
}

// A restoring is how a snapshot is taken over.
type restoring struct {
	reg      *registry.Registry
	terms    *terms
	taken    time.Time // when the snapshot was
	known    bool      // only what others know as well: somebody would know whoever else were still there
	commands bool      // only overrides

	counts
}

type counts struct{ instances, overrides, gone, bad int }

// restoreBatch is how many records a worker takes at a time.
const restoreBatch = 256

// all restores all records on all processors: their order does not matter, a key has but one.
func (r *restoring) all(kept *snapshot.Loaded) error {
	batches := make(chan [][]byte)
	workers := make([]restoring, runtime.GOMAXPROCS(0))
	var working sync.WaitGroup
	for i := range workers {
		workers[i] = *r
		working.Go(func() {
			for batch := range batches {
				for _, record := range batch {
					workers[i].take(record)
				}
			}
		})
	}
	var batch [][]byte
	err := kept.Each(func(record []byte) {
		if batch = append(batch, bytes.Clone(record)); len(batch) == restoreBatch {
			batches <- batch
			batch = nil
		}
	})
	batches <- batch
	close(batches)
	working.Wait()
	for i := range workers {
		r.add(&workers[i].counts)
	}
	return err
}

func (c *counts) add(more *counts) {
	c.instances, c.overrides = c.instances+more.instances, c.overrides+more.overrides
	c.gone, c.bad = c.gone+more.gone, c.bad+more.bad
}

// restoreSnapshot puts back what a snapshot has, nil for none, and returns how many instances that are. Whole is for how long nothing
// has been missing in what a peer has told: if that began before the snapshot, who is not in there is gone.
func (s *Server) restoreSnapshot(kept *snapshot.Loaded, whole time.Duration) (instances int) {
	if kept == nil {
		return 0
	}
	began := time.Now()
	age, ahead := max(0, began.Sub(kept.At)), kept.At.Sub(began)
	ofFuture := ahead > aheadFor
	r := restoring{reg: s.reg, terms: &s.node.terms, taken: kept.At, known: whole > age && !ofFuture, commands: age > freshFor || ofFuture}
	if err := r.all(kept); err != nil {
		s.log.Error("snapshot not read to its end", "err", err)
	}
	s.phase.settle()
	s.keeper.note(func(st *keptStatus) { st.Restored = r.instances })
	switch {
	case ofFuture:
		s.log.Warn("snapshot is of the future, its age is unknown, only overrides are taken from it", "taken", kept.At, "ahead", ahead.Round(time.Second), "at_most", aheadFor)
	case r.commands:
		s.log.Warn("snapshot too old to tell who is there, only overrides are taken from it", "age", age.Round(time.Second), "at_most", freshFor)
	}
	s.log.Info("registry restored from snapshot", "instances", r.instances, "overrides", r.overrides, "records", kept.Count, "gone_meanwhile", r.gone,
		"bad_records", r.bad, "age", age.Round(time.Second), "took", time.Since(began).Round(time.Millisecond))
	return r.instances
}

func leaseOf(in *heureka.Instance) time.Duration {
	return time.Duration(in.Lease.DurationSecs) * time.Second
}

// take restores a record. A bad one costs that record.
func (r *restoring) take(record []byte) {
	if bytes.HasPrefix(record, termRecordStart) {
		if r.terms.restore(record) != nil {
			r.bad++
		}
		return
	}
	e, err := replication.ReadRecord(record)
	if err != nil || !e.Valid() && !e.OnlyOverride() {
		r.bad++
		return
	}
	now := time.Now()
	e.Age += max(0, now.Sub(r.taken))
	switch {
	case e.OnlyOverride(): // waits on
	case r.known && !r.reg.Knows(e.Key):
		r.gone++
		return
	case r.commands || e.Instance != nil && e.Age > freshFor+leaseOf(e.Instance):
		e.Instance, e.Tombstone, e.Age = nil, false, 0
		if !e.OnlyOverride() {
			return
		}
	}
	if e.HasOverride {
		r.overrides++
	}
	if r.reg.Restore(e, now) && !e.OnlyOverride() {
		r.instances++
	}
}
