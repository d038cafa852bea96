//go:build interop

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestNewcomer goes the way of README as somebody who has just cloned the repository, and takes the time: the first command builds
// with nothing in Go's cache and serves with no settings but a port, and two Spring applications, as Spring sets them up, find each
// other through it.
func TestNewcomer(t *testing.T) {
	nightly(t)
	if target != heurekaGen {
		t.Skip("this is about our README")
	}
	const command = "go run ./cmd/heureka serve"
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"$ " + command, "--eureka.client.service-url.defaultZone=http://localhost:8761/eureka/"} {
		if !strings.Contains(string(readme), line) {
			t.Errorf("README has no longer %q", line)
		}
	}
	fixtures := need(t, javaFixtures)
	s := &story{name: "newcomer"}
	began := time.Now()
	port := freePort(t)
	cmd := exec.Command("go", append(strings.Fields(command)[1:], fmt.Sprintf("--server.port=%d", port))...)
	cmd.Dir, cmd.Env = "..", append(os.Environ(), "GOCACHE="+t.TempDir(), "CGO_ENABLED=0")
	srv := &server{gen: heurekaGen, port: port, url: fmt.Sprintf("http://127.0.0.1:%d", port), proc: start(t, "newcomer", cmd)}
	if err := srv.awaitOpen(t); err != nil {
		t.Fatal(err)
	}
	s.did("a registry answers, built from nothing", time.Since(began))

	asSpringDoes := kind{name: "spring-2025", command: func(t testing.TB, eureka, app string, port int) *exec.Cmd {
		return javaCommand(fixtures, "client-2025", nil, "heureka.interop.Client", 128, []string{
			fmt.Sprintf("--server.port=%d", port), "--spring.application.name=" + app, "--eureka.client.service-url.defaultZone=" + eureka,
			"--eureka.instance.hostname=127.0.0.1", fmt.Sprintf("--eureka.instance.instance-id=127.0.0.1:%s:%d", app, port),
		})
	}}
	orders := startClients(t, srv, "ORDERS", clientStart{asSpringDoes, srv.eurekaURL()})[0]
	s.did("a Spring application is registered", time.Since(began))
	shop := startClients(t, srv, "SHOP", clientStart{asSpringDoes, srv.eurekaURL()})[0]
	eventually(t, limit, func() error { return shop.sees(orders, true) })
	s.did("another one has discovered it", time.Since(began))
	s.end("")
}
