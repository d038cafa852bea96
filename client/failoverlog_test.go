package client_test

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka/client"
)

// TestChangeOfServerIsLogged: a call that succeeds at the second server leaves no other trace of the first one's trouble.
func TestChangeOfServerIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRing(t, 3)
		var log safeBuffer
		c := r.w.client(client.Config{Servers: r.urls(), Logger: log.logger(), ServerPollInterval: time.Hour})
		o := order(c)
		want := func(parts ...string) {
			t.Helper()
			got := log.take()
			if strings.Count(got, "\n") != min(len(parts), 1) {
				t.Errorf("log:\n%s", got)
			}
			for _, p := range parts {
				if !strings.Contains(got, p) {
					t.Errorf("log does not say %q:\n%s", p, got)
				}
			}
		}
		_, _ = r.ask(c)
		_, _ = r.ask(c)
		want() // nothing has changed
		r.break_(o[0])
		_, _ = r.ask(c)
		want("changed server", "for=queries", "server="+url(o[1]), "before="+url(o[0]), "answered 500")
		r.mend()
		_, _ = r.ask(c)
		want()
		sleep(31 * time.Minute) // the session is over
		_, _ = r.ask(c)
		if got := log.take(); !strings.Contains(got, "server="+url(o[0])) || strings.Contains(got, "err=") {
			t.Errorf("a new session was logged as\n%s", got)
		}
	})
}

// TestRequestsAreLogged at level Debug, with what it takes to find one in the server's log.
func TestRequestsAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRing(t, 2)
		var out safeBuffer
		log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c := r.w.client(client.Config{Servers: r.urls(), Logger: log})
		o := order(c)
		r.break_(o[0])
		_, _ = r.ask(c)
		got := out.take()
		for _, want := range []string{
			"level=DEBUG msg=request op=fetch server=" + url(o[0]) + " attempt=1 status=500",
			"level=DEBUG msg=request op=fetch server=" + url(o[1]) + " attempt=2 status=200",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("log does not say %q:\n%s", want, got)
			}
		}
	})
}
