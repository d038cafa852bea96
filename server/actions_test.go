package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/server"
)

func letAll(cfg *server.Config) { cfg.Actions = true }

// post sends a form, as a page or a tool does.
func post(h http.Handler, path string, form url.Values, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Host = "localhost"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

var order1 = heureka.Key{App: "ORDERS", ID: "o1"}

func shownStatus(n *heurekatest.Node) string {
	in, ok := n.Server().Instance(order1)
	if !ok {
		return "gone"
	}
	return fmt.Sprint(in.Status, " ", in.OverriddenStatus != heureka.StatusUnknown)
}

// last is the newest change that the history has: what, and by whom.
func lastChange(t *testing.T, n *heurekatest.Node) string {
	t.Helper()
	var doc struct{ Changes []struct{ What, Why string } }
	if err := json.Unmarshal(call(n, "GET", "/heureka/v1/history?app=ORDERS").Body.Bytes(), &doc); err != nil || len(doc.Changes) == 0 {
		t.Fatalf("no history: %v", err)
	}
	return doc.Changes[0].What + " by " + doc.Changes[0].Why
}

// Each action does what it says, once, and the history tells who wanted it and why: by the API and by a form.
func TestActionsAreDoneAndRecorded(t *testing.T) {
	for _, by := range []string{"API", "form"} {
		alone(t, letAll, func(t *testing.T, n *heurekatest.Node) {
			in := instance("ORDERS", "o1")
			register(t, connect(t, n, "client"), in)
			act := func(action string, more ...string) *httptest.ResponseRecorder {
				form := url.Values{"app": {"orders"}, "id": {"o1"}, "reason": {"new disk"}, "operator": {"alice"}, "action": {action}}
				for i := 0; i < len(more); i += 2 {
					form.Set(more[i], more[i+1])
				}
				if by == "API" {
					return post(n.Server().Handler(), "/heureka/v1/instance/"+action, form)
				}
				return post(n.Server().Handler(), "/act", form)
			}
			const alice = " by operator at 192.0.2.1 (alice: new disk)"
			for _, step := range []struct {
				action, status, last string
				more                 []string
			}{
				{"override", "OUT_OF_SERVICE true", "override" + alice, nil},
				{"restore", "UNKNOWN false", "override-removed" + alice, nil},
				{"override", "DOWN true", "override" + alice, []string{"status", "DOWN"}},
				{"restore", "UP false", "override-removed" + alice, []string{"as", "UP"}},
				{"cancel", "gone", "cancelled" + alice, nil},
			} {
				w := act(step.action, step.more...)
				if want := map[string]int{"API": 200, "form": 303}[by]; w.Code != want {
					t.Fatalf("%s by %s = %d %s, want %d", step.action, by, w.Code, w.Body, want)
				}
				if got, told := shownStatus(n), lastChange(t, n); got != step.status || told != step.last {
					t.Errorf("after %s by %s it is %s, %q; want %s, %q", step.action, by, got, told, step.status, step.last)
				}
			}
			if w := act("override"); w.Code != http.StatusNotFound || w.Header().Get("X-Heureka-Reason") != "not-registered" {
				t.Errorf("override of what is gone, by %s: %d %v", by, w.Code, w.Header())
			}
			for _, wrong := range [][]string{{"id", ""}, {"app", " "}, {"status", "BROKEN"}, {"for", "soon"}, {"for", "-5m"}, {"for", "721h"}} {
				if w := act("override", wrong...); w.Code != http.StatusBadRequest || w.Header().Get("X-Heureka-Reason") != "bad-parameter" {
					t.Errorf("override by %s with %q: %d %s", by, wrong, w.Code, w.Body)
				}
			}
		})
	}
}

// An override ends when its time is up, and the history says whose it was; another command, wherever it comes from, makes it stay
// as that says.
func TestOverrideEndsWhenItsTimeIsUp(t *testing.T) {
	for name, tt := range map[string]struct {
		meanwhile func(t *testing.T, n *heurekatest.Node)
		want      string
	}{
		"as planned": {func(*testing.T, *heurekatest.Node) {}, "UNKNOWN false"},
		"another status": {func(t *testing.T, n *heurekatest.Node) {
			call(n, "PUT", "/eureka/apps/ORDERS/o1/status?value=DOWN")
		}, "DOWN true"},
		"set anew, without a time": {func(t *testing.T, n *heurekatest.Node) {
			call(n, "DELETE", "/eureka/apps/ORDERS/o1/status?value=UP")
			call(n, "PUT", "/eureka/apps/ORDERS/o1/status?value=OUT_OF_SERVICE")
		}, "OUT_OF_SERVICE true"},
		"a longer time": {func(t *testing.T, n *heurekatest.Node) {
			post(n.Server().Handler(), "/heureka/v1/instance/override?app=ORDERS&id=o1&for=1h", nil)
		}, "OUT_OF_SERVICE true"},
		"a peer's word": {func(t *testing.T, n *heurekatest.Node) {
			call(n, "PUT", "/eureka/apps/ORDERS/o1/status?value=DOWN", "x-netflix-discovery-replication", "true")
		}, "DOWN true"},
	} {
		t.Run(name, func(t *testing.T) {
			alone(t, letAll, func(t *testing.T, n *heurekatest.Node) {
				in := instance("ORDERS", "o1")
				in.Lease.DurationSecs = 3600
				register(t, connect(t, n, "client"), in)
				post(n.Server().Handler(), "/heureka/v1/instance/override?app=ORDERS&id=o1&for=10m&reason=disk&operator=alice", nil)
				time.Sleep(9 * time.Minute)
				if got := shownStatus(n); got != "OUT_OF_SERVICE true" {
					t.Errorf("before its time it is %s", got)
				}
				wantOnPage(t, n, "/instance?app=ORDERS&id=o1", "override until 2000-01-01T00:10:")
				tt.meanwhile(t, n)
				time.Sleep(2 * time.Minute)
				if got := shownStatus(n); got != tt.want {
					t.Errorf("it is %s, want %s", got, tt.want)
				}
				const want = "override-removed by this node (the time is up that was set by operator at 192.0.2.1 (alice: disk))"
				if got := lastChange(t, n); (got == want) != (name == "as planned") {
					t.Errorf("the history ends with %q", got)
				}
			})
		})
	}
}

// Without leave nothing happens, and no page offers it.
func TestActionsNeedLeave(t *testing.T) {
	alone(t, nil, func(t *testing.T, n *heurekatest.Node) {
		register(t, connect(t, n, "client"), instance("ORDERS", "o1"))
		for _, path := range []string{"/heureka/v1/instance/override", "/heureka/v1/instance/restore", "/heureka/v1/instance/cancel", "/heureka/v1/evict", "/act"} {
			w := post(n.Server().Handler(), path, url.Values{"app": {"ORDERS"}, "id": {"o1"}, "action": {"cancel"}})
			if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "heureka.dashboard.actions=true") || shownStatus(n) != "UP false" {
				t.Errorf("%s = %d %s, and the instance is %s", path, w.Code, w.Body, shownStatus(n))
			}
		}
		for _, path := range []string{"/instance?app=ORDERS&id=o1", "/renewals", "/instances?open=ORDERS/o1", "/data/instance?app=ORDERS&id=o1"} {
			if body := call(n, "GET", path).Body.String(); strings.Contains(body, "<form class=\"act\"") || strings.Contains(body, `"acts"`) {
				t.Errorf("%s offers an action", path)
			}
		}
	})
}

