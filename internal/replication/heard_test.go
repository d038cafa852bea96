package replication_test

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/replication"
)

// Whom another node has heard within the lease is not evicted, and who falls silent is, on both nodes.
func TestHeardElsewhereIsKept(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		b := r.start("b", nil) // tells a nothing
		b.register("1")
		b.register("2")
		a := r.start("a", []string{"b"})
		r.waitFor("a copies", time.Minute, func() bool { return agree(a, b) })
		tick := func() (kept int) {
			plan := a.reg.PlanEviction(time.Now())
			kept = a.peers.AskHeard(t.Context(), plan.Keys())
			a.reg.CarryOut(plan, time.Now())
			return kept
		}
		for range 8 {
			r.wait(30 * time.Second)
			b.renew("1")
			tick()
			if !a.has("1") {
				t.Fatal("1 is gone")
			}
		}
		if a.has("2") {
			t.Error("2 is kept, though nobody has heard it")
		}
		if age, own := a.reg.OwnAge(keyOf("1"), time.Now()); own {
			t.Errorf("a claims to have heard 1 itself, %v ago", age)
		}
		r.wait(2 * time.Minute)
		if kept := tick(); kept > 0 || a.has("1") {
			t.Errorf("%d kept, 1 is there %v", kept, a.has("1"))
		}
	})
}

// Asking ends after a second, whatever a peer does, and nobody is asked who is no heureka node or does not answer.
func TestAskingTakesASecond(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		var asked [4]atomic.Int32
		names := []string{"slow", "java", "gone", "b"}
		counted := func(n *node, _ *replication.Config, h *http.Handler) {
			plain := *h
			*h = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if strings.HasSuffix(req.URL.Path, "heard") {
					asked[slices.Index(names, n.name)].Add(1)
					if n.name == "slow" {
						time.Sleep(5 * time.Second)
						return
					}
				}
				plain.ServeHTTP(w, req)
			})
		}
		r.start("slow", nil, counted)
		r.start("java", nil, java, counted)
		r.start("gone", nil, counted).stop()
		b := r.start("b", nil, counted)
		b.learn("1", nil)
		a := r.start("a", names)
		r.wait(10 * time.Second)
		began := time.Now()
		a.peers.AskHeard(t.Context(), []heureka.Key{keyOf("1")})
		if took := time.Since(began); took < time.Second || took > 1100*time.Millisecond {
			t.Errorf("asking took %v", took)
		}
		a.peers.AskHeard(t.Context(), nil) // asks nobody
		for i, want := range []int32{1, 0, 0, 1} {
			if n := asked[i].Load(); n != want {
				t.Errorf("%s was asked %d times, want %d", names[i], n, want)
			}
		}
		r.wait(5 * time.Second) // for the slow one
	})
}

// Nonsense keeps nobody, and the way makes nobody younger.
func TestAnswersAboutHeartbeats(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", nil)
		a.learn("1", nil)
		keys := []heureka.Key{keyOf("1")}
		r.wait(2 * time.Minute)
		take := func(doc string, way time.Duration) int {
			now := time.Now()
			return replication.TakeHeard(a.reg, keys, []byte(doc), registry.FromSync, now.Add(-way), now)
		}
		for _, doc := range []string{
			``, `{`, `{}`, `[]`, `{"ages":[]}`, `{"ages":[1,2]}`, `{"ages":[-1]}`, `{"ages":[-9223372036854775808]}`,
			`{"ages":[9223372036854775807]}`, `{"ages":[1e99]}`, `{"ages":"x"}`, `{"ages":[90000]}`,
		} {
			if n := take(doc, 0); n != 0 {
				t.Errorf("%s keeps %d", doc, n)
			}
		}
		if n := take(`{"ages":[89500]}`, time.Second); n != 0 {
			t.Error("the way has made a heartbeat younger")
		}
		if n := take(`{"ages":[89500]}`, 0); n != 1 {
			t.Error("a heartbeat within the lease does not count")
		}
		if doc := replication.AnswerHeard(a.reg, []byte(`{"keys":[`+strings.Repeat(`{},`, 5000)+`{}]}`), time.Now()); doc != nil {
			t.Error("too many keys are answered")
		}
	})
}
