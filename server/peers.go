package server

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"heureka/internal/dashboard"
	"heureka/internal/httpapi"
)

type peerState struct {
	URL       string
	Available bool
}

func (n *node) peerStates() []peerState                         { return nil }
func (n *node) replicas(time.Time) []dashboard.Replica          { return nil }
func (n *node) peersHealth(time.Time) (httpapi.Component, bool) { return httpapi.Component{}, false }
func describePeers(chan<- *prometheus.Desc)                     {}
func (s *Server) collectPeers(chan<- prometheus.Metric)         {}
