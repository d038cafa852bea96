package respcache

import (
	"slices"
	"time"
)

const (
	// quietTime is how long a chunk must not have changed before it is compressed thoroughly.
	quietTime = 30 * time.Second
	// refreshShare of the expiration time is the age at which Maintain makes a chunk anew, so that no reader has to.
	refreshShare = 0.75
)

// Maintain does what can wait: it drops the variants, views and lookups that nobody has asked for within the expiration
// time, compresses quiet chunks thoroughly, and refreshes the lease times in old ones. It works on at most budget chunks,
// each of which takes about a millisecond, and returns how many it did. Answers that exist stay as they are, and so do
// their ETags: the next one that is built for another reason has the better chunks. One call at a time.
func (c *Cache) Maintain(now time.Time, budget int) (done int) {
	cutoff := now.Add(-c.expiration)
	c.lookups.expire(cutoff)
	for _, v := range c.dropViews(cutoff) {
		v.clear()
	}
	for _, v := range c.allViews() {
		for d := range v.all() {
			if d.used.Load() < cutoff.Unix() {
				d.clear()
			}
			done += d.improve(now, budget-done)
		}
	}
	return done
}

// improve encodes up to budget chunks again. It begins with the group after the one where the budget ended the last time,
// and in a group with the oldest chunks, so that every chunk has its turn.
func (d *document) improve(now time.Time, budget int) (done int) {
	if d.current.Load() == nil {
		return 0
	}
	groups := d.tree().groups
	for range groups {
		d.turn = (d.turn + 1) % len(groups)
		g := groups[d.turn]
		for _, l := range d.due(g, now) {
			if done == budget {
				return done
			}
			if d.mayEncode(l.weight) {
				d.replace(g, l.leaf, d.variant.encode(l.leaf, now, true))
			}
			done++
		}
	}
	return done
}

// A dueLeaf is a chunk to encode again, and when it was encoded.
type dueLeaf struct {
	*leaf
	at time.Time
}

// due returns the chunks that are old, or quiet and compressed quickly, the oldest first.
func (d *document) due(g *group, now time.Time) (due []dueLeaf) {
	old := now.Add(-time.Duration(refreshShare * float64(d.expiration)))
	quiet := now.Add(-quietTime)
	for _, l := range g.leaves {
		if p := l.pieces[d.variant].Load(); p != nil && (p.at.Before(old) || !p.thorough && p.at.Before(quiet)) {
			due = append(due, dueLeaf{leaf: l, at: p.at})
		}
	}
	slices.SortFunc(due, func(a, b dueLeaf) int { return a.at.Compare(b.at) })
	return due
}

// replace puts p in the place of the piece of l. It takes the lock so that no block is made of the old piece meanwhile.
func (d *document) replace(g *group, l *leaf, p *piece) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l.pieces[d.variant].Store(p)
	g.blocks[d.variant].Store(nil)
}
