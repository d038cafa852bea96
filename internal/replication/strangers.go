package replication

import "time"

const (
	// lookPause is the least time between two look-ups that something else than the clock asks for.
	lookPause = 5 * time.Second

	// strangeTime is for how long a node may talk to this one without being among its peers: two look-ups take less.
	strangeTime = 15 * time.Second

	// missingTime is how long a peer has been failing when its name is looked up again: it may have moved.
	missingTime = 3 * time.Second
)

// strangers are heureka nodes that talk to this one and are not among its peers: it has to look up where its peers are, as
// after a roll that gave all of them new addresses. It does no I/O and is not safe for concurrent use.
type strangers struct {
	since  map[string]time.Time // by node id; zero: it has been complained about
	looked time.Time
}

// heard notes that a node has spoken, and whether it is among the peers. It reports whether to look them up, and whether to
// complain because that has not helped.
func (s *strangers) heard(nodeID string, met bool, now time.Time) (look, complain bool) {
	if met {
		delete(s.since, nodeID)
		return false, false
	}
	since, known := s.since[nodeID]
	if !known {
		if s.since == nil || len(s.since) >= maxSenders {
			s.since = make(map[string]time.Time)
		}
		s.since[nodeID], since = now, now
	}
	if complain = !since.IsZero() && now.Sub(since) >= strangeTime; complain {
		s.since[nodeID] = time.Time{}
	}
	return s.mayLook(now), complain
}

// mayLook reports whether the last look-up is long enough ago, and notes this one.
func (s *strangers) mayLook(now time.Time) bool {
	if now.Sub(s.looked) < lookPause {
		return false
	}
	s.looked = now
	return true
}
