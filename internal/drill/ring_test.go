//go:build drill

package drill

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Shorter than the defaults, so that a drill sees leases run out: a heartbeat, a lease, and the time between two evictions.
const (
	beatEvery = 2 * time.Second
	leaseSecs = 10
	evictEach = 2 * time.Second
	patience  = 60 * time.Second // for all that must come true, on a machine that does much else
	settled   = 5 * time.Second  // until what one pod was told is asked of all: nodes may have to learn of each other first
)

// A pod is a node that runs, or ran.
type pod struct {
	addr netip.Addr
	cmd  *exec.Cmd
	done chan struct{}
}

func (p *pod) url(path string) string {
	return "http://" + netip.AddrPortFrom(p.addr, 8761).String() + path
}

// A statefulSet is a ring behind the name of a headless service, with a fleet that talks to it.
type statefulSet struct {
	*testing.T
	service string
	next    func(i int) netip.Addr // the i-th address that a pod gets

	mu     sync.Mutex
	pods   []*pod // that run and are in the service
	given  int    // addresses
	joined map[string]time.Time
	lost   map[string]bool // what has been complained about
	open   map[*pod]bool
	stop   chan struct{}
	wg     sync.WaitGroup
}

func newSet(t *testing.T, service string, next func(i int) netip.Addr) *statefulSet {
	s := &statefulSet{T: t, service: service, next: next, joined: map[string]time.Time{}, lost: map[string]bool{}, open: map[*pod]bool{}, stop: make(chan struct{})}
	t.Cleanup(func() {
		close(s.stop)
		s.wg.Wait()
		for _, p := range s.running() {
			s.kill(p)
		}
	})
	return s
}

// start runs a new pod at an address that nobody had before.
func (s *statefulSet) start() *pod {
	s.Helper()
	s.mu.Lock()
	s.given++
	p := &pod{addr: s.next(s.given), done: make(chan struct{})}
	s.mu.Unlock()
	ip(s.T, "add", p.addr)
	names.add(s.service, p.addr)
	log, err := os.Create(filepath.Join(s.ArtifactDir(), fmt.Sprintf("pod-%d.log", s.given)))
	if err != nil {
		s.Fatal(err)
	}
	defer log.Close()
	p.cmd = exec.Command(program, "serve", "--server.address="+p.addr.String(), "--server.port=8761",
		"--eureka.client.service-url.defaultZone=dns+http://"+s.service+":8761/eureka/",
		"--eureka.instance.ip-address="+p.addr.String(), "--eureka.instance.instance-id="+p.addr.String(),
		fmt.Sprint("--eureka.instance.lease-renewal-interval-in-seconds=", int(beatEvery/time.Second)),
		fmt.Sprint("--eureka.instance.lease-expiration-duration-in-seconds=", leaseSecs),
		"--eureka.server.enable-self-preservation=false",
		fmt.Sprint("--eureka.server.eviction-interval-timer-in-ms=", evictEach.Milliseconds()))
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = s.TempDir(), log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		s.Fatal(err)
	}
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	s.mu.Lock()
	s.pods = append(s.pods, p)
	s.mu.Unlock()
	return p
}

func (s *statefulSet) running() []*pod {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*pod{}, s.pods...)
}

// leave takes a pod out of the service; clients do not come to it any more.
func (s *statefulSet) leave(p *pod) {
	s.mu.Lock()
	for i := range s.pods {
		if s.pods[i] == p {
			s.pods = append(s.pods[:i:i], s.pods[i+1:]...)
			break
		}
	}
	s.mu.Unlock()
	names.remove(s.service, p.addr)
}

// retire is a pod's end as Kubernetes has it: out of the service, then SIGTERM, and nobody has its address.
func (s *statefulSet) retire(p *pod) {
	s.leave(p)
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(patience):
		s.Errorf("%s does not end", p.addr)
		_ = p.cmd.Process.Kill()
	}
	ip(s.T, "del", p.addr)
}

// kill is the end of a machine: the service names the address until somebody notices.
func (s *statefulSet) kill(p *pod) {
	_ = p.cmd.Process.Kill()
	<-p.done
	ip(s.T, "del", p.addr)
	time.Sleep(time.Second)
	s.leave(p)
}

// A client of the fleet gives a pod up that cannot be connected to in a second, so that two of them do not cost it its lease.
var web = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
	MaxIdleConnsPerHost: 50, DialContext: (&net.Dialer{Timeout: time.Second}).DialContext,
}}

