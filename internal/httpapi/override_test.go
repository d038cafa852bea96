package httpapi_test

import (
	"fmt"
	"testing"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/httpapi"
)

// badStatuses are values that are no status names.
var badStatuses = []string{"", "up", "Up", "%20UP", "UP%20", "BOGUS", "OUT-OF-SERVICE", "null", "UP,DOWN", "U%00P"}

// W-STAT-1, W-STAT-2.
func TestStat2Values(t *testing.T) {
	n := demo(t, httpapi.Config{})
	for _, v := range []string{"DOWN", "STARTING", "OUT_OF_SERVICE", "UNKNOWN", "UP"} {
		wantEmpty(t, n.do(t, "PUT", "/eureka/apps/demo/i-1/status?value="+v, ""), 200)
		if got := n.stored(t, "DEMO", "i-1"); got.Status.String() != v || got.OverriddenStatus.String() != v || got.Action != heureka.ActionModified {
			t.Errorf("after %s: %s, override %s, %s", v, got.Status, got.OverriddenStatus, got.Action)
		}
	}
	changes := len(n.changes)
	for _, v := range badStatuses {
		wantBad(t, n.do(t, "PUT", "/eureka/apps/DEMO/i-1/status?value="+v, ""), "value is ")
		wantEmpty(t, n.do(t, "PUT", "/eureka/apps/DEMO/none/status?value="+v, ""), 404)
	}
	wantBad(t, n.do(t, "PUT", "/eureka/apps/DEMO/i-1/status", ""), "value is ")
	wantEmpty(t, n.do(t, "PUT", "/eureka/apps/NONE/i-1/status?value=UP", ""), 404)
	if len(n.changes) != changes {
		t.Error("a refused status changed something")
	}
}

// W-STAT-3, W-STAT-4.
func TestStat3Timestamps(t *testing.T) {
	n := demo(t, httpapi.Config{})
	set := func(query string, want int64) {
		t.Helper()
		wantEmpty(t, n.do(t, "PUT", "/eureka/apps/DEMO/i-1/status?"+query, ""), 200)
		if got := n.stored(t, "DEMO", "i-1").LastDirtyMS; got != want {
			t.Errorf("after %s: lastDirtyTimestamp %d, want %d", query, got, want)
		}
	}
	set("value=DOWN&lastDirtyTimestamp=1", dirty)
	set(fmt.Sprintf("value=UP&lastDirtyTimestamp=%d", dirty+5), dirty+5)
	set(fmt.Sprintf("value=UP&lastDirtyTimestamp=%d", dirty+9), dirty+5) // nothing is recorded for the status it has
	set("value=DOWN", dirty+5)
}

// W-STAT-4: no override for the status that the instance has.
func TestStat4SameStatus(t *testing.T) {
	n := demo(t, httpapi.Config{})
	wantEmpty(t, n.do(t, "PUT", "/eureka/apps/DEMO/i-1/status?value=UP", ""), 200)
	if a := n.get(t, "/eureka/serverinfo/statusoverrides"); a.body != "{}" {
		t.Errorf("overrides %s", a.body)
	}
}

// W-STAT-6, W-STAT-9: status UNKNOWN makes the next heartbeat 404.
func TestStat6Unknown(t *testing.T) {
	n := demo(t, httpapi.Config{})
	n.do(t, "PUT", "/eureka/apps/DEMO/i-1/status?value=UNKNOWN", "")
	wantEmpty(t, n.do(t, "PUT", "/eureka/apps/DEMO/i-1", ""), 404)

	n = demo(t, httpapi.Config{})
	n.do(t, "PUT", "/eureka/apps/DEMO/i-1/status?value=DOWN", "")
	wantEmpty(t, n.do(t, "DELETE", "/eureka/apps/DEMO/i-1/status", ""), 200)
	wantEmpty(t, n.do(t, "PUT", "/eureka/apps/DEMO/i-1", ""), 404)
}

// W-STAT-7, W-STAT-8.
func TestStat7Delete(t *testing.T) {
	n := demo(t, httpapi.Config{})
	changes := len(n.changes)
	wantEmpty(t, n.do(t, "DELETE", "/eureka/apps/DEMO/i-1/status?value=DOWN", ""), 200) // no override: nothing changes
	if len(n.changes) != changes || n.stored(t, "DEMO", "i-1").Status != heureka.StatusUp {
		t.Error("deleting no override changed something")
	}
	n.do(t, "PUT", "/eureka/apps/DEMO/i-1/status?value=DOWN", "")
	changes = len(n.changes)
	for _, v := range badStatuses {
		wantBad(t, n.do(t, "DELETE", "/eureka/apps/DEMO/i-1/status?value="+v, ""), "value is ")
		wantEmpty(t, n.do(t, "DELETE", "/eureka/apps/DEMO/none/status?value="+v, ""), 404)
	}
	if len(n.changes) != changes {
		t.Error("a refused deletion changed something")
	}
	wantEmpty(t, n.do(t, "DELETE", "/eureka/apps/demo/i-1/status?value=STARTING", ""), 200)
	if got := n.stored(t, "DEMO", "i-1"); got.Status != heureka.StatusStarting || got.OverriddenStatus != heureka.StatusUnknown || got.Action != heureka.ActionModified {
		t.Errorf("stored %+v", got)
	}
	wantEmpty(t, n.do(t, "DELETE", "/eureka/apps/DEMO/none/status", ""), 404)
}
