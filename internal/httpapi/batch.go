package httpapi

import (
	"errors"
	"net/http"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/wire"
)

// batch serves POST peerreplication/batch: what a peer's clients did, many operations in one request. XML is refused as
// undecodable, and the reply is always JSON (W-REPL-11).
func (c *call) batch() {
	f, ok := c.bodyFormat()
	if !ok {
		return
	}
	in := buffers.take()
	defer buffers.give(in)
	if !c.readBody(in, c.cfg.MaxBatchBytes) || !c.admitted() {
		return
	}
	if f != wire.JSON {
		c.undecodable("want a batch in JSON")
		return
	}
	items, err := c.cfg.Limits.DecodeBatch(in.B)
	if err != nil {
		c.badBody(err)
		return
	}
	wire.SetIncarnations(items, c.Request.Header.Get(wire.HeaderIncarnations))
	results := make([]wire.ReplicationResult, len(items))
	room := maxBatchAnswer
	p := Performer{Registry: c.b, Peer: c.peer()}
	for i := range items {
		var err error
		results[i], err = p.Item(&items[i])
		c.countRefusal(err)
		if in := results[i].Instance; in != nil {
			if room -= size(in); room < 0 {
				results[i].Instance = nil // the sender hears of it with the next heartbeat
			}
		}
	}
	out := buffers.take()
	defer buffers.give(out)
	out.B = wire.AppendBatchResult(out.B, results)
	c.w.Header()["Content-Type"] = typeJSON
	c.body(http.StatusOK, out.B)
	c.performed()
}

// maxBatchAnswer bounds the records that a batch is answered with: its sender reads 8 MiB, and a short batch can ask for many
// large ones.
const maxBatchAnswer = 6 << 20

// size returns about how many bytes a record has in an answer.
func size(in *heureka.Instance) int {
	n := 2<<10 + len(in.HomePageURL) + len(in.StatusPageURL) + len(in.HealthCheckURL) + len(in.VIPAddress) + len(in.SecureVIPAddress)
	for _, e := range in.Metadata {
		n += len(e.Key) + len(e.Value) + 8
	}
	return n
}

// countRefusal counts or logs why an item was not performed.
func (c *call) countRefusal(err error) {
	switch _, fault := errors.AsType[wire.LimitError](err); {
	case err == nil:
	case fault:
		c.refused[OverLimit].Add(1)
	case errors.Is(err, registry.ErrFull):
		c.refused[Full].Add(1)
	default:
		c.cfg.ErrorLog(c.Request, err)
	}
}
