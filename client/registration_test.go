package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

var ordersKey = heureka.Key{App: "ORDERS", ID: "h1:orders:8080"}

const (
	post = "POST /eureka/apps/ORDERS"
	del  = "DELETE /eureka/apps/ORDERS/h1:orders:8080"
)

// noFetch keeps fetches out of the log.
func noFetch(hosts ...string) client.Config {
	cfg := client.Config{DisableFetch: true}
	for _, h := range hosts {
		cfg.Servers = append(cfg.Servers, url(h))
	}
	return cfg
}

// start registers orders with one server and a running client.
func start(t *testing.T, edit func(*client.Config, *client.InstanceConfig)) (*world, *fake, *client.Client, *client.Registration, func() error) {
	t.Helper()
	w := newWorld(t)
	eureka := w.server("eureka")
	cfg, ic := noFetch("eureka"), orders("h1")
	if edit != nil {
		edit(&cfg, &ic)
	}
	c := w.client(cfg)
	reg, err := c.Register(ic)
	if err != nil {
		t.Fatal(err)
	}
	stop := w.run(c)
	synctest.Wait()
	return w, eureka, c, reg, stop
}

// verbs shortens a log: renewals to "PUT status", everything else as it is.
func verbs(log []string) []string {
	out := []string{}
	for _, line := range log {
		if rest, ok := strings.CutPrefix(line, "PUT /eureka/apps/ORDERS/h1:orders:8080?status="); ok {
			line, _, _ = strings.Cut(rest, "&")
			line = "PUT " + line
		}
		out = append(out, line)
	}
	return out
}

func wantRequests(t *testing.T, f *fake, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), verbs(f.requests())); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestRegisterAtOnceAndBeat(t *testing.T) { // G-RG-1, C-HB-1, C-ST-6: no second registration
	synctest.Test(t, func(t *testing.T) {
		_, eureka, c, reg, stop := start(t, nil)
		if err := reg.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantRequests(t, eureka, post)
		if got := eureka.get(ordersKey); got.Status != up || got.LastDirtyMS != reg.Instance().LastDirtyMS {
			t.Errorf("registered %+v", got)
		}
		sleep(95 * time.Second)
		wantRequests(t, eureka, "PUT UP", "PUT UP", "PUT UP")
		if got := c.Stats(); got.Heartbeats != 3 || got.HeartbeatFailures != 0 || time.Since(got.LastHeartbeat) != 5*time.Second {
			t.Errorf("stats = %+v", got)
		}
		if err := stop(); err != nil {
			t.Errorf("Run = %v", err)
		}
		wantRequests(t, eureka, del)
		if err := reg.Wait(t.Context()); err != nil { // it had been accepted
			t.Errorf("Wait after the end = %v", err)
		}
	})
}

// TestHeartbeatsGoOnInEveryStatus is C-HB-7.
func TestHeartbeatsGoOnInEveryStatus(t *testing.T) {
	for _, s := range []heureka.Status{heureka.StatusStarting, heureka.StatusDown, heureka.StatusUp} {
		synctest.Test(t, func(t *testing.T) {
			_, eureka, _, _, _ := start(t, func(_ *client.Config, ic *client.InstanceConfig) { ic.InitialStatus = s })
			sleep(31 * time.Second)
			wantRequests(t, eureka, post, "PUT "+s.String())
		})
	}
}

