package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"heureka.internal/heureka/internal/tlsconf"
)

// tlsStatus is how the certificate of one use is doing.
type tlsStatus struct {
	Use string
	tlsconf.Stats
}

// Numbers of TLS, by use: server, management, peers.
var (
	tlsExpiryDesc   = tlsDesc("tls_certificate_expiry_timestamp_seconds", "When the certificate in use expires, as a Unix time; not there without one.")
	tlsReloadsDesc  = tlsDesc("tls_reloads_total", "New certificates and authorities taken from changed files.")
	tlsFailuresDesc = tlsDesc("tls_reload_failures_total", "Changed files kept out, because they cannot be read, do not match or are out of date.")
)

func tlsDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("heureka_"+name, help, []string{"use"}, nil)
}

func describeTLS(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{tlsExpiryDesc, tlsReloadsDesc, tlsFailuresDesc} {
		ch <- d
	}
}

func (st *status) collectTLS(ch chan<- prometheus.Metric) {
	for _, t := range st.TLS {
		if !t.NotAfter.IsZero() {
			ch <- prometheus.MustNewConstMetric(tlsExpiryDesc, prometheus.GaugeValue, float64(t.NotAfter.Unix()), t.Use)
		}
		ch <- prometheus.MustNewConstMetric(tlsReloadsDesc, prometheus.CounterValue, float64(t.Reloads), t.Use)
		ch <- prometheus.MustNewConstMetric(tlsFailuresDesc, prometheus.CounterValue, float64(t.Failures), t.Use)
	}
}
