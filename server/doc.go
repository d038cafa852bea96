// Package server is one embeddable Eureka node: Config, New, Handler, Serve. It is the only place that joins the registry,
// the cached answers, the peers, the clock and the network; the logic of each stays in its own package.
package server
