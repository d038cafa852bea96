package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"heureka.internal/heureka/internal/config"
)

func TestLocalHealthURL(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"", "http://localhost:8761/actuator/health"},
		{"--server.port=8080 --server.servlet.context-path=/registry", "http://localhost:8080/registry/actuator/health"},
		{"--server.address=192.0.2.1", "http://192.0.2.1:8761/actuator/health"},
		{"--management.server.port=9000", "http://localhost:9000/actuator/health"},
		{"--management.server.port=9000 --management.server.address=0.0.0.0 --management.endpoints.web.base-path=/", "http://localhost:9000/health"},
		{"--management.endpoints.web.path-mapping.health=alive", "http://localhost:8761/actuator/alive"},
		{"--server.ssl.certificate=c", "https://localhost:8761/actuator/health"},
		{"--server.ssl.certificate=c --management.server.port=9000", "https://localhost:9000/actuator/health"},
		{"--server.ssl.certificate=c --management.server.port=9000 --management.server.ssl.enabled=false", "http://localhost:9000/actuator/health"},
	} {
		s, err := config.Load(config.Options{Args: strings.Fields(tt.args)})
		if err != nil {
			t.Fatal(err)
		}
		if got := localHealthURL(s); got != tt.want {
			t.Errorf("with %q the node is asked at %s, want %s", tt.args, got, tt.want)
		}
	}
}

func TestHealthLocal(t *testing.T) {
	answer := http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(answer)
		_, _ = w.Write([]byte(`{"status":"` + map[bool]string{true: "UP", false: "DOWN"}[answer == http.StatusOK] + `"}`))
	}))
	defer srv.Close()
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	t.Setenv("SERVER_ADDRESS", u.Hostname())
	t.Setenv("SERVER_PORT", u.Port())
	check := func(want int, words string) {
		t.Helper()
		var out strings.Builder
		if status := run([]string{"health", "--local"}, nil, &out, &out); status != want || !strings.Contains(out.String(), words) {
			t.Errorf("heureka health --local: status %d, %q; want %d, %q", status, out.String(), want, words)
		}
	}
	check(0, "/actuator/health UP in ")
	answer = http.StatusNotFound // health is not exposed: whoever answers is alive
	check(0, "")
	answer = http.StatusServiceUnavailable
	check(1, "answered 503 DOWN")
	srv.Close()
	check(1, "connection refused")
}

// The node's certificate need not name this machine.
func TestHealthLocalOverTLS(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"status":"UP"}`)) }))
	defer srv.Close()
	t.Chdir(t.TempDir())
	t.Setenv("SERVER_PORT", strconv.Itoa(srv.Listener.Addr().(*net.TCPAddr).Port))
	t.Setenv("SERVER_ADDRESS", "127.0.0.1")
	t.Setenv("SERVER_SSL_CERTIFICATE", "of another name")
	var out strings.Builder
	if status := run([]string{"health", "--local"}, nil, &out, &out); status != 0 || !strings.Contains(out.String(), "UP") {
		t.Errorf("status %d, %q", status, out.String())
	}
}
