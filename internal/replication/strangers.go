package replication

import "time"

const (
	// lookPause is the least time between two look-ups that something else than the clock asks for.
	lookPause = 5 * time.Second

	// newcomerPause is the same for a node that has just been heard of for the first time: what clients do there and what they
	// do here must meet soon. Who invents nodes makes a look-up a second, and no more.
	newcomerPause = time.Second

	// strangeTime is for how long a node may talk to this one without being among its peers: two look-ups take less.
	strangeTime = 15 * time.Second

	// missingTime is how long a peer has been failing when its name is looked up again: it may have moved.
	missingTime = 3 * time.Second
)

// strangers are heureka nodes that talk to this one and are not among its peers: it has to look up where its peers are, as
// after a roll that gave all of them new addresses. It does no I/O and is not safe for concurrent use.
type strangers struct {
	since map[string]time.Time // by node id; zero: it has been complained about
}

// heard notes that a node has spoken, and whether it is among the peers. It returns how long after the last look-up to look
// them up again, 0 for not at all, and whether to complain because that has not helped.
func (s *strangers) heard(nodeID string, met bool, now time.Time) (look time.Duration, complain bool) {
	if met {
		delete(s.since, nodeID)
		return 0, false
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
	if !since.IsZero() && !complain {
		return newcomerPause, false
	}
	return lookPause, complain
}
