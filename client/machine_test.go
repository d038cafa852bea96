package client_test

import (
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka/client"
)

// TestAddressFollowsTheMachine is C-MD-14: what the program has not set is looked up again in every round, after 40 s and
// then every 30 s; the key stays, and so does what is known while the machine has no network.
func TestAddressFollowsTheMachine(t *testing.T) {
	type place struct{ host, ip string }
	tests := []struct {
		name  string
		given place
		want  []string // host, address and home page after each round
	}{
		{"found", place{}, []string{"m1 10.0.0.1 http://m1:80/", "m1 10.0.0.1 http://m1:80/", "m2 10.0.0.2 http://m2:80/"}},
		{"address found", place{"h", ""}, []string{"h 10.0.0.1 http://h:80/", "h 10.0.0.1 http://h:80/", "h 10.0.0.2 http://h:80/"}},
		{"given", place{"h", "192.0.2.1"}, []string{"h 192.0.2.1 http://h:80/", "h 192.0.2.1 http://h:80/", "h 192.0.2.1 http://h:80/"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				eureka := w.server("eureka")
				c := w.client(noFetch("eureka"))
				var now atomic.Pointer[place]
				now.Store(&place{"m1", "10.0.0.1"})
				client.MoveForTest(c, func() (string, string) { p := now.Load(); return p.host, p.ip })
				reg, err := c.Register(client.InstanceConfig{App: "orders", HostName: tt.given.host, IPAddr: tt.given.ip, Port: 80})
				if err != nil {
					t.Fatal(err)
				}
				key := reg.Instance().Key()
				w.run(c)
				var got []string
				for _, next := range []place{{"m1", "10.0.0.1"}, {"m2", "127.0.0.1"}, {"m2", "10.0.0.2"}} {
					now.Store(&next)
					sleep(41 * time.Second)
					in := eureka.get(key)
					got = append(got, fmt.Sprint(in.HostName, " ", in.IPAddr, " ", in.HomePageURL))
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("registered (-want +got):\n%s", diff)
				}
				if n := len(eureka.records); n != 1 {
					t.Errorf("%d instances registered", n)
				}
			})
		})
	}
}

// What the registry is reached from is the address, except on this machine, where it would be 127.0.0.1; a choice of
// networks goes before it, and while the way cannot be told the address stays.
func TestAddressIsThatOfTheRoute(t *testing.T) {
	address := func(server string, ic client.InstanceConfig) string {
		c, err := client.New(client.Config{Servers: []string{server}})
		if err != nil {
			t.Fatal(err)
		}
		ic.App, ic.Port = "orders", 80
		reg, err := c.Register(ic)
		if err != nil {
			t.Fatal(err)
		}
		return reg.Instance().IPAddr
	}
	first := address("http://127.0.0.1:8761/", client.InstanceConfig{})
	if ip := net.ParseIP(first); ip == nil {
		t.Errorf("the address is %q", first)
	}
	conn, err := net.Dial("udp", "192.0.2.1:9")
	if err != nil {
		t.Skip("no route to the outside: ", err)
	}
	defer conn.Close()
	way := conn.LocalAddr().(*net.UDPAddr).IP.String()
	if got := address("http://192.0.2.1:8761/eureka/", client.InstanceConfig{}); got != way {
		t.Errorf("the address is %q, want that of the route, %q", got, way)
	}
	given := client.InstanceConfig{IPAddr: "203.0.113.1"}
	if got := address("http://192.0.2.1:8761/eureka/", given); got != given.IPAddr {
		t.Errorf("the address is %q, want the given one", got)
	}
	none := client.InstanceConfig{Network: client.Network{Preferred: []string{"203.0.113.0/24"}}}
	if got := address("http://192.0.2.1:8761/eureka/", none); got != way {
		t.Errorf("with networks that are not there: %q, want %q", got, way)
	}
}

func TestNetworkOfSettings(t *testing.T) {
	s, err := client.ParseConfig(map[string]any{
		"spring.cloud.inetutils.preferred-networks[0]": "10.0.0.0/8", "spring.cloud.inetutils.preferred-networks[1]": "192.168.",
		"spring.cloud.inetutils.ignoredInterfaces": "docker0,veth.*", "spring.cloud.inetutils.use-only-site-local-interfaces": "true",
		"spring.cloud.inetutils.default-hostname": "nameless",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := client.Network{Preferred: []string{"10.0.0.0/8", "192.168."}, Ignored: []string{"docker0", "veth.*"}, SiteLocal: true}
	if diff := cmp.Diff(want, s.Instance.Network); diff != "" || s.Instance.DefaultHostName != "nameless" {
		t.Errorf("network (-want +got):\n%s\nhost %q", diff, s.Instance.DefaultHostName)
	}
	c, err := client.New(client.Config{})
	if err != nil {
		t.Fatal(err)
	}
	bad := client.InstanceConfig{App: "a", Port: 1, Network: client.Network{Ignored: []string{"("}}}
	if _, err := c.Register(bad); err == nil {
		t.Error("a pattern that is none is no error")
	}
}
