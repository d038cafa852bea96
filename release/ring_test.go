//go:build release

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

// A fleet is clients that register with a ring and send heartbeats, each to one node until that fails.
type fleet struct {
	stop        context.CancelFunc
	done        sync.WaitGroup
	beats       atomic.Int64
	missed      atomic.Int64 // heartbeats that a node did not know the instance of: it registers again
	failed      atomic.Int64 // requests that no node of the ring answered
	lastFailure atomic.Value
}

const fleetSize = 200

// startFleet returns when all are registered.
func startFleet(t *testing.T, hosts ...string) *fleet {
	ctx, stop := context.WithCancel(t.Context())
	f := &fleet{stop: stop}
	var registered sync.WaitGroup
	for i := range fleetSize {
		registered.Add(1)
		f.done.Go(func() { f.client(ctx, i, hosts, registered.Done) })
	}
	registered.Wait()
	return f
}

func (f *fleet) client(ctx context.Context, i int, hosts []string, registered func()) {
	var urls []string
	for n := range hosts {
		urls = append(urls, "http://"+hosts[(i+n)%len(hosts)]+":8761/eureka/")
	}
	c, err := client.New(client.Config{ServiceURLs: map[string][]string{"defaultZone": urls}, Attempts: len(urls),
		HTTP: client.HTTPConfig{ConnectTimeout: 2 * time.Second, ReadTimeout: 5 * time.Second}})
	if err != nil {
		panic(err)
	}
	in := &heureka.Instance{App: "FLEET", ID: fmt.Sprintf("client-%d", i), HostName: "client", IPAddr: "192.0.2.1", Status: heureka.StatusUp,
		DataCenter: heureka.OwnDataCenter, LastDirtyMS: time.Now().UnixMilli()}
	f.check(ctx, c.API().Register(ctx, in))
	registered()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
		err := c.API().Renew(ctx, heureka.Key{App: in.App, ID: in.ID}, in.Status, in.LastDirtyMS)
		if errors.Is(err, heureka.ErrNotFound) {
			f.missed.Add(1)
			err = c.API().Register(ctx, in)
		}
		f.check(ctx, err)
	}
}

func (f *fleet) check(ctx context.Context, err error) {
	switch {
	case err == nil:
		f.beats.Add(1)
	case ctx.Err() == nil:
		f.failed.Add(1)
		f.lastFailure.Store(err)
	}
}

// end stops the clients and tells whether a request failed on all nodes.
func (f *fleet) end(t *testing.T) {
	t.Helper()
	f.stop()
	f.done.Wait()
	t.Logf("%d requests, %d registered again, %d failed on all nodes", f.beats.Load(), f.missed.Load(), f.failed.Load())
	if f.failed.Load() > 0 {
		t.Errorf("%d requests failed on all nodes, such as: %v", f.failed.Load(), f.lastFailure.Load())
	}
}

// unpack makes the root of the image for this machine, read-only, with names for hosts as container engines mount them.
func unpack(t *testing.T, hosts string) string {
	root := t.TempDir()
	tarball := filepath.Join(t.TempDir(), "layer.tar")
	if err := os.WriteFile(tarball, layers(t)["amd64"], 0o600); err != nil {
		t.Fatal(err)
	}
	command(t, "tar", "-xpf", tarball, "-C", root)
	if err := os.WriteFile(filepath.Join(root, "etc", "hosts"), []byte(hosts), 0o644); err != nil {
		t.Fatal(err)
	}
	command(t, "chmod", "755", root, filepath.Dir(root))
	command(t, "mount", "--bind", root, root)
	command(t, "mount", "-o", "remount,bind,ro", root)
	t.Cleanup(func() { command(t, "umount", "-l", root) })
	command(t, "mount", "-t", "tmpfs", "-o", "uid=65532,gid=65532,mode=750", "volume", filepath.Join(root, "var", "lib", "heureka"))
	return root
}

// imageEnv returns the variables that the image sets.
func imageEnv(t *testing.T) []string {
	for _, blob := range blobs(t) {
		var image struct{ Config struct{ Env []string } }
		if json.Unmarshal(blob, &image) == nil && len(image.Config.Env) > 0 {
			return image.Config.Env
		}
	}
	t.Fatal("the image sets no variables")
	return nil
}

// contain runs a command in a root, as the image's user, without any capability.
func contain(t *testing.T, root string, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), "/heureka", args...)
	cmd.Err, cmd.Dir, cmd.Env = nil, "/", env // the program is there in the root, not here
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	return cmd
}

