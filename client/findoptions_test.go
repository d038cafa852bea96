package client_test

import (
	"context"
	"fmt"
	"net"
	"time"

	"heureka.internal/heureka/client"
)

// serverOptions are about where the servers are, and which one is asked.
var serverOptions = []option{{
	field: "Servers", see: asked, byDefault: "a", want: "b",
	set: func(_ *optionRig, c *client.Config) { c.Servers = []string{url("b")} },
}, {
	field: "ServiceURLs", see: asked, byDefault: "", want: "b",
	base: func(_ *optionRig, c *client.Config) { c.Servers = nil },
	set:  func(_ *optionRig, c *client.Config) { c.ServiceURLs = map[string][]string{"defaultZone": {url("b")}} },
}, {
	field: "Region", see: asked, byDefault: "a", want: "b",
	base: func(_ *optionRig, c *client.Config) {
		twoZones(c)
		c.AvailabilityZones = map[string][]string{"us-east-1": {"za"}, "eu": {"zb"}}
	},
	set: func(_ *optionRig, c *client.Config) { c.Region = "eu" },
}, {
	field: "AvailabilityZones", see: asked, byDefault: "a", want: "b",
	base: func(_ *optionRig, c *client.Config) { c.ServiceURLs = map[string][]string{"zb": {url("b")}} },
	set:  func(_ *optionRig, c *client.Config) { c.AvailabilityZones = map[string][]string{"us-east-1": {"zb"}} },
}, {
	field: "Zone", see: asked, byDefault: "a", want: "b",
	base: func(_ *optionRig, c *client.Config) { twoZones(c) },
	set:  func(_ *optionRig, c *client.Config) { c.Zone = "zb" },
}, {
	field: "IgnoreZone", see: after(12*time.Hour, asked), byDefault: "a", want: "a b", // a new choice every session
	base: func(_ *optionRig, c *client.Config) { twoZones(c) },
	set:  func(_ *optionRig, c *client.Config) { c.IgnoreZone = true },
}, {
	field: "DNS.Records", see: asked, byDefault: "a", want: "192.0.2.1",
	base: func(r *optionRig, c *client.Config) {
		byName(r, c)
		c.DNS.Records = client.DNSOff
	},
	set: func(_ *optionRig, c *client.Config) { c.DNS.Records = client.DNSHost },
}, {
	field: "DNS.Name", see: asked, byDefault: "192.0.2.1", want: "192.0.2.2",
	base: byName,
	set:  func(_ *optionRig, c *client.Config) { c.DNS.Name = "other.test" },
}, {
	field: "DNS.Port", byDefault: "8761", want: "4711",
	base: byName,
	set:  func(_ *optionRig, c *client.Config) { c.DNS.Port = 4711 },
	see: func(r *optionRig) string {
		_, port, _ := net.SplitHostPort(r.first().Host)
		return port
	},
}, {
	field: "DNS.Path", byDefault: "/eureka/apps/", want: "/v2/apps/",
	base: byName,
	set:  func(_ *optionRig, c *client.Config) { c.DNS.Path = "v2" },
	see:  func(r *optionRig) string { return r.first().URL.Path },
}, {
	field: "DNS.Secure", see: known, byDefault: "1", want: "0", // the server speaks no TLS
	base: byName,
	set:  func(_ *optionRig, c *client.Config) { c.DNS.Secure = true },
}, {
	field: "ServerPollInterval", byDefault: "13", want: "121",
	base: func(r *optionRig, c *client.Config) {
		byName(r, c)
		c.DNS.Resolver = questions{r}
	},
	set: func(_ *optionRig, c *client.Config) { c.ServerPollInterval = 30 * time.Second },
	see: after(time.Hour, func(r *optionRig) string { return fmt.Sprint(r.counted.Load()) }),
}, {
	field: "DNS.Resolver", byDefault: "0", want: "1",
	base: byName,
	set:  func(r *optionRig, c *client.Config) { c.DNS.Resolver = questions{r} },
	see:  func(r *optionRig) string { return fmt.Sprint(r.counted.Load()) },
}, {
	field: "Attempts", byDefault: "3", want: "1",
	base: func(r *optionRig, c *client.Config) {
		c.DisableFetch = true
		c.Servers = nil
		for _, host := range []string{"1", "2", "3", "4"} {
			r.serve(host, 8761).interfere(answerAll(503))
			c.Servers = append(c.Servers, url(host))
		}
	},
	set: func(_ *optionRig, c *client.Config) { c.Attempts = 1 },
	see: func(r *optionRig) string {
		_, _ = r.c.API().Applications(r.t.Context())
		return fmt.Sprint(len(r.heard.take()))
	},
}, {
	field: "SessionDuration", see: after(12*time.Hour, asked), byDefault: "a b", want: "a",
	base: bothServers,
	set:  func(_ *optionRig, c *client.Config) { c.SessionDuration = -1 },
}, {
	field: "QuarantineThreshold", byDefault: "0", want: "2", // half of the servers fail: too many to avoid them
	base: func(r *optionRig, c *client.Config) {
		bothServers(r, c)
		c.DisableFetch, c.Attempts = true, 1
		r.a.interfere(answerAll(503))
	},
	set: func(_ *optionRig, c *client.Config) { c.QuarantineThreshold = 1 },
	see: func(r *optionRig) string {
		answered := 0
		for range 3 {
			if _, err := r.c.API().Applications(r.t.Context()); err == nil {
				answered++
			}
		}
		return fmt.Sprint(answered)
	},
}}

func bothServers(_ *optionRig, c *client.Config) { c.Servers = []string{url("a"), url("b")} }

// twoZones puts each server in a zone of its own.
func twoZones(c *client.Config) {
	c.Servers = nil
	c.ServiceURLs = map[string][]string{"za": {url("a")}, "zb": {url("b")}}
	c.AvailabilityZones = map[string][]string{"us-east-1": {"za", "zb"}}
}

// byName finds a server by DNS.
func byName(r *optionRig, c *client.Config) {
	r.serve("192.0.2.1", 8761)
	r.serve("192.0.2.1", 4711)
	r.serve("192.0.2.2", 8761)
	r.names.host = map[string][]string{"eureka.test": {"192.0.2.1"}, "other.test": {"192.0.2.2"}}
	c.DNS = client.DNSConfig{Records: client.DNSHost, Name: "eureka.test", Port: 8761, Resolver: &r.names}
}

// questions counts what DNS is asked.
type questions struct{ r *optionRig }

func (q questions) LookupHost(ctx context.Context, name string) ([]string, error) {
	q.r.counted.Add(1)
	return q.r.names.LookupHost(ctx, name)
}

func (q questions) LookupTXT(ctx context.Context, name string) ([]string, error) {
	return q.r.names.LookupTXT(ctx, name)
}

func (q questions) LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error) {
	return q.r.names.LookupSRV(ctx, service, proto, name)
}
