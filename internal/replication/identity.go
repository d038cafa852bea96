package replication

import "time"

// identify notes who answers at p and decides the roles anew.
func (ps *Peers) identify(p *peer, nodeID string, ok bool) {
	ps.mu.Lock()
	p.standing.Note(nodeID, ok)
	ps.mu.Unlock()
	ps.elect()
}

// elect gives each URL its role.
func (ps *Peers) elect() {
	for _, p := range ps.assign() {
		p.announce()
	}
}

// assign returns the peers whose role is another one now.
func (ps *Peers) assign() (changed []*peer) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	list := *ps.list.Load()
	for i, r := range Roles(ps.nodeID, standings(list)) {
		if Role(list[i].role.Swap(int32(r))) != r {
			changed = append(changed, list[i])
		}
	}
	return changed
}

// peersOf returns the URLs that lead to a node, or may.
func (ps *Peers) peersOf(nodeID string) (found []*peer, met bool) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	list := *ps.list.Load()
	behind, met := Behind(nodeID, standings(list))
	for _, i := range behind {
		found = append(found, list[i])
	}
	return found, met
}

// standings returns those of the peers. With Peers.mu held.
func standings(list []*peer) []*Standing {
	all := make([]*Standing, len(list))
	for i, p := range list {
		all[i] = &p.standing
	}
	return all
}

// lookOut looks the peers up again when a heureka node speaks that is not among them. If it cannot be behind any of their
// URLs, because all of those answer, and looking does not help either, somebody has to be told.
func (ps *Peers) lookOut(nodeID string, met, stranger bool, now time.Time) {
	if nodeID == "" || nodeID == ps.nodeID {
		return
	}
	ps.mu.Lock()
	look, complain := ps.strangers.heard(nodeID, met, now)
	ps.mu.Unlock()
	if complain && stranger {
		ps.log.Warn("heureka node is not in the list of peers, operations on this node do not reach it", "node", nodeID)
	}
	if look > 0 {
		ps.lookSoon(look)
	}
}

// lookSoon looks the peers up again, so long after the last look-up at the earliest.
func (ps *Peers) lookSoon(pause time.Duration) {
	select {
	case ps.look <- pause:
	default: // somebody has asked
	}
}