// TestUnknownInstanceRegistersAgain is C-HB-3, C-HB-4, C-HB-8 and G-RQ-4: at once, with a newer stamp, whatever the 404 looks like.
func TestUnknownInstanceRegistersAgain(t *testing.T) {
	for name, body := range map[string]bool{"bare 404": false, "404 with HTML": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var beats []client.HeartbeatInfo
				_, eureka, c, reg, _ := start(t, func(cfg *client.Config, _ *client.InstanceConfig) {
					cfg.Hooks.Heartbeat = func(i client.HeartbeatInfo) { beats = append(beats, i) }
				})
				first := reg.Instance().LastDirtyMS
				eureka.remove(ordersKey)
				if body {
					eureka.interfere(func(w http.ResponseWriter, r *http.Request) bool {
						return r.Method == http.MethodPut && page(404)(w, r)
					})
				}
				sleep(30*time.Second + time.Millisecond)
				eureka.interfere(nil)
				wantRequests(t, eureka, post, "PUT UP", post)
				if got := eureka.get(ordersKey); got == nil || got.LastDirtyMS <= first {
					t.Errorf("registered %+v, want a stamp after %d", got, first)
				}
				sleep(30 * time.Second)
				wantRequests(t, eureka, "PUT UP")
				want := []client.HeartbeatInfo{{Key: ordersKey, Reregistered: true}, {Key: ordersKey}}
				if diff := cmp.Diff(want, beats); diff != "" {
					t.Errorf("heartbeats (-want +got):\n%s", diff)
				}
				if got := c.Stats().Reregistrations; got != 1 {
					t.Errorf("%d counted", got)
				}
			})
		})
	}
}

// TestFirstRegistrationIsRetried is G-RG-2.
func TestFirstRegistrationIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		begin := time.Now()
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.interfere(func(w http.ResponseWriter, r *http.Request) bool {
			at = append(at, time.Since(begin)/time.Second)
			return answerAll(500)(w, r)
		})
		c := w.client(noFetch("eureka"))
		reg, err := c.Register(orders("h1"))
		if err != nil {
			t.Fatal(err)
		}
		w.run(c)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
		defer cancel()
		err = reg.Wait(ctx)
		if _, ok := errors.AsType[*heureka.StatusError](err); !ok || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait = %v, want the context's error and the server's", err)
		}
		if diff := cmp.Diff([]time.Duration{0, 1, 3, 7, 15, 31, 61, 91}, at); diff != "" {
			t.Errorf("tries at (-want +got):\n%s", diff)
		}
		eureka.interfere(nil)
		eureka.requests()
		sleep(22 * time.Second)
		wantRequests(t, eureka, post)
		sleep(30 * time.Second)
		wantRequests(t, eureka, "PUT UP")
	})
}

// TestHeartbeatSurvivesEverything: whatever happens to heartbeats for a while, they go on afterwards, and the instance is
// registered.
func TestHeartbeatSurvivesEverything(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, eureka, c, _, stop := start(t, nil)
				eureka.interfere(fault)
				sleep(10 * time.Minute)
				failures := c.Stats().HeartbeatFailures
				if (failures == 0) != success[name] {
					t.Errorf("%d failures", failures)
				}
				eureka.interfere(nil)
				eureka.remove(ordersKey)
				sleep(10 * time.Minute)
				if eureka.get(ordersKey) == nil {
					t.Error("not registered afterwards")
				}
				if err := stop(); err != nil || eureka.get(ordersKey) != nil {
					t.Errorf("stop = %v", err)
				}
			})
		})
	}
}

