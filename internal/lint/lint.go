// Package lint looks for registrations that will give trouble: addresses that others cannot reach, ids and ports that
// collide, clocks and leases that are off, instances that come and go. It judges what it is given, and asks nobody: names
// are not looked up. Pure.
package lint

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// A Kind is what is wrong with a registration, as a word for programs.
type Kind string

// What may be wrong.
const (
	Loopback    Kind = "loopback"
	LinkLocal   Kind = "link-local"
	Container   Kind = "container-address"
	HostName    Kind = "host-name"
	SameAddress Kind = "same-address"
	Contested   Kind = "contested-id"
	FutureStamp Kind = "future-stamp"
	NoZone      Kind = "no-zone"
	Flapping    Kind = "flapping"
	DefaultPort Kind = "default-port"
	OddLease    Kind = "odd-lease"
)

// Kinds are all kinds, the most harmful first.
var Kinds = []Kind{Loopback, LinkLocal, Contested, SameAddress, Container, HostName, FutureStamp, Flapping, DefaultPort, OddLease, NoZone}

var advice = map[Kind]string{
	Loopback:    "Callers on other hosts reach themselves. Set eureka.instance.hostname or ip-address, or prefer-ip-address.",
	LinkLocal:   "Such addresses work only within one network segment. Register a routable address.",
	Contested:   "Two hosts register under one id and overwrite each other. Give each its own eureka.instance.instance-id.",
	SameAddress: "Several ids share one address: callers count one process twice. Often an id that changes with each start.",
	Container:   "The address exists only inside one container host. Register the address of the host, or of the pod network.",
	HostName:    "Other hosts cannot look such a name up. Set eureka.instance.hostname, or prefer-ip-address.",
	FutureStamp: "The clock of the host is ahead; while it is, later changes from a correct clock may be refused.",
	Flapping:    "The instance keeps changing. Look at its health check and at its memory.",
	DefaultPort: "7001 and 7002 are what servers assume for a client that names no port.",
	OddLease:    "A lease should last about three heartbeats, and not much longer than callers can bear a dead instance.",
	NoZone:      "Other instances of the application name a zone. Clients that prefer their own zone miss this one.",
}

// Advice says what a finding of this kind means and what helps.
func (k Kind) Advice() string { return advice[k] }

// A Finding is one thing that is wrong with one registration.
type Finding struct {
	Kind Kind   `json:"kind"`
	App  string `json:"app"`
	ID   string `json:"id"`
	Text string `json:"text"`
}

// Key returns the instance.
func (f *Finding) Key() heureka.Key { return heureka.Key{App: f.App, ID: f.ID} }

// Stamps of clients may be a little ahead of this node's clock; changes count as flapping if they come this often.
const (
	clockTolerance = time.Minute
	flappingWithin = 10 * time.Minute
	flappingFrom   = 5
	contestedFrom  = 2
)

// Check looks at the instances of one application after the other, and at changes for what shows only over time. The worst kinds come
// first, each by application and id. It keeps no application when it looks at the next.
func Check(apps iter.Seq[[]*heureka.Instance], changes []registry.Change, now time.Time) []Finding {
	var found findings
	happened := overTime(changes, now)
	for instances := range apps {
		zoned := slices.ContainsFunc(instances, func(in *heureka.Instance) bool { return zone(in) != "" })
		for _, in := range instances {
			found.address(in)
			found.numbers(in, now)
			if zoned && zone(in) == "" {
				found.add(NoZone, in, "names no zone")
			}
			found.history(in, &happened)
		}
		found.sameAddress(instances)
	}
	slices.SortStableFunc(found, func(a, b Finding) int {
		return cmp.Or(slices.Index(Kinds, a.Kind)-slices.Index(Kinds, b.Kind), cmp.Compare(a.App, b.App), cmp.Compare(a.ID, b.ID))
	})
	return found
}

// Count returns how many findings there are of each kind; every kind is there.
func Count(found []Finding) map[Kind]int {
	n := make(map[Kind]int, len(Kinds))
	for _, k := range Kinds {
		n[k] = 0
	}
	for i := range found {
		n[found[i].Kind]++
	}
	return n
}

