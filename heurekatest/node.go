package heurekatest

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/server"
)

// openWithin is how long WaitOpen waits: longer than a node waits for its first registrations.
const openWithin = 6 * time.Minute

// Instance returns an UP instance of an application that answers at address: "127.0.0.1:8080", or the URL of an
// httptest.Server. Its lease is long, so that it stays without heartbeats.
func Instance(app, address string) *heureka.Instance {
	secure := strings.HasPrefix(address, "https://")
	_, after, ok := strings.Cut(address, "://")
	if ok {
		address = strings.TrimSuffix(after, "/")
	}
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	port, _ := strconv.Atoi(portText)
	return &heureka.Instance{
		App: app, ID: app + ":" + address, HostName: host, IPAddr: host, Status: heureka.StatusUp,
		Port:       heureka.Port{Number: port, Enabled: !secure},
		SecurePort: heureka.Port{Number: port, Enabled: secure},
		VIPAddress: app, SecureVIPAddress: app, CountryID: 1, DataCenter: heureka.OwnDataCenter,
		Lease: heureka.LeaseInfo{RenewalIntervalSecs: 8 * 3600, DurationSecs: 24 * 3600},
	}
}

func has(srv *server.Server, app, id string) bool {
	_, ok := srv.Instance(heureka.Key{App: heureka.AppName(app), ID: id})
	return ok
}

func register(t testing.TB, conn *client.API, instances []*heureka.Instance) {
	t.Helper()
	for _, in := range instances {
		if err := conn.Register(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
}

func expire(t testing.TB, name string, srv *server.Server, app, id string) {
	t.Helper()
	if !srv.Expire(heureka.Key{App: heureka.AppName(app), ID: id}) {
		t.Fatalf("%s has no instance %s/%s", name, app, id)
	}
}

func waitOpen(t testing.TB, name string, srv *server.Server) {
	t.Helper()
	for end := time.Now().Add(openWithin); ; time.Sleep(50 * time.Millisecond) {
		phase, why, _ := srv.Phase()
		switch {
		case phase == server.Open:
			return
		case time.Now().After(end):
			t.Fatalf("%s is %s after %v: %s", name, phase, openWithin, why)
		}
	}
}

func connect(t testing.TB, cfg client.Config) *client.API {
	t.Helper()
	cfg.Logger = Logger(t)
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c.API()
}
