package respcache

import "time"

// A level is an entry of the read-only level: what a query was answered when it was copied. That may be that there is no
// such application (S-CACHE-7).
type level struct {
	answer *Answer
	err    error
}

// getReadOnly answers from the read-only level, and fills it if it lacks the query (S-CACHE-5).
func (c *Cache) getReadOnly(q Query, now time.Time) (*Answer, error) {
	q = c.canonical(q)
	l, ok := c.readOnly.get(q, now)
	if !ok {
		l.answer, l.err = c.load(q, now)
		l = c.readOnly.add(q, l, l.answer.footprint(), now)
	}
	return l.answer, l.err
}

// canonical returns q in the one form under which its answer is kept. Regions come from anybody: those that do not exist
// are left out, but having asked for some remains (W-APPS-4).
func (c *Cache) canonical(q Query) Query {
	switch {
	case q.Kind != All && q.Kind != Delta:
		q.Regions, q.Gzip = "", false
		return q
	case q.Regions != "":
		_, q.Regions = c.choose(q.Regions)
	}
	q.Name = ""
	return q
}

// SyncReadOnly copies what is asked for to the read-only level (S-CACHE-6). What nobody asked for lately goes (S-DEF-10).
func (c *Cache) SyncReadOnly(now time.Time) {
	if c.readOnly == nil {
		return
	}
	c.readOnly.expire(now.Add(-c.expiration))
	for _, q := range c.readOnly.queries() {
		var l level
		l.answer, l.err = c.load(q, now)
		c.readOnly.replace(q, l, l.answer.footprint())
	}
}

// NextSync returns when SyncReadOnly is due first: at the next multiple of the interval since the epoch (S-CACHE-6).
// From then on it is due after each interval.
func (c *Cache) NextSync(now time.Time) time.Time {
	return now.Add(c.interval - time.Duration(now.UnixNano())%c.interval)
}
