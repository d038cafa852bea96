package wire

import "heureka.internal/heureka"

// The class markers of dataCenterInfo (W-FLD-5). The first names a class that does not exist; it has meant "not Amazon"
// since the first releases.
const (
	phantomClass = "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo"
	myOwnClass   = "com.netflix.appinfo.MyDataCenterInfo"
	amazonClass  = "com.netflix.appinfo.AmazonInfo"
)

// A dataCenterInfo is what a dataCenterInfo object said.
type dataCenterInfo struct {
	class    dataCenterClass
	named    bool
	center   *heureka.DataCenter // by name; nil if there is none of that name
	metadata bool
	extra    bool // unknown members
}

type dataCenterClass uint8

const (
	noClass dataCenterClass = iota
	plainDataCenter
	amazonDataCenter
	unknownClass
)

func dataCenterClassOf(name []byte) dataCenterClass {
	switch string(name) {
	case phantomClass, myOwnClass:
		return plainDataCenter
	case amazonClass:
		return amazonDataCenter
	}
	return unknownClass
}

// dataCenter reads dataCenterInfo with its members in any order (W-JDEC-11, W-BUG-4).
func (s *scanner) dataCenter(r *record) {
	var info dataCenterInfo
	for name := range s.members {
		if s.null() {
			continue
		}
		switch string(name) {
		case "@class":
			info.class = dataCenterClassOf(s.text())
		case "name":
			info.named, info.center = true, dataCenterNamed(s.text())
		case "metadata":
			info.metadata, r.amazon = true, s.metadata(r, r.amazon)
		default:
			info.extra = true
			s.skip()
		}
	}
	if !info.metadata {
		r.amazon = r.amazon[:0]
	}
	if s.lenient {
		r.in.DataCenter = info.lenient()
		return
	}
	center, complaint := info.strict()
	if complaint != "" {
		s.fail(complaint)
	}
	r.in.DataCenter = center
}

// strict decides as the reference does, with two exceptions: Amazon under the phantom class, which poisons the
// reference's registry, is Amazon (W-BUG-1), and Amazon's metadata may be missing.
func (d *dataCenterInfo) strict() (*heureka.DataCenter, string) {
	switch {
	case d.class == amazonDataCenter:
		return anyAmazon, ""
	case d.class != plainDataCenter:
		return nil, "dataCenterInfo without a known @class"
	case d.extra || d.metadata:
		return nil, "unknown member in dataCenterInfo"
	case !d.named:
		return namelessDataCenter, ""
	case d.center == nil:
		return nil, "unknown data center name"
	}
	return d.center, ""
}

// lenient makes the best of it (W-JLEG-2): nil if nothing known was said.
func (d *dataCenterInfo) lenient() *heureka.DataCenter {
	if d.class == amazonDataCenter {
		return anyAmazon
	}
	return d.center
}
