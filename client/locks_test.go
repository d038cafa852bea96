package client_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/internal/lockcheck"
)

// A log, a hook, a transport, a health check or a balancer that blocks keeps nobody else from using the client.
func TestNothingIsCalledUnderALock(t *testing.T) {
	check := lockcheck.New(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRing(t, 3)
		c := r.w.client(client.Config{
			Servers: r.urls(), Logger: slog.New(check.Handler()), Transport: check.Transport(r.w.transport()),
			Balancer: checkedBalancer{client.Random(nil), check}, LogDeltaDiff: true,
			Hooks: client.Hooks{
				Request:   func(client.RequestInfo) { check.Check("Request") },
				Heartbeat: func(client.HeartbeatInfo) { check.Check("Heartbeat") },
				Refresh:   func(client.RefreshInfo) { check.Check("Refresh") },
				Status:    func(client.StatusInfo) { check.Check("Status") },
				Servers:   func(client.ServersInfo) { check.Check("Servers") },
			},
		})
		ic := orders("h1")
		ic.HealthCheck = func(context.Context, heureka.Status) (heureka.Status, error) {
			check.Check("HealthCheck")
			return up, nil
		}
		reg, err := c.Register(ic)
		if err != nil {
			t.Fatal(err)
		}
		check.Probe(func() {
			_, _, _ = c.Stats(), c.Snapshot(), c.Instances(client.App("orders"))
			_, _, _ = reg.Instance(), reg.Status(), reg.RemoteStatus()
			_, _ = c.Register(ic) // refused, with the lock of the client
			gone, cancel := context.WithCancel(t.Context())
			cancel()
			_ = reg.Wait(gone)
		})
		stop := r.w.run(c)
		sleep(time.Minute)
		_, _ = c.Pick(client.App("orders")) // there is none, so it looks again
		synctest.Wait()
		r.break_(order(c)[0])
		sleep(5 * time.Minute)
		r.mend()
		_ = reg.SetStatus(heureka.StatusDown)
		sleep(time.Minute)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	if n := check.Checks(); n < 50 {
		t.Errorf("%d calls were checked, want more", n)
	}
}

type checkedBalancer struct {
	client.Balancer
	check *lockcheck.Checker
}

func (c checkedBalancer) Pick(info client.PickInfo) client.Picked {
	c.check.Check("balancer")
	return c.Balancer.Pick(info)
}
