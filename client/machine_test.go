package client_test

import (
	"fmt"
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
