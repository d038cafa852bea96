// Package outbound is how heureka reaches other servers over HTTP: which URLs it accepts, how it shows them without their
// credentials, and the transport of its clients. Requests and responses are left to its callers.
package outbound

import (
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// ParseURL accepts absolute http and https URLs of a host. Its errors, such as "has no host", never quote the URL: it may
// hold a password, at a place that depends on what is wrong with it.
func ParseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	switch {
	case err != nil:
		return nil, withoutDetail(err)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("must begin with http:// or https://")
	case u.Hostname() == "":
		return nil, errors.New("has no host")
	case !isPort(u.Port()):
		return nil, errors.New("has no port from 1 to 65535")
	}
	return u, nil
}

// withoutDetail keeps the kind of a URL error but not the text it quotes, which may be part of a password.
func withoutDetail(err error) error {
	if _, ok := errors.AsType[url.EscapeError](err); ok {
		return errors.New("has an invalid percent-encoding")
	}
	if _, ok := errors.AsType[url.InvalidHostError](err); ok {
		return errors.New("has an invalid character in its host name")
	}
	return errors.New("is not a URL (reserved characters in a password must be percent-encoded)")
}

// isPort reports whether digits, as a URL may have them, are a port that can be connected to, or none.
func isPort(digits string) bool {
	n, err := strconv.ParseUint(digits, 10, 16)
	return digits == "" || err == nil && n > 0
}

// Mask is what stands for credentials that are not shown.
const Mask = "******"

// Hide drops the credentials of a URL, or of each in a comma list.
func Hide(text string) string { return replace(text, "") }

// Masked puts Mask in the place of credentials, so that their presence is seen.
func Masked(text string) string { return replace(text, Mask+"@") }

var (
	credentials = regexp.MustCompile(`(://)[^/?#,]*@`)
	suspects    = regexp.MustCompile(`(?s)(://).*@`)
)

// replace takes everything up to the last '@' for a password where a list does not parse.
func replace(text, by string) string {
	for piece := range strings.SplitSeq(text, ",") {
		if _, err := ParseURL(piece); err != nil && strings.TrimSpace(piece) != "" {
			return suspects.ReplaceAllString(text, "${1}"+by)
		}
	}
	return credentials.ReplaceAllString(text, "${1}"+by)
}
