package wire

import (
	"bytes"
	"encoding/xml"
	"strconv"
	"strings"

	"heureka.internal/heureka"
)

// An xmlReader decodes instances from XML by the rules of W-XDEC.
type xmlReader struct {
	xmlScanner
	record record
	limits Limits
	key    []byte
	// fault is what is wrong with the instance at hand though its XML is fine. A registration is refused for it, a
	// client goes on with the next instance.
	fault *SyntaxError
}

func newXMLReader(body []byte) *xmlReader { return &xmlReader{xmlScanner: *newXMLScanner(body)} }

func (x *xmlReader) refuse(msg string) {
	if x.fault == nil {
		x.fault = x.complaint(msg)
	}
}

// instanceElement and instanceClass are what a registration's root may be called (W-XDEC-1).
const (
	instanceElement = "instance"
	instanceClass   = "com.netflix.appinfo.InstanceInfo"
)

// decodeRegistrationXML reads <instance>…</instance>.
func decodeRegistrationXML(body []byte, l Limits) (*heureka.Instance, error) {
	if err := checkTags(body); err != nil {
		return nil, err
	}
	x := newXMLReader(body)
	x.limits = l
	root := x.root()
	if n := fullName(root.Name); x.err == nil && n != instanceElement && n != instanceClass {
		x.fail("root element is " + n)
	}
	in := x.instance(root)
	x.end()
	if x.err == nil && !x.record.sent[textApp] {
		x.refuse("instance without app") // W-REG-5
	}
	if x.err == nil {
		x.err = x.fault
	}
	if err := x.failure(); err != nil {
		return nil, err
	}
	if err := l.check(&x.record, in); err != nil {
		return nil, err
	}
	return in, nil
}

// instance reads one instance; what is wrong with it is left in fault. It returns nil after an error only.
func (x *xmlReader) instance(element xml.StartElement) *heureka.Instance {
	x.fault = nil
	x.record.begin()
	for child := range x.children(element) {
		x.instanceChild(&x.record, child)
		x.locate(child)
	}
	if x.err != nil {
		return nil
	}
	return x.record.finish()
}

// locate says in which child of the instance the error is that has just been found, if any.
func (x *xmlReader) locate(child xml.StartElement) {
	for _, e := range [...]*SyntaxError{x.err, x.fault} {
		if e != nil && e.Path == "" {
			e.within([]byte(fullName(child.Name)))
			e.within([]byte(instanceElement))
		}
	}
}

func (x *xmlReader) instanceChild(r *record, child xml.StartElement) {
	name := fullName(child.Name)
	if f, ok := textFieldOf([]byte(name)); ok {
		if f == textApp { // but not appGroupName (W-XDEC-5)
			r.setUpper(f, x.text(child))
		} else {
			r.set(f, x.text(child))
		}
		return
	}
	switch name {
	case "status":
		r.in.Status = x.status(child)
	case "overriddenstatus", "overriddenStatus":
		r.in.OverriddenStatus = x.status(child)
	case "port":
		r.in.Port = heureka.Port{Number: x.strictInt(child), Enabled: enabled(child) != "false"}
	case "securePort":
		r.in.SecurePort = heureka.Port{Number: x.strictInt(child), Enabled: enabled(child) == "true"}
	case "countryId":
		r.in.CountryID = x.strictInt(child)
	case "dataCenterInfo":
		x.dataCenter(r, child)
	case "leaseInfo":
		x.lease(&r.in.Lease, child)
	case "metadata":
		r.metadata = x.metadata(r, child, r.metadata)
	case "isCoordinatingDiscoveryServer":
		r.in.CoordinatingServer = strings.EqualFold(string(x.text(child)), "true")
	case "lastUpdatedTimestamp":
		x.number(&r.in.LastUpdatedMS, child)
	case "lastDirtyTimestamp":
		x.number(&r.in.LastDirtyMS, child)
	case "actionType":
		if a, ok := heureka.ParseAction(string(x.text(child))); ok {
			r.in.Action = a
		}
	default:
		x.skip(child)
	}
}

