//go:build interop

package interop

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// onDisk gives node i of a ring a directory under dir for its registry.
func onDisk(dir string, i int) string {
	return "--heureka.data-dir=" + filepath.Join(dir, strconv.Itoa(i))
}

// awaitSnapshot waits until a node has written its registry since a time.
func (s *server) awaitSnapshot(t *testing.T, since time.Time) {
	t.Helper()
	eventually(t, limit, func() error {
		var numbers string
		if err := do("GET", s.url+"/actuator/prometheus", &numbers); err != nil {
			return err
		}
		_, text, _ := strings.Cut(numbers, "\nheureka_snapshot_timestamp_seconds ")
		text, _, _ = strings.Cut(text, "\n")
		if at, err := strconv.ParseFloat(text, 64); err != nil || at < float64(since.UnixMilli())/1000 {
			return fmt.Errorf("%s wrote its last snapshot at %q, want one after %v", s.url, text, since)
		}
		return nil
	})
}

// TestRestartFromDisk kills a ring of three with 10,000 instances and 50 overrides and starts it again. The first answer of each node
// has all of them, and every heartbeat is known.
func TestRestartFromDisk(t *testing.T) {
	if target != heurekaGen {
		t.Skip("other servers keep nothing")
	}
	t.Parallel()
	const instances, overrides, at = 10_000, 50, 16
	r, dir := newTrio(t), t.TempDir()
	launchRing := func() {
		r.nodes = nil
		for i, port := range r.ports {
			r.nodes = append(r.nodes, r.launch(t, port, onDisk(dir, i)))
		}
	}
	launchRing()
	for _, n := range r.nodes {
		if err := n.awaitOpen(t); err != nil {
			t.Fatal(err)
		}
	}
	keys := make([]key, instances)
	for i := range keys {
		keys[i] = key{fmt.Sprint("DISK-", i%100), fmt.Sprint("instance-", i)}
	}
	each := func(do func(base string, k key) error) {
		t.Helper()
		var all sync.WaitGroup
		failed := make(chan error, at)
		for part := range at {
			all.Go(func() {
				for i := part; i < len(keys); i += at {
					if err := do(r.nodes[i%3].url, keys[i]); err != nil {
						failed <- err
						return
					}
				}
			})
		}
		all.Wait()
		close(failed)
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
	}
	each(func(base string, k key) error { return registerJSON(base, k, 600, nil) })
	for _, k := range keys[:overrides] {
		if err := override(r.nodes[0].url, k, "OUT_OF_SERVICE"); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range r.nodes {
		eventually(t, limit, func() error { return hasOverridden(n.url, keys, overrides) })
	}
	told := time.Now()
	if err := override(r.nodes[0].url, keys[overrides], "DOWN"); err != nil { // what is written after it has all that was before
		t.Fatal(err)
	}
	for _, n := range r.nodes {
		n.awaitSnapshot(t, told)
	}
	for _, n := range r.nodes {
		n.kill()
	}
	began := time.Now()
	launchRing()
	for _, n := range r.nodes {
		var missing *missingError
		took := eventually(t, limit, func() error {
			err := hasOverridden(n.url, keys, overrides)
			if errors.As(err, &missing) {
				t.Errorf("an answer of a node that started lacks something: %v", err)
				return nil
			}
			return err
		})
		t.Logf("%s: whole %v after the ring was started, %v of them after this node was looked at", n.url, time.Since(began).Round(time.Millisecond), took.Round(time.Millisecond))
	}
	each(renew)
}

// hasOverridden returns nil if a registry lists all keys, the first n of them out of service.
func hasOverridden(base string, keys []key, n int) error {
	all, err := apps(base)
	if err != nil {
		return err
	}
	for i, k := range keys {
		in, ok := all.instances[k.String()]
		if !ok || i < n && (in.Overridden != "OUT_OF_SERVICE" || in.Status != "OUT_OF_SERVICE") {
			return &missingError{base, k}
		}
	}
	return nil
}
