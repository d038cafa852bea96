package wire

import (
	"strconv"
	"unicode/utf8"

	"heureka.internal/heureka"
)

// appendJSONInstance appends a bare instance in the full form (W-JENC-4 to W-JENC-12).
func appendJSONInstance(b []byte, in *heureka.Instance, lease *heureka.LeaseInfo) []byte {
	b = append(b, '{')
	if in.ID != "" || in.Blank.Has(heureka.FieldInstanceID) {
		b = append(b, `"instanceId":`...)
		b = appendJSONString(b, in.ID)
		b = append(b, ',')
	}
	b = append(b, `"hostName":`...)
	b = appendJSONString(b, in.HostName)
	b = append(b, `,"app":`...)
	b = appendJSONString(b, in.App)
	b = append(b, `,"ipAddr":`...)
	b = appendJSONString(b, in.IPAddr)
	b = appendOptional(b, `,"sid":`, in.SID, in, heureka.FieldSID)
	b = appendName(b, `,"status":"`, in.Status.String())
	b = appendName(b, `,"overriddenStatus":"`, in.OverriddenStatus.String())
	b = appendPorts(b, in)
	b = append(b, `,"countryId":`...)
	b = strconv.AppendInt(b, int64(in.CountryID), 10)
	b = appendDataCenter(b, in.DataCenter, Full)
	b = appendLease(b, lease)
	b = append(b, `,"metadata":`...)
	if len(in.Metadata) == 0 {
		b = append(b, `{"@class":"java.util.Collections$EmptyMap"}`...) // W-JENC-9
	} else {
		b = appendMap(b, in.Metadata)
	}
	return appendJSONRest(b, in)
}

// appendJSONRest appends what follows the metadata.
func appendJSONRest(b []byte, in *heureka.Instance) []byte {
	b = appendOptional(b, `,"appGroupName":`, in.AppGroupName, in, heureka.FieldAppGroupName)
	b = appendOptional(b, `,"homePageUrl":`, in.HomePageURL, in, heureka.FieldHomePageURL)
	b = appendOptional(b, `,"statusPageUrl":`, in.StatusPageURL, in, heureka.FieldStatusPageURL)
	b = appendOptional(b, `,"healthCheckUrl":`, in.HealthCheckURL, in, heureka.FieldHealthCheckURL)
	b = appendOptional(b, `,"secureHealthCheckUrl":`, in.SecureHealthCheckURL, in, heureka.FieldSecureHealthCheckURL)
	b = appendVIPs(b, in)
	b = append(b, `,"isCoordinatingDiscoveryServer":"`...)
	b = strconv.AppendBool(b, in.CoordinatingServer)
	b = appendNumber(b, `","lastUpdatedTimestamp":"`, in.LastUpdatedMS)
	b = appendNumber(b, `","lastDirtyTimestamp":"`, in.LastDirtyMS)
	b = append(b, '"')
	if in.Action != heureka.ActionNone {
		b = appendName(b, `,"actionType":"`, in.Action.String())
	}
	b = appendOptional(b, `,"asgName":`, in.ASGName, in, heureka.FieldASGName)
	return append(b, '}')
}

// appendCompactJSONInstance appends a bare instance in the compact form (W-JMINI-2 to W-JMINI-5).
func appendCompactJSONInstance(b []byte, in *heureka.Instance) []byte {
	b = append(b, '{')
	if in.ID != "" || in.Blank.Has(heureka.FieldInstanceID) {
		b = append(b, `"instanceId":`...)
		b = appendJSONString(b, in.ID)
		b = append(b, ',')
	}
	b = append(b, `"app":`...)
	b = appendJSONString(b, in.App)
	b = append(b, `,"ipAddr":`...)
	b = appendJSONString(b, in.IPAddr)
	b = appendVIPs(b, in)
	b = appendDataCenter(b, in.DataCenter, Compact)
	b = append(b, `,"hostName":`...)
	b = appendJSONString(b, in.HostName)
	b = appendName(b, `,"status":"`, in.Status.String())
	b = appendNumber(b, `,"lastUpdatedTimestamp":`, in.LastUpdatedMS)
	if in.Action != heureka.ActionNone {
		b = appendName(b, `,"actionType":"`, in.Action.String())
	}
	b = appendOptional(b, `,"asgName":`, in.ASGName, in, heureka.FieldASGName)
	b = appendPorts(b, in)
	return append(b, '}')
}

// appendOptional appends a string member unless it is absent: empty without having been sent so (W-FLD-4).
func appendOptional(b []byte, name, value string, in *heureka.Instance, f heureka.Fields) []byte {
	if value == "" && !in.Blank.Has(f) {
		return b
	}
	b = append(b, name...)
	return appendJSONString(b, value)
}

