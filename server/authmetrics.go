package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"heureka.internal/heureka/internal/auth"
)

var (
	deniedDesc      = prometheus.NewDesc("heureka_auth_denied_total", "Requests denied, or with mode observe let pass that would have been, by the role that they need.", []string{"role", "mode", "why"}, nil)
	computedDesc    = prometheus.NewDesc("heureka_auth_passwords_hashed_total", "Passwords hashed with bcrypt to compare them; verified ones are remembered while they are used.", nil, nil)
	authFailureDesc = prometheus.NewDesc("heureka_auth_reload_failures_total", "Changed files of users and tokens kept out, because they cannot be read.", nil, nil)
)

// collectAuth has no series for a node without a guard, and none for what has not happened.
func (c collector) collectAuth(ch chan<- prometheus.Metric) {
	g := c.s.guard
	if g == nil {
		return
	}
	ch <- prometheus.MustNewConstMetric(computedDesc, prometheus.CounterValue, float64(g.Computed()))
	ch <- prometheus.MustNewConstMetric(authFailureDesc, prometheus.CounterValue, float64(g.Failures()))
	for role := range auth.Admin + 1 {
		for why := range denials {
			if n := g.denied[role][why].Load(); n > 0 {
				ch <- prometheus.MustNewConstMetric(deniedDesc, prometheus.CounterValue, float64(n), role.String(), g.modes[role], denialNames[why])
			}
		}
	}
}
