package lint

import (
	"net/netip"
	"strings"

	"heureka.internal/heureka"
)

// dockerBridge is what Docker gives to containers unless it is told otherwise.
var dockerBridge = netip.MustParsePrefix("172.17.0.0/16")

// address judges where an instance says it can be reached. One finding for each instance is enough.
func (f *findings) address(in *heureka.Instance) {
	for _, host := range []string{in.IPAddr, in.HostName} {
		ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
		switch {
		case err == nil && ip.IsLoopback(), isLocalhost(host):
			f.add(Loopback, in, "is registered at %s", host)
		case err == nil && ip.IsUnspecified():
			f.add(Loopback, in, "is registered at %s, which is no address", host)
		case err == nil && ip.IsLinkLocalUnicast():
			f.add(LinkLocal, in, "is registered at %s", host)
		case err == nil && dockerBridge.Contains(ip), err != nil && isContainerName(host):
			f.add(Container, in, "is registered at %s", host)
		case err != nil && host != "" && !resolvable(host):
			f.add(HostName, in, "is registered as %s", host)
		default:
			continue
		}
		return
	}
}

func isLocalhost(host string) bool {
	host = strings.ToLower(host)
	return host == "localhost" || host == "localhost.localdomain" || strings.HasSuffix(host, ".localhost")
}

// isContainerName reports whether host is what Docker calls a container that has no name, or one of its own names.
func isContainerName(host string) bool {
	if host == "host.docker.internal" || host == "gateway.docker.internal" {
		return true
	}
	return len(host) == 12 && strings.Trim(host, "0123456789abcdef") == "" && strings.ContainsAny(host, "0123456789")
}

// resolvable reports whether host may be a name that others can look up.
func resolvable(host string) bool {
	if len(host) > 253 || strings.HasSuffix(host, ".local") || strings.EqualFold(host, "unknown") {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(host, "."), ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, notOfLabel) {
			return false
		}
	}
	return true
}

// notOfLabel lets underscores pass: they are no part of host names, but resolvers do not mind.
func notOfLabel(c rune) bool {
	letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
	digit := '0' <= c && c <= '9'
	return !letter && !digit && c != '-' && c != '_' && c < 0x80
}