// A page of another site has no visitor's browser act, and a form that is too large or has no action does nothing.
func TestFormsOfOthersAreRefused(t *testing.T) {
	alone(t, letAll, func(t *testing.T, n *heurekatest.Node) {
		register(t, connect(t, n, "client"), instance("ORDERS", "o1"))
		cancel := url.Values{"app": {"ORDERS"}, "id": {"o1"}, "action": {"cancel"}}
		h := n.Server().Handler()
		for name, w := range map[string]*httptest.ResponseRecorder{
			"cross-site":     post(h, "/act", cancel, "Sec-Fetch-Site", "cross-site"),
			"same-site":      post(h, "/act", cancel, "Sec-Fetch-Site", "same-site"),
			"another origin": post(h, "/act", cancel, "Origin", "http://elsewhere"),
			"no origin":      post(h, "/act", cancel, "Origin", "null"),
			"API":            post(h, "/heureka/v1/instance/cancel", cancel, "Sec-Fetch-Site", "cross-site"),
			"no action":      post(h, "/act", url.Values{"app": {"ORDERS"}, "id": {"o1"}}),
			"too large":      post(h, "/act", url.Values{"app": {"ORDERS"}, "id": {"o1"}, "action": {"cancel"}, "reason": {strings.Repeat("x", 100_000)}}),
			"GET":            call(n, "GET", "/act?action=cancel&app=ORDERS&id=o1"),
		} {
			if w.Code < 400 || shownStatus(n) != "UP false" {
				t.Errorf("%s: %d, and the instance is %s", name, w.Code, shownStatus(n))
			}
		}
	})
}

