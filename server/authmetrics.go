package server

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"heureka.internal/heureka/internal/auth"
)

var (
	deniedDesc      = prometheus.NewDesc("heureka_auth_denied_total", "Requests denied, or with mode observe let pass that would have been, by the role that they need.", []string{"role", "mode", "why"}, nil)
	computedDesc    = prometheus.NewDesc("heureka_auth_passwords_hashed_total", "Passwords hashed with bcrypt to compare them; verified ones are remembered while they are used.", nil, nil)
	keyFailuresDesc = prometheus.NewDesc("heureka_auth_key_fetch_failures_total", "Attempts to fetch the keys of the tokens' issuer that failed; those that are known still count.", nil, nil)
	keysFetchedDesc = prometheus.NewDesc("heureka_auth_keys_fetched_timestamp_seconds", "When the issuer told its keys last.", nil, nil)
	authFailureDesc = prometheus.NewDesc("heureka_auth_reload_failures_total", "Changed settings and files of users and tokens kept out, because they cannot be used.", nil, nil)
)

var (
	auditWrittenDesc = prometheus.NewDesc("heureka_audit_entries_total", "Lines of the audit log that were written.", nil, nil)
	auditDroppedDesc = prometheus.NewDesc("heureka_audit_dropped_total", "Lines of the audit log that were lost, because too many waited for one that could not be written.", nil, nil)
	auditErrorsDesc  = prometheus.NewDesc("heureka_audit_write_errors_total", "Attempts to write a line of the audit log that failed; each line is tried again.", nil, nil)
	auditFailingDesc = prometheus.NewDesc("heureka_audit_failing", "1 while the audit log cannot be written.", nil, nil)
)

func describeAudit(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{auditWrittenDesc, auditDroppedDesc, auditErrorsDesc, auditFailingDesc} {
		ch <- d
	}
}

// collectAudit has no series for a node without an audit log.
func (c collector) collectAudit(ch chan<- prometheus.Metric) {
	log := c.s.audit
	if log == nil {
		return
	}
	st := log.Stats()
	ch <- prometheus.MustNewConstMetric(auditWrittenDesc, prometheus.CounterValue, float64(st.Written))
	ch <- prometheus.MustNewConstMetric(auditDroppedDesc, prometheus.CounterValue, float64(st.Dropped))
	ch <- prometheus.MustNewConstMetric(auditErrorsDesc, prometheus.CounterValue, float64(st.Errors))
	ch <- prometheus.MustNewConstMetric(auditFailingDesc, prometheus.GaugeValue, oneIf(log.Failing(time.Now())))
}

// collectAuth has no series for a node without a guard, and none for what has not happened.
func (c collector) collectAuth(ch chan<- prometheus.Metric) {
	g := c.s.guard
	if g == nil {
		return
	}
	ch <- prometheus.MustNewConstMetric(computedDesc, prometheus.CounterValue, float64(g.Computed()))
	ch <- prometheus.MustNewConstMetric(authFailureDesc, prometheus.CounterValue, float64(g.Failures()+g.kept.Load()))
	if issuer := g.rules.Load().jwt; issuer != nil {
		ch <- prometheus.MustNewConstMetric(keyFailuresDesc, prometheus.CounterValue, float64(issuer.Failures()))
		if at := issuer.Fetched(); !at.IsZero() {
			ch <- prometheus.MustNewConstMetric(keysFetchedDesc, prometheus.GaugeValue, float64(at.Unix()))
		}
	}
	for role := range auth.Admin + 1 {
		for why := range denialReasons {
			if n := g.denied[role][why].Load(); n > 0 {
				mode := g.modes()[role]
				if why >= notOwner {
					mode = g.modes()[ofApplications+auth.Role(why-notOwner)]
				}
				ch <- prometheus.MustNewConstMetric(deniedDesc, prometheus.CounterValue, float64(n), role.String(), mode, denialNames[why])
			}
		}
	}
}
