package scenario

import (
	"fmt"
	"time"
)

const (
	remembered = 1 << 14 // records
	lastShown  = 30
	aboutShown = 120
)

// A record is one thing that happened.
type record struct {
	at         time.Duration
	what       string
	who, about string // a node or a link; an instance, or nothing
	n          int
}

func (r record) String() string {
	return fmt.Sprintf("%12v  %-26s %-10s %s %d", r.at, r.what, r.who, r.about, r.n)
}

// A tracer hashes everything that happens and remembers the last of it.
type tracer struct {
	hash uint64
	ring []record
	next int
}

func (t *tracer) add(r record) {
	t.word(uint64(r.at))
	t.text(r.what)
	t.text(r.who)
	t.text(r.about)
	t.word(uint64(r.n))
	if len(t.ring) < remembered {
		t.ring = append(t.ring, r)
		return
	}
	t.ring[t.next] = r
	t.next = (t.next + 1) % remembered
}

// word and text are FNV-1a with words instead of bytes.
func (t *tracer) word(w uint64) { t.hash = (t.hash ^ w) * 0x100000001b3 }

func (t *tracer) text(s string) {
	for i := range len(s) {
		t.word(uint64(s[i]))
	}
}

// around returns the last records, and before them those about one instance and the faults.
func (t *tracer) around(about string) []string {
	var all []record
	for i := range t.ring {
		all = append(all, t.ring[(t.next+i)%len(t.ring)])
	}
	var matching []record
	for _, r := range all[:max(0, len(all)-lastShown)] {
		if r.about == about || r.about == "" {
			matching = append(matching, r)
		}
	}
	var out []string
	for _, r := range append(matching[max(0, len(matching)-aboutShown):], all[max(0, len(all)-lastShown):]...) {
		out = append(out, r.String())
	}
	return out
}
