package wire

import (
	"strconv"

	"heureka.internal/heureka"
)

// An xmlWriter appends elements, one a line and indented by their depth, or without any white space if compact.
type xmlWriter struct {
	b       []byte
	depth   int
	compact bool
}

// indentation is cut to length; the protocol's documents are seven levels deep.
const indentation = "                "

func (x *xmlWriter) pad() {
	if !x.compact {
		x.b = append(x.b, indentation[:2*x.depth]...)
	}
}

func (x *xmlWriter) newline() {
	if !x.compact {
		x.b = append(x.b, '\n')
	}
}

// startTag and endTag are halves of an element on one line, open and close of one that spans several.
func (x *xmlWriter) startTag(name string) {
	x.pad()
	x.b = append(x.b, '<')
	x.b = append(x.b, name...)
	x.b = append(x.b, '>')
}

func (x *xmlWriter) endTag(name string) {
	x.b = append(x.b, "</"...)
	x.b = append(x.b, name...)
	x.b = append(x.b, '>')
	x.newline()
}

func (x *xmlWriter) open(name string) {
	x.startTag(name)
	x.newline()
	x.depth++
}

func (x *xmlWriter) close(name string) {
	x.depth--
	x.pad()
	x.endTag(name)
}

// line appends ready markup as a line of its own.
func (x *xmlWriter) line(markup string) {
	x.pad()
	x.b = append(x.b, markup...)
	x.newline()
}

func (x *xmlWriter) text(name, value string) {
	x.startTag(name)
	x.b = appendXMLText(x.b, value)
	x.endTag(name)
}

func (x *xmlWriter) number(name string, n int64) {
	x.startTag(name)
	x.b = strconv.AppendInt(x.b, n, 10)
	x.endTag(name)
}

// optional appends an element unless it is absent, see appendOptional.
func (x *xmlWriter) optional(name, value string, in *heureka.Instance, f heureka.Fields) {
	if value != "" || in.Blank.Has(f) {
		x.text(name, value)
	}
}

func (x *xmlWriter) version(version int64, hash string) {
	x.number("versions__delta", version)
	x.text("apps__hashcode", hash)
}

// instance appends an instance in the full form (W-XENC-4) under the given element name and with the given status, which
// is not always its own (W-XENC-9).
func (x *xmlWriter) instance(element string, in *heureka.Instance, lease *heureka.LeaseInfo, status heureka.Status) {
	x.open(element)
	x.optional("instanceId", in.ID, in, heureka.FieldInstanceID)
	x.text("hostName", in.HostName)
	x.text("app", in.App)
	x.text("ipAddr", in.IPAddr)
	x.optional("sid", in.SID, in, heureka.FieldSID)
	x.text("status", status.String())
	x.text("overriddenstatus", in.OverriddenStatus.String())
	x.ports(in)
	x.number("countryId", int64(in.CountryID))
	x.dataCenter(in.DataCenter)
	x.lease(lease)
	if len(in.Metadata) == 0 {
		x.line(`<metadata class="java.util.Collections$EmptyMap"/>`) // W-XENC-7
	} else {
		x.entries("metadata", in.Metadata)
	}
	x.optional("appGroupName", in.AppGroupName, in, heureka.FieldAppGroupName)
	x.optional("homePageUrl", in.HomePageURL, in, heureka.FieldHomePageURL)
	x.optional("statusPageUrl", in.StatusPageURL, in, heureka.FieldStatusPageURL)
	x.optional("healthCheckUrl", in.HealthCheckURL, in, heureka.FieldHealthCheckURL)
	x.optional("secureHealthCheckUrl", in.SecureHealthCheckURL, in, heureka.FieldSecureHealthCheckURL)
	x.vips(in)
	x.text("isCoordinatingDiscoveryServer", strconv.FormatBool(in.CoordinatingServer))
	x.number("lastUpdatedTimestamp", in.LastUpdatedMS)
	x.number("lastDirtyTimestamp", in.LastDirtyMS)
	x.action(in.Action)
	x.optional("asgName", in.ASGName, in, heureka.FieldASGName)
	x.close(element)
}

