package respcache

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func named(name string) Query { return Query{Kind: App, Name: name} }

func names(s *shelf[int]) (out []string) {
	for _, q := range s.queries() {
		out = append(out, q.Name)
	}
	slices.Sort(out)
	return out
}

// What was not asked for for the longest time makes room.
func TestShelfKeepsWhatIsUsed(t *testing.T) {
	const each = 1000
	s := newShelf[int](4 * (each + shelvedSize + 1))
	for i, name := range []string{"a", "b", "c", "d"} {
		s.add(named(name), i, each, start)
	}
	if v, ok := s.get(named("a"), start); v != 0 || !ok {
		t.Errorf("get(a) = %d, %v", v, ok)
	}
	s.add(named("e"), 4, each, start)
	if got := names(s); !slices.Equal(got, []string{"a", "c", "d", "e"}) {
		t.Errorf("kept %v, want all but b", got)
	}
	s.replace(named("e"), 5, 2*each)
	if got := names(s); !slices.Equal(got, []string{"a", "d", "e"}) {
		t.Errorf("kept %v after e has grown, want a, d and e", got)
	}
	s.replace(named("b"), 1, each)
	if _, ok := s.get(named("b"), start); ok {
		t.Error("replace added something")
	}
	s.add(named(strings.Repeat("x", 10*each)), 6, 0, start)
	if got := names(s); len(got) > 0 {
		t.Errorf("kept %v beside a name that is too long itself", got)
	}
}

// Of two readers that miss at the same time, both get what the first one put there.
func TestShelfAddsOnce(t *testing.T) {
	s := newShelf[int](1 << 20)
	if got := s.add(named("a"), 1, 10, start); got != 1 {
		t.Errorf("first add = %d", got)
	}
	if got := s.add(named("a"), 2, 10, start); got != 1 {
		t.Errorf("second add = %d, want what is there", got)
	}
	if got, _ := s.get(named("a"), start); got != 1 || len(s.items) != 1 || s.size != shelvedSize+11 {
		t.Errorf("shelf has %d, %d items of %d bytes", got, len(s.items), s.size)
	}
}

func TestShelfExpires(t *testing.T) {
	s := newShelf[int](1 << 20)
	for i, name := range []string{"a", "b", "c"} {
		s.add(named(name), i, 0, start.Add(time.Duration(i)*time.Minute))
	}
	s.get(named("a"), start.Add(time.Hour))
	s.expire(start.Add(2 * time.Minute))
	if got := names(s); !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("kept %v, want a and c", got)
	}
	s.expire(start.Add(2 * time.Hour))
	if len(s.items) != 0 || s.size != 0 || s.recent.Len() != 0 {
		t.Errorf("%d items of %d bytes are left", len(s.items), s.size)
	}
}

// S-DEF-10: a few choices of regions are kept ready, those that were asked for last.
func TestViewsAreBounded(t *testing.T) {
	var cfg Config
	for i := range 5 {
		cfg.Regions = append(cfg.Regions, RegionConfig{Name: fmt.Sprint(i)})
	}
	c := newCache(cfg)
	choice := func(bits int) string {
		list := []string{"none"}
		for i := range 5 {
			if bits&(1<<i) != 0 {
				list = append(list, fmt.Sprint(i))
			}
		}
		return strings.Join(list, ",")
	}
	for i := range 32 {
		now := start.Add(time.Duration(i) * time.Second)
		c.view(choice(1), now)
		c.view(choice(i), now)
		if len(c.views) > maxViews || len(c.merged) > maxViews+1 {
			t.Fatalf("%d views with %d mirrors are kept", len(c.views), len(c.merged))
		}
	}
	if _, names := c.choose(choice(1)); c.views[names] == nil {
		t.Error("the view that is asked for all the time was dropped")
	}
	c.Maintain(start.Add(time.Hour), 0)
	if len(c.views) > 0 || len(c.merged) != 1 {
		t.Errorf("%d views with %d mirrors are kept although nobody asks", len(c.views), len(c.merged))
	}
}
