package replication

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"heureka.internal/heureka/internal/registry"
)

// The resources for peers, below the API's base.
const (
	batchPath   = "peerreplication/batch"
	digestPath  = "peerreplication/digest"
	bucketsPath = "peerreplication/buckets"
)

const (
	maxBucketsBody  = 32 << 20 // of a request: eight bytes in base64 for each instance in 256 buckets of a million
	maxBucketsBatch = 8 << 20  // after which an answer leaves the rest for another request
	maxBatchAhead   = 16 << 20 // of a batch, read before it is admitted; who performs it refuses larger ones
	usualBatch      = 1 << 20  // bytes that are taken on a sender's word
)

// Wrap returns a handler that serves the resources for heureka peers, and adds to batches, which next serves, what heureka
// nodes tell each other. Everything else goes to next untouched.
func (ps *Peers) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := ps.resource(r.URL.Path); {
		case path == batchPath && r.Method == http.MethodPost:
			ps.serveBatch(w, r, next)
		case path == digestPath && !ps.cfg.DisableAntiEntropy:
			ps.serveDigest(w, r)
		case path == bucketsPath && !ps.cfg.DisableAntiEntropy:
			ps.serveBuckets(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// resource returns what a path names below any of the API's bases, or "".
func (ps *Peers) resource(path string) string {
	rest, ok := strings.CutPrefix(path, ps.prefix)
	if !ok {
		return ""
	}
	for _, base := range [...]string{"/eureka/v2/", "/eureka/", "/v2/"} {
		if name, ok := strings.CutPrefix(rest, base); ok {
			return strings.TrimSuffix(name, "/")
		}
	}
	return ""
}

// serveBatch refuses what this node sent itself (W-REPL-16), and what comes too late: performing either would bring
// cancelled instances back.
func (ps *Peers) serveBatch(w http.ResponseWriter, r *http.Request, next http.Handler) {
	from, theirs := r.Header.Get(HeaderNode), r.Header.Get(HeaderDigest)
	switch {
	case from == "":
		next.ServeHTTP(w, r)
	case from == ps.nodeID:
		ps.greet(w.Header())
		w.WriteHeader(http.StatusMisdirectedRequest)
	case !ps.admit(from, r):
		ps.greet(w.Header())
		ps.heard(from, "", "", false) // all that a node asks for that has nothing to send
		w.WriteHeader(http.StatusTooEarly)
	default:
		next.ServeHTTP(&greeter{ResponseWriter: w, ps: ps}, r)
		ps.heard(from, theirs, ps.digest(), false)
	}
}

// admit asks the guard about a batch when its body has come: a network can hold the end of a request as well as all of it.
func (ps *Peers) admit(from string, r *http.Request) bool {
	body := new(bytes.Buffer)
	body.Grow(bytes.MinRead + int(min(max(r.ContentLength, 0), usualBatch)))
	_, _ = body.ReadFrom(io.LimitReader(r.Body, maxBatchAhead)) // whoever reads on meets the error again
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(body, r.Body), r.Body}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.guard.Admit(from, r.Header.Get(HeaderBatch), r.Header.Get(HeaderHeard), time.Now())
}

// greet adds what this node says of itself to an answer.
func (ps *Peers) greet(h http.Header) {
	maps.Copy(h, ps.greeting())
	h.Set(HeaderClock, ps.guard.Clock(time.Now()))
}

// A greeter adds the greeting when the answer begins, when the digest contains what the request has changed.
type greeter struct {
	http.ResponseWriter
	ps   *Peers
	done bool
}

func (g *greeter) WriteHeader(code int) {
	if !g.done {
		g.done = true
		g.ps.greet(g.Header())
	}
	g.ResponseWriter.WriteHeader(code)
}

func (g *greeter) Write(b []byte) (int, error) {
	if !g.done {
		g.WriteHeader(http.StatusOK)
	}
	return g.ResponseWriter.Write(b)
}

// Unwrap serves http.ResponseController.
func (g *greeter) Unwrap() http.ResponseWriter { return g.ResponseWriter }

// heard notes that a node has spoken to this one, and whether its registry is like ours. If it is comparing, it has seen a
// difference that lasts.
func (ps *Peers) heard(from, theirs, mine string, comparing bool) {
	now := time.Now()
	found, met := ps.peersOf(from)
	for _, p := range found {
		if !p.has(replica) {
			continue
		}
		p.contact(now)
		if theirs == "" || mine == "" || !met {
			continue
		}
		p.mu.Lock()
		differs := false
		switch {
		case theirs == mine:
			p.health.equal(now)
		case comparing:
			differs = p.health.drift.May(now)
		default:
			differs = p.health.differ(now, false)
		}
		p.mu.Unlock()
		if differs {
			poke(p.differs)
		}
	}
}

// serveDigest answers with one number for each bucket.
func (ps *Peers) serveDigest(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	d := ps.cfg.Store.Digest()
	ps.answer(w, r, digestAnswer{Digest: appendWords(nil, d[:]...)})
	ps.heard(r.Header.Get(HeaderNode), r.Header.Get(HeaderDigest), ps.digest(), true)
}

// serveBuckets answers with the entries that the asker lacks.
func (ps *Peers) serveBuckets(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	var ask bucketsRequest
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBucketsBody))
	if err != nil || json.Unmarshal(body, &ask) != nil || len(ask.Buckets) > registry.Buckets {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	answer := bucketsAnswer{Entries: []entryDoc{}}
	size := 0
	for _, b := range ask.Buckets {
		switch {
		case b.Bucket < 0 || b.Bucket >= registry.Buckets:
			w.WriteHeader(http.StatusBadRequest)
			return
		case size > maxBucketsBatch:
			answer.Rest = append(answer.Rest, b.Bucket)
		default:
			size += ps.addBucket(&answer, b)
		}
	}
	ps.answer(w, r, answer)
}

// addBucket returns about how many bytes it added.
func (ps *Peers) addBucket(answer *bucketsAnswer, b bucketRequest) (size int) {
	have := wordSet(b.Have)
	for _, e := range ps.cfg.Store.Bucket(b.Bucket, time.Now()) {
		if have[e.Digest()] {
			continue
		}
		d := docOf(&e)
		answer.Entries = append(answer.Entries, d)
		size += len(d.Instance) + len(d.App) + len(d.ID) + 64
	}
	return size
}

// answer writes v as JSON, compressed if the asker wants that.
func (ps *Peers) answer(w http.ResponseWriter, r *http.Request, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	ps.greet(w.Header())
	w.Header().Set("Content-Type", "application/json")
	if len(body) > 1<<10 && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		zw, _ := gzip.NewWriterLevel(w, gzip.BestSpeed) // the level exists
		_, _ = zw.Write(body)                           // the asker is gone if this fails
		_ = zw.Close()
		return
	}
	_, _ = w.Write(body)
}
