package remote_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/remote"
	"heureka.internal/heureka/internal/wire"
)

// TestEachInstance proves that instances are given while the rest is still to come, and in XML.
func TestEachInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := make(chan string)
		document := plainRegistry("tag", 100)
		half := strings.LastIndex(document[:len(document)/2], "},{")
		f := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "\ufeff \n"+document[:half])
			_ = http.NewResponseController(w).Flush()
			for range 10 {
				<-got // or the test hangs
			}
			_, _ = io.WriteString(w, document[half:])
		}, nil)
		n := 0
		header, err := f.conn.EachInstance(t.Context(), func(in *heureka.Instance) {
			if n++; n <= 10 {
				got <- in.ID
			}
		})
		if err != nil || n != 100 || header.Get("Date") == "" || f.seen[0] != "GET /eureka/apps/" {
			t.Errorf("%d instances, %v, %v to %s", n, err, header, f.seen[0])
		}
	})
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, document(wire.XML), nil)
		whole, err := f.conn.Apps(t.Context(), remote.Query{})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		if _, err = f.conn.EachInstance(t.Context(), func(*heureka.Instance) { n++ }); err != nil || n == 0 || n != int(whole.Apps.Count().Total()) {
			t.Errorf("%d instances, %v", n, err)
		}
	})
}
