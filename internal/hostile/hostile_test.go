//go:build hostile

package hostile

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heureka.internal/heureka/internal/cgroup"
)

const (
	memory   = 512 << 20           // what the node may have
	goLimit  = "GOMEMLIMIT=435MiB" // of a node without a cgroup, from which it takes that by itself
	patience = time.Second         // a probe's
	released = 30 * time.Second
)

// A node is the real program, with a probe that never stops.
type node struct {
	*testing.T
	addr    string
	pid     int
	cgroup  cgroup.Group
	slowest atomic.Int64 // probe
	peak    atomic.Int64 // bytes
}

func build(t *testing.T) (bin string) {
	t.Helper()
	bin = filepath.Join(t.TempDir(), "heureka")
	if out, err := exec.Command("go", "build", "-o", bin, "heureka.internal/heureka/cmd/heureka").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// start starts a node within a group, and waits until it answers. An empty group is none.
func start(t *testing.T, bin string, group cgroup.Group, args ...string) *node {
	t.Helper()
	n := &node{T: t, addr: freeAddr(t), cgroup: group}
	_, port, _ := net.SplitHostPort(n.addr)
	cmd := exec.Command(bin, append([]string{"serve", "--server.port=" + port, "--heureka.log-level=error"}, args...)...)
	if group == "" {
		cmd.Env = append(os.Environ(), goLimit)
	}
	argv := group.Wrap(cmd.Args)
	cmd.Path, cmd.Args = argv[0], argv
	if path, err := exec.LookPath(argv[0]); err == nil {
		cmd.Path = path
	}
	cmd.Stderr = os.Stderr
	cmd.Dir = t.TempDir()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n.pid = cmd.Process.Pid
	stop := make(chan struct{})
	var probing sync.WaitGroup
	t.Cleanup(func() {
		close(stop)
		probing.Wait()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		group.Remove()
	})
	for n.get("/eureka/apps/") != nil {
		if t.Context().Err() != nil {
			t.Fatal("the node does not open")
		}
		time.Sleep(50 * time.Millisecond)
	}
	probing.Go(func() { n.watch(stop) })
	return n
}

// freeAddr returns an address that nobody listens at.
func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

var prober = &http.Client{Timeout: 10 * time.Second}

func (n *node) get(path string) error {
	resp, err := prober.Get("http://" + n.addr + path)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s is %s", path, resp.Status)
	}
	return nil
}

// watch probes and measures until stop is closed.
func (n *node) watch(stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(50 * time.Millisecond):
		}
		began := time.Now()
		if err := n.get("/actuator/health/liveness"); err != nil {
			n.Errorf("probe: %v", err)
			return
		}
		n.slowest.Store(max(n.slowest.Load(), int64(time.Since(began))))
		n.peak.Store(max(n.peak.Load(), n.memory()))
	}
}

// memory returns the memory that the program has, the kernel's buffers for it included where there is a cgroup.
func (n *node) memory() int64 {
	if n.cgroup != "" {
		return n.cgroup.Used()
	}
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.pid))
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kb, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	v, _ := strconv.ParseInt(kb, 10, 64)
	return v << 10
}

// send sends one request and returns the status, 0 for none.
func (n *node) send(method, path string, body []byte, header ...string) int {
	return n.stream(method, path, bytes.NewReader(body), header...)
}

