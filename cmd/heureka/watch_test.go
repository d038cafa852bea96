package main

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/server"
)

func TestChanges(t *testing.T) {
	at := time.Unix(1, 0)
	in := func(id string, s heureka.Status, renewed int64) *heureka.Instance {
		return &heureka.Instance{App: "A", ID: id, Status: s, Lease: heureka.LeaseInfo{LastRenewalMS: renewed}}
	}
	old := byKey(registryOf(in("gone", heureka.StatusUp, 0), in("same", heureka.StatusUp, 0), in("sick", heureka.StatusUp, 0)))
	now := byKey(registryOf(in("new", heureka.StatusStarting, 0), in("same", heureka.StatusUp, 1), in("sick", heureka.StatusDown, 0)))
	want := []change{
		{Time: at, What: isAdded, App: "A", ID: "new", Status: "STARTING"},
		{Time: at, What: isChanged, App: "A", ID: "sick", Status: "DOWN", Fields: []fieldDifference{{"status", "UP", "DOWN"}}},
		{Time: at, What: isRemoved, App: "A", ID: "gone", Status: "UP"},
	}
	if diff := cmp.Diff(want, changes(old, now, at), cmpopts.IgnoreUnexported(change{})); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if got := changes(now, now, at); len(got) > 0 {
		t.Errorf("changes of nothing = %v", got)
	}
}

// TestWatchFollows changes the registry after each line that it has read. A server with a read-only cache is asked at each interval;
// others tell, so that the interval does not matter.
func TestWatchFollows(t *testing.T) {
	for interval, configure := range map[string]func(*server.Config){
		"10ms": func(cfg *server.Config) {
			cfg.UseReadOnlyResponseCache, cfg.ResponseCacheUpdate = new(true), 10*time.Millisecond
		},
		"1h": func(*server.Config) {},
	} {
		t.Run(interval, func(t *testing.T) { testWatch(t, interval, heurekatest.NewServer(t, configure)) })
	}
}

func testWatch(t *testing.T, interval string, srv *heurekatest.Server) {
	c, err := client.New(client.Config{Servers: []string{srv.URL}})
	if err != nil {
		t.Fatal(err)
	}
	key := heureka.Key{App: "ORDERS", ID: "a"}
	register := func(app string, s heureka.Status) {
		t.Helper()
		if err := c.API().Register(t.Context(), &heureka.Instance{
			App: app, ID: "a", HostName: "h", IPAddr: "192.0.2.1", Status: s, DataCenter: heureka.OwnDataCenter, LastDirtyMS: time.Now().UnixMilli(),
		}); err != nil {
			t.Fatal(err)
		}
	}
	register("ORDERS", heureka.StatusUp)
	stdout, w := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run([]string{"watch", "orders", "--server", srv.URL, "--initial", "--count", "3", "--interval", interval}, strings.NewReader(""), w, t.Output())
		w.Close()
	}()
	lines := bufio.NewScanner(stdout)
	next := func(want string) {
		t.Helper()
		if !lines.Scan() || !strings.HasSuffix(lines.Text(), want) {
			t.Fatalf("watch printed %q, want %q at the end", lines.Text(), want)
		}
	}
	next("= ORDERS/a UP")
	register("OTHER", heureka.StatusUp) // of no interest
	if err := c.API().SetOverride(t.Context(), key, heureka.StatusOutOfService); err != nil {
		t.Fatal(err)
	}
	next("~ ORDERS/a OUT_OF_SERVICE  status: UP -> OUT_OF_SERVICE  overriddenStatus: UNKNOWN -> OUT_OF_SERVICE")
	if err := c.API().Cancel(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	next("- ORDERS/a OUT_OF_SERVICE")
	if status := <-ended; status != statusOK {
		t.Errorf("exit status %d", status)
	}
}
