package respcache_test

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/respcache"
	"heureka.internal/heureka/internal/wire"
)

// While nothing changes, an answer is found without allocating, and it is the same one.
func TestQuietGetAllocatesNothing(t *testing.T) {
	for _, readOnly := range []bool{false, true} {
		f := newFixture(t, respcache.Config{UseReadOnlyCache: readOnly})
		for i := range 300 {
			f.up(appName(i%20), hostID(i))
		}
		queries := []respcache.Query{fullGzip, allQuery, deltaQuery, vipQuery("service-0001"), appQuery(appName(1)), vipQuery("nobody")}
		for _, q := range queries {
			first := f.answer(q)
			allocs := testing.AllocsPerRun(100, func() {
				if a, err := f.cache.Get(q, f.now); a != first || err != nil {
					t.Fatalf("Get(%+v) = another answer, %v", q, err)
				}
			})
			if allocs > 0 {
				t.Errorf("read-only level %v: Get(%+v) allocates %v times", readOnly, q, allocs)
			}
		}
	}
}

// An answer is kept although other applications change, even if they share its chunk.
func TestAnswersSurviveOtherChanges(t *testing.T) {
	f := newFixture(t, respcache.Config{})
	f.up("A", "1")
	f.up("C", "1")
	app, vip := f.answer(appQuery("C")), f.answer(vipQuery("c"))
	f.up("B", "1")
	f.remove("A", "1")
	if f.answer(appQuery("C")) != app {
		t.Error("the application was encoded again")
	}
	if f.answer(vipQuery("c")) != vip {
		t.Error("the VIP was encoded again")
	}
}

// ETags are quoted, differ between documents, caches, and states of a document, and stay while the answer does.
func TestETags(t *testing.T) {
	seen := map[string]bool{}
	fresh := func(a *respcache.Answer) {
		t.Helper()
		if !strings.HasPrefix(a.ETag, `"`) || !strings.HasSuffix(a.ETag, `"`) || len(a.ETag) < 3 || seen[a.ETag] {
			t.Errorf("ETag %s is not new, or not quoted", a.ETag)
		}
		seen[a.ETag] = true
	}
	for _, token := range []string{"one", "two"} {
		f := newFixture(t, respcache.Config{Token: token})
		for range 3 {
			f.up("A", "1")
			for _, form := range forms {
				for _, q := range []respcache.Query{{Kind: respcache.All}, {Kind: respcache.All, Gzip: true}, {Kind: respcache.Delta},
					{Kind: respcache.App, Name: "A"}, {Kind: respcache.VIP, Name: "a"}} {
					q.Form = form
					a := f.answer(q)
					fresh(a)
					if again := f.answer(q).ETag; again != a.ETag {
						t.Errorf("ETag changed from %s to %s without a change", a.ETag, again)
					}
				}
			}
		}
	}
}

// S-DEF-10: names that nobody has cost no memory, however many are asked for, and those that exist a bounded amount.
func TestDef10MemoryStaysPut(t *testing.T) {
	const bound = 4 << 20
	for _, readOnly := range []bool{false, true} {
		f := newFixture(t, respcache.Config{UseReadOnlyCache: readOnly, LookupBytes: bound / 4})
		for i := range 2000 {
			f.up(appName(i), "1")
		}
		before := heap()
		names := 100_000
		if testing.Short() {
			names = 10_000
		}
		for i := range names {
			name := fmt.Sprintf("nobody-%d-%s", i, strings.Repeat("x", 100))
			f.cache.Get(appQuery(name), f.now)
			f.cache.Get(vipQuery(name), f.now)
			f.cache.Get(respcache.Query{Kind: respcache.All, Regions: name}, f.now)
		}
		for i := range 2000 {
			for _, form := range forms {
				f.answer(respcache.Query{Kind: respcache.App, Name: appName(i), Form: form})
				f.answer(respcache.Query{Kind: respcache.VIP, Name: strings.ToLower(appName(i)), Form: form})
			}
		}
		if grown := int64(heap()) - int64(before); grown > bound+8<<20 { // 8 MB: the documents of all applications
			t.Errorf("read-only level %v: memory grew by %d kB", readOnly, grown>>10)
		}
		runtime.KeepAlive(f)
	}
}

