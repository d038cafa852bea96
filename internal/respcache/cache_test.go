package respcache_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka/internal/respcache"
)

// Every form of the two registry-wide documents equals the plain encoder's output, compressed or not, from no instance
// to several groups of chunks.
func TestDocumentsEqualPlainEncoding(t *testing.T) {
	for _, apps := range []int{0, 1, 2, 60} {
		f := newFixture(t, respcache.Config{ChunkBytes: 4000})
		for a := range apps {
			for i := range 1 + a%20 {
				f.up(appName(a), hostID(i))
			}
		}
		for _, form := range forms {
			for _, gzip := range []bool{false, true} {
				got := f.get(respcache.Query{Kind: respcache.All, Form: form, Gzip: gzip})
				if diff := cmp.Diff(f.full(form), got); diff != "" {
					t.Fatalf("%d apps, %+v, gzip %v (-want +got):\n%.2000s", apps, form, gzip, diff)
				}
			}
		}
		for v, form := range forms {
			got := f.get(respcache.Query{Kind: respcache.Delta, Form: form, Gzip: true})
			if want := f.delta(form, int64(v+1)); got != want {
				t.Fatalf("%d apps, %+v: delta is not that of the plain encoder", apps, form)
			}
		}
	}
}
