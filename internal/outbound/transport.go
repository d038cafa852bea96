package outbound

import (
	"net"
	"net/http"
	"time"
)

// Transport returns a transport that connects as d does, TLS included, and leaves the rest to its caller. It goes past
// HTTP_PROXY unless that sets Proxy.
func Transport(d *net.Dialer) *http.Transport {
	return &http.Transport{
		DialContext:           d.DialContext,
		TLSHandshakeTimeout:   d.Timeout,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}
