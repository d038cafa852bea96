package replication

// TakeLock waits for the lock of the set and of each peer.
func TakeLock(ps *Peers) {
	_, _ = ps.peersOf("")
	for _, p := range *ps.list.Load() {
		_ = p.busy()
	}
}
