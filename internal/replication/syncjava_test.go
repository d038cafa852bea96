package replication_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"heureka.internal/heureka/internal/replication"
)

// What a Java server lists is taken over as it arrives: a document that breaks off is no whole registry, and what came is there.
func TestSyncFromJavaThatBreaksOff(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		var b *node
		a := r.start("a", nil, java, func(_ *node, _ *replication.Config, h *http.Handler) {
			plain := *h
			*h = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if !strings.HasSuffix(req.URL.Path, "/apps/") {
					plain.ServeHTTP(w, req)
					return
				}
				req.Header.Del("Accept-Encoding")
				whole := httptest.NewRecorder()
				plain.ServeHTTP(whole, req)
				body := whole.Body.String()
				_, _ = io.WriteString(w, body[:strings.LastIndex(body, `"hostName"`)])
				_ = http.NewResponseController(w).Flush()
				for req.Context().Err() == nil && b.reg.Len() < 9 {
					time.Sleep(100 * time.Millisecond)
				}
			})
		})
		for i := range 10 {
			a.register(fmt.Sprint(i))
		}
		r.wait(time.Minute)
		b = r.start("b", []string{"a"}, quiet)
		got := b.sync()
		if len(got) != 1 || got[0].Complete() || got[0].Changed != 9 || b.reg.Len() != 9 || got[0].Took > 4*time.Second {
			t.Errorf("Sync = %+v, b has %d", got, b.reg.Len())
		}
	})
}
