package lockcheck

import "net/http"

// Transport returns next with each exchange checked.
func (c *Checker) Transport(next http.RoundTripper) http.RoundTripper { return transport{next, c} }

type transport struct {
	http.RoundTripper
	c *Checker
}

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.c.Check("exchange")
	return t.RoundTripper.RoundTrip(r)
}