// What nobody has asked for within the expiration time goes, and comes back when somebody does.
func TestMaintainDropsUnused(t *testing.T) {
	f := newFixture(t, respcache.Config{Regions: []respcache.RegionConfig{{Name: "east"}}})
	for i := range 3000 {
		f.up(appName(i/20), hostID(i))
	}
	queries := []respcache.Query{allQuery, fullGzip, deltaQuery, regionQuery(respcache.All, "east"), regionQuery(respcache.All, "none")}
	for i := range 150 {
		queries = append(queries, appQuery(appName(i)))
	}
	f.cache.Counts() // so that the cache has taken in what it is told
	before := heap()
	first := map[respcache.Query]uint64{}
	for _, q := range queries {
		first[q] = digest(f.get(q))
	}
	kept := heap()
	f.now = f.now.Add(181 * time.Second)
	f.cache.Maintain(f.now, 0)
	if after := heap(); after > before+(kept-before)/10 {
		t.Errorf("%d kB are left of %d kB", (after-before)>>10, (kept-before)>>10)
	}
	for _, q := range queries {
		if got := digest(f.get(q)); got != first[q] {
			t.Errorf("%+v came back different", q)
		}
	}
}

// An answer that is asked for again and again becomes one piece, which says the same, unless it is long or there is no room for it.
func TestAnswerInDemandIsOnePiece(t *testing.T) {
	long := func(f *fixture) {
		r := rand.New(rand.NewPCG(1, 2))
		for i := range 60 {
			in := instance("A", hostID(i), heureka.StatusUp)
			noise := make([]byte, 100_000)
			for k := range noise {
				noise[k] = byte('a' + r.IntN(26))
			}
			in.HomePageURL = string(noise)
			f.put(in)
		}
	}
	some := func(f *fixture) {
		for i := range 200 {
			f.up(appName(i/20), hostID(i))
		}
	}
	small := func(bytes int64) bool { return bytes < 4_000 }
	tests := []struct {
		name string
		cfg  respcache.Config
		fill func(*fixture)
		want int // from how often on
	}{
		{"usual", respcache.Config{ChunkBytes: 16 << 10}, some, 8},
		{"long", respcache.Config{}, long, 0},
		{"no room", respcache.Config{ChunkBytes: 4 << 10, Room: small}, some, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, tt.cfg)
			tt.fill(f)
			want := digest(f.get(fullGzip)) // the first time
			for n := 2; n <= 20; n++ {
				a := f.answer(fullGzip)
				b := a.Body()
				pieces := len(b.Take())
				b.Close()
				if one := tt.want > 0 && n >= tt.want; one != (pieces == 1) {
					t.Errorf("asked for %d times, the answer has %d pieces", n, pieces)
				}
			}
			if digest(text(t, f.answer(fullGzip))) != want {
				t.Error("the answer in one piece says something else")
			}
		})
	}
}

// digest stands for a document, whatever its version, without keeping it in memory.
func digest(body string) uint64 {
	h := fnv.New64a()
	io.WriteString(h, anyVersion.ReplaceAllString(body, ""))
	return h.Sum64()
}

// Quiet chunks are compressed thoroughly, within the budget, and the next answer is smaller and says the same. The
// answer that there is stays, so that nobody fetches it again for nothing.
func TestMaintainImprovesQuietChunks(t *testing.T) {
	f := newFixture(t, respcache.Config{ChunkBytes: 16 << 10}) // small chunks, so that there are several groups of them
	for _, in := range realistic(3000) {
		f.put(in)
	}
	quick, want := f.answer(fullGzip), f.full(jsonFull)
	f.now = f.now.Add(29 * time.Second)
	if done := f.cache.Maintain(f.now, 1000); done != 0 {
		t.Errorf("%d chunks were improved after 29 s", done)
	}
	f.now = f.now.Add(2 * time.Second)
	total := 0
	for {
		done := f.cache.Maintain(f.now, 30)
		if total += done; done < 30 {
			break
		}
		if done > 30 {
			t.Fatalf("%d chunks were improved, the budget was 30", done)
		}
	}
	if total < 200 || total > 400 {
		t.Errorf("%d chunks were improved, want some 3 MB / 12 kB", total)
	}
	if f.answer(fullGzip) != quick {
		t.Error("the answer was replaced without a change")
	}
	f.up("SERVICE-00000", "1")
	f.answer(fullGzip)
	f.remove("SERVICE-00000", "1")
	thorough := f.answer(fullGzip)
	t.Logf("thorough compression gives %d bytes, quick %d", thorough.Length, quick.Length)
	if thorough.Length >= quick.Length*99/100 {
		t.Errorf("thorough compression gives %d bytes, quick %d", thorough.Length, quick.Length)
	}
	if text(t, thorough) != want {
		t.Error("contents changed")
	}
}

// Maintain refreshes lease times before a reader has to.
func TestMaintainRefreshesLeases(t *testing.T) {
	f := newRegistryFixture(t, respcache.Config{})
	f.register(instance("A", "1", heureka.StatusUp))
	before := f.answer(fullGzip)
	f.now = f.now.Add(140 * time.Second)
	f.renew("A", "1")
	renewal := fmt.Sprint(f.now.Add(90 * time.Second).UnixMilli())
	if done := f.cache.Maintain(f.now, 10); done != 1 {
		t.Errorf("%d chunks were refreshed, want 1", done)
	}
	if f.answer(fullGzip) != before {
		t.Error("the answer changed before its time")
	}
	f.now = f.now.Add(41 * time.Second)
	if !strings.Contains(f.get(fullGzip), renewal) {
		t.Error("the new answer shows the old renewal")
	}
	if done := f.cache.Maintain(f.now, 10); done != 0 {
		t.Errorf("%d fresh chunks were refreshed", done)
	}
}

