//go:build interop

package interop

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSpringBootAdmin has a Spring Boot Admin server find a node and a client by the node, and show the node as it shows
// a Java one: up, with health, info, metrics and loggers, and its log level changed from there.
func TestSpringBootAdmin(t *testing.T) {
	nightly(t)
	t.Parallel()
	srv := startServer(t, target, "--eureka.client.register-with-eureka=true", "--management.endpoints.web.exposure.include=*",
		"--management.endpoint.health.show-details=always", "--info.team=platform")
	shown := startClients(t, srv, "ADMINISTERED", clientStart{spring("2025", "restclient"), srv.eurekaURL()})
	admin := startAdmin(t, srv)
	s := &story{name: "Spring Boot Admin"}
	s.did("lists the client", eventually(t, limit, func() error { _, err := admin.instance(shown[0].key.app); return err }))
	s.did("shows the node as UP", eventually(t, limit, func() error { return admin.complete("REGISTRY") }))
	in, err := admin.instance("REGISTRY")
	if err != nil {
		t.Fatal(err)
	}
	if in.Info["team"] != "platform" {
		t.Errorf("admin shows info %v, want team=platform", in.Info)
	}
	for path, want := range map[string]string{
		"health": `"registry"`, "metrics": `eureka_server_instances`, "loggers": `"ROOT"`, "info": `"platform"`,
	} {
		var body string
		if err := do("GET", admin.actuator(in.ID, path), &body); err != nil || !strings.Contains(body, want) {
			t.Errorf("%s by way of admin: %v, no %s in %.300s", path, err, want, body)
		}
	}
	s.setLevel(t, srv, admin.actuator(in.ID, "loggers/ROOT"))
	began := time.Now()
	shown[0].kill()
	eventually(t, limit, func() error {
		if _, err := admin.instance(shown[0].key.app); err == nil {
			return fmt.Errorf("admin still lists %s", shown[0].key)
		}
		return nil
	})
	s.did("lost the client that expired", time.Since(began))
	s.end("3.5.9")
}

// setLevel changes a level by way of the admin server; the node itself must say so.
func (s *story) setLevel(t *testing.T, srv *server, logger string) {
	t.Helper()
	if err := send("POST", logger, map[string]string{"configuredLevel": "DEBUG"}, nil); err != nil {
		t.Fatal(err)
	}
	var now struct{ ConfiguredLevel string }
	if err := do("GET", srv.url+"/actuator/loggers/ROOT", &now); err != nil || now.ConfiguredLevel != "DEBUG" {
		t.Errorf("the node has level %q, %v", now.ConfiguredLevel, err)
	}
	s.did("changed a log level", 0)
}

// An admin is a running Spring Boot Admin server.
type admin struct {
	*proc
	url string
}

func startAdmin(t *testing.T, srv *server) *admin {
	port := freePort(t)
	a := &admin{url: fmt.Sprintf("http://127.0.0.1:%d", port)}
	a.proc = start(t, "admin", javaCommand(need(t, javaFixtures), "admin-2025", nil, "heureka.interop.Admin", 256, []string{
		fmt.Sprintf("--server.port=%d", port), "--server.address=127.0.0.1", "--spring.application.name=admin",
		"--eureka.client.service-url.defaultZone=" + srv.eurekaURL(), "--eureka.client.register-with-eureka=false",
		"--eureka.client.registry-fetch-interval-seconds=1",
		// It gives a health check no time at all when the interval is a second.
		"--spring.boot.admin.monitor.status-interval=5s", "--spring.boot.admin.monitor.info-interval=5s", "--spring.boot.admin.monitor.default-timeout=4s",
	}))
	awaitReady(t, a.proc, func() error { return do("GET", a.url+"/instances", nil) })
	return a
}

// An administered instance is one that the admin server's page shows, as its API tells.
type administered struct {
	ID         string
	StatusInfo struct{ Status string }
	Endpoints  []struct{ ID string }
	Info       map[string]any
}

// instance returns what the page has on its card of an application.
func (a *admin) instance(app string) (*administered, error) {
	var all []struct {
		Name      string
		Instances []administered
	}
	var body string
	if err := do("GET", a.url+"/applications", &body); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		return nil, fmt.Errorf("%w in %.200s", err, body)
	}
	for _, found := range all {
		if strings.EqualFold(found.Name, app) && len(found.Instances) == 1 {
			return &found.Instances[0], nil
		}
	}
	return nil, fmt.Errorf("admin does not show %s: %.500s", app, body)
}

// complete returns nil if an application is up, and admin has found the endpoints that it has pages for.
func (a *admin) complete(app string) error {
	in, err := a.instance(app)
	if err != nil {
		return err
	}
	for _, want := range []string{"health", "info", "metrics", "loggers"} {
		if !slices.ContainsFunc(in.Endpoints, func(e struct{ ID string }) bool { return e.ID == want }) {
			return fmt.Errorf("admin has no %s of %s, only %v", want, app, in.Endpoints)
		}
	}
	if in.StatusInfo.Status != "UP" || in.Info == nil {
		return fmt.Errorf("admin shows %s as %+v", app, *in)
	}
	return nil
}

func (a *admin) actuator(id, path string) string {
	return a.url + "/instances/" + id + "/actuator/" + path
}
