package respcache

import (
	"iter"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// Seq returns the number of the last change that the cache has been told of: whoever reads afterwards sees it.
func (c *Cache) Seq() uint64 { return c.inbox.told.Load() }

// Local returns the registry's own instances, sorted by application and id, as they were right after the change numbered seq.
func (c *Cache) Local() (records iter.Seq[registry.Record], seq uint64) {
	c.catchUp()
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.local.state().live.all(), c.seq.Load()
}

// Counts returns the instances by status of the view that queries without regions see. Its hash is the registry's.
func (c *Cache) Counts() heureka.StatusCounts {
	c.catchUp()
	return c.all.mirror.state().counts
}

// Records iterates over the same view, sorted by application and id. It is one moment of it, whatever happens meanwhile.
func (c *Cache) Records() iter.Seq[registry.Record] {
	c.catchUp()
	return c.all.mirror.state().live.all()
}

// An AppView is one application with its instances, sorted by id.
type AppView struct {
	Name      string
	Instances []*heureka.Instance
}

// Apps returns the same view by application, sorted by name, for the status page.
func (c *Cache) Apps() []AppView {
	var apps []AppView
	for instances := range ByApp(c.Records()) {
		apps = append(apps, AppView{Name: instances[0].App, Instances: instances})
	}
	return apps
}

// ByApp gathers the instances of records that are in order, one application at a time: all of a large registry would take as much
// memory as the node.
func ByApp(records iter.Seq[registry.Record]) iter.Seq[[]*heureka.Instance] {
	return func(yield func([]*heureka.Instance) bool) {
		var app []*heureka.Instance
		for r := range records {
			if len(app) > 0 && app[0].App != r.App() {
				if !yield(app) {
					return
				}
				app = nil
			}
			app = append(app, r.Instance())
		}
		if len(app) > 0 {
			yield(app)
		}
	}
}
