package replication_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/replication"
)

// limited is a node that takes no record of a host "giant", and counts how often it is offered one.
func limited(offered *atomic.Int64) setup {
	return func(_ *node, cfg *replication.Config, _ *http.Handler) {
		cfg.Admit = func(in *heureka.Instance, _ registry.Origin) error {
			if in.HostName != "giant" {
				return nil
			}
			offered.Add(1)
			return errors.New("too large")
		}
	}
}

// knows registers what no batch tells of.
func (n *node) knows(change func(*heureka.Instance), ids ...string) {
	n.t.Helper()
	for _, id := range ids {
		in := instance(id)
		in.LastDirtyMS = time.Now().UnixMilli()
		change(in)
		if _, err := n.reg.Register(in, registry.FromClient, time.Now()); err != nil {
			n.t.Fatal(err)
		}
	}
}

func giant(in *heureka.Instance) {
	in.HostName = "giant"
	in.Metadata = heureka.MetadataOf([]heureka.MetadataEntry{{Key: "k", Value: strings.Repeat("v", 1<<20)}})
}

// What a peer has beyond this node's limits stays out, costs nobody else their place, and is not sent again and again.
func TestRefusedRecordsComeToRest(t *testing.T) {
	ids, _ := sharing(t, 24)
	giants, small := ids[:12], ids[12:]
	inRing(t, func(t *testing.T, r *ring) {
		var offered atomic.Int64
		a := r.start("a", []string{"b"})
		b := r.start("b", []string{"a"}, limited(&offered))
		r.wait(time.Minute)
		a.knows(giant, giants...)
		a.knows(func(*heureka.Instance) {}, small...)
		r.wait(2 * time.Minute)
		if n := b.reg.Len(); n != len(small) {
			t.Errorf("b has %d instances, want the %d that are within its limits", n, len(small))
		}
		for i := range 16 {
			b.knows(func(*heureka.Instance) {}, fmt.Sprint("news-", i)) // there is always something to compare
			r.wait(time.Minute)
		}
		if n, most := offered.Load(), int64(5*len(giants)); n < int64(len(giants)) || n > most {
			t.Errorf("records that were refused came %d times in 18 minutes, want %d at most", n, most)
		}
		if n := b.logs.count("records of peer refused"); n < 1 || n > 18 {
			t.Errorf("%d lines about refused records, want one a minute at most", n)
		}
		if st := b.peers.Status(time.Now())[0]; st.Refused != uint64(offered.Load()) || st.Error != "" {
			t.Errorf("status says %d refused and %q, want %d", st.Refused, st.Error, offered.Load())
		}
	})
}

// A record that was refused for want of room is taken over once there is some.
func TestRefusedRecordsComeLater(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		var full atomic.Bool
		full.Store(true)
		a := r.start("a", []string{"b"})
		b := r.start("b", []string{"a"}, func(_ *node, cfg *replication.Config, _ *http.Handler) {
			cfg.Admit = func(*heureka.Instance, registry.Origin) error {
				if full.Load() {
					return registry.ErrFull
				}
				return nil
			}
		})
		r.wait(time.Minute)
		a.knows(func(in *heureka.Instance) { in.Lease.DurationSecs = 3600 }, "1")
		r.wait(2 * time.Minute)
		if b.has("1") {
			t.Error("there is no room, but the record is there")
		}
		full.Store(false)
		r.waitFor("the record", 10*time.Minute, func() bool { return b.has("1") })
	})
}

// A start that copies a registry, by whatever way, and an answer with a newer record bring nothing beyond the limits either. If
// most is beyond them, that is no copy.
func TestRefusedRecordsAtStart(t *testing.T) {
	for name, asJava := range map[string]setup{"heureka": func(*node, *replication.Config, *http.Handler) {}, "other": java} {
		for _, giants := range []int{1, 3} {
			inRing(t, func(t *testing.T, r *ring) {
				var offered atomic.Int64
				a := r.start("a", nil, asJava)
				for i := range giants {
					a.knows(giant, fmt.Sprint("giant-", i))
				}
				a.knows(func(*heureka.Instance) {}, "1", "2")
				b := r.start("b", []string{"a"}, limited(&offered))
				for c := range b.peers.Sync(t.Context()) {
					if uncopied := errors.Is(c.Err, replication.ErrUncopied); uncopied != (giants == 3) {
						t.Errorf("%s, %d giants: the copy ends with %v", name, giants, c.Err)
					}
				}
				if b.reg.Len() != 2 || offered.Load() == 0 {
					t.Errorf("%s, %d giants: %d instances, want 2; %d offered", name, giants, b.reg.Len(), offered.Load())
				}
			})
		}
	}
}
