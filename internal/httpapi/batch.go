package httpapi

import (
	"errors"
	"io"
	"net/http"
	"slices"

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
	if compressed, _ := c.contentCoding(); c.header(headerNode) == "" && f == wire.JSON && !compressed {
		c.batchOfJava(in)
		return
	}
	if !c.readBody(in, c.bounds().BatchBytes) || !c.admitted() {
		return
	}
	if f != wire.JSON {
		c.undecodable("want a batch in JSON")
		return
	}
	c.performAll(in.B)
}

// performAll performs a batch that has come whole.
func (c *call) performAll(body []byte) {
	items, err := c.bounds().Records.DecodeBatch(body)
	if err != nil {
		c.badBody(err)
		return
	}
	wire.SetBeside(items, c.Request.Header.Get)
	p := c.performing(len(items))
	for i := range items {
		p.perform(&items[i])
	}
	p.answer()
	c.performed()
}

// batchOfJava performs a batch of a Java server, which sends it as it is. One that is too long to be held is performed entry by
// entry as it comes: Java servers drop what they are refused. Heureka nodes send less then, and theirs must have come whole, see
// admitted.
func (c *call) batchOfJava(in *buffer) {
	bounds := c.bounds()
	switch err := c.appendAll(in, c.Request.Body, bounds.BatchBytes); {
	case err == nil:
		c.performAll(in.B)
	case errors.Is(err, errTooLarge):
		c.performStream(&batchStream{call: c, in: in, limits: bounds.Records, limit: bounds.BatchBytes})
	default:
		c.badBody(err)
	}
}

func (c *call) performStream(s *batchStream) {
	p := c.performing(0)
	for {
		it, err := s.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			c.badBody(err)
			return
		}
		p.perform(&it)
	}
	p.answer()
}

// performing is a batch whose entries are performed.
type performing struct {
	*call
	Performer
	results []wire.ReplicationResult
	room    int // for records in the answer
}

func (c *call) performing(entries int) *performing {
	return &performing{
		call: c, Performer: Performer{Registry: c.b, Peer: c.peer()}, room: maxBatchAnswer,
		results: make([]wire.ReplicationResult, 0, entries),
	}
}

func (p *performing) perform(it *wire.ReplicationItem) {
	result, err := p.Item(it)
	p.countRefusal(err)
	if in := result.Instance; in != nil {
		if p.room -= wire.Size(in) + 1<<10; p.room < 0 {
			result.Instance = nil // the sender hears of it with the next heartbeat
		}
	}
	p.results = append(p.results, result)
}

func (p *performing) answer() {
	out := buffers.take()
	defer buffers.give(out)
	size := maxBatchAnswer - p.room + 32*len(p.results)
	if !p.holdAnswer(size) {
		size = 0
		for i := range p.results {
			p.results[i].Instance = nil // as above
		}
	}
	out.B = wire.AppendBatchResult(slices.Grow(out.B, size), p.results)
	p.tellOwners()
	p.w.Header()["Content-Type"] = typeJSON
	p.body(http.StatusOK, out.B)
}

// tellOwners tells a heureka node whose the records in the answer are.
func (p *performing) tellOwners() {
	if p.header(headerNode) == "" {
		return
	}
	if owners := wire.OwnersOfResults(p.results); owners != "" {
		p.w.Header()[wire.HeaderOwners] = []string{owners}
	}
}

// maxBatchAnswer bounds the records that a batch is answered with: its sender reads 8 MiB, and a short batch can ask for many
// large ones.
const maxBatchAnswer = 6 << 20

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
