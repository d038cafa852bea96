package replication_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/internal/wire"
)

func (n *node) wantOwner(id, want string) {
	n.t.Helper()
	if got := n.ownerOf(id); got != want {
		n.t.Errorf("%s of %s is %q's, want %q's", id, n.name, got, want)
	}
}

// Whose a record is goes where the record goes: in batches, when registries are compared, at a start, and with a record that is
// newer than a heartbeat.
func TestOwnersTravel(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a, b := r.start("a", []string{"b"}), r.start("b", []string{"a"})
		a.registerAs("shop", "batch")
		a.registerAs("", "nobody's")
		r.wait(time.Second)
		b.wantOwner("batch", "shop")
		b.wantOwner("nobody's", "")
		a.learnAs("pay", "compared", nil)
		r.waitFor("comparison", 5*time.Minute, func() bool { return b.has("compared") })
		b.wantOwner("compared", "pay")

		c := r.start("c", []string{"a"}, quiet)
		c.sync()
		c.wantOwner("batch", "shop")
		c.wantOwner("compared", "pay")
	})
}

func TestOwnerOfAdopted(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		quietly := func(_ *node, cfg *replication.Config, _ *http.Handler) { cfg.DisableAntiEntropy = true }
		a, b := r.start("a", []string{"b"}, quietly), r.start("b", nil, quietly)
		a.registerAs("shop", "1")
		r.wait(time.Second)
		b.registerAs("pay", "1", func(in *heureka.Instance) { in.HomePageURL = "http://newer/" })
		a.renew("1")
		r.wait(2 * time.Second)
		a.wantOwner("1", "pay")
	})
}

// A Java server keeps no owners: what it tells later is nobody's, what it repeats stays as it is.
func TestJavaForgetsOwners(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a, b := r.start("a", []string{"b"}), r.start("b", []string{"a"}, java)
		a.registerAs("shop", "1")
		r.wait(time.Second)
		rec, _ := b.reg.Find(keyOf("1"))
		ownerless := *rec.Instance()
		_, _ = b.reg.Register(&ownerless, registry.FromPeer, time.Now())
		b.peers.Add(wire.Register, keyOf("1"), time.Now())
		r.wait(time.Second)
		a.wantOwner("1", "shop")
		b.register("1")
		r.wait(time.Second)
		a.wantOwner("1", "")
	})
}

// A heureka node from before there were owners ignores them, and both agree about everything else.
func TestNodeWithoutOwners(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		old := func(_ *node, cfg *replication.Config, h *http.Handler) {
			cfg.Transport = withoutOwners{cfg.Transport}
			plain := *h
			*h = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				req.Header.Del(wire.HeaderOwners)
				plain.ServeHTTP(w, req)
			})
		}
		a, b := r.start("a", []string{"b"}), r.start("b", []string{"a"}, old)
		a.registerAs("shop", "1")
		b.register("2")
		r.wait(time.Second)
		a.learnAs("pay", "3", nil)
		b.learn("4", nil)
		r.waitFor("comparison", 5*time.Minute, func() bool { return b.has("3") && a.has("4") })
		a.wantOwner("1", "shop")
		b.wantOwner("1", "")
		a.wantOwner("2", "")
		if a.reg.Digest() != b.reg.Digest() {
			t.Error("digests differ")
		}
		before := a.status().Exchanges
		r.wait(10 * time.Minute)
		if n := a.status().Exchanges - before; n > 0 {
			t.Errorf("they compare again and again: %d times", n)
		}
		if a.logs.count("level=WARN")+b.logs.count("level=WARN") > 0 {
			t.Error("they complain")
		}
	})
}

// withoutOwners takes owners out of what comes back.
type withoutOwners struct{ http.RoundTripper }

var ownerMember = regexp.MustCompile(`,"owner":"[^"]*"`)

func (tr withoutOwners) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := tr.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Header.Del(wire.HeaderOwners)
	body, _ := io.ReadAll(resp.Body)
	if zr, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
		body, _ = io.ReadAll(zr)
		resp.Header.Del("Content-Encoding")
	}
	resp.Body = io.NopCloser(bytes.NewReader(ownerMember.ReplaceAll(body, nil)))
	return resp, nil
}

// Java servers take no more than 8 KiB of headers: a batch of which much is to be said goes in parts.
func TestHeadersOfBatchesAreShort(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a, b := r.start("a", []string{"b"}), r.start("b", nil, java)
		r.wait(time.Second)
		ownerOf := func(i int) string { return fmt.Sprintf("spiffe://%s/%d", strings.Repeat("ä", 40), i) }
		for i := range 300 {
			a.registerAs(ownerOf(i), fmt.Sprint(i))
			a.override(fmt.Sprint(i), heureka.StatusOutOfService)
			a.setMetadata(fmt.Sprint(i), "operator", "said so")
		}
		r.wait(5 * time.Second)
		for i := range 300 {
			b.wantOwner(fmt.Sprint(i), ownerOf(i))
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, req := range b.batches {
			n := 0
			for _, name := range []string{wire.HeaderOwners, wire.HeaderStamps, wire.HeaderIncarnations} {
				n += len(req.Header.Get(name))
			}
			if n > wire.MaxBeside {
				t.Errorf("headers of %d bytes", n)
			}
		}
		if a.logs.count("level=WARN") > 0 {
			t.Error("that is no failure of the peer")
		}
	})
}
