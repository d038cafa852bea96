package client_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

// instanceOptions are about the instances that a client keeps registered.
var instanceOptions = []option{{
	field: "DisableRegistration", base: owning, see: registeredAtA, byDefault: "true", want: "false",
	set: func(_ *optionRig, c *client.Config) { c.DisableRegistration = true },
}, {
	field: "EnforceRegistration", see: stillRuns, byDefault: "runs", want: "ended",
	base: func(r *optionRig, c *client.Config) {
		owning(r, c)
		r.a.interfere(func(w http.ResponseWriter, req *http.Request) bool {
			return req.Method == http.MethodPost && answerAll(503)(w, req)
		})
	},
	set: func(_ *optionRig, c *client.Config) { c.EnforceRegistration = true },
}, {
	field: "KeepRegistered", base: owning, byDefault: "false", want: "true",
	set: func(_ *optionRig, c *client.Config) { c.KeepRegistered = true },
	see: func(r *optionRig) string {
		_ = r.stop()
		return registeredAtA(r)
	},
}, {
	field: "DisableOnDemandUpdates", byDefault: "DOWN", want: "UP",
	set: func(_ *optionRig, c *client.Config) { c.DisableOnDemandUpdates = true },
	see: func(r *optionRig) string {
		reg := r.register(orders("h1"))
		sleep(time.Second)
		if err := reg.SetStatus(heureka.StatusDown); err != nil {
			r.t.Fatal(err)
		}
		sleep(time.Second)
		return r.a.get(ownKey).Status.String()
	},
}, {
	field: "ReplicationInterval", base: checked, see: after(10*time.Minute, checks), byDefault: "20", want: "58",
	set: func(_ *optionRig, c *client.Config) { c.ReplicationInterval = 10 * time.Second },
}, {
	field: "InitialReplicationDelay", base: checked, see: after(20*time.Second, checks), byDefault: "1", want: "2",
	set: func(_ *optionRig, c *client.Config) { c.InitialReplicationDelay = 10 * time.Second },
}, {
	field: "HeartbeatBackoffBound", byDefault: "25", want: "81", // heartbeats that take 30 s each, and the pauses between
	base: func(r *optionRig, c *client.Config) {
		in := orders("h1")
		in.LeaseDuration = 1000 * time.Hour // else that bounds the pauses
		r.own = []client.InstanceConfig{in}
		c.DisableFetch, c.HTTP.ReadTimeout = true, time.Hour
	},
	set: func(_ *optionRig, c *client.Config) { c.HeartbeatBackoffBound = 2 },
	see: func(r *optionRig) string {
		r.a.interfere(func(_ http.ResponseWriter, req *http.Request) bool { return hang(req) })
		return after(2*time.Hour, func(r *optionRig) string { return fmt.Sprint(len(r.heard.take())) })(r)
	},
}, {
	field: "ShutdownTimeout", base: owning, byDefault: "5s", want: "2s",
	set: func(_ *optionRig, c *client.Config) { c.ShutdownTimeout = 2 * time.Second },
	see: func(r *optionRig) string {
		r.a.interfere(func(_ http.ResponseWriter, req *http.Request) bool { return hang(req) })
		return took(func() { _ = r.stop() })
	},
}}

// owning registers an instance before the client runs.
func owning(r *optionRig, _ *client.Config) { r.own = []client.InstanceConfig{orders("h1")} }

func registeredAtA(r *optionRig) string { return fmt.Sprint(r.a.get(ownKey) != nil) }

// checked registers an instance whose health is counted.
func checked(r *optionRig, _ *client.Config) {
	in := orders("h1")
	in.HealthCheck = func(context.Context, heureka.Status) (heureka.Status, error) {
		r.counted.Add(1)
		return up, nil
	}
	r.own = []client.InstanceConfig{in}
}

func checks(r *optionRig) string { return fmt.Sprint(r.counted.Load()) }