// TestCutOffHeartbeatSlowsDown is C-SV-2 for heartbeats, with the numbers measured on the Java client: every 2 s, a server
// that answers after 3 s. One that fails at once is asked at the usual times (C-SV-3, C-HB-5).
func TestCutOffHeartbeatSlowsDown(t *testing.T) {
	for name, tt := range map[string]struct {
		fault func(http.ResponseWriter, *http.Request) bool
		want  []time.Duration
	}{
		"slow": {func(http.ResponseWriter, *http.Request) bool {
			time.Sleep(3 * time.Second)
			return true
		}, []time.Duration{2, 8, 18, 36}}, // 2 s + 4, 8, 16
		"failing": {answerAll(503), []time.Duration{2, 4, 6, 8}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, eureka, _, _, _ := start(t, func(cfg *client.Config, ic *client.InstanceConfig) {
					cfg.Attempts, ic.RenewalInterval = 1, 2*time.Second
				})
				begin := time.Now()
				var at []time.Duration
				eureka.interfere(func(w http.ResponseWriter, r *http.Request) bool {
					at = append(at, time.Since(begin)/time.Second)
					return tt.fault(w, r)
				})
				sleep(40 * time.Second)
				if diff := cmp.Diff(tt.want, at[:4]); diff != "" {
					t.Errorf("heartbeats at (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestSeveralInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, eureka, c, first, stop := start(t, nil)
		second, err := c.Register(orders("h2")) // while running
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Register(orders("h1")); err == nil { // G-RG-5
			t.Error("the same instance registered twice")
		}
		if err := errors.Join(first.Wait(t.Context()), second.Wait(t.Context())); err != nil {
			t.Fatal(err)
		}
		eureka.requests()
		if err := first.Deregister(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := first.Deregister(t.Context()); err != nil {
			t.Errorf("again: %v", err)
		}
		sleep(31 * time.Second)
		got := eureka.requests()
		if len(got) != 2 || got[0] != del || !strings.HasPrefix(got[1], "PUT /eureka/apps/ORDERS/h2:") {
			t.Errorf("requests %v", got)
		}
		again, err := c.Register(orders("h1"))
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := stop(); err != nil || len(eureka.records) != 0 {
			t.Errorf("stop = %v, left behind %v", err, eureka.records)
		}
		if _, err := c.Register(orders("h3")); !errors.Is(err, client.ErrStopped) {
			t.Errorf("Register after the end = %v", err)
		}
	})
}

func TestEnforceRegistration(t *testing.T) { // C-ST-1 (8), C-ST-7: any 2xx counts
	for _, code := range []int{200, 204, 400, 500} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.server("eureka").interfere(answerAll(code))
			cfg := noFetch("eureka")
			cfg.EnforceRegistration = true
			c := w.client(cfg)
			if _, err := c.Register(orders("h1")); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			err := c.Run(ctx)
			if (err == nil) != (code/100 == 2) {
				t.Errorf("%d: Run = %v", code, err)
			}
		})
	}
}

func TestDisableRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, eureka, _, reg, stop := start(t, func(cfg *client.Config, _ *client.InstanceConfig) {
			cfg.DisableRegistration, cfg.EnforceRegistration = true, true
		})
		if err := reg.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		sleep(time.Minute)
		if err := errors.Join(reg.Deregister(t.Context()), stop()); err != nil {
			t.Error(err)
		}
		wantRequests(t, eureka)
	})
}

// TestRefusedRegistrationStays is C-FO-4: no server will take what one refuses for what it is.
func TestRefusedRegistrationStays(t *testing.T) {
	for code, want := range map[int]int{400: 1, 401: 1, 403: 1, 409: 2, 500: 2} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			asked := 0
			for _, h := range []string{"s1", "s2"} {
				w.server(h).interfere(func(w http.ResponseWriter, r *http.Request) bool {
					asked++
					return answerAll(code)(w, r)
				})
			}
			c := w.client(noFetch("s1", "s2"))
			in := inst("orders", "x", up)
			if err := c.API().Register(t.Context(), in); err == nil || asked != want {
				t.Errorf("%d: %d servers asked, want %d; %v", code, asked, want, err)
			}
		})
	}
}

