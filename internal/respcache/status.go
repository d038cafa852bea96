package respcache

import (
	"iter"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// Seq returns the number of the last change that the cache has followed.
func (c *Cache) Seq() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.seq
}

// Local returns the registry's own instances, sorted by application and id, as they were right after the change numbered seq.
func (c *Cache) Local() (records iter.Seq[registry.Record], seq uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.local.state().live.all(), c.seq
}

// Counts returns the instances by status of the view that queries without regions see. Its hash is the registry's.
func (c *Cache) Counts() heureka.StatusCounts { return c.all.mirror.state().counts }

// Records iterates over the same view, sorted by application and id. It is one moment of it, whatever happens meanwhile.
func (c *Cache) Records() iter.Seq[registry.Record] { return c.all.mirror.state().live.all() }

// An AppView is one application with its instances, sorted by id.
type AppView struct {
	Name      string
	Instances []*heureka.Instance
}

// Apps returns the same view by application, sorted by name, for the status page.
func (c *Cache) Apps() []AppView {
	var apps []AppView
	for r := range c.Records() {
		if n := len(apps); n == 0 || apps[n-1].Name != r.App() {
			apps = append(apps, AppView{Name: r.App()})
		}
		last := &apps[len(apps)-1]
		last.Instances = append(last.Instances, r.Instance())
	}
	return apps
}
