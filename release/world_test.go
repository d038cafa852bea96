//go:build release

// Package main's tests make a release twice, install it and run it: packages in roots of their own, the image in a chroot, in
// namespaces that end with the tests. They need root, Linux and what .ci/run release installs.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// inside marks the process that is in the namespaces. Its value is the directory with the releases.
const inside = "HEUREKA_RELEASE_INSIDE"

// The releases that are made before the tests begin: one in two places, and the one after it.
const (
	first, again, next = "first", "again", "next"
	oldVersion         = "v0.1.0"
	newVersion         = "v0.2.0-rc.1"
)

// releases is the directory that holds them.
var releases = os.Getenv(inside)

func TestMain(m *testing.M) {
	if releases == "" {
		os.Exit(enter())
	}
	os.Exit(m.Run())
}

// enter makes the releases, which needs the network, and runs this program again without one.
func enter() int {
	dir, err := os.MkdirTemp("", "heureka-release-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := makeAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, "release tests:", err)
		return 1
	}
	args := append([]string{"--mount", "--propagation", "private", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
		"sh", "-c", `ip link set lo up; exec "$0" "$@"`}, os.Args...)
	cmd := exec.Command("unshare", args...)
	cmd.Env = append(os.Environ(), inside+"="+dir)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "release tests:", err)
		return 1
	}
	return 0
}

// makeAll makes the releases from two copies of the tree, as two people would: one far away, with another umask.
func makeAll(dir string) error {
	origin := "-commit=$(git rev-parse HEAD) -date=$(git log -1 --format=%cI)"
	here, there := filepath.Join(dir, "here"), filepath.Join(dir, "quite", "elsewhere")
	for _, line := range []string{
		"cd .. && for d in " + here + " " + there + "; do mkdir -p $d && git ls-files -z --cached --others --exclude-standard | tar -c --null -T - | tar -x -C $d; done",
		"cd " + here + " && go run ./release -out=" + filepath.Join(dir, first) + " " + origin + " " + oldVersion,
		"cd " + there + " && umask 077 && TZ=Pacific/Auckland LC_ALL=C go run ./release -out=" + filepath.Join(dir, again) + " " + origin + " " + oldVersion,
		"cd " + here + " && go run ./release -targets=linux/amd64 -out=" + filepath.Join(dir, next) + " " + origin + " " + newVersion,
	} {
		line = strings.NewReplacer("$(git ", "$(git -C "+mustGetwd()+" ").Replace(line)
		start := time.Now()
		if out, err := exec.Command("bash", "-c", line).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", line, err, out)
		}
		fmt.Printf("%.0f s: %s\n", time.Since(start).Seconds(), line)
	}
	return nil
}

func mustGetwd() string {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	return dir
}

// result returns a file of a release.
func result(made, what string) string {
	version := map[string]string{first: oldVersion, again: oldVersion, next: newVersion}[made]
	return filepath.Join(releases, made, (&release{version: version}).name(what))
}

// command runs a program and returns what it printed; the test ends if it fails.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput() // in cleanups, too, when the context of the test has ended
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// await waits until ok says so.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited two minutes for %s", what)
		}
	}
}

// get returns the status and the body of an answer; 0 if there is none.
func get(ctx context.Context, url string) (int, string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err.Error()
	}
	req.Header.Set("Accept", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

// open tells whether the node at a host serves reads.
func open(ctx context.Context, host string) bool {
	status, _ := get(ctx, "http://"+host+":8761/actuator/health/readiness")
	return status == http.StatusOK
}

// A logged writer shows what programs say if the test fails.
type logged struct {
	t      *testing.T
	prefix string
}

func (l logged) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		l.t.Logf("%s: %s", l.prefix, bytes.TrimSpace(line))
	}
	return len(p), nil
}
