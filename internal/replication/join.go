package replication

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"heureka.internal/heureka"
)

const (
	// RetryWhileWaiting is how soon peers are asked again that have not answered: a neighbour that comes up ends the wait.
	RetryWhileWaiting = 5 * time.Second

	// QuietToOpen is the time over which arrivals must have ebbed before a ring that starts as a whole stops waiting: longer
	// than the usual interval in which every client there is registers.
	QuietToOpen = 35 * time.Second

	// HedgeAfter is how long one peer is asked for its registry alone.
	HedgeAfter = 3 * time.Second
)

// A Copied says what one peer gave at start-up.
type Copied struct {
	Peer      string // its URL, without credentials
	Heureka   bool
	Phase     string        // of a heureka peer: how far its own start has come
	Instances int           // that it told of
	Changed   int           // of them, new or newer here
	Took      time.Duration // for all of it
	Whole     time.Duration // for how long nothing has been missing in the peer's registry; 0: not known
	// Err says why there is no complete answer; nil if there is. ErrNotReady of package heureka: the peer is itself starting.
	Err error
}

// ErrUncopied is the error of a peer that is open, and has a registry that this node cannot copy.
var ErrUncopied = errors.New("its registry could not be copied")

// Complete reports whether the peer's registry is whole and has been taken over.
func (c *Copied) Complete() bool { return c.Err == nil }

// CheckPhase notes that what a heureka peer has told is not whole if it starts as well.
func (c *Copied) CheckPhase() {
	if c.Err == nil && c.Phase != PhaseOpen {
		c.Err = heureka.ErrNotReady
	}
}

// A Round is what asking every peer once for its registry has told.
type Round struct {
	Peers    int       // other nodes that are configured
	Uncopied int       // of them, those that have a registry that cannot be copied
	Starting int       // of them, those that answered that they have nobody's registry either
	Refusing int       // of them, those whose address refuses connections: no process, no registry
	Nameless []string  // of them, those whose names do not exist
	From     string    // the first that had a whole one
	Err      error     // the last failure
	Cut      bool      // the wait was over before all had answered
	Unfound  bool      // there may be more peers, which have not been found
	NoName   time.Time // when looking for them has told that the names that lead to them do not exist; zero: it has not
}

// Note takes in what one peer gave. It reports whether that is the first whole registry, with which the node opens.
func (r *Round) Note(c *Copied) (first bool) {
	r.Peers++
	switch {
	case c.Complete():
		first = r.From == ""
		if first {
			r.From = c.Peer
		}
	case errors.Is(c.Err, heureka.ErrNotReady):
		r.Starting++
	case errors.Is(c.Err, syscall.ECONNREFUSED):
		r.Refusing++
		r.Err = c.Err
	case noSuchName(c.Err):
		r.Nameless = append(r.Nameless, c.Peer)
		r.Err = c.Err
	default:
		if errors.Is(c.Err, ErrUncopied) {
			r.Uncopied++
		}
		r.Err = c.Err
	}
	return first
}

// Looked notes when the last look-up of the peers ended, and how.
func (r *Round) Looked(at time.Time, err error) {
	if err == nil {
		return
	}
	r.Unfound, r.Err = true, err
	if noSuchName(err) {
		r.NoName = at
	}
}

// A Join is a start: it decides when the node may answer reads. It does no I/O.
type Join struct {
	Began    time.Time
	Limit    time.Duration // of the wait for a peer's registry
	Interval time.Duration // between heartbeats, usually
	Lease    time.Duration // usual one

	nameless map[string]time.Time // since when names do not exist, by peer; "" for those that lead to peers
}

// Open says whether the node may open after a round, and why, or why not (S-BOOT-10, with its early ends). A peer that
// starts itself, or whose process or name is gone, has no registry to wait for: then the clients decide.
func (j *Join) Open(r *Round, arrivals *Arrivals, now time.Time) (why string, open bool) {
	waited := now.Sub(j.Began)
	nobody := j.nobodyThere(r, now)
	switch {
	case r.From != "":
		return "copied the registry of " + r.From, true
	case r.Peers == 0 && !r.Cut && !r.Unfound:
		return "every configured peer is this node itself", true
	case waited >= j.Limit:
		return fmt.Sprintf("no peer had a registry for %s", max(j.Limit, 0)), true
	case nobody && arrivals.Ebbed(waited, j.Interval, j.Lease, now):
		return fmt.Sprintf("none of %d peers has a registry, and hardly any instance has registered for %s", r.Peers, QuietToOpen), true
	}
	return r.waiting(), false
}

// nobodyThere reports whether no peer can have a registry. That a name does not exist counts when it is said twice, five
// seconds apart: a name server may be behind.
func (j *Join) nobodyThere(r *Round, now time.Time) bool {
	before := j.nameless
	j.nameless = make(map[string]time.Time)
	said := func(peer string, at time.Time) (twice bool) {
		first, ok := before[peer]
		if !ok {
			first = at
		}
		j.nameless[peer] = first
		return at.Sub(first) >= RetryWhileWaiting
	}
	gone := 0
	for _, peer := range r.Nameless {
		if said(peer, now) {
			gone++
		}
	}
	found := !r.Unfound || !r.NoName.IsZero() && said("", r.NoName)
	return found && r.Starting+r.Refusing+gone == r.Peers
}

func (r *Round) waiting() string {
	why := fmt.Sprintf("none of %d peers had a registry to copy", r.Peers)
	if r.Peers == 0 {
		why = "no peer has been found"
	}
	if r.Uncopied > 0 {
		why += fmt.Sprintf("; %d have one that this node cannot accept", r.Uncopied)
	}
	if r.Starting > 0 {
		why += fmt.Sprintf("; %d are starting too", r.Starting)
	}
	if r.Refusing > 0 {
		why += fmt.Sprintf("; %d refuse connections", r.Refusing)
	}
	if len(r.Nameless) > 0 {
		why += fmt.Sprintf("; the names of %d do not exist", len(r.Nameless))
	}
	if r.Err != nil {
		why += "; last error: " + r.Err.Error()
	}
	return why
}

// Pause returns how long to wait before the next round, the longest being retry.
func (j *Join) Pause(retry time.Duration, now time.Time) time.Duration {
	return min(RetryWhileWaiting, retry, max(j.Began.Add(j.Limit).Sub(now), 0))
}