// listed returns what a pod lists, or says that it does not answer reads.
func (p *pod) listed() (map[string]bool, error) {
	req, err := http.NewRequest(http.MethodGet, p.url("/eureka/apps"), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := web.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answered %d", resp.StatusCode)
	}
	var doc struct {
		Applications struct {
			Application []struct {
				Name     string
				Instance []struct{ InstanceID string }
			}
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil {
		return nil, err
	}
	all := map[string]bool{}
	for _, app := range doc.Applications.Application {
		for _, in := range app.Instance {
			all[in.InstanceID] = true
		}
	}
	return all, nil
}

// awaitOpen waits until a pod answers reads, as a readiness probe does.
func (s *statefulSet) awaitOpen(p *pod) {
	s.Helper()
	s.await(p.addr.String()+" is open", func() error {
		_, err := p.listed()
		return err
	})
	s.mu.Lock()
	s.open[p] = true
	s.mu.Unlock()
}

func (s *statefulSet) await(what string, ok func() error) {
	s.Helper()
	began := time.Now()
	for {
		err := ok()
		if err == nil {
			return
		}
		if time.Since(began) > patience {
			s.Fatalf("after %v still not: %s: %v", patience, what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// whole waits until each pod lists each other one, and nobody else as a node.
func (s *statefulSet) whole() {
	s.Helper()
	for _, p := range s.running() {
		s.await(p.addr.String()+" lists the ring", func() error {
			all, err := p.listed()
			if err != nil {
				return err
			}
			nodes := 0
			for id := range all {
				if !strings.HasPrefix(id, "client-") {
					nodes++
				}
			}
			for _, other := range s.running() {
				if !all[other.addr.String()] {
					return fmt.Errorf("it lacks %s", other.addr)
				}
			}
			if nodes != len(s.running()) {
				return fmt.Errorf("it lists %d nodes of %d", nodes, len(s.running()))
			}
			return nil
		})
	}
}

// crowd lets a fleet register and send heartbeats, each time to any pod that takes them, and watches what open pods list.
func (s *statefulSet) crowd(fleet int) {
	for i := range fleet {
		s.wg.Go(func() { s.live(fmt.Sprintf("client-%d", i)) })
	}
	s.wg.Go(func() {
		for s.pause(300 * time.Millisecond) {
			for _, p := range s.running() {
				s.look(p)
			}
		}
	})
}

func (s *statefulSet) pause(d time.Duration) bool {
	select {
	case <-s.stop:
		return false
	case <-time.After(d):
		return true
	}
}

// live is the life of a client.
func (s *statefulSet) live(id string) {
	registered := false
	for wait := time.Duration(0); s.pause(wait); {
		wait = beatEvery/2 + rand.N(beatEvery/2)
		pods := s.running()
		if len(pods) == 0 {
			continue
		}
		p := pods[rand.N(len(pods))]
		if !registered {
			registered = s.send(http.MethodPost, p.url("/eureka/apps/DRILL"), body(id)) == http.StatusNoContent
			if registered {
				s.mu.Lock()
				s.joined[id] = time.Now()
				s.mu.Unlock()
			}
			continue
		}
		s.mu.Lock()
		open, at := s.open[p], s.joined[id]
		s.mu.Unlock()
		status := s.send(http.MethodPut, p.url("/eureka/apps/DRILL/"+id+"?status=UP&lastDirtyTimestamp=1"), "")
		if status == 0 {
			wait = 0 // another pod, at once
		}
		if status == http.StatusNotFound {
			if open && time.Since(at) > settled {
				s.Errorf("%s answered 404 to a heartbeat of %s", p.addr, id)
			}
			registered = false
		}
	}
}

func body(id string) string {
	return fmt.Sprintf(`{"instance":{"instanceId":%q,"app":"DRILL","hostName":"h","ipAddr":"10.1.1.1","status":"UP","lastDirtyTimestamp":"1",
"dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"},
"leaseInfo":{"renewalIntervalInSecs":%d,"durationInSecs":%d}}}`, id, beatEvery/time.Second, leaseSecs)
}

// send returns the status; 0 if there is none, as of a pod that is just ending.
func (s *statefulSet) send(method, url, body string) int {
	req, err := http.NewRequest(method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		s.Error(err)
		return 0
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := web.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// look complains once about each client that an open pod does not list.
func (s *statefulSet) look(p *pod) {
	asked := time.Now()
	all, err := p.listed()
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, at := range s.joined {
		if asked.Sub(at) > settled && !all[id] && !s.lost[id] {
			s.lost[id] = true
			s.Errorf("%s lacks %s", p.addr, id)
		}
	}
}
