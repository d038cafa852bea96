package respcache

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// A view is what one choice of regions shows, with a document for each kind and variant.
type view struct {
	mirror    *mirror
	documents [Delta + 1][variants]document
	used      atomic.Int64 // in seconds since the epoch, of views with regions
}

func newView(m *mirror, versions *atomic.Int64, set *settings) *view {
	v := &view{mirror: m}
	for kind := range v.documents {
		for i := range v.documents[kind] {
			d := &v.documents[kind][i]
			d.kind, d.variant, d.mirror, d.versions, d.settings = Kind(kind), variant(i), m, versions, set
		}
	}
	return v
}

// maxViews bounds how many choices of regions are kept ready: each is a copy of the registry's structure.
const maxViews = 8

// view returns the view for a list of regions as the query has it. A list that names no region that exists is a choice
// too: of none (W-APPS-4).
func (c *Cache) view(list string, now time.Time) *view {
	if list == "" {
		return c.all
	}
	chosen, names := c.choose(list)
	c.mu.RLock()
	v := c.views[names]
	c.mu.RUnlock()
	if v == nil {
		var dropped *view
		v, dropped = c.addView(chosen, names)
		dropped.clear()
	}
	v.used.Store(now.Unix())
	return v
}

// choose returns the regions of a list that exist, and their names as a list that is never "".
func (c *Cache) choose(list string) (chosen []*Region, names string) {
	wanted, names := strings.Split(list, ","), ","
	for _, r := range c.regions {
		if slices.Contains(wanted, r.name) {
			chosen = append(chosen, r)
			names += r.name + ","
		}
	}
	return chosen, names
}

// addView returns the view of the chosen regions, and the one that had to make room for it, if any.
func (c *Cache) addView(chosen []*Region, names string) (v, dropped *view) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v = c.views[names]; v != nil {
		return v, nil
	}
	if len(c.views) >= maxViews {
		dropped = c.dropView(c.oldestView())
	}
	m := c.local
	if len(chosen) > 0 {
		m = c.merge(chosen)
	}
	v = newView(m, &c.regionVersions, c.settings)
	c.views[names] = v
	return v, dropped
}

func (c *Cache) oldestView() (oldest string) {
	for names, v := range c.views {
		if o := c.views[oldest]; o == nil || v.used.Load() < o.used.Load() {
			oldest = names
		}
	}
	return oldest
}

// dropView takes a view away. Its encodings may be in leaves that other views share, so somebody has to clear it.
func (c *Cache) dropView(names string) *view {
	v := c.views[names]
	c.merged = slices.DeleteFunc(c.merged, func(m *merged) bool { return m.mirror == v.mirror })
	delete(c.views, names)
	return v
}

// dropViews takes away the views that nobody has asked for since cutoff.
func (c *Cache) dropViews(cutoff time.Time) (dropped []*view) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for names, v := range c.views {
		if v.used.Load() < cutoff.Unix() {
			dropped = append(dropped, c.dropView(names))
		}
	}
	return dropped
}

// allViews returns the views that there are, that of queries without regions first.
func (c *Cache) allViews() []*view {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.AppendSeq([]*view{c.all}, maps.Values(c.views))
}

// clear forgets the view's documents. Other views that share their encodings make them again.
func (v *view) clear() {
	if v == nil {
		return
	}
	for d := range v.all() {
		d.clear()
	}
}

// LetGo forgets all documents, and instances that are gone. Documents that are asked for again are made again.
func (c *Cache) LetGo() {
	c.catchUp()
	for _, v := range c.allViews() {
		v.clear()
	}
}

// all iterates over the documents of all kinds and variants.
func (v *view) all() iter.Seq[*document] {
	return func(yield func(*document) bool) {
		for kind := range v.documents {
			for i := range v.documents[kind] {
				if !yield(&v.documents[kind][i]) {
					return
				}
			}
		}
	}
}
