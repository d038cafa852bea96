package respcache

import (
	"strings"
	"testing"

	"heureka.internal/heureka/internal/wire"
)

// S-CACHE-11, S-DEF-30: a payload that was made before a change and kept after it is served to nobody.
func TestCache11LatePayload(t *testing.T) {
	form := wire.Form{Format: wire.JSON}
	for _, q := range []Query{
		{Kind: All, Form: form}, {Kind: Delta, Form: form}, {Kind: App, Name: "A", Form: form}, {Kind: VIP, Name: "v", Form: form},
	} {
		c := newCache(Config{})
		c.Apply(registered(1, "A", "first"))
		keep := late(c, q)
		c.Apply(registered(2, "A", "second"))
		old := keep()
		var b strings.Builder
		if _, err := old.WriteTo(&b); err != nil || strings.Contains(b.String(), "second") {
			t.Fatalf("kind %d: the late payload is %s, %v: the test tests nothing", q.Kind, b.String(), err)
		}
		a, err := c.Get(q, start)
		if err != nil {
			t.Fatal(err)
		}
		b.Reset()
		if _, err := a.WriteTo(&b); err != nil || !strings.Contains(b.String(), "second") {
			t.Errorf("kind %d: the answer after the change is %s, %v", q.Kind, b.String(), err)
		}
	}
}

// late begins to load q, and returns what ends that.
func late(c *Cache, q Query) (keep func() *Answer) {
	c.catchUp()
	if q.Kind == All || q.Kind == Delta {
		d := &c.all.documents[q.Kind][variantOf(q.Form)]
		s := d.mirror.state()
		return func() *Answer {
			b, _ := d.build(s, start)
			d.current.Store(b)
			return b.answer
		}
	}
	sel, _ := c.selection(q)
	return func() *Answer {
		a, _ := c.lookups.add(q, &lookup{}, 0, start).update(&sel, start, c.settings)
		return a
	}
}
