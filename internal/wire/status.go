package wire

import (
	"strconv"

	"heureka.internal/heureka"
)

// statusInfoClass names the root element of the status document (W-SRV-2).
const statusInfoClass = "com.netflix.eureka.util.StatusInfo"

// AppendStatusInfo appends the document of GET status (W-SRV-2 to W-SRV-5): both maps in the order given, the server's
// own instance and lease, and the health flag unless it is nil. Unlike the reference's, the JSON is valid without the
// flag too (W-BUG-6).
func AppendStatusInfo(b []byte, f Format, general, application []heureka.MetadataEntry, in *heureka.Instance,
	lease heureka.LeaseInfo, healthy *bool) []byte {
	if f == JSON {
		return appendStatusInfoJSON(b, general, application, in, &lease, healthy)
	}
	x := xmlWriter{b: b}
	x.open(statusInfoClass)
	x.entries("generalStats", general)
	x.entries("applicationStats", application)
	if in != nil {
		x.instance("instanceInfo", in, &lease, statusOfV1(in.Status))
	}
	if healthy != nil {
		x.text("isHeathly", strconv.FormatBool(*healthy)) // sic (W-SRV-4)
	}
	x.close(statusInfoClass)
	return trimNewline(x.b)
}

func appendStatusInfoJSON(b []byte, general, application []heureka.MetadataEntry, in *heureka.Instance,
	lease *heureka.LeaseInfo, healthy *bool) []byte {
	b = append(b, `{"generalStats":`...)
	b = appendMap(b, general)
	b = append(b, `,"applicationStats":`...)
	b = appendMap(b, application)
	if in != nil {
		b = append(b, `,"instanceInfo":`...)
		b = appendJSONInstance(b, in, lease)
	}
	if healthy != nil {
		b = append(b, `,"healthy":`...)
		b = strconv.AppendBool(b, *healthy)
	}
	return append(b, '}')
}
