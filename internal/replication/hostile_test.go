package replication_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/registry/registrytest"
	"heureka.internal/heureka/internal/replication"
)

// What a stranger says in a node's name does not make the node's own batches come too late for ever.
func TestGuardAgainstTheFuture(t *testing.T) {
	began := time.Unix(1_800_000_000, 0)
	now := began.Add(time.Minute)
	g := replication.NewGuard("me", began)
	last := uint64(0)
	admit := func(number, heard string) (admitted bool) {
		admitted, last = g.Admit(replication.Greeting{Node: "node", Batch: number, Heard: heard}, true, now)
		return admitted
	}
	for _, heard := range []string{"me 60001", "me 9223372036854775807", "me -9223372036854775808", "me -1"} {
		if admit("1", heard) {
			t.Errorf("a batch that heard %q is performed", heard)
		}
	}
	clock := g.Clock(now)
	for _, number := range []string{"18446744073709551615", "4294967297"} {
		if admit(number, clock) || last != 0 {
			t.Errorf("number %s is taken: %d", number, last)
		}
	}
	if !admit("7", clock) || admit("6", clock) || last != 7 {
		t.Errorf("last is %d", last)
	}
	if !admit("4000000000", clock) || admit("8", clock) || !admit(fmt.Sprint(last+1), clock) {
		t.Error("who goes on above the number it is told is not heard")
	}
	if admitted, last := g.Admit(replication.Greeting{Node: "node", Batch: "9", Heard: clock}, false, now); !admitted || last != 9 {
		t.Errorf("what the peer said counts for who only claims to be it: %v, %d", admitted, last)
	}
	if !admit(fmt.Sprint(last+1), clock) {
		t.Error("who only claims to be the peer keeps it out")
	}
}

// sharing returns ids whose keys are in one bucket.
func sharing(t *testing.T, n int) (ids []string, bucket int) {
	t.Helper()
	reg, err := registry.New(registrytest.Config(registry.Config{Rand: rand.NewPCG(1, 1)}))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for i := range n * 600 {
		if _, err := reg.Register(instance(fmt.Sprint("id-", i)), registry.FromClient, now); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range reg.Bucket(bucket, now) {
		ids = append(ids, k.Key().ID)
	}
	if len(ids) < n {
		t.Fatalf("%d ids share a bucket, want %d", len(ids), n)
	}
	return ids[:n], bucket
}

// A bucket of any size is copied, in answers that its reader takes; the largest legal record fits.
func TestPullOfALargeBucket(t *testing.T) {
	ids, bucket := sharing(t, 40)
	store := func() *registry.Registry {
		reg, err := registry.New(registrytest.Config(registry.Config{Rand: rand.NewPCG(1, 1)}))
		if err != nil {
			t.Fatal(err)
		}
		return reg
	}
	from, to := store(), store()
	now := time.Now()
	for i, id := range ids {
		in := instance(id)
		size := 1000 << 10
		if i == 7 {
			size = 10 << 20
		}
		in.Metadata = heureka.MetadataOf([]heureka.MetadataEntry{{Key: "k", Value: strings.Repeat(`"`, size)}}) // twice as long in JSON
		if _, err := from.Register(in, registry.FromClient, now); err != nil {
			t.Fatal(err)
		}
	}
	p := replication.NewPull(to, registry.FromSync, []int{bucket, bucket + 1})
	rounds := 0
	for body := p.Request(now); body != nil; body = p.Request(now) {
		doc := replication.AnswerBuckets(from, body, now)
		if len(doc) > 24<<20 {
			t.Errorf("an answer of %d MiB", len(doc)>>20)
		}
		if err := p.Take(doc, now); err != nil {
			t.Fatal(err)
		}
		if rounds++; rounds > 40 {
			t.Fatal("no end")
		}
	}
	if to.Len() != len(ids) || from.Digest() != to.Digest() {
		t.Errorf("%d of %d instances came in %d rounds", to.Len(), len(ids), rounds)
	}
}

// deaf takes nothing over.
type deaf struct{ *registry.Registry }

func (deaf) Merge(registry.Entry, time.Time) bool { return false }

// What does not bring a pull on ends it; what asks for much gets it once.
func TestPullEnds(t *testing.T) {
	from, err := registry.New(registrytest.Config(registry.Config{Rand: rand.NewPCG(1, 1)}))
	if err != nil {
		t.Fatal(err)
	}
	ids, bucket := sharing(t, 20)
	now := time.Now()
	for _, id := range ids {
		in := instance(id)
		in.Metadata = heureka.MetadataOf([]heureka.MetadataEntry{{Key: "k", Value: strings.Repeat("v", 1<<20)}})
		if _, err := from.Register(in, registry.FromClient, now); err != nil {
			t.Fatal(err)
		}
	}
	empty, _ := registry.New(registrytest.Config(registry.Config{Rand: rand.NewPCG(1, 1)}))
	p := replication.NewPull(deaf{empty}, registry.FromSync, []int{bucket})
	rounds := 0
	for body := p.Request(now); body != nil && rounds < 10; body = p.Request(now) {
		if err := p.Take(replication.AnswerBuckets(from, body, now), now); err != nil {
			t.Fatal(err)
		}
		rounds++
	}
	if rounds > 2 {
		t.Errorf("%d rounds for nothing", rounds)
	}
	one := fmt.Sprintf(`{"bucket":%d}`, bucket)
	once := replication.AnswerBuckets(from, []byte(`{"buckets":[`+one+`]}`), now)
	again := replication.AnswerBuckets(from, []byte(`{"buckets":[`+strings.Repeat(one+",", 200)+one+`]}`), now)
	if len(again) > len(once)+len(once)/5 {
		t.Errorf("%d bytes for a bucket, %d for the same 201 times", len(once), len(again))
	}
}

// A node whose name a stranger used with a high number goes on above it.
func TestNodeGoesOnAboveTheNumberOfAStranger(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		off := func(_ *node, cfg *replication.Config, _ *http.Handler) { cfg.DisableAntiEntropy = true }
		a := r.start("a", nil, off)
		b := r.start("b", []string{"a"}, off)
		b.register("0")
		r.wait(time.Second)
		p := &poster{ring: r, client: &http.Client{Transport: r.transport("c")}, to: a}
		p.post(b.peers.NodeID(), "1", "")
		for _, number := range []string{"4000000000", "8000000000", "18446744073709551615"} {
			p.post(b.peers.NodeID(), number, p.clock)
			b.register(number)
			r.wait(5 * time.Second)
			if !a.has(number) {
				t.Errorf("after number %s nothing of the node is performed", number)
			}
		}
	})
}

