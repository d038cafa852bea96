package client_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

// programOptions are about what the program gives the client and is told by it.
var programOptions = []option{{
	field: "Balancer", byDefault: "3", want: "1",
	base: func(r *optionRig, _ *client.Config) {
		r.a.put(inst("orders", "2", up))
		r.a.put(inst("orders", "3", up))
	},
	set: func(_ *optionRig, c *client.Config) { c.Balancer = stubborn{} },
	see: func(r *optionRig) string {
		picked := map[string]bool{}
		for range 3 {
			in, err := r.c.Pick(client.App("orders"))
			if err != nil {
				r.t.Fatal(err)
			}
			picked[in.ID] = true
		}
		return fmt.Sprint(len(picked))
	},
}, {
	field: "Hooks.Request", see: told, byDefault: "false", want: "true",
	set: func(r *optionRig, c *client.Config) {
		c.Hooks.Request = func(client.RequestInfo) { r.counted.Add(1) }
	},
}, {
	field: "Hooks.Heartbeat", base: owning, see: after(time.Minute, told), byDefault: "false", want: "true",
	set: func(r *optionRig, c *client.Config) {
		c.Hooks.Heartbeat = func(client.HeartbeatInfo) { r.counted.Add(1) }
	},
}, {
	field: "Hooks.Refresh", see: told, byDefault: "false", want: "true",
	set: func(r *optionRig, c *client.Config) {
		c.Hooks.Refresh = func(client.RefreshInfo) { r.counted.Add(1) }
	},
}, {
	field: "Hooks.Status", base: owning, byDefault: "false", want: "true",
	set: func(r *optionRig, c *client.Config) {
		c.Hooks.Status = func(client.StatusInfo) { r.counted.Add(1) }
	},
	see: func(r *optionRig) string {
		r.a.put(inst("orders", ownKey.ID, heureka.StatusOutOfService))
		return after(time.Minute, told)(r)
	},
}, {
	field: "Hooks.Servers", base: byName, see: told, byDefault: "false", want: "true",
	set: func(r *optionRig, c *client.Config) {
		c.Hooks.Servers = func(client.ServersInfo) { r.counted.Add(1) }
	},
}, {
	field: "Logger", base: owning, byDefault: "false", want: "true",
	set: logged,
	see: func(r *optionRig) string { return fmt.Sprint(strings.Contains(r.log.String(), "registered")) },
}, {
	field: "Rand", see: told, byDefault: "false", want: "true",
	set: func(r *optionRig, c *client.Config) { c.Rand = countedDraws{c.Rand, &r.counted} },
}}

func told(r *optionRig) string { return fmt.Sprint(r.counted.Load() > 0) }

// logged makes the client log where the row can look.
func logged(r *optionRig, c *client.Config) { c.Logger = slog.New(slog.NewTextHandler(&r.log, nil)) }

// countedDraws counts what is drawn from a generator.
type countedDraws struct {
	rand.Source
	n *atomic.Int64
}

func (d countedDraws) Uint64() uint64 {
	d.n.Add(1)
	return d.Source.Uint64()
}