// However large the registry is, one reader refreshes a bounded number of chunks, and the others none.
func TestReadersRefreshLittle(t *testing.T) {
	f := newRegistryFixture(t, respcache.Config{ChunkBytes: 2000})
	const n = 300
	for i := range n {
		f.register(instance("A", hostID(i), heureka.StatusUp))
	}
	f.answer(allQuery)
	f.now = f.now.Add(180 * time.Second)
	for i := range n {
		f.renew("A", hostID(i))
	}
	renewal := fmt.Sprint(f.now.Add(90 * time.Second).UnixMilli())
	fresh := 0
	for seconds := 0; fresh < n; seconds++ {
		body := f.get(allQuery)
		if f.get(allQuery) != body {
			t.Fatal("two reads in the same second refreshed")
		}
		now := strings.Count(body, renewal)
		if got := now - fresh; got == 0 || got > 2*32 || seconds > 20 {
			t.Fatalf("after %d s a read refreshed %d instances", seconds, got)
		}
		fresh = now
		f.now = f.now.Add(time.Second)
	}
}

// failing is a client that goes away after some bytes, and must not be written to then.
type failing struct {
	t    *testing.T
	left int
	gone bool
}

var errGone = errors.New("gone")

func (w *failing) Write(p []byte) (int, error) {
	if w.gone {
		w.t.Errorf("%d bytes were written to a client that is gone", len(p))
	}
	if len(p) > w.left {
		n := w.left
		w.left, w.gone = 0, true
		return n, errGone
	}
	w.left -= len(p)
	return len(p), nil
}

func TestWriteToStopsAtError(t *testing.T) {
	f := newFixture(t, respcache.Config{})
	for _, in := range realistic(500) {
		f.put(in)
	}
	for _, q := range []respcache.Query{fullGzip, allQuery, appQuery("SERVICE-00000")} {
		a := f.answer(q)
		for _, n := range []int64{0, 1, a.Length / 2, a.Length - 1} {
			if got, err := a.WriteTo(&failing{t: t, left: int(n)}); got != n || !errors.Is(err, errGone) {
				t.Errorf("kind %d: WriteTo = %d, %v; want %d and the client's error", q.Kind, got, err, n)
			}
		}
		if got, err := a.WriteTo(&failing{t: t, left: int(a.Length)}); got != a.Length || err != nil {
			t.Errorf("kind %d: WriteTo = %d, %v after failures", q.Kind, got, err)
		}
	}
}

func TestNewAnswer(t *testing.T) {
	a := respcache.NewAnswer(wire.JSON, `"tag"`, []byte("body"))
	if text(t, a) != "body" || a.ETag != `"tag"` || a.Format != wire.JSON || a.Gzip {
		t.Errorf("answer is %+v", a)
	}
}

func TestSeq(t *testing.T) {
	f := newFixture(t, respcache.Config{})
	f.up("A", "1")
	f.remove("A", "1")
	if got := f.cache.Seq(); got != 2 {
		t.Errorf("Seq = %d, want 2", got)
	}
}

// A walk over the records is of one moment, whatever happens meanwhile.
func TestRecordsOfOneMoment(t *testing.T) {
	f := newFixture(t, respcache.Config{})
	for i := range 1000 {
		f.up("A", hostID(i))
	}
	n := 0
	for range f.cache.Records() {
		f.remove("A", hostID(n))
		n++
	}
	if n != 1000 {
		t.Errorf("walked over %d records, want 1000", n)
	}
}

// Without room nothing is encoded that is to be kept, what is there already is still answered, and with room all is as before.
func TestNoRoom(t *testing.T) {
	full := false
	f := newFixture(t, respcache.Config{Room: func(int64) bool { return !full }})
	f.up("A", "1")
	f.up("B", "1")
	kept := f.answer(fullGzip)
	full = true
	if f.answer(fullGzip) != kept {
		t.Error("what is there was not answered")
	}
	f.up("A", "2")
	for _, q := range []respcache.Query{fullGzip, allQuery, deltaQuery, vipQuery("a"), appQuery("A")} {
		if a, err := f.cache.Get(q, f.now); !errors.Is(err, respcache.ErrNoRoom) {
			t.Errorf("Get(%+v) without room = %v, %v", q, a, err)
		}
	}
	full = false
	f.answer(fullGzip)
}
