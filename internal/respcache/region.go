package respcache

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// RegionConfig names a remote region.
type RegionConfig struct {
	Name string   // compared in lower case
	Apps []string // the white list, in upper case (S-REGION-4): nil takes everything, an empty list nothing
}

// A Region is the copy of a remote region's registry. Whoever fetches it calls Replace and ApplyDelta, one at a time;
// everything else is safe for concurrent use.
type Region struct {
	name   string
	listed map[string]bool // nil: everything
	mirror *mirror         // everything that the region has, whatever the white list says (S-REGION-7)
	cache  *Cache
}

// setRegions makes the regions and what answers queries without regions: all of them together with the local registry
// (S-REGION-6), or with fallback disabled the local registry only.
func (c *Cache) setRegions(configs []RegionConfig, fallback bool, weight int) {
	for _, cfg := range configs {
		r := &Region{name: strings.ToLower(cfg.Name), mirror: newMirror(weight), cache: c}
		if cfg.Apps != nil {
			r.listed = map[string]bool{}
			for _, app := range cfg.Apps {
				r.listed[app] = true
			}
		}
		c.regions = append(c.regions, r)
	}
	slices.SortFunc(c.regions, func(a, b *Region) int { return cmp.Compare(a.name, b.name) })
	m := c.local
	c.fallback = []*mirror{c.local}
	if fallback && len(c.regions) > 0 {
		m = c.merge(c.regions)
		for _, r := range c.regions {
			c.fallback = append(c.fallback, r.mirror)
		}
	}
	c.all = newView(m, new(atomic.Int64), c.settings)
}

// Region returns the region of that name, or nil.
func (c *Cache) Region(name string) *Region {
	name = strings.ToLower(name)
	for _, r := range c.regions {
		if r.name == name {
			return r
		}
	}
	return nil
}

// Regions returns all regions, sorted by name.
func (c *Cache) Regions() []*Region { return slices.Clone(c.regions) }

// Name returns the region's name, in lower case.
func (r *Region) Name() string { return r.name }

// Counts returns the region's instances by status; its hash is to be compared with that of the remote registry.
func (r *Region) Counts() heureka.StatusCounts { return r.mirror.state().counts }

// Instance returns one instance of the region, white list or not (S-REGION-7).
func (r *Region) Instance(k heureka.Key) (*heureka.Instance, bool) {
	rec, ok := r.mirror.state().live.get(k)
	return rec.Instance(), ok
}

// InstanceByID returns the region's first instance with this id, of any application. It goes through the whole region.
func (r *Region) InstanceByID(id string) (*heureka.Instance, bool) {
	for rec := range r.mirror.state().live.all() {
		if rec.Key().ID == id {
			return rec.Instance(), true
		}
	}
	return nil, false
}

// ApplyDelta follows the changes of a delta (S-REGION-2).
func (r *Region) ApplyDelta(apps []*heureka.Application, now time.Time) {
	var updates []update
	for _, app := range apps {
		for _, in := range app.Instances {
			gone := in.Action == heureka.ActionDeleted
			updates = append(updates, update{record: registry.NewRecord(received(app, in, gone)), at: now, gone: gone})
		}
	}
	r.apply(updates)
}

// Replace makes the region's contents those of a full answer. Only differences count as changes.
func (r *Region) Replace(apps []*heureka.Application, now time.Time) {
	var updates []update
	have := r.mirror.state().live
	seen := map[heureka.Key]bool{}
	for _, app := range apps {
		for _, in := range app.Instances {
			in = received(app, in, false)
			seen[in.Key()] = true
			if old, ok := have.get(in.Key()); !ok || !sameInstance(old.Instance(), in) {
				updates = append(updates, update{record: registry.NewRecord(in), at: now})
			}
		}
	}
	for rec := range have.all() {
		if !seen[rec.Key()] {
			updates = append(updates, update{record: registry.NewRecord(deleted(rec.Instance())), at: now, gone: true})
		}
	}
	r.apply(updates)
}

// updatesAtOnce is how many updates of a region hold up readers of the local registry at a time.
const updatesAtOnce = 128

func (r *Region) apply(updates []update) {
	for some := range slices.Chunk(updates, updatesAtOnce) {
		r.applySome(some)
	}
}

func (r *Region) applySome(updates []update) {
	r.cache.mu.Lock()
	defer r.cache.mu.Unlock()
	r.cache.takeIn() // so that changes are noted in order of time
	r.cache.apply(r.mirror, updates)
}

// received returns in as this node shows it: under the name that names are compared by, with an action that tells the
// reader of a delta to add it, and never as the answering server.
func received(app *heureka.Application, in *heureka.Instance, gone bool) *heureka.Instance {
	c := in.Clone()
	c.App = heureka.AppName(cmp.Or(in.App, app.Name))
	c.CoordinatingServer = false
	if !gone && c.Action != heureka.ActionModified {
		c.Action = heureka.ActionAdded
	}
	return c
}

func deleted(in *heureka.Instance) *heureka.Instance {
	c := in.Clone()
	c.Action = heureka.ActionDeleted
	return c
}

// sameInstance compares two copies of an instance. When its lease was renewed last is no difference, and neither is the
// action, which says how the other side came to it.
func sameInstance(a, b *heureka.Instance) bool {
	x, y := *a, *b
	x.Lease.LastRenewalMS, y.Lease.LastRenewalMS = 0, 0
	x.Action, y.Action = heureka.ActionNone, heureka.ActionNone
	return reflect.DeepEqual(&x, &y)
}
