package respcache_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/respcache"
)

// S-CACHE-11, S-LOCK-1, S-LOCK-3, S-DEF-29, S-DEF-30: while the registry changes, every answer is exactly what the plain
// encoder makes of one of its states, and of none that was over when the request came.
func TestConcurrentAnswersShowOneState(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	h := newHistory(t, rand.New(rand.NewPCG(seed, 0)), 300)
	var readers sync.WaitGroup
	for i := range h.queries {
		readers.Go(func() {
			for !h.over() {
				h.read(t, i)
			}
			h.read(t, i)
		})
	}
	readers.Go(func() {
		for !h.over() {
			h.cache.Maintain(h.time(), 3)
			h.cache.SyncReadOnly(h.time())
		}
	})
	h.replay()
	readers.Wait()
}

// A history is a list of changes with the answers to some queries after each.
type history struct {
	*fixture
	queries []respcache.Query
	steps   []step
	begun   atomic.Int64 // changes whose Apply was called
	done    atomic.Int64 // and has returned
}

type step struct {
	at      time.Time
	do      func()
	answers []string // by query; "" for not found
}

func newHistory(t *testing.T, r *rand.Rand, n int) *history {
	h := &history{fixture: newFixture(t, respcache.Config{ChunkBytes: 4000})}
	for _, form := range forms {
		for _, gzip := range []bool{false, true} {
			h.queries = append(h.queries, respcache.Query{Kind: respcache.All, Form: form, Gzip: gzip})
		}
		h.queries = append(h.queries,
			respcache.Query{Kind: respcache.Delta, Form: form, Gzip: true},
			respcache.Query{Kind: respcache.App, Name: "APP1", Form: form},
			respcache.Query{Kind: respcache.VIP, Name: "app1", Form: form})
	}
	model := newFixture(t, respcache.Config{}) // its cache is not looked at
	h.steps = []step{{at: epoch, answers: h.expected(model)}}
	for i := range n {
		k := heureka.Key{App: fmt.Sprintf("APP%d", r.IntN(3)), ID: hostID(r.IntN(12))}
		s := step{at: epoch.Add(time.Duration(i) * 10 * time.Second), do: func() { h.remove(k.App, k.ID) }}
		if model.live[k] != nil && r.IntN(3) == 0 {
			model.remove(k.App, k.ID)
		} else {
			in := instance(k.App, k.ID, statuses[r.IntN(len(statuses))])
			in.LastDirtyMS = int64(i)
			s.do = func() { h.put(in) }
			model.put(in)
		}
		s.answers = h.expected(model)
		h.steps = append(h.steps, s)
	}
	return h
}

// expected returns the answers to the queries, with version 0 in deltas.
func (h *history) expected(model *fixture) (out []string) {
	var app []*heureka.Instance
	own := instances{}
	for k, in := range model.live {
		if k.App == "APP1" {
			app, own[k] = append(app, in), in
		}
	}
	for _, q := range h.queries {
		switch {
		case q.Kind == respcache.All:
			out = append(out, model.full(q.Form))
		case q.Kind == respcache.Delta:
			out = append(out, model.delta(q.Form, 0))
		case q.Kind == respcache.VIP:
			out = append(out, document(q.Form, -1, hashOf(own), app))
		case len(app) == 0:
			out = append(out, "")
		default:
			out = append(out, application(q.Form, byApp(app)[0]))
		}
	}
	return out
}

func (h *history) over() bool      { return h.done.Load() == int64(len(h.steps)-1) }
func (h *history) time() time.Time { return h.steps[h.done.Load()].at }

// replay makes the changes.
func (h *history) replay() {
	for i, s := range h.steps[1:] {
		h.begun.Store(int64(i + 1))
		s.do()
		h.done.Store(int64(i + 1))
		if i%5 == 0 {
			h.get(h.queries[i%len(h.queries)]) // lets readers run, too
		}
	}
}

var anyVersion = regexp.MustCompile(`(versions__delta(?:>|":"))\d+`)

// read asks one query, and looks for the answer among the states that were current meanwhile.
func (h *history) read(t *testing.T, query int) {
	from := h.done.Load()
	a, err := h.cache.Get(h.queries[query], h.time())
	to := h.begun.Load()
	var got string
	if err == nil {
		got = text(t, a)
	}
	if h.queries[query].Kind == respcache.Delta {
		got = anyVersion.ReplaceAllString(got, "${1}0")
	}
	for i := from; i <= to; i++ {
		if h.steps[i].answers[query] == got {
			return
		}
	}
	t.Errorf("answer to %+v shows no state from %d to %d:\n%.300s", h.queries[query], from, to, got)
}