func TestInstanceConfigMistakes(t *testing.T) {
	c, err := client.New(client.Config{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Register(client.InstanceConfig{
		SecurePort: 70000, RenewalInterval: 1500 * time.Millisecond, InitialStatus: heureka.StatusOutOfService, HostName: "h",
	})
	for _, want := range []string{"App is required", "no such port: 70000", "whole seconds", "OUT_OF_SERVICE"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
	if _, err := c.Register(client.InstanceConfig{App: "a", HostName: "h"}); err == nil || !strings.Contains(err.Error(), "Port") {
		t.Errorf("no port: %v", err)
	}
}

func TestRecord(t *testing.T) { // C-MD-6, C-MD-8 to C-MD-13
	c, err := client.New(client.Config{})
	if err != nil {
		t.Fatal(err)
	}
	reg, err := c.Register(client.InstanceConfig{
		App: "Orders", HostName: "h1", IPAddr: "192.0.2.1", Port: 8080, SecurePort: 8443, StatusPageURL: "http://${eureka.hostname}/s",
		HealthCheckPath: client.HealthPath,
	})
	if err != nil {
		t.Fatal(err)
	}
	got := reg.Instance()
	want := &heureka.Instance{
		App: "ORDERS", ID: "h1:Orders:8080", HostName: "h1", IPAddr: "192.0.2.1", Status: up, CountryID: 1,
		Port: heureka.Port{Number: 8080, Enabled: true}, SecurePort: heureka.Port{Number: 8443, Enabled: true},
		DataCenter: heureka.OwnDataCenter, Lease: heureka.LeaseInfo{RenewalIntervalSecs: 30, DurationSecs: 90},
		HomePageURL: "http://h1:8080/", StatusPageURL: "http://h1/s", HealthCheckURL: "http://h1:8080/actuator/health",
		SecureHealthCheckURL: "https://h1:8443/actuator/health", VIPAddress: "Orders", SecureVIPAddress: "Orders",
		LastDirtyMS: got.LastDirtyMS, LastUpdatedMS: got.LastUpdatedMS,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	own, err := c.Register(client.InstanceConfig{App: "own", Port: 1, PreferIP: true})
	if err != nil {
		t.Fatal(err)
	}
	if in := own.Instance(); in.IPAddr == "" || in.HostName != in.IPAddr || in.SecureHealthCheckURL != "" || in.SecurePort.Enabled {
		t.Errorf("detected %+v", in)
	}
}

// No URL points to what nothing serves; the handler serves what it says.
func TestHandler(t *testing.T) {
	c, err := client.New(client.Config{})
	if err != nil {
		t.Fatal(err)
	}
	reg, err := c.Register(client.InstanceConfig{App: "orders", HostName: "h1", IPAddr: "192.0.2.1", Port: 8080})
	if err != nil {
		t.Fatal(err)
	}
	if in := reg.Instance(); in.HealthCheckURL+in.StatusPageURL+in.SecureHealthCheckURL != "" {
		t.Errorf("URLs of nothing: %q %q", in.HealthCheckURL, in.StatusPageURL)
	}
	get := func(path string) string {
		w := httptest.NewRecorder()
		reg.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return fmt.Sprint(w.Code, " ", strings.TrimSpace(w.Body.String()))
	}
	for path, want := range map[string]string{
		client.HealthPath: `200 {"status":"UP"}`, client.InfoPath: `200 {"app":"ORDERS","instanceId":"h1:orders:8080"}`,
	} {
		if got := get(path); got != want {
			t.Errorf("GET %s = %s, want %s", path, got, want)
		}
	}
	if err := reg.SetStatus(heureka.StatusDown); err != nil {
		t.Fatal(err)
	}
	if got, want := get(client.HealthPath), `503 {"status":"DOWN"}`; got != want {
		t.Errorf("DOWN: %s, want %s", got, want)
	}
}

// An address that nobody else can call is not registered in silence.
func TestLoopBackIsTold(t *testing.T) {
	for ip, want := range map[string]int{"127.0.0.1": 1, "10.0.0.1": 0} {
		var log safeBuffer
		c, err := client.New(client.Config{Logger: log.logger()})
		if err != nil {
			t.Fatal(err)
		}
		client.MoveForTest(c, func() (string, string) { return "m", ip })
		if _, err := c.Register(client.InstanceConfig{App: "a", Port: 1}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(log.String(), "only a loopback address found"); got != want {
			t.Errorf("%s: %d warnings, want %d", ip, got, want)
		}
	}
}
