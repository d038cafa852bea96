//go:build interop

package interop

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// previousGen is the generation name of heureka as it was at the commit in testdata/previous.
const previousGen = "previous"

// previousBinary builds that commit from this repository's history.
var previousBinary = sync.OnceValues(func() (string, error) {
	dir, err := cached(previousGen, "testdata/previous", func(dir string) error {
		text, err := os.ReadFile("testdata/previous")
		if err != nil {
			return err
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		commit := lines[len(lines)-1]
		if err := run(exec.Command("git", "cat-file", "-e", commit+"^{commit}")); err != nil {
			return fmt.Errorf("the history of this checkout lacks commit %s, which the upgrade starts from: fetch all of it (git fetch --unshallow): %w", commit, err)
		}
		tree := filepath.Join(dir, "tree.tar")
		if err := run(exec.Command("git", "-C", "..", "archive", "-o", tree, commit)); err != nil {
			return err
		}
		if err := run(exec.Command("tar", "-xf", tree, "-C", dir)); err != nil {
			return err
		}
		build := exec.Command("go", "build", "-o", "previous", "./cmd/heureka")
		build.Dir = dir
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
		return run(build)
	})
	return filepath.Join(dir, previousGen), err
})

// TestRollingUpgrade replaces the nodes of a ring of the previous heureka one by one, and then back: under heartbeats, no
// answer of any node lacks an instance, and whoever is in the ring compares registries with the others of its version: the previous one
// speaks another protocol.
func TestRollingUpgrade(t *testing.T) {
	if target != heurekaGen {
		t.Skip("about two versions of heureka")
	}
	need(t, previousBinary)
	need(t, heurekaBinary)
	var ports []int
	var peers []string
	for range 3 {
		ports = append(ports, freePort(t))
		peers = append(peers, eurekaURL(ports[len(ports)-1]))
	}
	var nodes []*server
	for _, port := range ports {
		nodes = append(nodes, launch(t, previousGen, port, peers))
	}
	for _, n := range nodes {
		if err := n.awaitOpen(t); err != nil {
			t.Fatal(err)
		}
	}
	keys := []key{kept}
	if err := registerJSON(nodes[1].url, kept, 3600, nil); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		k := key{"BEATING", fmt.Sprintf("i%02d", i)}
		if err := registerJSON(nodes[i%3].url, k, leaseSecs, nil); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
		beatAnywhere(t, nodes, k)
	}
	seeAll := func() error {
		var errs []error
		for _, n := range nodes {
			errs = append(errs, hasAll(n.url, keys))
		}
		return errors.Join(errs...)
	}
	eventually(t, limit, seeAll)
	s := &story{name: "rolling upgrade"}
	w := observe(nil, keys, nodes)
	defer w.stop()
	for _, gen := range []string{heurekaGen, previousGen} {
		for i := range nodes {
			nodes[i].stop(t)
			began := time.Now()
			next := launch(t, gen, ports[i], peers)
			w.replace(i, next)
			nodes[i] = next
			if err := next.awaitOpen(t); err != nil {
				t.Fatal(err)
			}
			eventually(t, limit, seeAll)
			eventually(t, limit, func() error { return allCompared(nodes, began) })
			s.did(fmt.Sprintf("%s in seat %d, compared with its like", gen, i), time.Since(began))
		}
	}
	w.stop()
	w.report(t, s)
	s.end("")
}

// beatAnywhere sends the heartbeats of one instance, each to the first node that takes it.
func beatAnywhere(t *testing.T, nodes []*server, k key) {
	t.Helper()
	urls := make([]string, len(nodes)) // their ports stay
	for i, n := range nodes {
		urls[i] = n.url
	}
	end := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
				for _, u := range urls {
					if renew(u, k) == nil {
						break
					}
				}
			}
		}
	})
	t.Cleanup(func() { close(end); done.Wait() })
}

// allCompared returns nil if each node has found the registry of each of the others of its version equal since then, and has no
// trouble with any.
func allCompared(nodes []*server, since time.Time) error {
	for _, n := range nodes {
		var health struct {
			Components struct {
				Peers struct {
					Details map[string]struct {
						Heureka bool
						State   string
						EqualAt time.Time
						Error   string
					}
				}
			}
		}
		if err := do("GET", n.url+"/actuator/health", &health); err != nil {
			return err
		}
		peers := health.Components.Peers.Details
		if len(peers) != len(nodes)-1 {
			return fmt.Errorf("%s has %d peers", n.name, len(peers))
		}
		for url, p := range peers {
			if !p.Heureka || p.State != "ok" || genAt(nodes, url) == n.gen && p.EqualAt.Before(since) {
				return fmt.Errorf("%s sees %s as %+v", n.name, url, p)
			}
		}
	}
	return nil
}

// genAt returns the version of the node with a URL.
func genAt(nodes []*server, url string) string {
	for _, n := range nodes {
		if strings.HasPrefix(url, n.url+"/") {
			return n.gen
		}
	}
	return ""
}
