package server

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Numbers of the limits on requests and connections.
var (
	inFlightDesc = classDesc("requests_in_flight", "Requests in flight, by limited class.")
	waitingDesc  = classDesc("requests_waiting", "Requests waiting for a slot, by limited class.")
	waitedDesc   = classDesc("requests_waited_total", "Requests served after waiting for a slot.")
	crowdedDesc  = classDesc("requests_crowded_total", "Requests refused with 503 because all slots of their class were taken.")
	stalledDesc  = classDesc("requests_stalled_total", "Requests that lost their slot because the client read nothing for a second.")

	toldDesc   = connDesc("watch_changes_total", "Changes sent to watchers, summed over all of them.")
	resetsDesc = connDesc("watch_resets_total", "Watchers that were told to begin again, because they were too slow or their version is not known here.")

	bodiesDesc    = connDesc("request_bodies_bytes", "Bytes that large request bodies hold which are being read and decoded.")
	maxBodiesDesc = connDesc("request_bodies_max_bytes", "Limit of these bytes; 0 for none. Beyond it requests are refused as busy.")

	connectionsDesc = connDesc("connections", "Open connections of clients and peers.")
	maxConnDesc     = connDesc("connections_max", "Limit of open connections.")
	connRefusedDesc = connDesc("connections_refused_total", "Connections closed because all others were in use, or because there was no memory for them or for a large header.")
	connIdleDesc    = connDesc("connections_closed_idle_total", "Idle connections closed to make room for new ones.")
	connStalledDesc = connDesc("connections_stalled_total", "Connections closed because the client read nothing of a response for two minutes.")
)

func classDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("heureka_"+name, help, []string{"class"}, nil)
}

func connDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("heureka_"+name, help, nil, nil)
}

func describeCrowd(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{inFlightDesc, waitingDesc, waitedDesc, crowdedDesc, stalledDesc, toldDesc, resetsDesc, bodiesDesc, maxBodiesDesc,
		connectionsDesc, maxConnDesc, connRefusedDesc, connIdleDesc, connStalledDesc} {
		ch <- d
	}
}

func (st *status) collectCrowd(ch chan<- prometheus.Metric) {
	send := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	}
	for _, class := range st.Classes {
		send(inFlightDesc, prometheus.GaugeValue, float64(class.InFlight), class.Name)
		send(waitingDesc, prometheus.GaugeValue, float64(class.Waiting), class.Name)
		send(waitedDesc, prometheus.CounterValue, float64(class.Waited), class.Name)
		send(crowdedDesc, prometheus.CounterValue, float64(class.Refused), class.Name)
		send(stalledDesc, prometheus.CounterValue, float64(class.Stalled), class.Name)
	}
	send(inFlightDesc, prometheus.GaugeValue, float64(st.Batches.InFlight), batchClass)
	send(crowdedDesc, prometheus.CounterValue, float64(st.Batches.Refused), batchClass)

	send(toldDesc, prometheus.CounterValue, float64(st.Told))
	send(resetsDesc, prometheus.CounterValue, float64(st.Resets))
	send(bodiesDesc, prometheus.GaugeValue, float64(st.BodyBytes))
	send(maxBodiesDesc, prometheus.GaugeValue, float64(max(st.BodyRoom, 0)))
	send(connectionsDesc, prometheus.GaugeValue, float64(st.Connections.Open))
	send(maxConnDesc, prometheus.GaugeValue, float64(st.Connections.Max))
	send(connRefusedDesc, prometheus.CounterValue, float64(st.Connections.Refused))
	send(connIdleDesc, prometheus.CounterValue, float64(st.Connections.ClosedIdle))
	send(connStalledDesc, prometheus.CounterValue, float64(st.Connections.Stalled))
}
