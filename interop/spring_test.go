//go:build interop

package interop

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// spring is a Spring Cloud application of the line gen. The transports are what
// that line offers between the DiscoveryClient and the network.
func spring(gen, transport string, extra ...string) kind {
	var behind []string
	switch transport {
	case "jersey1":
		behind = []string{"jersey-2021"}
	case "jersey3":
		behind = []string{"jersey-2025"}
	case "webclient":
		behind = []string{"webclient-2025"}
		extra = append(extra, "--eureka.client.webclient.enabled=true")
	case "restclient":
		extra = append(extra, "--eureka.client.restclient.enabled=true") // the default is RestTemplate
	}
	name := "spring-" + gen
	// A client that registers again as OUT_OF_SERVICE while its lease is UP stays UP:
	// only DOWN and STARTING are taken from the client itself.
	return kind{name: name, away: "DOWN", command: func(t testing.TB, eureka, app string, port int) *exec.Cmd {
		args := replacing(springSettings(name, eureka, app, port), extra)
		return javaCommand(need(t, javaFixtures), "client-"+gen, behind, "heureka.interop.Client", 128, args)
	}}
}

func springSettings(name, eureka, app string, port int) []string {
	return []string{
		fmt.Sprintf("--server.port=%d", port),
		"--server.address=127.0.0.1",
		"--spring.application.name=" + app,
		"--logging.threshold.console=INFO", // the journal turns debugging on for itself
		// The load balancer has a cache of its own, 35 s behind the registry.
		"--spring.cloud.loadbalancer.cache.enabled=false",
		"--eureka.client.service-url.defaultZone=" + eureka,
		"--eureka.client.registry-fetch-interval-seconds=1",
		"--eureka.client.initial-instance-info-replication-interval-seconds=1",
		"--eureka.client.instance-info-replication-interval-seconds=1",
		// A heartbeat or fetch that takes longer than its interval, as it may on a busy
		// machine, would otherwise make the next ones up to ten times rarer.
		"--eureka.client.heartbeat-executor-exponential-back-off-bound=1",
		"--eureka.client.cache-refresh-executor-exponential-back-off-bound=1",
		"--eureka.instance.hostname=127.0.0.1",
		"--eureka.instance.ip-address=127.0.0.1",
		fmt.Sprintf("--eureka.instance.instance-id=127.0.0.1:%s:%d", app, port),
		"--eureka.instance.lease-renewal-interval-in-seconds=1",
		fmt.Sprintf("--eureka.instance.lease-expiration-duration-in-seconds=%d", leaseSecs),
		"--eureka.instance.metadata-map.fixture=" + name,
	}
}

// springStats is what a Spring client says it did; the counts are of log messages
// of Netflix's DiscoveryClient.
type springStats struct {
	Full, Delta        int
	Mismatch, Repaired int
	LocalHash          string
	Version            string
}

func (c *client) stats(t testing.TB) springStats {
	t.Helper()
	var s springStats
	if err := c.ask(&s, "/stats"); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSpring has both Spring Cloud lines in one registry, each with two of its
// transports. JVMs are slow to start, so all stories share the four.
func TestSpring(t *testing.T) {
	t.Parallel()
	srv := startServer(t, target)
	clean, direct := newTamper(t, srv.url), newTamper(t, srv.url)
	all := startClients(t, srv, "SPRING",
		clientStart{spring("2025", "restclient"), clean.URL + "/eureka/"},
		clientStart{spring("2021", "jersey1"), direct.URL + "/eureka/"},
		clientStart{spring("2025", "resttemplate"), srv.eurekaURL()},
		clientStart{spring("2021", "resttemplate"), srv.eurekaURL()},
	)
	if agent := direct.userAgent(); !strings.HasPrefix(agent, "Java-EurekaClient/") {
		t.Errorf("the Jersey 1 client calls itself %q", agent)
	}
	stop := watch(t, []*server{srv}, all[0].key, all[1].key, all[2].key, all[3].key)
	stories := []*story{
		{name: "spring-2025, RestClient and RestTemplate", steps: []string{"registered"}},
		{name: "spring-2021, Jersey 1 and RestTemplate", steps: []string{"registered"}},
	}
	versions := []string{all[0].stats(t).Version, all[1].stats(t).Version}
	tampers := []*tamper{clean, direct}
	inParallel(t, "live", stories, func(t *testing.T, i int, s *story) {
		a, b, stranger := all[i], all[i+2], all[1-i]
		s.meet(t, srv, a, b)
		s.meet(t, srv, a, stranger)
		s.changeStatus(t, srv, a, b)
		s.changeMetadata(t, srv, a, b)
	})
	// Nothing else may change meanwhile, or a mismatch might be a real one.
	for i, s := range stories {
		s.reconcile(t, srv, all[i], tampers[i])
		s.outlive(t, srv, all[i+2])
	}
	stop()
	inParallel(t, "die", stories, func(t *testing.T, i int, s *story) {
		s.leave(t, srv, all[i])
		s.crash(t, srv, all[i+2])
		s.end(versions[i])
		s.see(all[i].kind.name, versions[i])
	})
}

// inParallel runs body for each story at once and returns when all have ended.
func inParallel(t *testing.T, phase string, stories []*story, body func(t *testing.T, i int, s *story)) {
	t.Run(phase, func(t *testing.T) {
		for i, s := range stories {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				body(t, i, s)
			})
		}
	})
}

// reconcile proves that the client fetched in full and in deltas, then falsifies
// the hash of one delta and sees the client repair its registry by a full fetch.
func (s *story) reconcile(t *testing.T, srv *server, c *client, between *tamper) {
	t.Helper()
	eventually(t, limit, func() error {
		if st := c.stats(t); st.Full < 1 || st.Delta < 1 {
			return fmt.Errorf("%s counts full=%d delta=%d, want some of each", c.name, st.Full, st.Delta)
		}
		return nil
	})
	before := c.stats(t)
	fullBefore, falsifiedBefore := between.counts()
	began := time.Now()
	between.arm()
	eventually(t, limit, func() error { return repaired(c.stats(t), before) })
	full, falsified := between.counts()
	if falsified != falsifiedBefore+1 || full <= fullBefore {
		t.Errorf("proxy falsified %d deltas and saw %d full fetches after it, want 1 and some", falsified-falsifiedBefore, full-fullBefore)
	}
	eventually(t, limit, func() error { return sameHash(c.stats(t), srv) })
	s.did(fmt.Sprintf("full fetches %d, deltas %d", before.Full, before.Delta), 0)
	s.did("repaired a hash mismatch by a full fetch", time.Since(began))
}

func repaired(now, before springStats) error {
	if now.Mismatch <= before.Mismatch || now.Repaired <= before.Repaired {
		return fmt.Errorf("client counts %d mismatches, %d repaired; before %d, %d",
			now.Mismatch, now.Repaired, before.Mismatch, before.Repaired)
	}
	return nil
}

// sameHash returns nil if the client's registry counts the same as the server's.
func sameHash(client springStats, srv *server) error {
	all, err := apps(srv.url)
	if err != nil {
		return err
	}
	if client.LocalHash != all.hash {
		return fmt.Errorf("client has hash %s, server %s", client.LocalHash, all.hash)
	}
	return nil
}