// appendName appends a member whose value is one of the protocol's own words; name includes the opening quote.
func appendName(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, value...)
	return append(b, '"')
}

func appendNumber(b []byte, name string, n int64) []byte {
	b = append(b, name...)
	return strconv.AppendInt(b, n, 10)
}

func appendVIPs(b []byte, in *heureka.Instance) []byte {
	b = appendOptional(b, `,"vipAddress":`, in.VIPAddress, in, heureka.FieldVIPAddress)
	return appendOptional(b, `,"secureVipAddress":`, in.SecureVIPAddress, in, heureka.FieldSecureVIPAddress)
}

func appendPorts(b []byte, in *heureka.Instance) []byte {
	b = appendPort(b, `,"port":{"$":`, in.Port)
	return appendPort(b, `,"securePort":{"$":`, in.SecurePort)
}

func appendPort(b []byte, name string, p heureka.Port) []byte {
	b = appendNumber(b, name, int64(p.Number))
	b = append(b, `,"@enabled":"`...)
	b = strconv.AppendBool(b, p.Enabled)
	return append(b, `"}`...)
}

func appendLease(b []byte, l *heureka.LeaseInfo) []byte {
	b = appendNumber(b, `,"leaseInfo":{"renewalIntervalInSecs":`, l.RenewalIntervalSecs)
	b = appendNumber(b, `,"durationInSecs":`, l.DurationSecs)
	b = appendNumber(b, `,"registrationTimestamp":`, l.RegistrationMS)
	b = appendNumber(b, `,"lastRenewalTimestamp":`, l.LastRenewalMS)
	b = appendNumber(b, `,"evictionTimestamp":`, l.EvictionMS)
	b = appendNumber(b, `,"serviceUpTimestamp":`, l.ServiceUpMS)
	return append(b, '}')
}

// appendDataCenter appends dataCenterInfo with class, name and, for Amazon, the metadata last: every Java decoder loses
// its way otherwise (W-JENC-8).
func appendDataCenter(b []byte, dc *heureka.DataCenter, d Detail) []byte {
	if dc == nil {
		return b
	}
	b = append(b, `,"dataCenterInfo":{"@class":"`...)
	if dc.Name != heureka.Amazon {
		b = append(b, phantomClass...)
		if dc.Name != "" {
			b = append(b, `","name":"`...)
			b = append(b, dc.Name...)
		}
		return append(b, `"}`...)
	}
	b = append(b, amazonClass...)
	b = append(b, `","name":"Amazon","metadata":`...)
	if d == Compact {
		b = appendCompactAmazon(b, dc.Metadata)
	} else {
		b = appendMap(b, dc.Metadata)
	}
	return append(b, '}')
}

// compactAmazonKeys are the entries that the compact forms keep (W-JMINI-5), in the order of heureka.Metadata.
var compactAmazonKeys = [...]string{"availability-zone", "instance-id", "local-ipv4", "public-hostname", "public-ipv4"}

func appendCompactAmazon(b []byte, m heureka.Metadata) []byte {
	var kept [len(compactAmazonKeys)]heureka.MetadataEntry
	n := 0
	for _, key := range compactAmazonKeys {
		if v, ok := m.Lookup(key); ok {
			kept[n] = heureka.MetadataEntry{Key: key, Value: v}
			n++
		}
	}
	return appendMap(b, kept[:n])
}

func appendMap(b []byte, entries []heureka.MetadataEntry) []byte {
	b = append(b, '{')
	for i := range entries {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSONString(b, entries[i].Key)
		b = append(b, ':')
		b = appendJSONString(b, entries[i].Value)
	}
	return append(b, '}')
}

// appendJSONString appends s in quotes. Only the quote, the backslash and control characters are escaped (W-JENC-13);
// bytes that are not UTF-8 become U+FFFD.
func appendJSONString(b []byte, s string) []byte {
	b = append(b, '"')
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(b, s[done:i]...)
				b = append(b, "\uFFFD"...)
				done = i + 1
			}
			i += size
			continue
		}
		if c < ' ' || c == '"' || c == '\\' {
			b = append(b, s[done:i]...)
			b = appendJSONEscape(b, c)
			done = i + 1
		}
		i++
	}
	b = append(b, s[done:]...)
	return append(b, '"')
}

func appendJSONEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, `\b`...)
	case '\f':
		return append(b, `\f`...)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	const hex = "0123456789ABCDEF"
	return append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}
