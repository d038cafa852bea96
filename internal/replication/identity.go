package replication

import "slices"

// A role is what a URL is used for.
type role int32

const (
	replica   role = iota // replicated to
	thisNode              // leads to this node
	duplicate             // leads to a node that is replicated to under another URL
)

// standing is what the set knows about a URL, to decide on its role. Guarded by Peers.mu.
type standing struct {
	nodeID  string // of who answered last; "" for Java servers and before the first answer
	ok      bool   // the last batch arrived
	certain bool   // it is this node's URL by configuration
	likely  bool   // it has this node's host and port
}

// identify notes who answers at p and decides the roles anew.
func (ps *Peers) identify(p *peer, nodeID string, ok bool) {
	ps.mu.Lock()
	p.standing.ok = ok
	if nodeID != "" || ok {
		p.standing.nodeID = nodeID
	}
	ps.mu.Unlock()
	ps.elect()
}

// elect gives each URL its role. Of several that lead to one node, the first that works is used; those that do not work
// stay, so that whoever configured them sees it.
func (ps *Peers) elect() {
	for _, p := range ps.assign() {
		p.announce()
	}
}

// assign returns the peers whose role is another one now.
func (ps *Peers) assign() (changed []*peer) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	used := map[string]bool{}
	for _, p := range *ps.list.Load() {
		s, r := &p.standing, replica
		switch {
		case s.certain || s.nodeID == ps.nodeID || s.likely && s.nodeID == "":
			r = thisNode
		case s.ok && used[s.nodeID]:
			r = duplicate
		default:
			used[s.nodeID] = used[s.nodeID] || s.ok && s.nodeID != ""
		}
		if role(p.role.Swap(int32(r))) != r {
			changed = append(changed, p)
		}
	}
	return changed
}

// peersOf returns the URLs that lead to a node. One that has not been met, because it has just started, may be behind any
// of those that do not answer.
func (ps *Peers) peersOf(nodeID string) (found []*peer, met bool) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	list := *ps.list.Load()
	for _, p := range list {
		if p.standing.nodeID == nodeID {
			found = append(found, p)
		}
	}
	if found != nil {
		return found, true
	}
	return slices.DeleteFunc(slices.Clone(list), func(p *peer) bool { return p.standing.ok }), false
}
