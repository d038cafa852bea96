package client

import (
	"iter"
	"slices"
	"strings"

	"heureka.internal/heureka"
)

// A Snapshot is the registry as one refresh left it. It is immutable, and so is everything that it hands out: slices are
// shared with other callers and must not be changed. Lookups neither lock nor allocate, and ignore the case of names.
//
// Unless Config says otherwise, lookups of a service return the instances that are UP and in the own region, in an order
// that differs from client to client, so that programs that start together do not all call the same instance first. The
// lookups of single instances, AppAll, All and Hash see every instance. An instance keeps its identity, the pointer, until
// something about it changes; times of renewal are as old as that.
type Snapshot struct {
	rules      *rules
	apps       index[*app]
	vips       index[*service]
	svips      index[*service]
	counts     heureka.StatusCounts
	generation uint64
	source     Source
}

// A Source says where a snapshot came from.
type Source uint8

// The sources of a snapshot.
const (
	FromNowhere Source = iota // nothing was fetched yet
	FromServer
	FromBackup
)

// String returns "nowhere", "server" or "backup".
func (s Source) String() string {
	return [...]string{"nowhere", "server", "backup"}[min(s, FromBackup)]
}

// A service is what lookups of one name return. It is replaced as a whole, so two snapshots with the same service in
// them have the same instances.
type service struct {
	name      string // as the index has it
	instances []*heureka.Instance
}

// An app is an application: all its instances in the order of their ids, and those that lookups return.
type app struct {
	service
	all []*heureka.Instance
}

func compareID(in *heureka.Instance, id string) int { return strings.Compare(in.ResolvedID(), id) }

// find looks an id up.
func (a *app) find(id string) (*heureka.Instance, bool) {
	i, ok := slices.BinarySearchFunc(a.all, id, compareID)
	if !ok {
		return nil, false
	}
	return a.all[i], true
}

// App returns the instances of an application.
func (s *Snapshot) App(name string) []*heureka.Instance {
	if a, ok := s.apps.get(name); ok {
		return a.instances
	}
	return nil
}

// VIP returns the instances with this VIP address, of whatever application.
func (s *Snapshot) VIP(name string) []*heureka.Instance { return s.vip(&s.vips, name) }

// SecureVIP returns the instances with this secure VIP address.
func (s *Snapshot) SecureVIP(name string) []*heureka.Instance { return s.vip(&s.svips, name) }

func (s *Snapshot) vip(x *index[*service], name string) []*heureka.Instance {
	if v, ok := x.get(name); ok {
		return v.instances
	}
	return nil
}

// AppAll returns the instances of an application in any status and region, in the order of their ids.
func (s *Snapshot) AppAll(name string) []*heureka.Instance {
	if a, ok := s.apps.get(name); ok {
		return a.all
	}
	return nil
}

// Instance returns one instance in any status. The id is compared exactly.
func (s *Snapshot) Instance(appName, id string) (*heureka.Instance, bool) {
	a, ok := s.apps.get(appName)
	if !ok {
		return nil, false
	}
	return a.find(id)
}

// InstanceByID returns the instance with this id, in any status and of whatever application; if several have it, the
// application whose name comes first wins. It looks into every application.
func (s *Snapshot) InstanceByID(id string) (*heureka.Instance, bool) {
	var found *heureka.Instance
	for _, a := range s.apps.all() {
		if in, ok := a.find(id); ok && (found == nil || in.App < found.App) {
			found = in
		}
	}
	return found, found != nil
}

// Apps returns the names of all applications in ascending order.
func (s *Snapshot) Apps() []string {
	names := make([]string, 0, s.apps.size)
	for name := range s.apps.all() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// All iterates over all instances in any status, in the order of their keys.
func (s *Snapshot) All() iter.Seq[*heureka.Instance] {
	return func(yield func(*heureka.Instance) bool) {
		for _, name := range s.Apps() {
			for _, in := range s.AppAll(name) {
				if !yield(in) {
					return
				}
			}
		}
	}
}

// Len returns the number of instances in any status.
func (s *Snapshot) Len() int { return int(s.counts.Total()) }

// Hash returns the hash over all instances, which a server's registry must have too (C-HS-1).
func (s *Snapshot) Hash() string { return s.counts.Hash() }

// Generation grows with every change of the registry; 0 is the empty snapshot before the first fetch.
func (s *Snapshot) Generation() uint64 { return s.generation }

// Source says where the snapshot came from.
func (s *Snapshot) Source() Source { return s.source }

// Applications returns the registry as a document, for a Backup or to be sent on.
func (s *Snapshot) Applications() *heureka.Applications {
	doc := &heureka.Applications{Version: 1, Hash: s.Hash()}
	for _, name := range s.Apps() {
		doc.Apps = append(doc.Apps, &heureka.Application{Name: name, Instances: s.AppAll(name)})
	}
	return doc
}

// rules decide what lookups return.
type rules struct {
	allStatuses bool
	regions     *regions
}

// usable reports whether lookups return an instance (C-CA-1).
func (r *rules) usable(in *heureka.Instance) bool {
	return (r.allStatuses || in.Status == heureka.StatusUp) && r.regions.of(in) == ""
}

// regions tells instances of remote regions from those of the own. Nil knows no remote region.
type regions struct {
	remote []string
	byZone map[string]string
}

// zonesOfRegion is what Netflix knows without configuration (C-RR-2).
var zonesOfRegion = map[string]string{
	"us-east-1": "acde", "us-west-1": "ac", "us-west-2": "ab", "eu-west-1": "abc",
}

// newRegions returns nil if nothing is remote, which is what nearly everybody has.
func newRegions(cfg *Config) *regions {
	if len(cfg.RemoteRegions) == 0 {
		return nil
	}
	r := &regions{remote: cfg.RemoteRegions, byZone: make(map[string]string)}
	for _, region := range cfg.RemoteRegions {
		for _, letter := range zonesOfRegion[region] {
			r.byZone[region+string(letter)] = region
		}
		for _, zone := range cfg.AvailabilityZones[region] {
			r.byZone[zone] = region
		}
	}
	return r
}

// of returns the remote region of an instance, "" for the own. Only Amazon instances can be elsewhere (C-RR-4).
func (r *regions) of(in *heureka.Instance) string {
	if r == nil || in.DataCenter == nil || in.DataCenter.Name != heureka.Amazon {
		return ""
	}
	zone := in.DataCenter.Metadata.Get(amazonZone)
	if region, ok := r.byZone[zone]; ok {
		return region
	}
	if region := zone[:max(len(zone)-1, 0)]; slices.Contains(r.remote, region) {
		return region
	}
	return ""
}

// Metadata keys with a meaning.
const (
	amazonZone = "availability-zone"
	zoneKey    = "zone"
	weightKey  = "weight"
)

// Zone returns the zone of an instance: its metadata "zone", as Spring's load balancer reads it (C-VP-6), else the
// availability zone that Amazon gave it, else "".
func Zone(in *heureka.Instance) string {
	zone := in.Metadata.Get(zoneKey)
	if zone == "" && in.DataCenter != nil {
		zone = in.DataCenter.Metadata.Get(amazonZone)
	}
	return zone
}

// vipNames iterates over the names in a list of VIP addresses, trimmed (C-CA-7) and in upper case.
func vipNames(list string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for part := range strings.SplitSeq(list, ",") {
			if name := heureka.AppName(strings.TrimSpace(part)); name != "" && !yield(name) {
				return
			}
		}
	}
}