// stream is send with a body that is never whole in memory.
func (n *node) stream(method, path string, body io.Reader, header ...string) int {
	req, err := http.NewRequest(method, "http://"+n.addr+path, body)
	if err != nil {
		n.Fatal(err)
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func gzipped(head, piece, tail string, times int) []byte {
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	_, _ = io.WriteString(zw, head)
	block := strings.Repeat(piece, 1000)
	for range times / 1000 {
		_, _ = io.WriteString(zw, block)
	}
	_, _ = io.WriteString(zw, strings.TrimSuffix(piece, ",")+tail)
	_ = zw.Close()
	return b.Bytes()
}

func record(id, metadata string) []byte {
	return fmt.Appendf(nil, `{"instance":{"app":"FLOOD","instanceId":%q,"hostName":"h","ipAddr":"10.0.0.1","status":"UP",`+
		`"dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"},"metadata":{"k":%q}}}`, id, metadata)
}

const (
	json  = "Content-Type: application/json"
	gzip1 = "Content-Encoding: gzip"
)

// An attack is what was seen to take gigabytes, or seconds. It is sent by several at a time.
type attack struct {
	name  string
	times int
	send  func(n *node, i int) (ok bool)
}

var attacks = []attack{
	{"batches of nothing, compressed", 8, func(n *node, _ int) bool {
		s := n.send("POST", "/eureka/peerreplication/batch/", gzipped(`{"replicationList":[`, "{},", "]}", 5_500_000), json, gzip1)
		return s == 413 || s == 503
	}},
	{"metadata of nothing, compressed", 8, func(n *node, _ int) bool {
		return n.send("POST", "/eureka/apps/A", gzipped(`{"instance":{"app":"A","metadata":{`, `"":"",`, "}}}", 1_600_000), json, gzip1) == 400
	}},
	{"attributes in XML", 8, func(n *node, _ int) bool {
		return n.send("POST", "/eureka/apps/A", gzipped(`<instance><app>A</app><x `, `a="" `, "/></instance>", 1_600_000), "Content-Type: application/xml", gzip1) == 400
	}},
	{"large bodies, slowly", 40, slowBody},
	{"promises of a body", 300, promise},
	{"headers without an end", 6000, endless},
	{"long ids, registered and cancelled", 300, func(n *node, i int) bool {
		id := strings.Repeat("x", 900<<10) + strconv.Itoa(i)
		return n.send("POST", "/eureka/apps/FLOOD", record(id, ""), json) == 400
	}},
	{"short-lived instances", 3000, func(n *node, i int) bool {
		id := strings.Repeat("x", 480) + strconv.Itoa(i)
		return n.send("POST", "/eureka/apps/FLOOD", record(id, ""), json) == 204 && n.send("DELETE", "/eureka/apps/FLOOD/"+id, nil) == 200
	}},
	{"long batches of large records", 4, func(n *node, i int) bool {
		entry := record("batched", strings.Repeat("v", 4<<20))
		entry = bytes.TrimSuffix(bytes.TrimPrefix(entry, []byte(`{"instance":`)), []byte("}"))
		entry = append([]byte(`{"appName":"FLOOD","id":"batched","action":"Register","instanceInfo":`), append(entry, "}"...)...)
		parts := []io.Reader{strings.NewReader(`{"replicationList":[`)}
		for range 50 {
			parts = append(parts, bytes.NewReader(entry), strings.NewReader(","))
		}
		parts = append(parts, bytes.NewReader(entry), strings.NewReader("]}"))
		s := n.stream("POST", "/eureka/peerreplication/batch/", io.MultiReader(parts...), json)
		return s == 200 || s == 503
	}},
	{"pages about them", 20, func(n *node, _ int) bool { s := n.send("GET", "/lastn", nil); return s == 200 || s == 503 }},
	{"a batch from the far future", 20, func(n *node, i int) bool {
		s := n.send("POST", "/eureka/peerreplication/batch/", []byte(`{"replicationList":[]}`), json, "X-Heureka-Node: abc",
			"X-Heureka-Batch: 18446744073709551615", "X-Heureka-Heard: abc 9223372036854775807")
		return s == 200 || s == 425
	}},
	{"records of a megabyte", 400, func(n *node, i int) bool {
		s := n.send("POST", "/eureka/apps/FLOOD", record(fmt.Sprint("big-", i), strings.Repeat("v", 1000<<10)), json)
		return s == 204 || s == 503
	}},
	{"questions for buckets", 200, func(n *node, i int) bool {
		s := n.send("POST", bucketsPath, allBuckets, json, "X-Heureka-Node: abc")
		return s == 200 || s == 503
	}},
	{"answers that nobody reads", 200, deaf},
	{"reads of them", 16, func(n *node, i int) bool {
		s := n.send("GET", "/eureka/apps/", nil, "Accept: application/"+[]string{"json", "xml"}[i%2], "Accept-Encoding: "+[]string{"gzip", "identity"}[i/2%2])
		return s == 200 || s == 503
	}},
}

// after are attacks on a node whose registry is full of small records that do not compress.
var after = []attack{
	{"small random records", 80_000, func(n *node, i int) bool {
		s := n.send("POST", fmt.Sprint("/eureka/apps/R", i%1000), noise(i, 4000), json)
		return s == 204 || s == 503
	}},
	{"records that grow", 2000, func(n *node, i int) bool {
		s := n.send("PUT", fmt.Sprintf("/eureka/apps/R%d/%d/metadata?k%d=%s", i%100, i%100, i, strings.Repeat("v", 60_000)), nil)
		return s == 200 || s == 400 || s == 404 || s == 503
	}},
	{"documents of them", 600, func(n *node, i int) bool {
		paths := []string{"/eureka/apps/", fmt.Sprint("/eureka/apps/R", i), "/", "/heureka/v1/history?limit=10000", "/eureka/vips/f"}
		s := n.send("GET", paths[i%len(paths)], nil, "Accept: application/"+[]string{"json", "xml"}[i/5%2], "Accept-Encoding: "+[]string{"gzip", "identity"}[i/10%2])
		return s == 200 || s == 503 || s == 404
	}},
	{"buckets of them", 20, func(n *node, i int) bool {
		s := n.send("POST", bucketsPath, allBuckets, json, "X-Heureka-Node: abc")
		return s == 200 || s == 503
	}},
	{"stale heartbeats", 40, func(n *node, i int) bool {
		var list []string
		for i := range 1000 {
			list = append(list, fmt.Sprintf(`{"appName":"R%d","id":"%d","action":"Heartbeat","lastDirtyTimestamp":1,"status":"UP"}`, i, i))
		}
		s := n.send("POST", "/eureka/peerreplication/batch/", []byte(`{"replicationList":[`+strings.Join(list, ",")+`]}`), json)
		return s == 200 || s == 503
	}},
	{"all cancelled", 80_000, func(n *node, i int) bool {
		s := n.send("DELETE", fmt.Sprintf("/eureka/apps/R%d/%d", i%1000, i), nil)
		return s == 200 || s == 404
	}},
}

// crowd are connections that stay after their request.
var crowd = attack{"connections that stay", 8000, func(n *node, _ int) bool {
	c, err := net.Dial("tcp", n.addr)
	if err != nil {
		return true
	}
	_, _ = io.WriteString(c, "GET /eureka/status HTTP/1.1\r\nHost: h\r\n\r\n")
	time.AfterFunc(5*time.Second, func() { c.Close() })
	return true
}}

// noise is a record with metadata that does not compress.
func noise(i, size int) []byte {
	random := rand.NewChaCha8([32]byte{byte(i), byte(i >> 8), byte(i >> 16)})
	raw := make([]byte, size/4*3)
	_, _ = random.Read(raw)
	return bytes.Replace(record(strconv.Itoa(i), base64.StdEncoding.EncodeToString(raw)), []byte(`"FLOOD"`), fmt.Appendf(nil, `"R%d"`, i%1000), 1)
}

// promise announces a body and sends none.
func promise(n *node, _ int) bool {
	c, err := net.Dial("tcp", n.addr)
	if err != nil {
		return true // refused at the door
	}
	defer c.Close()
	_, _ = fmt.Fprintf(c, "POST /eureka/peerreplication/batch/ HTTP/1.1\r\nHost: h\r\nX-Heureka-Node: x\r\nContent-Type: application/json\r\nContent-Length: 16777215\r\n\r\n")
	time.Sleep(300 * time.Millisecond)
	return true
}

// slowBody sends most of a large registration, and then waits.
func slowBody(n *node, _ int) bool {
	c, err := net.Dial("tcp", n.addr)
	if err != nil {
		return true
	}
	defer c.Close()
	_, _ = fmt.Fprintf(c, "POST /eureka/apps/A HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 10000000\r\n\r\n")
	_ = c.SetWriteDeadline(time.Now().Add(2 * time.Second))
	_, _ = c.Write(bytes.Repeat([]byte(" "), 9_900_000))
	time.Sleep(time.Second)
	return true
}

// endless sends much of a header, and stops in the middle.
func endless(n *node, _ int) bool {
	c, err := net.Dial("tcp", n.addr)
	if err != nil {
		return true
	}
	_, _ = io.WriteString(c, "GET /heureka/v1/watch HTTP/1.1\r\nHost: h\r\nX: "+strings.Repeat("x", 60_000))
	time.AfterFunc(5*time.Second, func() { c.Close() })
	return true
}

const bucketsPath = "/eureka/peerreplication/buckets"

var allBuckets = func() []byte {
	var list []string
	for i := range 256 {
		list = append(list, fmt.Sprintf(`{"bucket":%d}`, i))
	}
	return []byte(`{"buckets":[` + strings.Join(list, ",") + `]}`)
}()

// deaf asks for what is large, and reads nothing of it for as long as the node lets it.
func deaf(n *node, i int) bool {
	c, err := net.Dial("tcp", n.addr)
	if err != nil {
		return true
	}
	_ = c.(*net.TCPConn).SetReadBuffer(4096)
	switch i % 5 {
	case 0:
		_, _ = fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: h\r\nX-Heureka-Node: abc\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			bucketsPath, len(allBuckets), allBuckets)
	case 1:
		_, _ = fmt.Fprintf(c, "GET /eureka/apps/FLOOD/big-%d HTTP/1.1\r\nHost: h\r\n\r\n", i%100)
	case 2:
		_, _ = io.WriteString(c, "GET /lastn HTTP/1.1\r\nHost: h\r\n\r\n")
	case 3:
		_, _ = io.WriteString(c, "GET /heureka/v1/watch HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n")
	case 4:
		_, _ = io.WriteString(c, "GET /heureka/v1/watch HTTP/1.1\r\nHost: h\r\n\r\n")
	}
	time.AfterFunc(10*time.Second, func() { c.Close() })
	time.Sleep(100 * time.Millisecond)
	return true
}

// Whatever is sent, a probe is answered within a second, memory stays within bounds, and a client is served before, between
// and after. How long a probe takes on this machine without an attack shows at a second node, which has none.
func TestHostile(t *testing.T) {
	bin := build(t)
	group := cgroup.New("heureka-hostile", memory)
	if group == "" {
		t.Log("NO CGROUP can be made here: memory is what is resident, without the kernel's buffers")
	}
	n := start(t, bin, group, "--eureka.client.service-url.defaultZone=http://"+freeAddr(t)+"/eureka/", // a peer that is away
		"--eureka.server.wait-time-in-ms-when-sync-empty=0")
	calm := start(t, bin, "")
	for _, a := range attacks {
		n.survives(t, calm, a)
	}
	for i := range 400 {
		n.send("DELETE", fmt.Sprint("/eureka/apps/FLOOD/big-", i), nil)
	}
	n.gone(t)
	for _, a := range after {
		n.survives(t, calm, a)
	}
	n.gone(t)
	n.survives(t, calm, crowd)
	n.gone(t)
	if status := n.send("POST", "/eureka/apps/FLOOD", record("honest", "v"), json); status != 204 {
		t.Errorf("an honest registration when all is over: %d", status)
	}
}

// survives attacks n, while calm is left in peace.
func (n *node) survives(t *testing.T, calm *node, a attack) {
	t.Run(a.name, func(t *testing.T) {
		n.peak.Store(0)
		n.slowest.Store(0)
		calm.slowest.Store(0)
		n.attack(t, a.times, a.send)
		if status := n.send("POST", "/eureka/apps/FLOOD", record("honest", "v"), json); status != 204 && status != 503 {
			t.Errorf("an honest registration afterwards: %d", status)
		}
		n.peak.Store(max(n.peak.Load(), n.memory()))
		peak, slowest, unhurt := n.peak.Load(), time.Duration(n.slowest.Load()), time.Duration(calm.slowest.Load())
		t.Logf("peak %d MiB, slowest probe %v, of the other node %v", peak>>20, slowest.Round(time.Millisecond), unhurt.Round(time.Millisecond))
		if peak == 0 || peak > memory || slowest > patience+unhurt {
			t.Errorf("peak %d MiB, want at most %d; slowest probe %v, want at most %v", peak>>20, memory>>20, slowest, patience+unhurt)
		}
	})
}

// attack sends so many times, by four at a time.
func (n *node) attack(t *testing.T, times int, send func(n *node, i int) bool) {
	var wg sync.WaitGroup
	var next, bad atomic.Int64
	for range 4 {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(times); i = next.Add(1) {
				if !send(n, int(i)) {
					bad.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if bad.Load() > 0 {
		t.Errorf("%d of %d were answered otherwise than they should", bad.Load(), times)
	}
}

// gone waits until the memory is given back.
func (n *node) gone(t *testing.T) {
	const most = 200 << 20
	began := time.Now()
	for n.memory() > most {
		if time.Since(began) > released {
			t.Errorf("%d MiB are still there after %v", n.memory()>>20, released)
			return
		}
		time.Sleep(250 * time.Millisecond)
	}
	t.Logf("%d MiB after %v", n.memory()>>20, time.Since(began).Round(time.Second))
}
