package wire

import (
	"slices"
	"strings"
	"sync"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/packed"
)

// A textField is one of the string fields of an instance.
type textField uint8

const (
	textID textField = iota
	textHost
	textApp
	textIP
	textSID
	textGroup
	textHome
	textStatusPage
	textHealth
	textSecureHealth
	textVIP
	textSecureVIP
	textASG
	textFieldCount
)

// textFieldOf returns the string field with this name, which is the same in JSON and XML.
func textFieldOf(name []byte) (textField, bool) {
	switch string(name) {
	case "instanceId":
		return textID, true
	case "hostName":
		return textHost, true
	case "app":
		return textApp, true
	case "ipAddr":
		return textIP, true
	case "sid":
		return textSID, true
	case "appGroupName":
		return textGroup, true
	case "homePageUrl":
		return textHome, true
	case "statusPageUrl":
		return textStatusPage, true
	case "healthCheckUrl":
		return textHealth, true
	case "secureHealthCheckUrl":
		return textSecureHealth, true
	case "vipAddress":
		return textVIP, true
	case "secureVipAddress":
		return textSecureVIP, true
	case "asgName":
		return textASG, true
	}
	return 0, false
}

// blankBits says which member of heureka.Fields remembers that a field was sent empty; 0 for the required ones.
var blankBits = [textFieldCount]heureka.Fields{
	textID:           heureka.FieldInstanceID,
	textSID:          heureka.FieldSID,
	textGroup:        heureka.FieldAppGroupName,
	textHome:         heureka.FieldHomePageURL,
	textStatusPage:   heureka.FieldStatusPageURL,
	textHealth:       heureka.FieldHealthCheckURL,
	textSecureHealth: heureka.FieldSecureHealthCheckURL,
	textVIP:          heureka.FieldVIPAddress,
	textSecureVIP:    heureka.FieldSecureVIPAddress,
	textASG:          heureka.FieldASGName,
}

// A pair is a metadata entry in a buffer.
type pair struct{ key, value packed.Span }

// A record is an instance while it is being decoded. Its strings become real in finish.
type record struct {
	in       heureka.Instance // everything but strings and metadata
	text     packed.Buffer
	fields   [textFieldCount]packed.Span
	sent     [textFieldCount]bool
	metadata []pair
	amazon   []pair // data centre metadata, if in.DataCenter is Amazon
}

// records keeps the buffers of registrations for the next one.
var records = sync.Pool{New: func() any { return new(record) }}

// maxKeptText is the largest buffer worth keeping; few records are a tenth of it.
const maxKeptText = 16 << 10

func (r *record) release() {
	if cap(r.text.Bytes) <= maxKeptText {
		records.Put(r)
	}
}

// begin starts the next record, in the memory of the last one, with the values that fields have when they are not sent
// (W-FLD-3).
func (r *record) begin() {
	*r = record{
		in: heureka.Instance{
			Status:     heureka.StatusUp,
			Port:       heureka.Port{Number: heureka.DefaultPort, Enabled: true},
			SecurePort: heureka.Port{Number: heureka.DefaultSecurePort},
			CountryID:  heureka.DefaultCountryID,
			Lease:      defaultLease(),
		},
		text:     packed.Buffer{Bytes: r.text.Bytes[:0]},
		metadata: r.metadata[:0],
		amazon:   r.amazon[:0],
	}
}

func defaultLease() heureka.LeaseInfo {
	return heureka.LeaseInfo{
		RenewalIntervalSecs: heureka.DefaultRenewalIntervalS,
		DurationSecs:        heureka.DefaultLeaseDurationSecs,
	}
}

// setInterval keeps a lease interval that makes sense (W-FLD-8): the default stays for what is not positive. Both formats
// hold it in 32 bits, 68 years, so that no arithmetic on it overflows.
func setInterval(dst *int64, secs int64) {
	if secs > 0 {
		*dst = secs
	}
}

// addUpper adds a string in upper case, see heureka.AppName.
func (r *record) addUpper(b []byte) packed.Span {
	n := len(r.text.Bytes)
	r.text.Bytes = heureka.AppendAppName(r.text.Bytes, string(b))
	return r.text.Settle(n)
}

