//go:build !unix

package audit

import (
	"errors"
	"io"
)

// Syslog returns an error: this system has none.
func Syslog(string) (io.WriteCloser, error) {
	return nil, errors.New("there is no syslog on this system")
}
