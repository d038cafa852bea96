package replication

import "slices"

// A Role is what a URL is used for.
type Role int32

// The roles.
const (
	Replica   Role = iota // replicated to
	ThisNode              // leads to this node
	Duplicate             // leads to a peer that another URL leads to as well
)

// A Standing is what a node knows about who is behind a URL, to decide on its role.
type Standing struct {
	nodeID  string // of who answered last; "" for Java servers and before the first answer
	ok      bool   // the last batch arrived
	certain bool   // it is this node's URL by configuration
	likely  bool   // it has this node's host and port
}

// Note takes in who answered last, and whether the batch arrived.
func (s *Standing) Note(nodeID string, ok bool) {
	s.ok = ok
	if nodeID != "" || ok {
		s.nodeID = nodeID
	}
}

// Roles gives each URL of the node self its role. Of several that lead to one node, the first that works is used; those that
// do not work stay, so that whoever configured them sees it.
func Roles(self string, all []*Standing) []Role {
	roles := make([]Role, len(all))
	used := map[string]bool{}
	for i, s := range all {
		switch {
		case s.certain || s.nodeID == self || s.likely && s.nodeID == "":
			roles[i] = ThisNode
		case s.ok && used[s.nodeID]:
			roles[i] = Duplicate
		default:
			used[s.nodeID] = used[s.nodeID] || s.ok && s.nodeID != ""
		}
	}
	return roles
}

// Behind returns which URLs lead to a node. One that has not been met, because it has just started, may be behind any of
// those that do not answer.
func Behind(nodeID string, all []*Standing) (found []int, met bool) {
	for i, s := range all {
		if s.nodeID == nodeID {
			found = append(found, i)
		}
	}
	if found != nil {
		return found, true
	}
	for i, s := range all {
		if !s.ok {
			found = append(found, i)
		}
	}
	return slices.Clip(found), false
}
