// Package packed keeps instances in little memory. A heureka.Instance has thirty fields, half of them strings: with a million of
// them, the garbage collector follows twenty million pointers, again and again. A packed one is a single text without pointers,
// of half the size, from which an instance is made for whoever reads it.
package packed

import (
	"encoding/binary"
	"strings"
	"sync"

	"heureka.internal/heureka"
)

// An Instance is a heureka.Instance at rest. It is immutable; the zero value is none.
type Instance struct {
	dataCenter *heureka.DataCenter // shared
	data       string              // a head of numbers and spans, with its length before it, and the strings behind it
}

// LargeText is the size from which names do not share memory with the rest of their instance: they outlive it, in tombstones
// and lists.
const LargeText = 4 << 10

// A packer is the memory in which an instance is packed.
type packer struct {
	head  []byte
	texts Buffer
	whole []byte
}

var packers = sync.Pool{New: func() any { return new(packer) }}

// Of packs an instance, and keeps nothing of it but its data centre.
func Of(in *heureka.Instance) Instance {
	p := packers.Get().(*packer)
	p.head = p.head[:0]
	p.texts.Reset()
	p.text(in.App)
	p.text(in.ResolvedID())
	p.times(in)
	for _, s := range textsOf(in) {
		p.text(*s)
	}
	p.uint(uint64(len(in.Metadata)))
	for _, e := range in.Metadata {
		p.text(e.Key)
		p.text(e.Value)
	}
	p.rest(in)
	p.whole = binary.AppendUvarint(p.whole[:0], uint64(len(p.head)))
	p.whole = append(append(p.whole, p.head...), p.texts.Bytes...)
	packed := Instance{in.DataCenter, string(p.whole)}
	if cap(p.whole) <= 4*LargeText {
		packers.Put(p)
	}
	return packed
}

// textsOf returns the strings of an instance but for its application, which is packed apart. What is asked for alone comes first.
func textsOf(in *heureka.Instance) [12]*string {
	return [...]*string{
		&in.VIPAddress, &in.SecureVIPAddress, &in.ID, &in.HostName, &in.IPAddr, &in.SID, &in.AppGroupName, &in.HomePageURL,
		&in.StatusPageURL, &in.HealthCheckURL, &in.SecureHealthCheckURL, &in.ASGName,
	}
}

// timesOf returns the numbers that are mostly near LastDirtyMS.
func timesOf(in *heureka.Instance) [5]*int64 {
	l := &in.Lease
	return [...]*int64{&in.LastUpdatedMS, &l.RegistrationMS, &l.LastRenewalMS, &l.ServiceUpMS, &l.EvictionMS}
}

// Weight returns about how many bytes an instance takes in a document.
func Weight(in *heureka.Instance) int {
	const names = 700 // of members, numbers, punctuation
	n := names + len(in.ID) + len(in.HostName) + len(in.App) + len(in.IPAddr) + len(in.HomePageURL) + len(in.StatusPageURL) +
		len(in.HealthCheckURL) + len(in.SecureHealthCheckURL) + len(in.VIPAddress) + len(in.SecureVIPAddress)
	for _, e := range in.Metadata {
		n += len(e.Key) + len(e.Value) + len(`"":"",`)
	}
	return n
}

func (p *packer) uint(x uint64) { p.head = binary.AppendUvarint(p.head, x) }
func (p *packer) int(x int64)   { p.head = binary.AppendVarint(p.head, x) }

func (p *packer) text(s string) {
	p.uint(uint64(len(s)))
	if s != "" {
		p.uint(uint64(p.texts.AddString(s).From))
	}
}

func (p *packer) times(in *heureka.Instance) {
	p.int(in.LastDirtyMS)
	for _, at := range timesOf(in) {
		p.int(*at - in.LastDirtyMS)
	}
	p.int(in.Lease.RenewalIntervalSecs)
	p.int(in.Lease.DurationSecs)
}

func (p *packer) rest(in *heureka.Instance) {
	p.head = append(p.head, byte(in.Status), byte(in.OverriddenStatus), byte(in.Action), flags(in.Port.Enabled, in.SecurePort.Enabled, in.CoordinatingServer))
	for _, n := range [...]int{in.Port.Number, in.SecurePort.Number, in.CountryID} {
		p.int(int64(n))
	}
	p.uint(uint64(in.Blank))
}