// What a stranger makes of one peer's count changes nothing for another one, and lasts no longer than that peer remembers it.
func TestNumberOfAStrangerIsOfOnePeer(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		off := func(_ *node, cfg *replication.Config, _ *http.Handler) { cfg.DisableAntiEntropy = true }
		b, c := r.start("b", nil, off), r.start("c", nil, off)
		a := r.start("a", []string{"b", "c"}, off)
		a.register("0")
		r.wait(time.Second)
		p := &poster{ring: r, client: &http.Client{Transport: r.transport("d")}, to: b}
		p.post(a.peers.NodeID(), "1", "")
		for _, number := range []string{"4000000000", "8000000000"} {
			if status := p.post(a.peers.NodeID(), number, p.clock); status != http.StatusOK {
				t.Fatalf("number %s: %d", number, status)
			}
		}
		a.register("1")
		r.wait(5 * time.Second)
		if !b.has("1") || !c.has("1") {
			t.Errorf("after the stranger, performed at b: %v, at c: %v", b.has("1"), c.has("1"))
		}
		b.stop()
		b = r.start("b", nil, off) // has not seen those numbers
		r.wait(time.Minute)
		a.register("2")
		r.wait(5 * time.Second)
		if !b.has("2") || !c.has("2") {
			t.Errorf("after a restart of b, performed at b: %v, at c: %v", b.has("2"), c.has("2"))
		}
	})
}

// What a peer or a stranger sends takes memory by what it can be, not by how many empty elements its bytes hold.
func TestListsAreCounted(t *testing.T) {
	store, err := registry.New(registrytest.Config(registry.Config{Rand: rand.NewPCG(1, 1)}))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	list := func(element string, size int) string {
		return "[" + strings.Repeat(element+",", size/(len(element)+1)) + element + "]"
	}
	const size = 24 << 20
	take := func(doc string) func() bool {
		return func() bool {
			p := replication.NewPull(store, registry.FromSync, []int{1, 2})
			p.Request(now)
			return p.Take([]byte(doc), now) != nil
		}
	}
	for _, tt := range []struct {
		name    string
		refused func() bool
	}{
		{"entries", take(`{"entries":` + list("{}", size) + `}`)},
		{"nulls", take(`{"entries":` + list("null", size) + `}`)},
		{"rest", take(`{"entries":[],"rest":` + list("0", size) + `}`)},
		{"digest", func() bool {
			_, _, err := replication.TakeDigest([]byte(`{"digest":` + list("0", size) + `}`))
			return err != nil
		}},
		{"buckets", func() bool {
			return replication.AnswerBuckets(store, []byte(`{"buckets":`+list("null", size)+`}`), now) == nil
		}},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		refused := tt.refused()
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; !refused || took > 160<<20 {
			t.Errorf("%s: refused: %v, after %d MiB", tt.name, refused, took>>20)
		}
	}
}
