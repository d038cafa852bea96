package server

import (
	"fmt"
	"time"

	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/internal/snapshot"
)

// freshFor is how old a snapshot may be to tell who is there. Of an older one the fleet has become another.
const freshFor = time.Hour

// openAlone opens a node that asks no peer: with what it has kept.
func (s *Server) openAlone(why string, kept *snapshot.Loaded) {
	n := s.restoreSnapshot(kept)
	if n == 0 {
		s.open(why, 0)
		s.watchForEarlierLife()
		return
	}
	s.open(fmt.Sprintf("%s, %d instances restored from the snapshot", why, n), n)
}

// restoreSnapshot puts back what a snapshot has, nil for none, and returns how many instances that are.
func (s *Server) restoreSnapshot(kept *snapshot.Loaded) (instances int) {
	if kept == nil {
		return 0
	}
	began := time.Now()
	age := max(0, began.Sub(kept.At))
	if age > freshFor {
		s.log.Warn("snapshot not restored, it is too old", "age", age.Round(time.Second), "at_most", freshFor)
		return 0
	}
	bad := 0
	err := kept.Each(func(record []byte) {
		e, err := replication.ReadRecord(record)
		if err != nil || !e.Valid() {
			bad++ // costs that record
			return
		}
		now := time.Now()
		e.Age += max(0, now.Sub(kept.At))
		if s.reg.Restore(e, now) {
			instances++
		}
	})
	if err != nil {
		s.log.Error("snapshot not read to its end", "err", err)
	}
	s.keeper.note(func(st *keptStatus) { st.Restored = instances })
	s.log.Info("registry restored from snapshot", "instances", instances, "records", kept.Count, "bad_records", bad, "age", age.Round(time.Second),
		"took", time.Since(began).Round(time.Millisecond))
	return instances
}
