package listener

import "container/heap"

// An oldest keeps the n connections that have been idle for longest, of all that it is offered.
type oldest struct {
	n    int
	heap idleHeap
}

func newOldest(n int) *oldest { return &oldest{n: n} }

func (o *oldest) offer(c *Conn, since int64) {
	if len(o.heap) < o.n {
		heap.Push(&o.heap, idleConn{c, since})
	} else if since < o.heap[0].since {
		o.heap[0] = idleConn{c, since}
		heap.Fix(&o.heap, 0)
	}
}

func (o *oldest) conns() []*Conn {
	out := make([]*Conn, len(o.heap))
	for i, e := range o.heap {
		out[i] = e.conn
	}
	return out
}

type idleConn struct {
	conn  *Conn
	since int64 // nanoseconds since the epoch
}

// An idleHeap has the connection that became idle last at its top.
type idleHeap []idleConn

func (h idleHeap) Len() int           { return len(h) }
func (h idleHeap) Less(i, j int) bool { return h[i].since > h[j].since }
func (h idleHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *idleHeap) Push(x any)        { *h = append(*h, x.(idleConn)) }
func (h *idleHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	*h = (*h)[:last]
	return e
}
