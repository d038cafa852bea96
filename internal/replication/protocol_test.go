package replication_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/internal/wire"
)

var update = flag.Bool("update", false, "rewrite testdata/protocol.txt with what is sent")

// What heureka nodes say to each other, byte by byte: names of headers and members, digests and how they are computed. A
// difference means that nodes of two releases misunderstand each other; see Protocol.
func TestProtocolIsTheSameInEveryRelease(t *testing.T) {
	const file = "testdata/protocol.txt"
	var got string
	inRing(t, func(t *testing.T, r *ring) {
		w := new(wiretap)
		tapped := func(n *node, cfg *replication.Config, _ *http.Handler) {
			w.RoundTripper = cfg.Transport
			cfg.Transport = w
			n.learn("mine", nil)
		}
		b := r.start("b", nil)
		b.learn("silent", nil)
		b.learn("gone", nil)
		_ = b.reg.Cancel(keyOf("gone"), registry.FromClient, time.Now())
		b.learnAs("shop", "drained", func(in *heureka.Instance) {
			in.Metadata = heureka.NewMetadata(map[string]string{"zone": "z1", "weight": "7"})
		})
		_ = b.reg.SetOverride(keyOf("drained"), heureka.StatusOutOfService, 0, registry.FromClient, time.Now())
		a := r.start("a", []string{"b"}, tapped)
		r.wait(5 * time.Second) // first they compare, alone
		a.registerAs("ann smith", "1")
		r.wait(5 * time.Second)
		again, _ := a.reg.Find(keyOf("1"))
		a.cancel("1")
		r.wait(5 * time.Second)
		a.learn("1", func(in *heureka.Instance) { *in = *again.Instance() }) // only its incarnation tells it from the cancelled one
		a.peers.Add(wire.Register, keyOf("1"), time.Now())
		r.wait(5 * time.Second)
		a.override("1", heureka.StatusOutOfService)
		r.wait(5 * time.Second)
		a.setMetadata("1", "k", "v")
		r.wait(5 * time.Second)
		a.peers.AskHeard(t.Context(), []heureka.Key{keyOf("silent"), keyOf("gone")})
		got = w.text(a.peers.NodeID(), b.peers.NodeID())
		if !a.has("silent") || !b.has("1") {
			t.Error("what they said was not understood")
		}
	})
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// learn registers an instance that nobody replicates.
func (n *node) learn(id string, change func(*heureka.Instance)) {
	n.learnAs("", id, change)
}

func (n *node) learnAs(owner, id string, change func(*heureka.Instance)) {
	in := instance(id)
	if change != nil {
		change(in)
	}
	if _, err := n.reg.Register(in, registry.Origin{Principal: owner}, time.Now()); err != nil {
		n.t.Fatal(err)
	}
}

// A wiretap writes down the exchanges of one node, the first of each kind.
type wiretap struct {
	http.RoundTripper

	mu    sync.Mutex
	pages []string
	seen  map[string]bool
}

func (w *wiretap) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil {
		sent, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	resp, err := w.RoundTripper.RoundTrip(r)
	if err != nil {
		return resp, err
	}
	came, _ := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(bytes.NewReader(came))
	if resp.Header.Get("Content-Encoding") == "gzip" {
		if zr, err := gzip.NewReader(bytes.NewReader(came)); err == nil {
			came, _ = io.ReadAll(zr)
		}
	}
	kind := fmt.Sprintf("%s %s, %d", r.Method, r.URL.Path, resp.StatusCode)
	if bytes.Contains(sent, []byte(`"Register"`)) {
		kind += ", incarnation " + cmp.Or(r.Header.Get(wire.HeaderIncarnations), "untold")
	}
	if r.Header.Get(wire.HeaderStamps) != "" {
		kind += ", with stamps"
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen == nil {
		w.seen = map[string]bool{}
	}
	if !w.seen[kind] {
		w.seen[kind] = true
		w.pages = append(w.pages, fmt.Sprintf("%s\n%s\n%s\nanswer\n%s\n%s\n", kind, ours(r.Header), sent, ours(resp.Header), came))
	}
	return resp, nil
}

// ours returns the headers that are heureka's, one a line.
func ours(h http.Header) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if strings.HasPrefix(name, "X-Heureka-") {
			lines = append(lines, name+": "+h.Get(name))
		}
	}
	return strings.Join(lines, "\n")
}

// text returns all pages, without what chance has a part in.
func (w *wiretap) text(a, b string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.SortFunc(w.pages, func(x, y string) int { return cmp.Compare(x, y) })
	text := strings.NewReplacer(a, "(node a)", b, "(node b)").Replace(strings.Join(w.pages, "\n"))
	text = regexp.MustCompile(`(Nonce: )\w+`).ReplaceAllString(text, "$1(nonce)")
	text = regexp.MustCompile(`(Stamps: |"clock":"|0\.)\w+\.\w+`).ReplaceAllString(text, "$1(clock)")
	return regexp.MustCompile(`(\(node b\) |"ages?":\[?)\d+`).ReplaceAllString(text, "$1(ms)")
}

