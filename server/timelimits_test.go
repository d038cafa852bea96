package server_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/server"
)

const halfRegistration = "POST /eureka/apps/ORDERS HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"

// inRig runs f with a node.
func inRig(t *testing.T, edit func(*server.Config), f func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		cfg := r.config()
		if edit != nil {
			edit(&cfg)
		}
		r.start(cfg)
		f(r)
	})
}

// rest returns what comes on a connection, and how long it lasts until the server closes it.
func rest(t *testing.T, conn net.Conn) (string, time.Duration) {
	t.Helper()
	begun := time.Now()
	if err := conn.SetReadDeadline(begun.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(conn)
	return string(b), time.Since(begun).Round(time.Second)
}

// Who sends too little for too long holds no connection.
func TestSlowSendersAreCutOff(t *testing.T) {
	for name, tt := range map[string]struct {
		sends string
		want  time.Duration
	}{
		"a header without an end": {"GET /eureka/apps HTTP/1.1\r\n", 10 * time.Second},
		"half a body":             {halfRegistration, time.Minute},
		"nothing more":            {"GET /eureka/apps/X/y HTTP/1.1\r\nHost: a\r\n\r\n", 3 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			inRig(t, nil, func(r *rig) {
				if _, took := rest(r.t, r.send(tt.sends)); took != tt.want {
					t.Errorf("closed after %v, want %v", took, tt.want)
				}
			})
		})
	}
}

// 64 KiB of headers are taken, and what net/http adds to that; more are 431.
func TestLongHeaders(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		for size, want := range map[int]string{60 << 10: "HTTP/1.1 404", 80 << 10: "HTTP/1.1 431"} {
			got, _ := rest(r.t, r.send("GET /eureka/apps/X/y HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Long: "+strings.Repeat("x", size)+"\r\n\r\n"))
			if !strings.HasPrefix(got, want) {
				t.Errorf("%d bytes: %.40q, want %s", size, got, want)
			}
		}
	})
}

// A stop does not wait for a request for ever: it closes the connection, and says so.
func TestStopEndsRequestsByForce(t *testing.T) {
	inRig(t, func(c *server.Config) { c.ShutdownTimeout = 5 * time.Second }, func(r *rig) {
		conn := r.send(halfRegistration)
		if took := r.stop().Round(time.Second); took != 5*time.Second {
			t.Errorf("stopped after %v", took)
		}
		if r.served == nil || !strings.Contains(r.served.Error(), "requests still in flight after 5s") {
			t.Errorf("Serve = %v", r.served)
		}
		if _, took := rest(r.t, conn); took != 0 {
			t.Errorf("the connection was open for another %v", took)
		}
	})
}

// What an embedder reads is the registry with the hash that clients see.
func TestApplicationsHaveTheirHash(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		for id, s := range map[string]heureka.Status{"1": heureka.StatusUp, "2": heureka.StatusUp, "3": heureka.StatusDown} {
			in := instance("ORDERS", id)
			in.Status = s
			register(r.t, r.conn(), in)
		}
		if got := r.server.Applications().Hash; got != "DOWN_1_UP_2_" || got != r.hash() {
			t.Errorf("hash %q, clients see %q", got, r.hash())
		}
	})
}