// status reads a status name in any case; another text is UNKNOWN (W-XDEC-4).
func (x *xmlReader) status(e xml.StartElement) heureka.Status {
	s, _ := heureka.ParseStatus(string(bytes.ToUpper(x.text(e))))
	return s
}

// strictInt reads a number that must be one (W-XDEC-3).
func (x *xmlReader) strictInt(e xml.StartElement) int {
	n, err := strconv.ParseInt(string(x.text(e)), 10, 32)
	if err != nil {
		x.refuse("element " + e.Name.Local + " is not a number")
	}
	return int(n)
}

// number reads a number, or nothing if it is none: unlike JSON's it is not 0 then (W-XDEC-9).
func (x *xmlReader) number(dst *int64, e xml.StartElement) {
	if n, err := strconv.ParseInt(string(x.text(e)), 10, 64); err == nil {
		*dst = n
	}
}

// enabled returns the attribute of a port. A port is enabled unless it says false, a secure port only if it says true.
func enabled(e xml.StartElement) string {
	for _, a := range e.Attr {
		if fullName(a.Name) == "enabled" {
			return a.Value
		}
	}
	return ""
}

// dataCenter reads dataCenterInfo by its name; the class is ignored (W-XDEC-6). Without a name there is no data centre.
func (x *xmlReader) dataCenter(r *record, e xml.StartElement) {
	r.in.DataCenter, r.amazon = nil, r.amazon[:0]
	for child := range x.children(e) {
		switch fullName(child.Name) {
		case "name":
			x.dataCenterName(r, child)
		case "metadata":
			if r.in.DataCenter == nil {
				x.refuse("data center metadata before the name")
			}
			r.amazon = x.metadata(r, child, r.amazon) // finish drops what is not Amazon's
		default:
			x.skip(child)
		}
	}
}

func (x *xmlReader) dataCenterName(r *record, e xml.StartElement) {
	name := x.text(e)
	if bytes.EqualFold(name, []byte(heureka.Amazon)) {
		r.in.DataCenter = anyAmazon
		return
	}
	r.in.DataCenter = dataCenterNamed(name)
	if r.in.DataCenter == nil {
		x.refuse("unknown data center name")
	}
}

// lease reads leaseInfo; what is not a number is skipped alone (W-XDEC-7, W-BUG-10).
func (x *xmlReader) lease(l *heureka.LeaseInfo, e xml.StartElement) {
	*l = defaultLease()
	for child := range x.children(e) {
		switch fullName(child.Name) {
		case "renewalIntervalInSecs":
			x.interval(&l.RenewalIntervalSecs, child)
		case "durationInSecs":
			x.interval(&l.DurationSecs, child)
		case "registrationTimestamp":
			x.number(&l.RegistrationMS, child)
		case "lastRenewalTimestamp":
			x.number(&l.LastRenewalMS, child)
		case "evictionTimestamp":
			x.number(&l.EvictionMS, child)
		case "serviceUpTimestamp":
			x.number(&l.ServiceUpMS, child)
		default:
			x.skip(child)
		}
	}
}

func (x *xmlReader) interval(dst *int64, e xml.StartElement) {
	if secs, err := strconv.ParseInt(string(x.text(e)), 10, 32); err == nil {
		setInterval(dst, secs)
	}
}

// metadata reads elements as entries into pairs, which it overwrites; of an entry with elements in it only the text beside
// them counts (W-XDEC-8). The empty-map class needs no rule: such an element has no children.
func (x *xmlReader) metadata(r *record, e xml.StartElement, pairs []pair) []pair {
	pairs = pairs[:0]
	for child := range x.children(e) {
		if x.limits.full(pairs) {
			x.skip(child)
			continue
		}
		x.key = appendXMLKey(x.key[:0], fullName(child.Name))
		key := r.text.Add(x.key)
		pairs = append(pairs, pair{key, r.text.Add(x.text(child))})
	}
	return pairs
}