func flags(all ...bool) (b byte) {
	for i, set := range all {
		if set {
			b |= 1 << i
		}
	}
	return b
}

// A reader reads what a packer has written.
type reader struct {
	data string
	at   int // in the head
	base int // where the strings begin
}

func (p Instance) reader() reader {
	r := reader{data: p.data}
	n := int(r.uint())
	r.base = r.at + n
	return r
}

func (r *reader) byte() byte {
	b := r.data[r.at]
	r.at++
	return b
}

func (r *reader) uint() uint64 {
	if b := r.data[r.at]; b < 0x80 {
		r.at++
		return uint64(b)
	}
	return r.longUint()
}

func (r *reader) longUint() (x uint64) {
	for shift := 0; ; shift += 7 {
		b := r.byte()
		x |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return x
		}
	}
}

func (r *reader) int() int64 {
	x := r.uint()
	return int64(x>>1) ^ -int64(x&1)
}

func (r *reader) text() string {
	n := r.uint()
	if n == 0 {
		return ""
	}
	from := r.base + int(r.uint())
	return r.data[from : from+int(n)]
}

// name is text for what may be kept for longer than its instance.
func (r *reader) name() string {
	s := r.text()
	if len(r.data) > LargeText {
		s = strings.Clone(s)
	}
	return s
}

func (r *reader) times(in *heureka.Instance) {
	in.LastDirtyMS = r.int()
	for _, at := range timesOf(in) {
		*at = r.int() + in.LastDirtyMS
	}
	in.Lease.RenewalIntervalSecs = r.int()
	in.Lease.DurationSecs = r.int()
}

func (r *reader) metadata() heureka.Metadata {
	n := r.uint()
	if n == 0 {
		return nil
	}
	md := make(heureka.Metadata, n)
	for i := range md {
		md[i] = heureka.MetadataEntry{Key: r.text(), Value: r.text()}
	}
	return md
}

func (r *reader) rest(in *heureka.Instance) {
	in.Status, in.OverriddenStatus, in.Action = heureka.Status(r.byte()), heureka.Status(r.byte()), heureka.Action(r.byte())
	set := r.byte()
	in.Port.Enabled, in.SecurePort.Enabled, in.CoordinatingServer = set&1 != 0, set&2 != 0, set&4 != 0
	for _, n := range [...]*int{&in.Port.Number, &in.SecurePort.Number, &in.CountryID} {
		*n = int(r.int())
	}
	in.Blank = heureka.Fields(r.uint())
}

// IsZero reports whether there is no instance.
func (p Instance) IsZero() bool { return p.data == "" }

// Bytes returns how much memory an instance takes.
func (p Instance) Bytes() int { return len(p.data) }

// Key returns the application and the resolved id.
func (p Instance) Key() heureka.Key {
	r := p.reader()
	return heureka.Key{App: r.name(), ID: r.name()}
}

// Lease returns the lease.
func (p Instance) Lease() heureka.LeaseInfo {
	var in heureka.Instance
	r := p.reader()
	r.text()
	r.text()
	r.times(&in)
	return in.Lease
}

// VIPs returns the two lists of VIP addresses.
func (p Instance) VIPs() (plain, secure string) {
	r := p.reader()
	r.text()
	r.text()
	r.times(new(heureka.Instance))
	return r.name(), r.name()
}

// Unpack makes the instance. Its strings share the memory of p, unless p is large.
func (p Instance) Unpack() *heureka.Instance {
	in := new(heureka.Instance)
	p.UnpackTo(in)
	return in
}

// UnpackTo is Unpack into memory that is there, and zero.
func (p Instance) UnpackTo(in *heureka.Instance) {
	r := p.reader()
	in.DataCenter = p.dataCenter
	in.App = r.name()
	r.text()
	r.times(in)
	for _, s := range textsOf(in) {
		*s = r.name()
	}
	in.Metadata = r.metadata()
	r.rest(in)
}