type findings []Finding

func (f *findings) add(k Kind, in *heureka.Instance, format string, args ...any) {
	*f = append(*f, Finding{Kind: k, App: in.App, ID: in.ResolvedID(), Text: fmt.Sprintf(format, args...)})
}

// numbers judges ports, lease and stamp.
func (f *findings) numbers(in *heureka.Instance, now time.Time) {
	switch {
	case in.Port.Enabled && in.Port.Number == heureka.DefaultPort:
		f.add(DefaultPort, in, "listens on port %d", heureka.DefaultPort)
	case in.SecurePort.Enabled && in.SecurePort.Number == heureka.DefaultSecurePort:
		f.add(DefaultPort, in, "listens on secure port %d", heureka.DefaultSecurePort)
	}
	if ahead := time.UnixMilli(in.LastDirtyMS).Sub(now); ahead > clockTolerance {
		f.add(FutureStamp, in, "was changed %v in the future", ahead.Round(time.Second))
	}
	lease := in.Lease
	interval := cmp.Or(lease.RenewalIntervalSecs, heureka.DefaultRenewalIntervalS)
	duration := cmp.Or(lease.DurationSecs, heureka.DefaultLeaseDurationSecs)
	switch {
	case duration < 2*interval:
		f.add(OddLease, in, "its lease of %d s ends when one heartbeat is lost: they come every %d s", duration, interval)
	case duration > 600:
		f.add(OddLease, in, "is listed for %d s after it has died", duration)
	case interval < 2:
		f.add(OddLease, in, "sends a heartbeat every %d s", interval)
	}
}

// An endpoint is where an instance listens.
type endpoint struct {
	host string
	port int
}

// sameAddress finds instances of one application that listen in one place.
func (f *findings) sameAddress(instances []*heureka.Instance) {
	first := make(map[endpoint]*heureka.Instance, len(instances))
	for _, in := range instances {
		at := endpointOf(in)
		if at.port == 0 || at.host == "" {
			continue
		}
		if other := first[at]; other != nil {
			f.add(SameAddress, in, "listens on %s:%d, as %s does", at.host, at.port, other.ResolvedID())
			continue
		}
		first[at] = in
	}
}

func endpointOf(in *heureka.Instance) endpoint {
	at := endpoint{host: cmp.Or(in.IPAddr, in.HostName)}
	switch {
	case in.Port.Enabled:
		at.port = in.Port.Number
	case in.SecurePort.Enabled:
		at.port = in.SecurePort.Number
	}
	return at
}

// A history is how often which instance did what.
type history struct{ flaps, fights map[heureka.Key]int }

// overTime counts what only the changes show.
func overTime(changes []registry.Change, now time.Time) history {
	flaps, fights := map[heureka.Key]int{}, map[heureka.Key]int{}
	for i := range changes {
		ch := &changes[i]
		if now.Sub(ch.At) > flappingWithin {
			continue
		}
		came := ch.Previous.IsZero()
		if came || ch.Removed() || ch.Previous.Status() != ch.Record.Status() {
			flaps[ch.Key]++
		}
		if came || ch.Removed() {
			continue
		}
		if before, after := ch.Previous.Instance(), ch.Record.Instance(); before.IPAddr != after.IPAddr || before.HostName != after.HostName {
			fights[ch.Key]++
		}
	}
	return history{flaps, fights}
}

// history judges what an instance has done.
func (f *findings) history(in *heureka.Instance, h *history) {
	if len(h.flaps)+len(h.fights) == 0 {
		return
	}
	key := in.Key()
	if n := h.flaps[key]; n >= flappingFrom {
		f.add(Flapping, in, "came, went or changed its status %d times within %v", n, flappingWithin)
	}
	if n := h.fights[key]; n >= contestedFrom {
		f.add(Contested, in, "changed its address %d times within %v", n, flappingWithin)
	}
}

func zone(in *heureka.Instance) string {
	if dc := in.DataCenter; dc != nil && dc.Name == heureka.Amazon {
		return dc.Metadata.Get("availability-zone")
	}
	return in.Metadata.Get("zone")
}
