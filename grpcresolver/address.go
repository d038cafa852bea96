package grpcresolver

import (
	"net"
	"strconv"
	"strings"

	"google.golang.org/grpc/attributes"
	"google.golang.org/grpc/resolver"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

// portKeys are the metadata entries under which services tell their gRPC port (G-GR-3). The first is what Java's grpc-spring
// writes, the others are in use elsewhere.
var portKeys = []string{"gRPC_port", "grpc.port", "gRPC.port", "grpc"}

// An Instance is what a balancing policy may want to know about an endpoint. Connections outlive its changes.
type Instance struct {
	ID     string // within its application
	Zone   string // see client.Zone
	Weight int    // metadata "weight", a whole number; 1 stands for a missing or unusable one
}

// instanceKey is the key of the Instance in an endpoint's attributes.
type instanceKey struct{}

// InstanceOf returns the instance behind an endpoint that this package has made.
func InstanceOf(e resolver.Endpoint) (Instance, bool) {
	in, ok := e.Attributes.Value(instanceKey{}).(Instance)
	return in, ok
}

// endpoints returns where to connect to, in the order of instances, which differs from client to client, and where else if
// that does not work: outside the zone. Two instances with one address, as a process that was replaced leaves them, are one.
func (r *serviceResolver) endpoints(instances []*heureka.Instance) (near, far []resolver.Endpoint) {
	nearby, others := r.query.byZone(instances)
	known := make(map[string]bool, len(instances))
	return r.endpointsOf(nearby, known), r.endpointsOf(others, known)
}

func (r *serviceResolver) endpointsOf(instances []*heureka.Instance, known map[string]bool) []resolver.Endpoint {
	list := make([]resolver.Endpoint, 0, len(instances))
	for _, in := range instances {
		a, ok := r.address(in)
		if ok && !known[a.Addr] {
			known[a.Addr] = true
			list = append(list, resolver.Endpoint{
				Addresses:  []resolver.Address{a},
				Attributes: attributes.New(instanceKey{}, Instance{in.ResolvedID(), client.Zone(in), weight(in)}),
			})
		}
	}
	return list
}

// byZone returns the instances of the zone that is wanted, and the others. If none is there all are near: a far instance is
// better than none, as with client.PreferZone.
func (q query) byZone(instances []*heureka.Instance) (near, far []*heureka.Instance) {
	for _, in := range instances {
		if q.zone == "" || strings.EqualFold(client.Zone(in), q.zone) {
			near = append(near, in)
		} else {
			far = append(far, in)
		}
	}
	if len(near) == 0 {
		return far, nil
	}
	return near, far
}

func (r *serviceResolver) address(in *heureka.Instance) (resolver.Address, bool) {
	port, ok := r.query.port(in)
	host := in.IPAddr
	if r.query.secure || r.builder.HostName {
		host = in.HostName
	}
	if !ok || host == "" {
		return resolver.Address{}, false
	}
	a := resolver.Address{Addr: net.JoinHostPort(host, strconv.Itoa(port))}
	if r.builder.ServerName {
		a.ServerName = in.HostName
	}
	return a, true
}

// port returns the port to connect to, if there is one.
func (q query) port(in *heureka.Instance) (int, bool) {
	switch q.portKey {
	case "":
		for _, key := range portKeys {
			if port, ok := metadataPort(in, key); ok {
				return port, true
			}
		}
	case ownPort:
	default:
		return metadataPort(in, q.portKey)
	}
	own := in.Port
	if q.secure {
		own = in.SecurePort
	}
	return own.Number, own.Enabled && validPort(own.Number)
}

func metadataPort(in *heureka.Instance, key string) (int, bool) {
	port, err := strconv.Atoi(strings.TrimSpace(in.Metadata.Get(key)))
	return port, err == nil && validPort(port)
}

func validPort(n int) bool { return n > 0 && n < 1<<16 }

// weight reads the entry as client.Weighted does.
func weight(in *heureka.Instance) int {
	w, err := strconv.ParseUint(in.Metadata.Get("weight"), 10, 31)
	if err != nil || w == 0 {
		return 1
	}
	return int(w)
}
