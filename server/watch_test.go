package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
	"heureka.internal/heureka/server"
)

// An event is one server-sent event.
type event struct{ ID, Name, Data string }

// String tells of an event in a word or two: versions and times differ from run to run.
func (e event) String() string {
	var doc struct {
		What     string
		App, ID  string
		Version  string
		Instance *struct{ Status string }
	}
	if err := json.Unmarshal([]byte(e.Data), &doc); err != nil {
		return e.Name + " " + e.Data
	}
	switch e.Name {
	case "instance":
		in, err := wire.DecodeInstance(wire.JSON, []byte(e.Data))
		if err != nil {
			return err.Error()
		}
		return "instance " + in.ID
	case "change":
		s := doc.What + " " + doc.ID
		if doc.Instance != nil {
			s += " " + doc.Instance.Status
		}
		return s
	}
	return e.Name
}

// A watcher reads server-sent events.
type watcher struct {
	*testing.T
	lines *bufio.Reader
	last  string // id
	beats int    // signs of life so far
	beat  string // the id that the last one had
	close func()
}

// watch begins to watch; header are names and values.
func (r *rig) watch(query string, header ...string) *watcher {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", "http://a:8761/heureka/v1/watch"+query, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		r.t.Fatalf("watch%s = %s, %s", query, resp.Status, resp.Header.Get("Content-Type"))
	}
	w := &watcher{T: r.t, lines: bufio.NewReader(resp.Body), close: func() { cancel(); resp.Body.Close() }}
	r.t.Cleanup(w.close)
	return w
}

// next returns the next event, io.EOF after the last one.
func (w *watcher) next() (e event, err error) {
	for {
		line, err := w.lines.ReadString('\n')
		if err != nil {
			return e, err
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "id":
			e.ID, w.last = value, value
		case "event":
			e.Name = value
		case "data":
			e.Data = value
		case "":
			if e.Name != "" {
				return e, nil
			}
			w.beats, w.beat = w.beats+1, w.last
		}
	}
}

// want reads as many events and compares them.
func (w *watcher) want(want ...string) {
	w.Helper()
	var got []string
	for range want {
		e, err := w.next()
		if err != nil {
			w.Fatalf("after %q: %v", got, err)
		}
		got = append(got, e.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.Errorf("events (-want +got):\n%s", diff)
	}
}

func (r *rig) cancel(app, id string) {
	r.t.Helper()
	if err := r.conn().Cancel(r.t.Context(), heureka.Key{App: app, ID: id}); err != nil {
		r.t.Fatal(err)
	}
}

// watched runs a test with a node alone.
func watched(t *testing.T, configure func(*server.Config), test func(t *testing.T, r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		cfg := r.config()
		if configure != nil {
			configure(&cfg)
		}
		cfg.RegisterWithEureka = new(bool)
		r.start(cfg)
		test(t, r)
	})
}

