package registry

import (
	"unsafe"
	"weak"

	"heureka.internal/heureka"
)

// A Record is one state of an instance, with its lease. The state is immutable; the lease is live. Records are equal if they are the
// same state of the same instance. The zero Record is none.
type Record struct {
	state *stored
	lease *lease
	ended int64 // when the instance went, in milliseconds since the epoch; 0: this is no last state
}

// NewRecord returns a Record of an instance that is in no Registry; the zero one for nil.
func NewRecord(in *heureka.Instance) Record {
	if in == nil {
		return Record{}
	}
	v := version{instance: *in}
	return v.pack().record(nil)
}

// IsZero reports whether there is no instance.
func (r Record) IsZero() bool { return r.state == nil }

// Instance makes the instance: whoever asks for several of its fields does so once. It is nil if there is none.
func (r Record) Instance() *heureka.Instance {
	if r.state == nil {
		return nil
	}
	in := r.state.instance.Unpack()
	if r.ended != 0 {
		in.Action, in.LastUpdatedMS, in.Lease.EvictionMS = heureka.ActionDeleted, r.ended, r.ended
	}
	return in
}

// Key returns the application and the resolved id.
func (r Record) Key() heureka.Key {
	if r.lease != nil {
		return r.lease.key
	}
	return r.state.instance.Key()
}

// App returns the application.
func (r Record) App() string { return r.Key().App }

// Status returns the status of the instance.
func (r Record) Status() heureka.Status { return r.state.status }

// OverriddenStatus returns the override that the instance shows; StatusUnknown if there is none.
func (r Record) OverriddenStatus() heureka.Status { return r.state.overridden }

// RenewalIntervalSecs returns the time between two heartbeats that the instance has promised.
func (r Record) RenewalIntervalSecs() int64 { return int64(r.state.intervalSecs) }

// LastDirtyMS returns the time that the instance's client gave its record.
func (r Record) LastDirtyMS() int64 { return r.state.lastDirtyMS }

// Weight returns about how many bytes the instance takes in a document.
func (r Record) Weight() int { return int(r.state.weight) }

// VIPs returns the lists of VIP addresses of the instance.
func (r Record) VIPs() (plain, secure string) { return r.state.instance.VIPs() }

// A Ref tells whether a Record is the same state of the same instance as another one, without keeping either.
type Ref struct {
	state weak.Pointer[stored]
	ended int64
}

// Ref returns that of r.
func (r Record) Ref() Ref { return Ref{weak.Make(r.state), r.ended} }

// Record returns a Record, without its lease, if somebody keeps it.
func (r Ref) Record() (rec Record, ok bool) {
	s := r.state.Value()
	return Record{state: s, ended: r.ended}, s != nil
}

// Is reports whether rec is the state that r is of.
func (r Ref) Is(rec Record) bool {
	return rec.state != nil && r.state.Value() == rec.state && r.ended == rec.ended
}

// size returns about how many bytes the state takes.
func (r Record) size() int64 {
	if r.state == nil {
		return 0
	}
	n := int64(unsafe.Sizeof(*r.state)) + int64(r.state.instance.Bytes())
	if s := r.state.said; s != nil {
		n += int64(unsafe.Sizeof(*s)) + metadataSize(s.client)
	}
	return n
}

func metadataSize(m heureka.Metadata) (n int64) {
	for k, v := range m.All() {
		n += int64(len(k)+len(v)) + int64(unsafe.Sizeof(heureka.MetadataEntry{}))
	}
	return n
}

// Lease returns the lease as the wire shows it at this moment (S-LEASE-8): the intervals and the times of registration,
// of being up and of eviction are those of the record, the time of the last renewal is live. A Record that is not from a
// Registry shows the lease of its instance.
func (r Record) Lease() heureka.LeaseInfo {
	info := r.state.instance.Lease()
	if r.ended != 0 {
		info.EvictionMS = r.ended
	}
	return r.live(info)
}

// live shows a lease of r at this moment.
func (r Record) live(info heureka.LeaseInfo) heureka.LeaseInfo {
	if r.lease != nil {
		info.LastRenewalMS = r.lease.lastRenewalMS()
	}
	return withLeaseDefaults(info)
}

// Shown returns the instance, and its lease at this moment: Instance and Lease in one.
func (r Record) Shown() (*heureka.Instance, heureka.LeaseInfo) {
	in := r.Instance()
	return in, r.live(in.Lease)
}

// Incarnation returns how often the record was registered again after a cancellation without a later LastDirtyMS. Nodes
// tell each other, because nothing else says which of the two the cancellation was meant for.
func (r Record) Incarnation() uint32 { return incarnation(r.state.rev) }

// Own returns the status that the instance's client says, which operators may outrank.
func (r Record) Own() heureka.Status { return r.state.own }

// Stamp returns when the last command about the status was given; a zero Clock if nobody knows. The status is that of the command.
func (r Record) Stamp() (Stamp, heureka.Status) {
	if r.state.said == nil {
		return Stamp{}, heureka.StatusUnknown
	}
	o := &r.state.said.override
	return Stamp{Clock: o.clock, Rev: o.rev, About: o.about}, o.status
}

// MetadataCommand returns what an operator has set as metadata of this key.
func (r Record) MetadataCommand(key string) (c MetadataCommand, ok bool) {
	if r.state.said == nil {
		return c, false
	}
	i, ok := findCommand(r.state.said.metadata, key)
	if ok {
		c = r.state.said.metadata[i]
	}
	return c, ok
}
