package httpapi

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"heureka"
	"heureka/internal/wire"
)

// statusInfo serves GET status (W-SRV-2).
func (c *call) statusInfo() {
	f, ok := wire.NegotiateSingle(c.header("Accept"))
	if !ok {
		c.empty(http.StatusNotAcceptable)
		return
	}
	info := c.b.StatusInfo()
	h := c.w.Header()
	h["Vary"] = varySingle
	h["Content-Type"] = mediaType(f)
	if f == wire.JSON {
		c.body(http.StatusOK, info.appendJSON(nil))
		return
	}
	c.body(http.StatusOK, info.appendXML(nil))
}

// appendJSON writes the document without an envelope (W-SRV-5), and without the health flag where there is none: the
// reference's document breaks there (W-SRV-4).
func (s *StatusInfo) appendJSON(b []byte) []byte {
	b = append(b, `{"generalStats":`...)
	b = appendObject(b, s.General)
	b = append(b, `,"applicationStats":`...)
	b = appendObject(b, s.Application)
	if s.Instance != nil {
		b = append(b, `,"instanceInfo":`...)
		doc := wire.JSON.AppendSingle(nil, s.Instance, s.Lease)
		doc = bytes.TrimPrefix(doc, []byte(`{"instance":`))
		b = append(b, bytes.TrimSuffix(doc, []byte(`}`))...)
	}
	if s.Healthy != nil {
		b = append(b, `,"healthy":`...)
		b = strconv.AppendBool(b, *s.Healthy)
	}
	return append(b, '}')
}

func appendObject(b []byte, entries []heureka.MetadataEntry) []byte {
	b = append(b, '{')
	for i, e := range entries {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSONString(b, e.Key)
		b = append(b, ':')
		b = appendJSONString(b, e.Value)
	}
	return append(b, '}')
}

func appendJSONString(b []byte, s string) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.Encode(s) // cannot fail: it is a string
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...)
}

// appendXML writes the document under the reference's class name, and the health flag with its misspelling (W-SRV-4).
func (s *StatusInfo) appendXML(b []byte) []byte {
	const root = "com.netflix.eureka.util.StatusInfo"
	b = append(b, "<"+root+">\n"...)
	b = appendElements(b, "generalStats", s.General)
	b = appendElements(b, "applicationStats", s.Application)
	if s.Instance != nil {
		doc := string(wire.XML.AppendSingle(nil, s.Instance, s.Lease))
		doc = strings.TrimSuffix(strings.TrimPrefix(doc, "<instance>"), "</instance>")
		b = append(b, "  <instanceInfo>"+doc+"</instanceInfo>\n"...)
	}
	if s.Healthy != nil {
		b = append(b, "  <isHeathly>"...)
		b = strconv.AppendBool(b, *s.Healthy)
		b = append(b, "</isHeathly>\n"...)
	}
	return append(b, "</"+root+">"...)
}

// appendElements writes the entries as elements; their keys are our own and are XML names.
func appendElements(b []byte, name string, entries []heureka.MetadataEntry) []byte {
	buf := bytes.NewBuffer(b)
	buf.WriteString("  <" + name + ">\n")
	for _, e := range entries {
		buf.WriteString("    <" + e.Key + ">")
		xml.EscapeText(buf, []byte(e.Value)) // a buffer takes everything
		buf.WriteString("</" + e.Key + ">\n")
	}
	buf.WriteString("  </" + name + ">\n")
	return buf.Bytes()
}

// overrides serves GET serverinfo/statusoverrides: a JSON object from instance id to status (W-SRV-1). Ids stand without
// their application there; of equal ones the last application's stays.
func (c *call) overrides() {
	if !acceptsJSON(c.header("Accept")) {
		c.empty(http.StatusNotAcceptable)
		return
	}
	names := map[string]string{}
	all := c.b.Overrides()
	for _, key := range slices.SortedFunc(maps.Keys(all), func(a, b heureka.Key) int { return strings.Compare(a.App, b.App) }) {
		names[key.ID] = all[key].String()
	}
	doc, err := json.Marshal(names)
	if err != nil {
		c.fail(err)
		return
	}
	c.w.Header()["Content-Type"] = typeJSON
	c.body(http.StatusOK, doc)
}

// acceptsJSON reports whether an Accept header allows JSON, preferred or not.
func acceptsJSON(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		if f, ok := wire.NegotiateSingle(part); ok && (f == wire.JSON || !strings.Contains(part, "xml")) {
			return true
		}
	}
	return false
}

// healthcheck serves GET healthcheck, which says the node's own status by status code alone (W-SRV-6).
func (c *call) healthcheck() {
	in := c.b.StatusInfo().Instance
	status := heureka.StatusUnknown
	if in != nil {
		status = in.Status
	}
	switch status {
	case heureka.StatusUp:
		c.empty(http.StatusOK)
	case heureka.StatusStarting:
		c.writeHeader(http.StatusNoContent)
	case heureka.StatusOutOfService:
		c.empty(http.StatusServiceUnavailable)
	default:
		c.empty(http.StatusInternalServerError)
	}
}
