package httpapi

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
)

// statusInfo serves GET status (W-SRV-2).
func (c *call) statusInfo() {
	f, ok := wire.NegotiateSingle(c.header("Accept"))
	if !ok {
		c.refuse(http.StatusNotAcceptable, NotAcceptable)
		return
	}
	info := c.b.StatusInfo()
	h := c.w.Header()
	h["Vary"] = varySingle
	h["Content-Type"] = mediaType(f)
	b := buffers.take()
	defer buffers.give(b)
	b.B = wire.AppendStatusInfo(b.B, f, info.General, info.Application, info.Instance, info.Lease, info.Healthy)
	c.body(http.StatusOK, b.B)
}

// overrides serves GET serverinfo/statusoverrides: a JSON object from instance id to status (W-SRV-1). Ids stand without
// their application there; of equal ones the last application's stays.
func (c *call) overrides() {
	if !acceptsJSON(c.header("Accept")) {
		c.refuse(http.StatusNotAcceptable, NotAcceptable)
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
	switch c.b.OwnStatus() {
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
