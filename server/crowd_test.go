package server_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka/heurekatest/memnet"
	"heureka.internal/heureka/server"
)

// A crowdedNode is a node in memory whose registry is larger than what a connection takes without being read.
type crowdedNode struct {
	network *memnet.Network
	client  *http.Client
}

func newCrowdedNode(t *testing.T, cfg server.Config) *crowdedNode {
	t.Helper()
	n := &crowdedNode{network: new(memnet.Network)}
	srv, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	for port, serve := range map[string]func(context.Context, net.Listener) error{":80": srv.Serve, ":81": srv.ServeManagement} {
		ln, err := n.network.Host("node").Listen(port)
		if err != nil {
			t.Fatal(err)
		}
		go func() { ended <- serve(ctx, ln) }()
	}
	transport := &http.Transport{DialContext: n.network.Host("client").DialContext, DisableCompression: true}
	n.client = &http.Client{Transport: transport}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		stop()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
	for i := range 500 {
		n.want(t, "POST", "apps/ORDERS", fmt.Sprintf(`{"instance":{"app":"ORDERS","instanceId":"i%d","hostName":"h","ipAddr":"10.0.0.1","status":"UP",`+
			`"dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"},"metadata":{"m":%q}}}`, i, strings.Repeat("x", 1000)), 204)
	}
	return n
}

func (n *crowdedNode) do(t *testing.T, method, url, body string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := n.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func (n *crowdedNode) want(t *testing.T, method, path, body string, want int) {
	t.Helper()
	if got, _ := n.do(t, method, "http://node/eureka/"+path, body); got != want {
		t.Errorf("%s %s = %d, want %d", method, path, got, want)
	}
}

// fetch begins to fetch the registry without reading the answer.
func (n *crowdedNode) fetch(t *testing.T) net.Conn {
	t.Helper()
	c, err := n.network.Host("slow").Dial("tcp", "node:80")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "GET /eureka/apps/ HTTP/1.1\r\nHost: node\r\nAccept: application/json\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return c
}

// While all slots of fetches are in use, heartbeats, registrations, deltas and probes go on at once, and a further fetch
// is refused without a body after two seconds.
func TestHeartbeatsGoPastACrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newCrowdedNode(t, server.Config{FetchesInFlight: 1})
		slow := n.fetch(t)
		reading := make(chan struct{})
		go func() { // slowly, but without standing still for a second
			defer close(reading)
			for buf := make([]byte, 64<<10); ; time.Sleep(350 * time.Millisecond) {
				if _, err := io.ReadFull(slow, buf); err != nil {
					return
				}
			}
		}()
		start := time.Now()
		n.want(t, "PUT", "apps/ORDERS/i1", "", 200)
		n.want(t, "PUT", "apps/ORDERS/i1/status?value=DOWN", "", 200)
		n.want(t, "GET", "apps/delta", "", 200)
		n.want(t, "GET", "apps/ORDERS/i1", "", 200)
		n.want(t, "DELETE", "apps/ORDERS/i2", "", 200)
		if status, _ := n.do(t, "GET", "http://node/actuator/health/liveness", ""); status != 200 {
			t.Errorf("liveness = %d", status)
		}
		if took := time.Since(start); took > 10*time.Millisecond {
			t.Errorf("they took %v", took)
		}
		start = time.Now()
		if status, body := n.do(t, "GET", "http://node/eureka/apps/", ""); status != 503 || body != "" || time.Since(start) != 2*time.Second {
			t.Errorf("a second fetch = %d with %d bytes after %v, want an empty 503 after 2 s", status, len(body), time.Since(start))
		}
		slow.Close()
		<-reading
	})
}

// A client that does not read holds its connection, and nobody else's turn.
func TestReadersThatStandStillLockNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newCrowdedNode(t, server.Config{FetchesInFlight: 1})
		stuck := n.fetch(t)
		start := time.Now()
		if status, body := n.do(t, "GET", "http://node/eureka/apps/", ""); status != 200 || len(body) < 500_000 || time.Since(start) > 1500*time.Millisecond {
			t.Errorf("a fetch beside one that stands still = %d with %d bytes after %v", status, len(body), time.Since(start))
		}
		_, metrics := n.do(t, "GET", "http://node:81/metrics", "")
		if !strings.Contains(metrics, `heureka_requests_stalled_total{class="fetch"} 1`) {
			t.Errorf("the count is not in the metrics:\n%s", linesWith(metrics, "class="))
		}
		time.Sleep(3 * time.Minute)
		if _, metrics := n.do(t, "GET", "http://node:81/metrics", ""); !strings.Contains(metrics, "heureka_connections_stalled_total 1") {
			t.Errorf("a connection that nothing was read from for 3 minutes is still open:\n%s", linesWith(metrics, "heureka_conn"))
		}
		stuck.Close()
	})
}