// What a node of another protocol says beside its batches is left alone, and no error: its batches are performed and it gets
// ours, registries are not compared, and at start-up its registry is copied like that of a Java server.
func TestOtherProtocolIsLeftAlone(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		b := r.start("b", []string{"a"}, func(_ *node, cfg *replication.Config, h *http.Handler) {
			cfg.Transport = translator{cfg.Transport}
			plain := *h
			*h = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				foreign(req.Header) // to a node of the next protocol, that of the present one is another
				plain.ServeHTTP(&translated{ResponseWriter: w}, req)
			})
		})
		b.learn("old", nil) // before a is there
		a := r.start("a", []string{"b"})
		for c := range a.peers.Sync(t.Context()) {
			if !c.Complete() || c.Heureka || c.Instances != 1 {
				t.Errorf("copied %+v, want one instance as of a Java server", c)
			}
		}
		a.register("1")
		b.register("2")
		r.wait(2 * time.Second)
		a.renew("1")
		b.renew("2")
		b.cancel("2")
		r.wait(5 * time.Minute)
		if !a.has("old") || !b.has("1") || a.has("2") {
			t.Errorf("old at a %v, 1 at b %v, 2 at a %v", a.has("old"), b.has("1"), a.has("2"))
		}
		b.learn("secret", nil) // only comparing could tell a
		r.wait(5 * time.Minute)
		if a.has("secret") {
			t.Error("registries of two protocols were compared")
		}
		for _, n := range []*node{a, b} {
			if s := n.status(); s.State != replication.StateOK || s.Exchanges > 0 || n == a && s.Failed > 0 || s.NodeID == "" {
				t.Errorf("%s sees its peer as %+v", n.name, s)
			}
			if n.logs.count("level=WARN")+n.logs.count("level=ERROR") > 0 {
				t.Errorf("%s complains", n.name)
			}
		}
	})
}

// A translator makes requests look as if their sender spoke the next protocol.
type translator struct{ http.RoundTripper }

func (tr translator) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	foreign(r.Header)
	resp, err := tr.RoundTripper.RoundTrip(r)
	if err == nil {
		foreign(resp.Header)
	}
	return resp, err
}

// foreign makes no sense in the protocol that we know.
func foreign(h http.Header) {
	if h.Get(replication.HeaderNode) == "" {
		return
	}
	h.Set(replication.HeaderProtocol, strconv.Itoa(replication.Protocol+1))
	for _, name := range []string{replication.HeaderDigest, replication.HeaderBatch, replication.HeaderHeard, replication.HeaderClock, replication.HeaderLast, wire.HeaderIncarnations, wire.HeaderStamps} {
		h.Set(name, "another thing")
	}
}

type translated struct {
	http.ResponseWriter
	done bool
}

func (t *translated) WriteHeader(code int) {
	t.done = true
	foreign(t.Header())
	t.ResponseWriter.WriteHeader(code)
}

func (t *translated) Write(b []byte) (int, error) {
	if !t.done {
		t.WriteHeader(http.StatusOK)
	}
	return t.ResponseWriter.Write(b)
}

// A node of before the version was said speaks the first one: what it says and hears is in another protocol than ours.
func TestNoVersionIsTheFirst(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", nil)
		a.seed("1")
		for _, version := range []string{"", "1", strconv.Itoa(replication.Protocol), strconv.Itoa(replication.Protocol + 1)} {
			told := false
			ask := fmt.Sprintf(`{"buckets":[{"bucket":%d}]}`, bucketOf(a.reg))
			a.peers.Buckets("", http.Header{replication.HeaderProtocol: {version}}, []byte(ask), func(doc []byte) { told = bytes.Contains(doc, []byte(`"id":"1"`)) })
			if want := version == strconv.Itoa(replication.Protocol); told != want {
				t.Errorf("a node of version %q gets the registry: %v, want %v", version, told, want)
			}
		}
	})
}

// bucketOf returns in which bucket of the digest the only instance is.
func bucketOf(reg *registry.Registry) int {
	d := reg.Digest()
	return slices.IndexFunc(d[:], func(w uint64) bool { return w != 0 })
}

func TestStatusOfHeurekaPeer(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", []string{"b"})
		if s := a.status(); s.ClockSkew != nil || s.Phase != "" {
			t.Errorf("before the first answer: %+v", s)
		}
		b := r.start("b", nil, func(_ *node, cfg *replication.Config, _ *http.Handler) {
			cfg.Phase = func() string { return "waiting" }
		})
		r.wait(time.Second)
		s := a.status()
		if s.NodeID != b.peers.NodeID() || len(s.NodeID) != 32 || s.Phase != "waiting" || s.Zone != "z" || s.EqualAt.IsZero() {
			t.Errorf("status %+v", s)
		}
	})
}
