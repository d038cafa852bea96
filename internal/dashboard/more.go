package dashboard

import (
	"io"
	"time"

	"heureka.internal/heureka/internal/lint"
)

// A Ring is the page about the peers.
type Ring struct {
	Frame
	Now   time.Time
	Peers []Peer
}

// A Peer is what is known of another node.
type Peer struct {
	URL     string
	Good    bool
	State   string
	Since   time.Time
	Error   string
	Note    string
	Zone    string
	Kind    string // heureka, Java server
	Version string // of its program; "" if it does not say
	Phase   string
	Pending int
	Lag     time.Duration
	Batches uint64
	Failed  uint64
	RTT     time.Duration
	LastOK  time.Time
	Skew    *time.Duration // nil: not known
	EqualAt time.Time      // when both registries were last seen to be the same; zero: never
	Healed  uint64
}

// Render writes the page. Its error is the writer's.
func (r *Ring) Render(w io.Writer) error { return peersPage.Execute(w, r) }

// Meter is the page about renewals: how many arrive, who is evicted, and what changed last.
type Meter struct {
	Frame
	Now      time.Time
	Renewals Renewals
	Explain  []string
	Plot     Plot
	Changes  []Change
	Since    time.Time // from when on no change is missing
	Removed  []Change  // evictions among them
	Acts     *Acts     // nil: the reader may do nothing
}

// Render writes the page. Its error is the writer's.
func (m *Meter) Render(w io.Writer) error { return renewalsPage.Execute(w, m) }

// Faults is the page about registrations that will give trouble.
type Faults struct {
	Frame
	Kinds []FaultKind // with at least one, the most harmful first
}

// A FaultKind is the findings of one kind.
type FaultKind struct {
	Kind  lint.Kind
	Total int
	Found []lint.Finding // at most maxFaults
}

// maxFaults is how many findings of a kind the page lists.
const maxFaults = 100

// More is how many are not listed.
func (k FaultKind) More() int { return k.Total - len(k.Found) }

// NewFaults groups findings, which come by kind.
func NewFaults(f Frame, found []lint.Finding) *Faults {
	page := &Faults{Frame: f}
	for _, finding := range found {
		if n := len(page.Kinds); n == 0 || page.Kinds[n-1].Kind != finding.Kind {
			page.Kinds = append(page.Kinds, FaultKind{Kind: finding.Kind})
		}
		last := &page.Kinds[len(page.Kinds)-1]
		if last.Total++; last.Total <= maxFaults {
			last.Found = append(last.Found, finding)
		}
	}
	return page
}

// Render writes the page. Its error is the writer's.
func (f *Faults) Render(w io.Writer) error { return warningsPage.Execute(w, f) }
