package server

// TakeLocks waits for the locks that no request takes.
func (s *Server) TakeLocks() {
	_ = s.own.dirty()
	for _, r := range s.node.regions {
		_, _ = r.last()
	}
}
