package client_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

// fetchOptions are about the copy of the registry.
var fetchOptions = []option{{
	field: "DisableFetch", see: known, byDefault: "1", want: "0",
	set: func(_ *optionRig, c *client.Config) { c.DisableFetch = true },
}, {
	field: "EnforceFetch", see: stillRuns, byDefault: "runs", want: "ended",
	base: func(r *optionRig, _ *client.Config) { r.a.interfere(answerAll(503)) },
	set:  func(_ *optionRig, c *client.Config) { c.EnforceFetch = true },
}, {
	field: "FetchInterval", see: after(10*time.Minute, counted("GET", "/delta")), byDefault: "20", want: "60",
	set: func(_ *optionRig, c *client.Config) { c.FetchInterval = 10 * time.Second },
}, {
	field: "FetchBackoffBound", byDefault: "20", want: "42", // refreshes that take 2 min each, and the pauses between
	base: func(_ *optionRig, c *client.Config) {
		c.HTTP.ReadTimeout, c.DisableDelta = time.Hour, true
	},
	set: func(_ *optionRig, c *client.Config) { c.FetchBackoffBound = 2 },
	see: func(r *optionRig) string {
		r.a.interfere(func(_ http.ResponseWriter, req *http.Request) bool { return hang(req) })
		return after(2*time.Hour, counted("GET", "/apps/"))(r)
	},
}, {
	field: "Jitter", see: after(10*time.Minute, over(25, counted("GET", "/delta"))), byDefault: "false", want: "true",
	set: func(_ *optionRig, c *client.Config) { c.Jitter = 1 },
}, {
	field: "DisableDelta", see: after(time.Minute, counted("GET", "/delta")), byDefault: "2", want: "0",
	set: func(_ *optionRig, c *client.Config) { c.DisableDelta = true },
}, {
	field: "DisableWatch", see: after(time.Minute, counted("GET", "/watch?brief=true&since=7&snapshot=false")), byDefault: "3", want: "0",
	base: func(r *optionRig, _ *client.Config) {
		r.a.interfere(func(w http.ResponseWriter, req *http.Request) bool {
			w.Header().Set("X-Heureka-Version", "7")
			return strings.HasSuffix(req.URL.Path, "/watch") && answerAll(404)(w, req)
		})
	},
	set: func(_ *optionRig, c *client.Config) { c.DisableWatch = true },
}, {
	field: "DeltaRetention", see: after(10*time.Minute, counted("GET", "/delta")), byDefault: "0", want: "5",
	base: func(_ *optionRig, c *client.Config) { c.FetchInterval = 2 * time.Minute },
	set:  func(_ *optionRig, c *client.Config) { c.DeltaRetention = time.Hour },
}, {
	field: "FullFetchInterval", see: after(24*time.Hour, over(1, counted("GET", "/apps/"))), byDefault: "true", want: "false",
	set: func(_ *optionRig, c *client.Config) { c.FullFetchInterval = -1 },
}, {
	field: "OnlyVIP", see: firstURI, byDefault: "/eureka/apps/", want: "/eureka/vips/orders",
	set: func(_ *optionRig, c *client.Config) { c.OnlyVIP = "orders" },
}, {
	field: "RemoteRegions", see: firstURI, byDefault: "/eureka/apps/", want: "/eureka/apps/?regions=west",
	set: func(_ *optionRig, c *client.Config) { c.RemoteRegions = []string{"west"} },
}, {
	field: "IncludeAllStatuses", see: known, byDefault: "1", want: "2",
	base: func(r *optionRig, _ *client.Config) { r.a.put(inst("orders", "down", heureka.StatusDown)) },
	set:  func(_ *optionRig, c *client.Config) { c.IncludeAllStatuses = true },
}, {
	field: "LogDeltaDiff", byDefault: "false", want: "true",
	base: logged,
	set:  func(_ *optionRig, c *client.Config) { c.LogDeltaDiff = true },
	see: func(r *optionRig) string {
		r.a.forget(heureka.Key{App: "ORDERS", ID: "a"}) // no delta tells
		r.a.put(inst("orders", "2", up))
		sleep(time.Minute)
		return fmt.Sprint(strings.Contains(r.log.String(), "how=surplus"))
	},
}, {
	field: "Compact", see: firstHeader("X-Eureka-Accept"), byDefault: "", want: "compact",
	set: func(_ *optionRig, c *client.Config) { c.Compact = true },
}, {
	field: "Backup", see: known, byDefault: "0", want: "2",
	base: func(r *optionRig, _ *client.Config) { r.a.interfere(answerAll(503)) },
	set:  func(_ *optionRig, c *client.Config) { c.Backup = twoOrders{} },
}, {
	field: "HTTP.MaxRegistryBytes", see: known, byDefault: "1", want: "0",
	set: func(_ *optionRig, c *client.Config) { c.HTTP.MaxRegistryBytes = 100 },
}}

func firstURI(r *optionRig) string { return r.first().RequestURI }

// firstHeader returns the value of a header of the first request.
func firstHeader(name string) func(*optionRig) string {
	return func(r *optionRig) string { return r.first().Header.Get(name) }
}

// forget drops a record without anything that tells of it.
func (f *fake) forget(key heureka.Key) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.records, key)
}

// twoOrders is a backup that has two instances of ORDERS.
type twoOrders struct{}

func (twoOrders) Load(context.Context) (*heureka.Applications, error) {
	return backedUp(inst("orders", "1", up), inst("orders", "2", up)), nil
}

func (twoOrders) Save(context.Context, *heureka.Applications) error { return nil }