// A form leads to a page that says what was done: the list as it was, or the instance. What others wrote stays text, and the way
// leads nowhere else.
func TestFormsLeadBack(t *testing.T) {
	alone(t, letAll, func(t *testing.T, n *heurekatest.Node) {
		const evil = `"><script>x</script>`
		in := instance(heureka.AppName(evil), evil)
		register(t, connect(t, n, "client"), in)
		name := url.Values{"app": {in.App}, "id": {in.ID}, "action": {"override"}}
		page := func(form url.Values) string {
			t.Helper()
			w := post(n.Server().Handler(), "/act", form)
			to := w.Header().Get("Location")
			if u, err := url.Parse(to); err != nil || w.Code != 303 || u.Host != "" || strings.HasPrefix(to, "/") {
				t.Fatalf("the form leads to %q (%d)", to, w.Code)
			}
			body := call(n, "GET", "/"+to).Body.String()
			if strings.Contains(body, "<script>x") {
				t.Errorf("%s runs what others wrote", to)
			}
			return to + "\n" + body
		}
		if got := page(name); !strings.HasPrefix(got, "instance?") || !strings.Contains(got, "The override is set.") {
			t.Errorf("an override leads to %s", got)
		}
		name.Set("back", "q=x&sort=-app&evil=http://elsewhere/&open="+url.QueryEscape(in.Key().String()))
		name.Set("action", "cancel")
		if got := page(name); !strings.HasPrefix(got, "instances?open=") || !strings.Contains(got, "The instance is removed.") || strings.Contains(got, "elsewhere") {
			t.Errorf("a removal in a list leads to %s", got)
		}
		if got := page(url.Values{"action": {"evict"}}); !strings.HasPrefix(got, "renewals?done=evict&n=0") {
			t.Errorf("an eviction leads to %s", got)
		}
		w := post(n.Server().Handler(), "/act", name)
		if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "is not registered") || strings.Contains(w.Body.String(), "<script>x") {
			t.Errorf("a second removal: %d %s", w.Code, w.Body)
		}
		if body := call(n, "GET", "/renewals?done=%3Cb%3E&n=%3Cb%3E").Body.String(); strings.Contains(body, `class="done"`) {
			t.Error("a link makes the page say what was not done")
		}
	})
}

// An eviction that is asked for is a tick like any other: what ran out goes, unless self-preservation holds it.
func TestEvictNow(t *testing.T) {
	evict := func(n *heurekatest.Node) string {
		return call(n, "POST", "/heureka/v1/evict?operator=alice&reason=quick").Body.String()
	}
	halfSilent(t, letAll, func(t *testing.T, n *heurekatest.Node, alive, _ []heureka.Key, _ *logBook) {
		if got := evict(n); got != `{"allowed":false,"expired":10,"limit":3,"evicted":0,"heardElsewhere":0}` {
			t.Errorf("in a protection: %s", got)
		}
		call(n, "POST", "/heureka/v1/protection/release")
		if got := evict(n); got != `{"allowed":false,"expired":10,"limit":3,"evicted":3,"heardElsewhere":0}` {
			t.Errorf("after its release: %s", got)
		}
	})
	alone(t, letAll, func(t *testing.T, n *heurekatest.Node) {
		in := instance("ORDERS", "o1")
		in.Lease.DurationSecs = 10
		register(t, connect(t, n, "client"), in)
		time.Sleep(15 * time.Second)
		if got := evict(n); !strings.Contains(got, `"evicted":1`) || shownStatus(n) != "gone" {
			t.Errorf("evict = %s, and the instance is %s", got, shownStatus(n))
		}
		if got := lastChange(t, n); !strings.Contains(got, "lease of 10s, asked for by operator at 192.0.2.1 (alice: quick), ") {
			t.Errorf("the history says %q", got)
		}
	})
}

// Where there are roles, they decide, whatever the setting: operators act, under the name that they have shown to have.
func TestActionsByRole(t *testing.T) {
	srv := guarded(t, nil)
	h := srv.Handler()
	r := httptest.NewRequest("POST", "/eureka/apps/ORDERS", strings.NewReader(`{"instance":{"instanceId":"o1","hostName":"h","ipAddr":"10.0.0.1","app":"ORDERS","status":"UP","dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"}}}`))
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth("register", "p")
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != 204 {
		t.Fatal(w.Code, w.Header())
	}
	for role, want := range map[string]struct {
		code  int
		forms bool
	}{"": {401, false}, "read": {403, false}, "register": {403, false}, "operate": {200, true}, "admin": {200, true}} {
		by := "password"
		if role == "" {
			by = "nothing"
		}
		if w := askAs(h, "POST", "/heureka/v1/instance/override?app=ORDERS&id=o1&reason=disk", role, by); w.Code != want.code || w.Code >= 400 && w.Body.Len() > 0 {
			t.Errorf("an override as %q = %d %q, want %d", role, w.Code, w.Body, want.code)
		}
		if w := askAs(h, "POST", "/act?action=restore&app=ORDERS&id=o1&as=UP", role, by); w.Code != map[int]int{401: 401, 403: 403, 200: 303}[want.code] {
			t.Errorf("a form as %q = %d", role, w.Code)
		}
		page := askAs(h, "GET", "/instance?app=ORDERS&id=o1", role, by).Body.String()
		if strings.Contains(page, `<form class="act"`) != (want.forms && role == "admin") || strings.Contains(page, "Your name") {
			t.Errorf("the page of %q offers what it should not, or not what it should", role)
		}
	}
	if w := askAs(h, "GET", "/heureka/v1/history", "admin", "password"); !strings.Contains(w.Body.String(), `"principal":"operate","note":"disk"`) {
		t.Errorf("the history does not name the operator: %s", w.Body)
	}
}
