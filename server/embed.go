package server

import (
	"time"

	"heureka.internal/heureka"
)

// Instance returns the instance as this node lists it, whatever its phase. Safe for concurrent use, as are all methods
// below.
func (s *Server) Instance(key heureka.Key) (*heureka.Instance, bool) {
	rec, ok := s.reg.Find(key)
	if !ok {
		return nil, false
	}
	in, lease := rec.Shown()
	in.Lease = lease
	return in, true
}

// Applications returns the node's own registry as it is now, sorted by name and id, with its hash.
func (s *Server) Applications() *heureka.Applications {
	apps := &heureka.Applications{Version: 1}
	for _, app := range s.cache.Apps() {
		apps.Apps = append(apps.Apps, &heureka.Application{Name: app.Name, Instances: app.Instances})
	}
	apps.Hash = apps.Count().Hash()
	return apps
}

// Expire evicts an instance at once, as if its lease had run out, whatever self-preservation says. Peers are not told. It
// is for tests; it reports false if there is no such instance.
func (s *Server) Expire(key heureka.Key) bool { return s.reg.Expire(key, time.Now()) }

// Phase returns how far the node's start has come, why it is there, and since when.
func (s *Server) Phase() (ph Phase, why string, since time.Time) { return s.phase.current() }