// compactInstance appends an instance in the compact form (W-XMINI-1).
func (x *xmlWriter) compactInstance(in *heureka.Instance) {
	x.open("instance")
	x.optional("instanceId", in.ID, in, heureka.FieldInstanceID)
	x.text("app", in.App)
	x.text("ipAddr", in.IPAddr)
	x.vips(in)
	x.dataCenter(in.DataCenter)
	x.text("hostName", in.HostName)
	x.text("status", in.Status.String())
	x.number("lastUpdatedTimestamp", in.LastUpdatedMS)
	x.action(in.Action)
	x.optional("asgName", in.ASGName, in, heureka.FieldASGName)
	x.ports(in)
	x.close("instance")
}

func (x *xmlWriter) vips(in *heureka.Instance) {
	x.optional("vipAddress", in.VIPAddress, in, heureka.FieldVIPAddress)
	x.optional("secureVipAddress", in.SecureVIPAddress, in, heureka.FieldSecureVIPAddress)
}

func (x *xmlWriter) action(a heureka.Action) {
	if a != heureka.ActionNone {
		x.text("actionType", a.String())
	}
}

func (x *xmlWriter) ports(in *heureka.Instance) {
	x.port("port", in.Port)
	x.port("securePort", in.SecurePort)
}

// port appends <port enabled="true">8080</port>; the attribute is always there (W-XENC-5).
func (x *xmlWriter) port(name string, p heureka.Port) {
	x.pad()
	x.b = append(x.b, '<')
	x.b = append(x.b, name...)
	x.b = append(x.b, ` enabled="`...)
	x.b = strconv.AppendBool(x.b, p.Enabled)
	x.b = append(x.b, `">`...)
	x.b = strconv.AppendInt(x.b, int64(p.Number), 10)
	x.endTag(name)
}

// dataCenter appends dataCenterInfo with its class as an attribute (W-XENC-6).
func (x *xmlWriter) dataCenter(dc *heureka.DataCenter) {
	if dc == nil {
		return
	}
	if dc.Name == heureka.Amazon {
		x.line(`<dataCenterInfo class="` + amazonClass + `">`)
	} else {
		x.line(`<dataCenterInfo class="` + phantomClass + `">`)
	}
	x.depth++
	if dc.Name != "" {
		x.text("name", string(dc.Name))
	}
	if dc.Name == heureka.Amazon {
		x.amazonMetadata(dc.Metadata)
	}
	x.close("dataCenterInfo")
}

func (x *xmlWriter) amazonMetadata(m heureka.Metadata) {
	if !x.compact {
		x.entries("metadata", m)
		return
	}
	x.open("metadata")
	for _, key := range compactAmazonKeys {
		if v, ok := m.Lookup(key); ok {
			x.text(key, v)
		}
	}
	x.close("metadata")
}

func (x *xmlWriter) lease(l *heureka.LeaseInfo) {
	x.open("leaseInfo")
	x.number("renewalIntervalInSecs", l.RenewalIntervalSecs)
	x.number("durationInSecs", l.DurationSecs)
	x.number("registrationTimestamp", l.RegistrationMS)
	x.number("lastRenewalTimestamp", l.LastRenewalMS)
	x.number("evictionTimestamp", l.EvictionMS)
	x.number("serviceUpTimestamp", l.ServiceUpMS)
	x.close("leaseInfo")
}

// entries appends a map as elements named after its keys (W-XENC-7). An empty key has no element that could carry it, so
// it is left out.
func (x *xmlWriter) entries(name string, entries []heureka.MetadataEntry) {
	if len(entries) == 0 {
		x.pad()
		x.b = append(x.b, '<')
		x.b = append(x.b, name...)
		x.b = append(x.b, "/>"...)
		x.newline()
		return
	}
	x.open(name)
	for _, e := range entries {
		if e.Key == "" {
			continue
		}
		x.pad()
		x.b = append(x.b, '<')
		from := len(x.b)
		x.b = appendXMLName(x.b, e.Key)
		to := len(x.b)
		x.b = append(x.b, '>')
		x.b = appendXMLText(x.b, e.Value)
		x.b = append(x.b, "</"...)
		x.b = append(x.b, x.b[from:to]...)
		x.b = append(x.b, '>')
		x.newline()
	}
	x.close(name)
}