func TestImageRuns(t *testing.T) {
	root := unpack(t, "127.0.0.1 localhost\n")
	env := append(imageEnv(t), "EUREKA_SERVER_WAITTIMEINMSWHENSYNCEMPTY=0")
	health := func() error { return contain(t, root, env, "health", "--local").Run() }
	if health() == nil {
		t.Error("heureka health --local is content before the node runs")
	}
	node := contain(t, root, env, "serve")
	node.Stdout, node.Stderr = logged{t, "node"}, logged{t, "node"}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, "heureka health --local", func() bool { return health() == nil })
	status := read(t, fmt.Sprintf("/proc/%d/status", node.Process.Pid))
	for _, want := range []string{"Uid:\t65532\t65532\t65532\t65532", "CapEff:\t0000000000000000"} {
		if !strings.Contains(status, want) {
			t.Errorf("the node's process lacks %q:\n%s", want, status)
		}
	}
	if err := node.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := node.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	if found, err := filepath.Glob(filepath.Join(root, "var/lib/heureka/registry*")); err != nil || len(found) == 0 {
		t.Errorf("the volume has no registry for the next start: %v", err)
	}
}

// composeFile is what of deploy/compose.yaml the test obeys: the image is the one that was made.
type composeFile struct {
	Services map[string]struct {
		Image       string
		Environment map[string]string
		Healthcheck struct{ Test []string }
		ReadOnly    bool `yaml:"read_only"`
		Volumes     []string
	}
}

// TestComposeRing runs what the compose file says, each container in a root of its own, and kills one.
func TestComposeRing(t *testing.T) {
	var file composeFile
	if err := yaml.Unmarshal([]byte(read(t, "../deploy/compose.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(file.Services))
	if len(names) != 3 {
		t.Fatalf("services are %v, want three", names)
	}
	hosts, address := "127.0.0.1 localhost\n", map[string]string{}
	for i, name := range names {
		address[name] = fmt.Sprintf("127.0.2.%d", i+1)
		hosts += address[name] + " " + name + "\n"
	}
	roots := map[string]string{}
	for _, name := range names {
		roots[name] = unpack(t, hosts)
	}
	start := time.Now()
	nodes := map[string]*exec.Cmd{}
	for _, name := range names {
		service := file.Services[name]
		if !service.ReadOnly || !slices.Equal(service.Healthcheck.Test, []string{"CMD", "/heureka", "health", "--local"}) {
			t.Errorf("%s: %+v", name, service)
		}
		if volume := name + ":/var/lib/heureka"; !slices.Contains(service.Volumes, volume) {
			t.Errorf("%s has the volumes %v, want %s", name, service.Volumes, volume)
		}
		env := append(imageEnv(t), "SERVER_ADDRESS="+address[name]) // containers have a network of their own
		for k, v := range service.Environment {
			env = append(env, k+"="+v)
		}
		node := contain(t, roots[name], env, "serve")
		node.Stdout, node.Stderr = logged{t, name}, logged{t, name}
		if err := node.Start(); err != nil {
			t.Fatal(err)
		}
		nodes[name] = node
		await(t, name+" to be healthy", func() bool { return contain(t, roots[name], env, "health", "--local").Run() == nil })
	}
	t.Logf("a ring of three is healthy after %v", time.Since(start).Round(time.Millisecond))
	fleet := startFleet(t, address[names[0]], address[names[1]], address[names[2]])
	for _, name := range names {
		await(t, name+" to be open", func() bool { return open(t.Context(), address[name]) })
		await(t, name+" to have all", func() bool { return count(t, address[name]) == fleetSize })
	}
	t.Logf("all have all instances after %v", time.Since(start).Round(time.Millisecond))
	if err := nodes[names[0]].Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = nodes[names[0]].Wait()
	killed, before := time.Now(), fleet.beats.Load()
	await(t, "a heartbeat without the node that was killed", func() bool { return fleet.beats.Load() > before })
	first := time.Since(killed)
	await(t, "heartbeats without the node that was killed", func() bool { return fleet.beats.Load() > before+3*fleetSize })
	t.Logf("after the kill, heartbeats went on within %v, and three of each client were done after %v", first.Round(time.Millisecond), time.Since(killed).Round(time.Millisecond))
	for _, name := range names[1:] {
		if got := count(t, address[name]); got != fleetSize {
			t.Errorf("%s has %d instances after the kill, want %d", name, got, fleetSize)
		}
	}
	fleet.end(t)
}

// count returns how many of the fleet a node has.
func count(t *testing.T, host string) int {
	status, body := get(t.Context(), "http://"+host+":8761/eureka/apps/FLEET")
	if status != 200 {
		return 0
	}
	return strings.Count(body, `"instanceId"`)
}
