//go:build unix

package audit

import (
	"io"
	"log/syslog"
	"net/url"
)

// Syslog returns a writer to the syslog of this machine, for "syslog", or of another, for syslog://HOST:PORT over UDP or
// syslog+tcp://HOST:PORT. Each Write is a message of facility authpriv. A connection that breaks is made anew.
func Syslog(place string) (io.WriteCloser, error) {
	network, address := "", ""
	if u, err := url.Parse(place); err == nil && u.Host != "" {
		network, address = "udp", u.Host
		if u.Scheme == "syslog+tcp" {
			network = "tcp"
		}
	}
	return syslog.Dial(network, address, syslog.LOG_AUTHPRIV|syslog.LOG_NOTICE, "heureka")
}
