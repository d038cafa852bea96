package client

import (
	"cmp"
	"slices"

	"heureka.internal/heureka"
)

// A Service says which instances are meant. Exactly one of App, VIP and SecureVIP is set; all are compared without regard
// to case.
type Service struct {
	App       string // application name
	VIP       string // virtual address: any one of the names that an instance lists
	SecureVIP string

	// Region is one of Config.RemoteRegions; "" is the own region.
	Region string
	// AnyStatus includes instances that are not UP.
	AnyStatus bool
	// Match, if set, leaves out instances for which it is false. It must not keep state.
	Match func(*heureka.Instance) bool
}

// App is the service made of the instances of one application.
func App(name string) Service { return Service{App: name} }

// VIP is the service behind a virtual address, which is how Spring's clients look services up.
func VIP(name string) Service { return Service{VIP: name} }

// SecureVIP is the service behind a secure virtual address.
func SecureVIP(name string) Service { return Service{SecureVIP: name} }

// String returns the name.
func (sv Service) String() string { return cmp.Or(sv.App, sv.VIP, sv.SecureVIP) }

// Instances returns the instances of a service, nil if there is none. It allocates only if Region, AnyStatus or Match are
// set.
func (s *Snapshot) Instances(sv Service) []*heureka.Instance {
	if sv.Region != "" || sv.AnyStatus {
		return s.search(sv)
	}
	list := s.service(sv).instances
	if sv.Match == nil {
		return list
	}
	return filter(list, sv.Match)
}

var noService service

// service returns what the indexes have for the name; it is never nil.
func (s *Snapshot) service(sv Service) *service {
	if sv.App != "" {
		if a, ok := s.apps.get(sv.App); ok {
			return &a.service
		}
		return &noService
	}
	x, name := &s.vips, sv.VIP
	if sv.SecureVIP != "" {
		x, name = &s.svips, sv.SecureVIP
	}
	if v, ok := x.get(name); ok {
		return v
	}
	return &noService
}

// search looks at every instance that comes into question, because the indexes have only those that lookups return.
func (s *Snapshot) search(sv Service) []*heureka.Instance {
	matches := func(in *heureka.Instance) bool {
		return (sv.AnyStatus || s.rules.allStatuses || in.Status == heureka.StatusUp) &&
			s.rules.regions.of(in) == sv.Region && sv.lists(in) && (sv.Match == nil || sv.Match(in))
	}
	if sv.App != "" {
		return filter(s.AppAll(sv.App), matches)
	}
	var found []*heureka.Instance
	for _, a := range s.apps.all() {
		found = append(found, filter(a.all, matches)...)
	}
	slices.SortFunc(found, func(a, b *heureka.Instance) int {
		return cmp.Or(cmp.Compare(a.App, b.App), cmp.Compare(a.ResolvedID(), b.ResolvedID()))
	})
	return found
}

// lists reports whether an instance has the name.
func (sv Service) lists(in *heureka.Instance) bool {
	switch {
	case sv.App != "":
		return true
	case sv.SecureVIP != "":
		return hasVIP(in.SecureVIPAddress, sv.SecureVIP)
	default:
		return hasVIP(in.VIPAddress, sv.VIP)
	}
}

// hasVIP looks for a name in a list of VIP addresses.
func hasVIP(list, name string) bool {
	name = heureka.AppName(name)
	for v := range vipNames(list) {
		if v == name {
			return true
		}
	}
	return false
}

// filter returns nil if nothing is left, as lookups do.
func filter(list []*heureka.Instance, keep func(*heureka.Instance) bool) []*heureka.Instance {
	var out []*heureka.Instance
	for _, in := range list {
		if keep(in) {
			out = append(out, in)
		}
	}
	return out
}