// set stores the text of a string field.
func (r *record) set(f textField, b []byte) {
	if f == textSID && (string(b) == "na" || string(b) == "unknown") {
		b, r.sent[f] = nil, false // never written (W-JENC-7)
		r.fields[f] = packed.Span{}
		return
	}
	r.fields[f], r.sent[f] = r.text.Add(b), true
}

// setUpper is set for names that are kept in upper case.
func (r *record) setUpper(f textField, b []byte) { r.fields[f], r.sent[f] = r.addUpper(b), true }

// finish makes the instance, which shares nothing with r.
func (r *record) finish() *heureka.Instance {
	in := new(heureka.Instance)
	*in = r.in
	s := string(r.text.Bytes)
	for f, dst := range [textFieldCount]*string{
		textID:           &in.ID,
		textHost:         &in.HostName,
		textApp:          &in.App,
		textIP:           &in.IPAddr,
		textSID:          &in.SID,
		textGroup:        &in.AppGroupName,
		textHome:         &in.HomePageURL,
		textStatusPage:   &in.StatusPageURL,
		textHealth:       &in.HealthCheckURL,
		textSecureHealth: &in.SecureHealthCheckURL,
		textVIP:          &in.VIPAddress,
		textSecureVIP:    &in.SecureVIPAddress,
		textASG:          &in.ASGName,
	} {
		*dst = r.fields[f].Of(s)
		if len(s) > packed.LargeText {
			*dst = strings.Clone(*dst)
		}
		if r.sent[f] && *dst == "" {
			in.Blank |= blankBits[f]
		}
	}
	in.Metadata = entries(s, r.metadata)
	if in.DataCenter == anyAmazon && len(r.amazon) > 0 {
		in.DataCenter = &heureka.DataCenter{Name: heureka.Amazon, Metadata: entries(s, r.amazon)}
	}
	return in
}

func entries(s string, pairs []pair) heureka.Metadata {
	if len(pairs) == 0 {
		return nil
	}
	out := make([]heureka.MetadataEntry, len(pairs))
	for i, p := range pairs {
		out[i] = heureka.MetadataEntry{Key: p.key.Of(s), Value: p.value.Of(s)}
	}
	return heureka.MetadataOf(out)
}

var (
	// anyAmazon is Amazon without metadata.
	anyAmazon = &heureka.DataCenter{Name: heureka.Amazon}
	// namelessDataCenter was sent without its name, see CheckRegistration.
	namelessDataCenter = &heureka.DataCenter{}
)

// dataCenterNamed returns the data centre with this exact name, nil if there is none.
func dataCenterNamed(name []byte) *heureka.DataCenter {
	switch heureka.DataCenterName(name) {
	case heureka.MyOwn:
		return heureka.OwnDataCenter
	case heureka.Netflix:
		return heureka.NetflixDataCenter
	case heureka.Amazon:
		return anyAmazon
	}
	return nil
}

// usable reports whether a client can do anything with in (W-GOCLI-8).
func usable(in *heureka.Instance) bool {
	return in.App != "" && reachable(in)
}

func reachable(in *heureka.Instance) bool {
	return in.ResolvedID() != "" && (in.HostName != "" || in.IPAddr != "")
}

// metadataID is the metadata entry that Spring's servers take for a missing instance id.
const metadataID = "instanceId"

// adoptMetadataID gives an instance without id the one in its metadata, prefixed by the host name (W-IDENT-4). Like
// Spring's codec it does so for JSON registrations only; senders of XML renew under their host name.
func adoptMetadataID(in *heureka.Instance) {
	id := in.Metadata.Get(metadataID)
	if id == "" || in.ID != "" || in.Blank.Has(heureka.FieldInstanceID) {
		return
	}
	if !strings.HasPrefix(id, in.HostName) {
		id = in.HostName + ":" + id
	}
	in.ID = id
}

// keepUsable drops the instances of a decoded application that no client can use, after giving those without an
// application name that of their list.
func keepUsable(app *heureka.Application) {
	app.Instances = slices.DeleteFunc(app.Instances, func(in *heureka.Instance) bool {
		if in.App == "" {
			in.App = app.Name
		}
		return !usable(in)
	})
	if len(app.Instances) == 0 {
		app.Instances = nil
	}
}
