package server

import (
	"sync"
	"time"

	"heureka.internal/heureka/internal/dashboard"
	"heureka.internal/heureka/internal/registry"
)

// The renewals of the last hour are kept for the plot.
const (
	pastStep = 10 * time.Second
	pastKept = int(time.Hour / pastStep)
)

// pastRenewals are samples, oldest first. The zero value has none.
type pastRenewals struct {
	mu      sync.Mutex
	samples []dashboard.Sample
}

// add takes a sample, unless the last one is too young.
func (p *pastRenewals) add(reg *registry.Stats, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.samples); n > 0 && now.Sub(p.samples[n-1].At) < pastStep {
		return
	}
	if len(p.samples) > pastKept {
		p.samples = append(p.samples[:0], p.samples[1:]...)
	}
	p.samples = append(p.samples, dashboard.Sample{
		At: now, Present: float64(reg.RenewalsLastMinute), Expected: reg.RenewalsExpected, Threshold: float64(reg.RenewalThreshold),
	})
}

func (p *pastRenewals) all() []dashboard.Sample {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]dashboard.Sample(nil), p.samples...)
}
