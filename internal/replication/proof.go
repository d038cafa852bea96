package replication

import (
	"crypto/subtle"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Headers by which heureka nodes prove that they are peers. An id in a header proves nothing: anybody can read it in an answer.
// So a node shows a nonce to the URLs of its own list, and nowhere else; whoever sends that back is behind one of them.
const (
	HeaderNonce  = "X-Heureka-Nonce"  // of a request to a peer: what the peer can prove with that it is one
	HeaderProof  = "X-Heureka-Proof"  // of a request: nonces that came from whoever may be behind the URL, with blanks between
	HeaderProven = "X-Heureka-Proven" // of an answer: the proof was right
)

const (
	maxTickets   = 4  // that a request shows
	maxAddresses = 64 // from which they are kept
	maxNonce     = 64
)

// A ticket is a nonce and the address that it came from.
type ticket struct{ nonce, address string }

// tickets are the nonces that have come from who may be behind a URL. Until one of them has proved something, anybody may have
// sent them: the last one of each address is kept, so that a stranger replaces his own alone. From then on only who is proven
// replaces them, or a peer that no longer knows them. It does no I/O and is not safe for concurrent use.
type tickets struct {
	kept   []ticket
	proven bool
}

// take keeps a nonce that came with a request, of one who has proved to be a peer or not: the nonces of proven peers go first.
func (t *tickets) take(nonce, address string, sure bool) {
	if nonce == "" || len(nonce) > maxNonce || strings.ContainsAny(nonce, " \t") || t.proven && !sure {
		return
	}
	address = network(address)
	i := slices.IndexFunc(t.kept, func(k ticket) bool { return k.nonce == nonce || k.address == address })
	switch known := i >= 0; {
	case known && !sure:
		if t.kept[i].nonce != nonce {
			t.kept[i].nonce = nonce
		}
		return
	case known:
		t.kept = slices.Delete(t.kept, i, i+1)
	case len(t.kept) == maxAddresses:
		t.kept = slices.Delete(t.kept, 0, 1)
	}
	at := len(t.kept)
	if sure {
		at = 0
	}
	t.kept = slices.Insert(t.kept, at, ticket{nonce, address})
}

// shown returns what a request shows.
func (t *tickets) shown() string {
	var nonces []string
	for _, k := range t.kept[:min(len(t.kept), maxTickets)] {
		nonces = append(nonces, k.nonce)
	}
	return strings.Join(nonces, " ")
}

// answered notes whether the peer has recognised one of those shown. If not, the next ones take their turn.
func (t *tickets) answered(proven bool) {
	if t.proven = proven; !proven && len(t.kept) > maxTickets {
		t.kept = append(t.kept[maxTickets:], t.kept[:maxTickets]...)
	}
}

// network returns what of an address one host cannot choose: with IPv6, it has 2^64 of them.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Unmap().Is4() {
		return address
	}
	p, _ := a.Prefix(64) // no IPv6 address is shorter
	return p.String()
}

// A trust is what a request proves.
type trust struct {
	Greeting
	proven bool // it comes from behind a URL of this node's own list
}

// meet returns who sends a request from an address, and keeps what this node can prove to them with that it is their peer.
func (ps *Peers) meet(address string, h http.Header) trust {
	t := trust{greetingIn(h), ps.proves(h)}
	if nonce := h.Get(HeaderNonce); nonce != "" && t.Node != ps.nodeID {
		found, _ := ps.peersOf(t.Node)
		for _, p := range found {
			p.mu.Lock()
			p.tickets.take(nonce, address, t.proven)
			p.mu.Unlock()
		}
	}
	return t
}

// proves reports whether a request shows the nonce of this node.
func (ps *Peers) proves(h http.Header) bool {
	n := 0
	for nonce := range strings.FieldsSeq(h.Get(HeaderProof)) {
		if n++; n > maxTickets {
			return false
		}
		if subtle.ConstantTimeCompare([]byte(nonce), []byte(ps.nonce)) == 1 {
			return true
		}
	}
	return false
}

// introduce writes into the header of a request to p what each needs to prove to the other that it is a peer.
func (p *peer) introduce(h http.Header) {
	h.Set(HeaderNonce, p.set.nonce)
	p.mu.Lock()
	defer p.mu.Unlock()
	if proof := p.tickets.shown(); proof != "" {
		h.Set(HeaderProof, proof)
	}
}

// introduced notes whether the node at p has recognised this one. One that has started anew has not.
func (p *peer) introduced(answer http.Header) {
	if answer.Get(HeaderNode) == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tickets.answered(answer.Get(HeaderProven) != "")
}

// begin notes that a node asks for buckets, and reports whether it may: a peer one at a time, all others together a few, and
// those only where everybody may read. What is begun is to be ended.
func (ps *Peers) begin(t trust) bool {
	if !t.proven && ps.cfg.Phase() != PhaseOpen {
		return false
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	name, most := t.slots()
	if ps.answering[name] >= most {
		return false
	}
	ps.answering[name]++
	return true
}

// slots returns under which name requests for buckets are counted, and how many there may be.
func (t *trust) slots() (name string, most int) {
	if t.proven {
		return t.Node, 1
	}
	return "", maxStrangers
}

func (ps *Peers) end(t trust) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	name, _ := t.slots()
	if ps.answering[name]--; ps.answering[name] == 0 {
		delete(ps.answering, name)
	}
}