// A peer may have four batches under way. One more is answered 503, on which every peer sends the batch again.
func TestBatchesOfAPeerAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newCrowdedNode(t, server.Config{})
		var open []net.Conn
		for range 4 {
			c, err := n.network.Host("client").Dial("tcp", "node:80")
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, c)
			io.WriteString(c, "POST /eureka/peerreplication/batch/ HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\nContent-Length: 22\r\n\r\n{")
		}
		synctest.Wait()
		n.want(t, "POST", "peerreplication/batch/", `{"replicationList":[]}`, 503)
		io.WriteString(open[0], `"replicationList":[]}`)
		synctest.Wait()
		n.want(t, "POST", "peerreplication/batch/", `{"replicationList":[]}`, 200)
		for _, c := range open {
			c.Close()
		}
	})
}

// The management listener serves health, metrics and, if asked to, profiles, and not the registry; a node that has one
// serves these nowhere else.
func TestManagementListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newCrowdedNode(t, server.Config{Management: server.ManagementSeparate, Profiling: true})
		for path, want := range map[string][2]int{ // by Serve, by ServeManagement
			"/actuator/health":           {404, 200},
			"/actuator/health/readiness": {404, 200},
			"/actuator/info":             {404, 200},
			"/actuator/prometheus":       {404, 200},
			"/metrics":                   {404, 200},
			"/debug/pprof/":              {404, 200},
			"/debug/pprof/goroutine":     {404, 200},
			"/eureka/apps":               {200, 404},
			"/":                          {200, 404},
		} {
			for i, host := range []string{"http://node", "http://node:81"} {
				if got, _ := n.do(t, "GET", host+path, ""); got != want[i] {
					t.Errorf("GET %s%s = %d, want %d", host, path, got, want[i])
				}
			}
		}
	})
}

func linesWith(text, part string) string {
	var b bytes.Buffer
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// The endpoints are where the settings put them, each by its own name, on the listener that has them.
func TestEndpointsAsConfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var level slog.LevelVar
		n := newCrowdedNode(t, server.Config{
			Management: server.ManagementSeparate, LogLevel: &level, Info: map[string]string{"app.name": "shop", "build.time": "now"},
			Actuator: server.Actuator{Base: "/", ManagementBase: "/m", ProbePaths: true, Include: []string{"*"}, Exclude: []string{"metrics"}, ShowDetails: server.ShowNever},
		})
		for url, want := range map[string]int{
			"http://node/livez": 200, "http://node/readyz": 200, "http://node/health": 404, "http://node:81/m/health": 200,
			"http://node:81/m/metrics/heureka_applications": 404, "http://node:81/m/prometheus": 200, "http://node:81/health": 404, "http://node:81/m/livez": 200,
		} {
			if got, body := n.do(t, "GET", url, ""); got != want {
				t.Errorf("GET %s = %d %s, want %d", url, got, body, want)
			}
		}
		if _, got := n.do(t, "GET", "http://node:81/m/info", ""); got != `{"app":{"name":"shop"},"build":{"name":"heureka","time":"now","version":"devel"}}` {
			t.Errorf("info = %s", got)
		}
		if _, got := n.do(t, "GET", "http://node:81/m/health/selfPreservation", ""); got != `{"status":"UP"}` {
			t.Errorf("a component without details = %s", got)
		}
		if status, _ := n.do(t, "POST", "http://node:81/m/loggers/ROOT", `{"configuredLevel":"debug"}`); status != 204 || level.Level() != slog.LevelDebug {
			t.Errorf("setting a level = %d, level %v", status, level.Level())
		}
		if _, got := n.do(t, "GET", "http://node:81/m/loggers", ""); got != `{"groups":{},"levels":["OFF","ERROR","WARN","INFO","DEBUG","TRACE"],`+
			`"loggers":{"ROOT":{"configuredLevel":"DEBUG","effectiveLevel":"DEBUG"}}}` {
			t.Errorf("loggers = %s", got)
		}
		if status, got := n.do(t, "POST", "http://node:81/m/loggers/ROOT", `{"configuredLevel":"loud"}`); status != 400 || !strings.Contains(got, "want one of") {
			t.Errorf("a level that does not exist = %d %s", status, got)
		}
		n.do(t, "POST", "http://node:81/m/loggers/ROOT", `{}`)
		if level.Level() != slog.LevelInfo {
			t.Errorf("a reset leaves the level at %v", level.Level())
		}
	})
}

// Numbers are there in Spring's form too.
func TestMetersInSpringsForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newCrowdedNode(t, server.Config{})
		if _, got := n.do(t, "GET", "http://node/actuator/metrics", ""); !strings.Contains(got, `"heureka_instances"`) {
			t.Errorf("names = %s", got)
		}
		want := `{"availableTags":[{"tag":"status","values":["DOWN","OUT_OF_SERVICE","STARTING","UNKNOWN","UP"]}],"description":"Instances by status.",` +
			`"measurements":[{"statistic":"VALUE","value":500}],"name":"heureka_instances"}`
		if _, got := n.do(t, "GET", "http://node/actuator/metrics/heureka_instances", ""); got != want {
			t.Errorf("heureka_instances = %s, want %s", got, want)
		}
		if status, _ := n.do(t, "GET", "http://node/actuator/metrics/none", ""); status != 404 {
			t.Errorf("a number that does not exist = %d", status)
		}
	})
}
