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
	case strings.Contains(u.EscapedPath()+u.RawQuery+u.EscapedFragment(), "@"): // what stands before it would be sent to DNS, and shown
		return nil, errBroken
	case !isPort(u.Port()):
		return nil, errors.New("has no port from 1 to 65535")
	}
	return u, nil
}

var errBroken = errors.New("is not a URL (reserved characters in a password must be percent-encoded)")

// withoutDetail keeps the kind of a URL error but not the text it quotes, which may be part of a password.
func withoutDetail(err error) error {
	if _, ok := errors.AsType[url.EscapeError](err); ok {
		return errors.New("has an invalid percent-encoding")
	}
	if _, ok := errors.AsType[url.InvalidHostError](err); ok {
		return errors.New("has an invalid character in its host name")
	}
	return errBroken
}

// isPort reports whether digits, as a URL may have them, are a port that can be connected to, or none.
func isPort(digits string) bool {
	n, err := strconv.ParseUint(digits, 10, 16)
	return digits == "" || err == nil && n > 0
}

// Mask is what stands for credentials that are not shown.
const Mask = "******"

// Hide drops the credentials of all URLs in a text.
func Hide(text string) string { return replace(text, "") }

// Masked puts Mask in the place of credentials, so that their presence is seen.
func Masked(text string) string { return replace(text, Mask+"@") }

var secretName = regexp.MustCompile(`(?i)passw|secret|token|credential`)

// IsSecretName reports whether what has this name is likely to be a secret.
func IsSecretName(name string) bool { return secretName.MatchString(name) }

// schemes begin URLs, alone or in a list.
var schemes = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://`)

// replace takes everything up to the last '@' for a password: whoever forgets to percent-encode one must not read it in a log. In a
// list that does not parse, a comma may be part of it too.
func replace(text, by string) string {
	starts := schemes.FindAllStringIndex(text, -1)
	if len(starts) > 1 && !parses(text) {
		starts = starts[:1]
	}
	var b strings.Builder
	done := 0
	for i, s := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		b.WriteString(text[done:s[1]])
		done = s[1]
		if at := strings.LastIndexByte(text[done:end], '@'); at >= 0 {
			b.WriteString(by)
			done += at + 1
		}
	}
	b.WriteString(text[done:])
	return b.String()
}

// parses reports whether each piece of a list is a URL.
func parses(list string) bool {
	for piece := range strings.SplitSeq(list, ",") {
		for _, prefix := range []string{"dns+", "dnssrv+"} {
			piece = strings.TrimPrefix(strings.TrimSpace(piece), prefix)
		}
		if _, err := ParseURL(piece); err != nil && piece != "" {
			return false
		}
	}
	return true
}