// A watcher gets the registry, a mark that this was all, and then each change once and in order.
func TestWatch(t *testing.T) {
	watched(t, func(c *server.Config) { c.DisableSelfPreservation = true }, func(t *testing.T, r *rig) {
		r.register("x", "y")
		w := r.watch("")
		w.want("instance x", "instance y", "whole")
		r.register("z")
		if err := r.conn().SetOverride(t.Context(), heureka.Key{App: "ORDERS", ID: "x"}, heureka.StatusOutOfService, 0); err != nil {
			t.Fatal(err)
		}
		r.cancel("ORDERS", "y")
		w.want("registered z UP", "override x OUT_OF_SERVICE", "cancelled y")
		time.Sleep(2 * time.Minute)
		var gone []string
		for range 2 {
			e, err := w.next()
			if err != nil {
				t.Fatal(err)
			}
			gone = append(gone, e.String())
		}
		slices.Sort(gone) // who goes first is drawn
		if diff := cmp.Diff([]string{"evicted x", "evicted z"}, gone); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// Whoever comes back with the last id, or names a version, gets what happened since; what nobody knows begins again.
func TestWatchGoesOn(t *testing.T) {
	watched(t, nil, func(t *testing.T, r *rig) {
		r.register("x")
		w := r.watch("")
		w.want("instance x", "whole")
		version := w.last
		w.close()
		r.register("y")
		r.watch("?since="+version).want("registered y UP", "whole")
		r.watch("?since=now", "Last-Event-ID", version).want("registered y UP", "whole")
		r.watch("?since=now").want("whole")
		for _, unknown := range []string{"other-1", "1", version + "00", ""} {
			want := []string{"reset", "instance x", "instance y", "whole"}
			if unknown == "" {
				want = want[1:]
			}
			r.watch("?since=" + unknown).want(want...)
		}
		r.watch("?since=other-1&snapshot=false").want("reset", "whole")
		if got := r.metric("watch_resets_total"); got != "4" {
			t.Errorf("%s resets are counted, want 4", got)
		}
	})
}

// Whoever reads documents learns from when on to watch, unless documents are older than what a watcher hears; briefly is without
// the records, and several changes at once are one.
func TestWatchFromADocument(t *testing.T) {
	watched(t, nil, func(t *testing.T, r *rig) {
		r.register("x")
		resp, err := r.client.Get("http://a:8761/eureka/apps/delta")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		version := resp.Header.Get("X-Heureka-Version")
		w := r.watch("?brief=true&since=" + version)
		w.want("whole")
		r.register("y", "z")
		e, err := w.next()
		if err != nil || e.Name != "change" || e.Data != "{}" {
			t.Errorf("%+v, %v: want a change without anything", e, err)
		}
		again := r.watch("?brief=true", "Last-Event-ID", version)
		for _, want := range []string{"change", "whole"} {
			if e, err := again.next(); err != nil || e.Name != want {
				t.Errorf("%+v, %v; want %s", e, err, want)
			}
		}
	})
	watched(t, func(c *server.Config) { c.UseReadOnlyResponseCache = new(true) }, func(t *testing.T, r *rig) {
		resp, err := r.client.Get("http://a:8761/eureka/apps")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("X-Heureka-Version"); got != "" {
			t.Errorf("a node with a read-only cache offers to watch since %s", got)
		}
	})
}

// A view has the instances of an application or a VIP, and tells when one leaves it.
func TestWatchViews(t *testing.T) {
	watched(t, nil, func(t *testing.T, r *rig) {
		with := func(app, id, vip, secure string) {
			in := instance(app, id)
			in.VIPAddress, in.SecureVIPAddress, in.LastDirtyMS = vip, secure, time.Now().UnixMilli()
			time.Sleep(time.Second)
			register(t, r.conn(), in)
		}
		with("ORDERS", "o", "orders,both", "")
		with("USERS", "u", "users", "both")
		views := map[string]*watcher{}
		for query, want := range map[string]string{"app=orders": "o", "vip=both": "o", "svip=both": "u", "app=USERS&app=NONE": "u", "vip=users": "u"} {
			views[query] = r.watch("?" + query)
			views[query].want("instance "+want, "whole")
		}
		with("USERS", "u", "moved", "")
		with("USERS", "u", "elsewhere", "")
		with("ORDERS", "later", "both", "both")
		again, later := "registered-again u UP", "registered later UP"
		views["app=orders"].want(later)
		views["vip=both"].want(later)
		views["svip=both"].want(again, later)
		views["app=USERS&app=NONE"].want(again, again)
		views["vip=users"].want(again)
		// The id moves on although nothing concerns the view.
		r.register("x")
		now := r.watch("?since=now")
		now.want("whole")
		time.Sleep(20 * time.Second)
		with("USERS", "u", "users", "")
		w := views["vip=users"]
		if w.want(again); w.beat != now.last {
			t.Errorf("the last sign of life had id %s, want %s", w.beat, now.last)
		}
	})
}

// A watcher that does not read holds nobody up, and learns that it has missed something.
func TestWatcherThatDoesNotRead(t *testing.T) {
	watched(t, nil, func(t *testing.T, r *rig) {
		slow, quick := r.watch("?since=now"), r.watch("?since=now")
		slow.want("whole")
		quick.want("whole")
		const n = 6000
		began := time.Now()
		for i := range n {
			r.register(fmt.Sprint(i))
			quick.want(fmt.Sprintf("registered %d UP", i))
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%d changes took %v of virtual time", n, took)
		}
		last := ""
		for i := 0; ; i++ {
			e, err := slow.next()
			if err != nil {
				break
			}
			if last = e.String(); last != "reset" && last != fmt.Sprintf("registered %d UP", i) {
				t.Fatalf("change %d is %s", i, last)
			}
		}
		if last != "reset" {
			t.Errorf("the last event of a watcher that did not read is %q, want reset", last)
		}
		r.watch("", "Last-Event-ID", slow.last).want("reset", "instance 0")
	})
}

// A poll answers with the registry, then when something has happened, or after the time that it may wait.
func TestWatchByPolling(t *testing.T) {
	watched(t, nil, func(t *testing.T, r *rig) {
		type document struct {
			Version   string
			Reset     string
			Instances []json.RawMessage
			Changes   []struct{ What, ID string }
		}
		poll := func(query string) (doc document, took time.Duration) {
			began := time.Now()
			code, body := r.do("GET", "/heureka/v1/watch"+query, "")
			if err := json.Unmarshal([]byte(body), &doc); code != 200 || err != nil {
				t.Fatalf("poll%s = %d %s: %v", query, code, body, err)
			}
			return doc, time.Since(began)
		}
		r.register("x", "y")
		first, _ := poll("")
		if len(first.Instances) != 2 || first.Reset != "" || len(first.Changes) != 0 {
			t.Errorf("the first answer = %+v", first)
		}
		if next, took := poll("?since=" + first.Version); took != 30*time.Second || next.Version != first.Version || next.Instances != nil {
			t.Errorf("with nothing to tell: %+v after %v", next, took)
		}
		go func() {
			time.Sleep(10 * time.Second)
			r.register("z")
		}()
		next, took := poll("?wait=1m&app=ORDERS&since=" + first.Version)
		if took.Round(time.Second) != 10*time.Second || len(next.Changes) != 1 || next.Changes[0].ID != "z" {
			t.Errorf("a change: %+v after %v", next, took)
		}
		if same, _ := poll("?since=" + first.Version); len(same.Changes) != 1 || same.Version != next.Version {
			t.Errorf("the same again: %+v", same)
		}
		if gone, _ := poll("?since=other-7"); gone.Reset == "" || len(gone.Instances) != 3 {
			t.Errorf("a version of another node: %+v", gone)
		}
		for range 1200 {
			register(t, r.conn(), instance("USERS", "u"))
			r.cancel("USERS", "u")
		}
		total := 0
		for version := next.Version; total < 2400; {
			part, _ := poll("?wait=0s&since=" + version)
			if len(part.Changes) == 0 || len(part.Changes) > 1100 {
				t.Fatalf("%d changes in one answer", len(part.Changes))
			}
			total, version = total+len(part.Changes), part.Version
		}
		for query, want := range map[string]int{"?wait=2m": 400, "?wait=x": 400} {
			if code, body := r.do("GET", "/heureka/v1/watch"+query, ""); code != want {
				t.Errorf("watch%s = %d %s", query, code, body)
			}
		}
		if code, _ := r.do("POST", "/heureka/v1/watch", ""); code != 405 {
			t.Errorf("POST watch = %d", code)
		}
	})
}

// A stream lives for longer than a request may take to arrive, sends something now and then, ends after an hour or so, and when
// the node stops.
func TestStreamsLive(t *testing.T) {
	watched(t, nil, func(t *testing.T, r *rig) {
		w := r.watch("")
		w.want("whole")
		time.Sleep(59 * time.Minute)
		in := instance("ORDERS", "x")
		in.Lease.DurationSecs = 86400
		register(t, r.conn(), in)
		w.want("registered x UP")
		if w.beats < 59*4-5 || w.beats > 59*4+2 {
			t.Errorf("%d signs of life in 59 minutes, want one every 15 s", w.beats)
		}
		began := time.Now()
		if _, err := w.next(); err != io.EOF || time.Since(began) > 45*time.Minute {
			t.Errorf("%v after %v more, want an end", err, time.Since(began))
		}
		again := r.watch("", "Last-Event-ID", w.last)
		again.want("whole")
		if took := r.stop(); took > 2*time.Second {
			t.Errorf("a node that is watched takes %v to stop", took)
		}
		if _, err := again.next(); err != io.EOF {
			t.Errorf("after the node stopped: %v", err)
		}
	})
}

// Who serves Handler and calls Run beside it ends streams with Run.
func TestStreamsEndWithRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		cfg := r.config()
		cfg.RegisterWithEureka = new(bool)
		srv, err := server.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		r.serve("a", srv.Handler().ServeHTTP)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { srv.Run(ctx); close(ended) }()
		time.Sleep(time.Second)
		w := r.watch("")
		w.want("whole")
		stop()
		if _, err := w.next(); err != io.EOF {
			t.Errorf("after Run has ended: %v", err)
		}
		<-ended
	})
}

// A node that does not know the registry yet tells nobody that it is empty.
func TestNoWatchBeforeTheRegistryIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.serve("b", busy)
		cfg := r.config()
		cfg.ServiceURLs = map[string][]string{"defaultZone": {"http://b:8761/eureka/"}}
		r.start(cfg)
		if got := r.status("/heureka/v1/watch"); got != "503" {
			t.Errorf("watch while the node waits for its peers = %s", got)
		}
	})
}
