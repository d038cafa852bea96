package wire

import (
	"strconv"
	"strings"

	"heureka.internal/heureka"
)

// MediaType returns "application/json" or "application/xml".
func (f Format) MediaType() string {
	if f == JSON {
		return "application/json"
	}
	return "application/xml"
}

// ParseDetail reads the value of X-Eureka-Accept: compact in any case, and full for everything else (W-HDR-4).
func ParseDetail(header string) Detail {
	if strings.EqualFold(header, "compact") {
		return Compact
	}
	return Full
}

// The parts of a document are free of context, so that a cache can keep and compress them one by one: a document is its
// head, its applications joined by Separator, and its tail; an application is its head, its instances joined by
// Separator, and its tail.

// AppendDocHead begins an applications document. AppendDocTail ends it; both take version and hash because the compact
// forms write them last (W-JMINI-1).
func (f Form) AppendDocHead(b []byte, version int64, hash string) []byte {
	switch {
	case f.Format == XML:
		x := f.xml(b, 0)
		x.open("applications")
		if f.Detail == Full {
			x.version(version, hash)
		}
		return x.b
	case f.Detail == Compact:
		return append(b, `{"applications":{"application":[`...)
	}
	b = append(b, `{"applications":{`...)
	b = appendVersion(b, version, hash)
	return append(b, `,"application":[`...)
}

// AppendDocTail ends an applications document.
func (f Form) AppendDocTail(b []byte, version int64, hash string) []byte {
	switch {
	case f.Format == XML:
		x := f.xml(b, 1)
		if f.Detail == Compact {
			x.version(version, hash)
		}
		return append(x.b, "</applications>"...)
	case f.Detail == Compact:
		b = append(b, "],"...)
		b = appendVersion(b, version, hash)
		return append(b, "}}"...)
	}
	return append(b, "]}}"...)
}

// appendVersion appends the two members that only applications documents have; the version is a string (W-JENC-2).
func appendVersion(b []byte, version int64, hash string) []byte {
	b = append(b, `"versions__delta":"`...)
	b = strconv.AppendInt(b, version, 10)
	b = append(b, `","apps__hashcode":`...)
	return appendJSONString(b, hash)
}

// AppendAppHead begins an application inside an applications document.
func (f Form) AppendAppHead(b []byte, name string) []byte { return f.appendHead(b, name, 1) }

// AppendAppTail ends an application inside an applications document.
func (f Form) AppendAppTail(b []byte) []byte { return f.appendTail(b, 1) }

// Separator stands between two applications of a document and between two instances of an application: "," or "".
func (f Form) Separator() string {
	if f.Format == JSON {
		return ","
	}
	return ""
}

// AppendInstance appends one instance as it stands inside an application of an applications document.
func (f Form) AppendInstance(b []byte, in *heureka.Instance, lease heureka.LeaseInfo) []byte {
	return f.appendInstance(b, in, &lease, 2)
}

// AppendApplicationHead begins the document of one application, {"application":{…}} (W-APP-3).
func (f Form) AppendApplicationHead(b []byte, name string) []byte {
	if f.Format == JSON {
		b = append(b, `{"application":`...)
	}
	return f.appendHead(b, name, 0)
}

// AppendApplicationTail ends the document of one application.
func (f Form) AppendApplicationTail(b []byte) []byte {
	b = f.appendTail(b, 0)
	if f.Format == JSON {
		b = append(b, '}')
	}
	return trimNewline(b)
}

// AppendApplicationInstance appends one instance as it stands in the document of one application.
func (f Form) AppendApplicationInstance(b []byte, in *heureka.Instance, lease heureka.LeaseInfo) []byte {
	return f.appendInstance(b, in, &lease, 1)
}

// AppendSingle appends the document of a single instance. It is always full, and in XML the status obeys the version
// rule of W-XENC-9: what v1 of the API did not know is DOWN.
func (f Format) AppendSingle(b []byte, in *heureka.Instance, lease heureka.LeaseInfo) []byte {
	if f == JSON {
		b = append(b, `{"instance":`...)
		b = appendJSONInstance(b, in, &lease)
		return append(b, '}')
	}
	x := xmlWriter{b: b}
	x.instance("instance", in, &lease, statusOfV1(in.Status))
	return trimNewline(x.b)
}

// AppendRegistration appends the body of a registration as the Java client sends it: JSON in the full form.
func AppendRegistration(b []byte, in *heureka.Instance) []byte {
	return JSON.AppendSingle(b, in, in.Lease)
}

func (f Form) appendHead(b []byte, name string, depth int) []byte {
	if f.Format == JSON {
		b = append(b, `{"name":`...)
		b = appendJSONString(b, name)
		return append(b, `,"instance":[`...)
	}
	x := f.xml(b, depth)
	x.open("application")
	x.text("name", name)
	return x.b
}

func (f Form) appendTail(b []byte, depth int) []byte {
	if f.Format == JSON {
		return append(b, "]}"...)
	}
	x := f.xml(b, depth+1)
	x.close("application")
	return x.b
}

func (f Form) appendInstance(b []byte, in *heureka.Instance, lease *heureka.LeaseInfo, depth int) []byte {
	switch {
	case f.Format == JSON && f.Detail == Compact:
		return appendCompactJSONInstance(b, in)
	case f.Format == JSON:
		return appendJSONInstance(b, in, lease)
	}
	x := f.xml(b, depth)
	if f.Detail == Compact {
		x.compactInstance(in)
	} else {
		x.instance("instance", in, lease, in.Status)
	}
	return x.b
}

func (f Form) xml(b []byte, depth int) xmlWriter {
	return xmlWriter{b: b, depth: depth, compact: f.Detail == Compact}
}

// statusOfV1 is the status as the first version of the API knew it (W-XENC-9).
func statusOfV1(s heureka.Status) heureka.Status {
	switch s {
	case heureka.StatusUp, heureka.StatusStarting:
		return s
	}
	return heureka.StatusDown
}

func trimNewline(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] == '\n' {
		return b[:n-1]
	}
	return b
}
