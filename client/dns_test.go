package client_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka/client"
)

// names is a Resolver out of maps.
type names struct {
	mu   sync.Mutex
	txt  map[string][]string
	host map[string][]string
	srv  map[string][]*net.SRV
}

var errNXDomain = errors.New("no such host")

func (n *names) LookupTXT(_ context.Context, name string) ([]string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if v, ok := n.txt[name]; ok {
		return v, nil
	}
	return nil, errNXDomain
}

func (n *names) LookupHost(_ context.Context, name string) ([]string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if v, ok := n.host[name]; ok {
		return v, nil
	}
	return nil, errNXDomain
}

func (n *names) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if v, ok := n.srv[name]; ok && service == "" && proto == "" {
		return name, v, nil
	}
	return "", nil, errNXDomain
}

// setHost replaces the addresses of a name.
func (n *names) setHost(name string, addrs ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.host = map[string][]string{}
	if len(addrs) > 0 {
		n.host[name] = addrs
	}
}

func TestServersByDNS(t *testing.T) {
	txt := map[string][]string{
		"txt.eu.example.com":       {"eu-a.example.com", "txt.eu-b.example.com"},
		"txt.eu-a.example.com":     {`"s1.example.com s2.example.com"`},
		"txt.eu-b.example.com":     {"s3.example.com s2.example.com", "s3.example.com"},
		"txt.empty.example.com":    {" "},
		"txt.dangling.example.com": {"nowhere.example.com"},
	}
	tests := []struct {
		name string
		cfg  client.Config
		want []string // sorted
		head string   // first in order
	}{
		{"C-DN-1 TXT", client.Config{DNS: client.DNSConfig{Records: client.DNSTXT, Name: "example.com", Port: 80, Path: "/eureka/v2"}, Region: "eu", Zone: "eu-b"},
			[]string{"http://s1.example.com:80/eureka/v2/", "http://s2.example.com:80/eureka/v2/", "http://s3.example.com:80/eureka/v2/"}, "http://s3"},
		{"C-DN-5 no names", client.Config{DNS: client.DNSConfig{Records: client.DNSTXT, Name: "example.com", Port: 80}, Region: "empty"}, nil, ""},
		{"C-DN-5 zone without record", client.Config{DNS: client.DNSConfig{Records: client.DNSTXT, Name: "example.com", Port: 80}, Region: "dangling"}, nil, ""},
		{"addresses", client.Config{DNS: client.DNSConfig{Records: client.DNSHost, Name: "eureka.svc", Port: 8761, Secure: true}},
			[]string{"https://192.0.2.1:8761/eureka/", "https://[2001:db8::1]:8761/eureka/"}, ""},
		{"no addresses", client.Config{DNS: client.DNSConfig{Records: client.DNSHost, Name: "nowhere", Port: 8761}}, nil, ""},
		{"SRV", client.Config{DNS: client.DNSConfig{Records: client.DNSSRV, Name: "_eureka._tcp.example.com", Path: "/"}},
			[]string{"http://backup:1/", "http://main:2/"}, "http://main"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				tt.cfg.DisableFetch = true
				tt.cfg.DNS.Resolver = &names{
					txt:  txt,
					host: map[string][]string{"eureka.svc": {"192.0.2.1", "2001:db8::1", "192.0.2.1"}},
					srv: map[string][]*net.SRV{"_eureka._tcp.example.com": {
						{Target: "backup.", Port: 1, Priority: 20}, {Target: "main.", Port: 2, Priority: 10},
					}},
				}
				c := w.client(tt.cfg)
				// Before Run, and without it, a call asks DNS itself: nobody answers at what that names.
				if _, err := c.API().Applications(t.Context()); err == nil || errors.Is(err, client.ErrNoServers) == (tt.want != nil) {
					t.Errorf("before Run: %v", err)
				}
				w.run(c)
				synctest.Wait()
				got := c.Stats().Servers
				if tt.head != "" && !strings.HasPrefix(got[0], tt.head) && len(got) == 2 {
					t.Errorf("order %v", got)
				}
				slices.Sort(got)
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("servers (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestDNSIsAskedAgain is C-SL-1, C-SL-3 and C-ST-8: soon while it has never answered, then every five minutes; what is
// known stays when it fails.
func TestDNSIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.server("s1").put(inst("a", "1", up))
		w.server("s2").put(inst("a", "1", up))
		dns := new(names)
		var infos journal[client.ServersInfo]
		cfg := client.Config{DNS: client.DNSConfig{Records: client.DNSHost, Name: "eureka", Port: 8761, Resolver: dns}}
		cfg.Hooks.Servers = infos.add
		c := w.client(cfg)
		w.run(c)
		sleep(10 * time.Second)
		if got := infos.take(); len(got) != 4 || got[3].Err == nil { // at 0, 1, 3, 7 s
			t.Errorf("lookups %v", got)
		}
		dns.setHost("eureka", "s1")
		if err := c.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // what made the client ready may still be telling the hook
		infos.take()
		dns.setHost("eureka")
		sleep(5*time.Minute + time.Second)
		if got := infos.take(); len(got) != 1 || got[0].Err == nil || !slices.Equal(got[0].Servers, []string{url("s1")}) {
			t.Errorf("lookups %+v", got)
		}
		dns.setHost("eureka", "s2")
		sleep(5 * time.Minute)
		if got := c.Stats(); !slices.Equal(got.Servers, []string{url("s2")}) || got.QueryServer != url("s1") {
			t.Errorf("servers %v, current %s: a list does not move a session (C-SL-2)", got.Servers, got.QueryServer)
		}
		sleep(30 * time.Minute)
		if got := c.Stats(); got.QueryServer != url("s2") || got.FetchFailures > 6 {
			t.Errorf("stats %+v", got)
		}
	})
}

func TestEnforceWithoutDNS(t *testing.T) { // C-ST-8
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.client(client.Config{DNS: client.DNSConfig{Records: client.DNSHost, Name: "eureka", Port: 8761, Resolver: new(names)}, EnforceFetch: true})
		if err := c.Run(t.Context()); !errors.Is(err, errNXDomain) {
			t.Errorf("Run = %v", err)
		}
		if err := c.Run(t.Context()); !errors.Is(err, client.ErrStopped) {
			t.Errorf("second Run = %v", err)
		}
	})
}
