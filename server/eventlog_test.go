package server_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
)

// The log answers who removed an instance, and who else changed it: a client, a peer, an operator, or the node itself, with
// the last heartbeat that it had.
func TestLogNamesWhoChangedAnInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		cfg := r.config()
		cfg.Logger = r.logger()
		r.start(cfg)
		r.register("x", "silent")
		key := heureka.Key{App: "ORDERS", ID: "x"}
		for _, err := range []error{
			r.conn().SetOverride(t.Context(), key, heureka.StatusOutOfService, 2),
			r.conn().ClearOverride(t.Context(), key, heureka.StatusUp, 2),
			r.conn().SetMetadata(t.Context(), key, heureka.Metadata{{Key: "a", Value: "b"}}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if status, body := r.do("DELETE", "/eureka/apps/ORDERS/x", "", "x-netflix-discovery-replication", "true"); status != 200 {
			t.Fatal(status, body)
		}
		time.Sleep(5 * time.Minute)
		r.stop()
		want := []string{
			`"instance registered" app=ORDERS id=x status=UP origin="client at client"`,
			`"instance registered" app=ORDERS id=silent status=UP origin="client at client"`,
			`"override set" app=ORDERS id=x status=OUT_OF_SERVICE old_status=UP origin="client at client"`,
			`"override removed" app=ORDERS id=x status=UP old_status=OUT_OF_SERVICE origin="client at client"`,
			`"metadata changed" app=ORDERS id=x status=UP origin="client at client"`,
			`"instance cancelled" app=ORDERS id=x status=UP origin="peer at client"`,
			`"instance evicted" app=ORDERS id=silent status=UP origin="this node" why="no heartbeat for ..." last_heartbeat="never a heartbeat"`,
		}
		var got []string
		why := regexp.MustCompile(`no heartbeat for [^"]*`)
		for line := range strings.Lines(r.log.String()) {
			if _, text, ok := strings.Cut(strings.TrimSpace(line), "level=INFO msg="); ok && strings.Contains(text, " app=ORDERS id=") {
				got = append(got, why.ReplaceAllString(text, "no heartbeat for ..."))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
	})
}

// An application whose instances come and go all the time does not fill the log: what is left out is counted, and its
// neighbours are logged all the same.
func TestLogOfChangesIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		cfg := r.config()
		cfg.Logger = r.logger()
		r.start(cfg)
		for i := range 50 {
			r.register(fmt.Sprint(i))
		}
		register(t, r.conn(), instance("QUIET", "q"))
		time.Sleep(time.Minute)
		r.register("later")
		r.stop()
		log := r.log.String()
		for text, want := range map[string]int{
			"app=ORDERS id=": 21, "app=QUIET id=": 1, `msg="further changes" app=ORDERS more.registered=30`: 1, "further changes": 1, "id=later": 1,
		} {
			if n := strings.Count(log, text); n != want {
				t.Errorf("%d lines with %s, want %d", n, text, want)
			}
		}
		if t.Failed() {
			t.Log(log)
		}
	})
}
