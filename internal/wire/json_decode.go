package wire

import "heureka.internal/heureka"

// decodeRegistrationJSON reads {"instance":{…}} by the rules of W-JDEC.
func decodeRegistrationJSON(body []byte, l Limits) (*heureka.Instance, error) {
	r := records.Get().(*record)
	defer r.release()
	s := newScanner(body, false)
	s.limits = l
	return s.checked(r, s.registration(r))
}

// registration reads the body of a registration.
func (s *scanner) registration(r *record) (in *heureka.Instance) {
	for name := range s.members {
		if in != nil || string(name) != "instance" { // W-JDEC-1
			s.fail("want instance as the only member")
			break
		}
		in = s.instance(r)
	}
	if in == nil {
		s.fail("no instance")
	}
	return in
}

// checked returns in, or what is wrong with it.
func (s *scanner) checked(r *record, in *heureka.Instance) (*heureka.Instance, error) {
	if err := s.failure(); err != nil {
		return nil, err
	}
	if err := s.limits.check(r, in); err != nil {
		return nil, err
	}
	return in, nil
}

// check is Check for a record that has just been decoded, as far as its metadata may go.
func (l *Limits) check(r *record, in *heureka.Instance) error {
	if l.full(r.metadata) || l.full(r.amazon) {
		return tooManyEntries(l.MetadataEntries)
	}
	return l.Check(in)
}

// instance reads one bare instance. It returns nil after an error only.
func (s *scanner) instance(r *record) *heureka.Instance {
	r.begin()
	for name := range s.members {
		if !s.null() { // null is as good as absent (W-JDEC-2)
			s.instanceMember(r, name)
		}
	}
	if !r.sent[textApp] && !s.lenient {
		s.fail("instance without app") // W-REG-5
	}
	if s.err != nil {
		return nil
	}
	in := r.finish()
	if !s.lenient {
		adoptMetadataID(in)
	}
	return in
}

func (s *scanner) instanceMember(r *record, name []byte) {
	if f, ok := textFieldOf(name); ok {
		if f == textApp || f == textGroup { // W-JDEC-8
			r.setUpper(f, s.text())
		} else {
			r.set(f, s.text())
		}
		return
	}
	switch string(name) {
	case "status":
		r.in.Status = s.status()
	case "overriddenStatus", "overriddenstatus":
		r.in.OverriddenStatus = s.status()
	case "port":
		s.port(&r.in.Port)
	case "securePort":
		s.port(&r.in.SecurePort)
	case "countryId":
		r.in.CountryID = int(s.integer32())
	case "dataCenterInfo":
		s.dataCenter(r)
	case "leaseInfo":
		s.lease(&r.in.Lease)
	case "metadata":
		r.metadata = s.metadata(r, r.metadata)
	case "isCoordinatingDiscoveryServer":
		r.in.CoordinatingServer = s.boolean()
	case "lastUpdatedTimestamp":
		r.in.LastUpdatedMS = s.integer()
	case "lastDirtyTimestamp":
		r.in.LastDirtyMS = s.integer()
	case "actionType":
		r.in.Action, _ = heureka.ParseAction(string(s.text()))
	default:
		s.skip() // with its whole content, unlike the reference (W-JDEC-12, W-BUG-3)
	}
}

// status reads an exact status name; any other scalar is UNKNOWN (W-JDEC-6).
func (s *scanner) status() heureka.Status {
	st, _ := heureka.ParseStatus(string(s.text()))
	return st
}

// port reads {"$":8080,"@enabled":"true"}; what is missing stays as it is, but null is 0 and false (W-JDEC-7).
func (s *scanner) port(p *heureka.Port) {
	if s.lenient && s.peek() != '{' {
		p.Number = int(s.integer32())
		return
	}
	if s.err == nil && s.peek() != '{' {
		s.fail(`want {"$":8080,"@enabled":"true"}`)
	}
	for name := range s.members {
		switch string(name) {
		case "$":
			p.Number = 0
			if !s.null() {
				p.Number = int(s.integer32())
			}
		case "@enabled":
			p.Enabled = !s.null() && s.boolean()
		default:
			s.unknownPortMember()
		}
	}
}

// unknownPortMember refuses a member that the reference refuses; a client skips it.
func (s *scanner) unknownPortMember() {
	if !s.lenient {
		s.fail("unknown member in a port")
		return
	}
	s.skip()
}

// lease reads a leaseInfo. Its timestamps are the server's, so a registration's are replaced later.
func (s *scanner) lease(l *heureka.LeaseInfo) {
	*l = defaultLease()
	for name := range s.members {
		if s.null() {
			continue
		}
		switch string(name) {
		case "renewalIntervalInSecs":
			setInterval(&l.RenewalIntervalSecs, s.integer32())
		case "durationInSecs":
			setInterval(&l.DurationSecs, s.integer32())
		case "registrationTimestamp":
			l.RegistrationMS = s.integer()
		case "lastRenewalTimestamp":
			l.LastRenewalMS = s.integer()
		case "evictionTimestamp":
			l.EvictionMS = s.integer()
		case "serviceUpTimestamp":
			l.ServiceUpMS = s.integer()
		case "renewalTimestamp":
			s.oldRenewal(l)
		default:
			s.unknownLeaseMember()
		}
	}
}

// oldRenewal reads the name that lastRenewalTimestamp had in old servers (W-JLEG-2); a registration's is ignored.
func (s *scanner) oldRenewal(l *heureka.LeaseInfo) {
	if !s.lenient {
		s.scalar()
		return
	}
	l.LastRenewalMS = s.integer()
}

// unknownLeaseMember reads over a scalar; objects and arrays are refused (W-JDEC-10).
func (s *scanner) unknownLeaseMember() {
	if s.lenient {
		s.skip()
		return
	}
	s.scalar()
}

// emptyMapMarker is a member that Java adds to maps to name their class (W-JENC-9).
const emptyMapMarker = "@class"

// metadata reads a flat map into pairs, which it overwrites: numbers and booleans are kept as text, null as "null", the
// class marker is dropped, and nested values refuse the body (W-JDEC-9, W-BUG-2).
func (s *scanner) metadata(r *record, pairs []pair) []pair {
	pairs = pairs[:0]
	if s.lenient && s.peek() != '{' {
		s.skip()
		return pairs
	}
	for name := range s.members {
		if string(name) == emptyMapMarker {
			s.skip()
			continue
		}
		if s.limits.full(pairs) {
			s.skip()
			continue
		}
		key := r.text.Add(name)
		switch c := s.peek(); {
		case s.null():
			pairs = append(pairs, pair{key, r.text.Add([]byte("null"))})
		case s.lenient && (c == '{' || c == '['):
			s.skip()
		default:
			pairs = append(pairs, pair{key, r.text.Add(s.text())})
		}
	}
	return pairs
}
