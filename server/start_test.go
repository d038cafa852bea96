package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/replication"
)

// A fakeDNS knows one name, once it works.
type fakeDNS struct{ works atomic.Bool }

func (d *fakeDNS) LookupHost(context.Context, string) ([]string, error) {
	if !d.works.Load() {
		return nil, errors.New("no such host")
	}
	return []string{"10.0.0.1"}, nil
}

func (d *fakeDNS) LookupSRV(context.Context, string, string, string) (string, []*net.SRV, error) {
	return "", nil, errors.New("no such service")
}

func (d *fakeDNS) LookupTXT(context.Context, string) ([]string, error) {
	return nil, errors.New("no such text")
}

type deaf struct{}

func (deaf) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("nobody is there")
}

// A peer whose name does not exist cannot have a registry: the node opens when nobody has come for a lease.
func TestPeersWithoutNamesAreNotWaitedFor(t *testing.T) {
	for name, url := range map[string]string{"in a URL": "http://eureka-1:8761/eureka/", "of a service": "dns+http://eureka:8761/eureka/"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				urls := map[string][]string{"defaultZone": {url}}
				s, err := New(Config{ServiceURLs: urls, Port: 8761, Transport: nowhere{}})
				if err != nil {
					t.Fatal(err)
				}
				zones, err := replication.NewZones(replication.ZonesConfig{Region: "us-east-1", ServiceURLs: urls, DNS: nowhere{}})
				if err != nil {
					t.Fatal(err)
				}
				s.resolver.zones.Store(zones)
				ctx, stop := context.WithCancel(t.Context())
				go s.Run(ctx)
				defer synctest.Wait()
				defer stop()
				began := time.Now()
				for ph, why, _ := s.Phase(); ph != Open; ph, why, _ = s.Phase() {
					if time.Since(began) > 2*time.Minute {
						t.Fatalf("after two minutes the node is %s: %s", ph, why)
					}
					time.Sleep(time.Second)
				}
				if took := time.Since(began); took < time.Minute {
					t.Errorf("open after %v, though clients may still come", took)
				}
			})
		})
	}
}

// Nowhere is where no name exists.
type nowhere struct{ *fakeDNS }

var errNoSuchName = &net.DNSError{Err: "no such host", IsNotFound: true}

func (nowhere) LookupHost(context.Context, string) ([]string, error) { return nil, errNoSuchName }

func (nowhere) RoundTrip(*http.Request) (*http.Response, error) { return nil, errNoSuchName }

// A node that cannot find its peers does not take itself for the only one.
func TestPeersThatAreNotFoundAreWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		urls := map[string][]string{"defaultZone": {"dns+http://headless:8761/eureka/"}}
		s, err := New(Config{ServiceURLs: urls, Port: 8761, Instance: &heureka.Instance{IPAddr: "10.0.0.1"}, Transport: deaf{}})
		if err != nil {
			t.Fatal(err)
		}
		dns := new(fakeDNS)
		zones, err := replication.NewZones(replication.ZonesConfig{Region: "us-east-1", ServiceURLs: urls, DNS: dns})
		if err != nil {
			t.Fatal(err)
		}
		s.resolver.zones.Store(zones)
		ctx, stop := context.WithCancel(t.Context())
		go s.Run(ctx)
		defer synctest.Wait()
		defer stop()
		time.Sleep(time.Minute)
		if ph, why, _ := s.Phase(); ph != Waiting || !strings.Contains(why, "no peer has been found") || !strings.Contains(why, "no such host") {
			t.Errorf("while no peer can be found the node is %s: %s", ph, why)
		}
		if h := s.health(); h.Readiness != httpapi.HealthOutOfService || !strings.Contains(fmt.Sprint(h.Components["registry"].Details["why"]), "no such host") {
			t.Errorf("health: %s, %+v", h.Readiness, h.Components["registry"])
		}
		dns.works.Store(true)
		time.Sleep(2*replication.RetryWhileWaiting + time.Second)
		if ph, why, _ := s.Phase(); ph != Open || !strings.Contains(why, "this node itself") {
			t.Errorf("once the only peer is found the node is %s: %s", ph, why)
		}
	})
}

// A browser may ask under the name of a peer that the node was told of while it runs.
func TestBrowsersAskUnderTheNamesOfPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		urls := func(host string) map[string][]string {
			return map[string][]string{"defaultZone": {"http://" + host + ":8761/eureka/"}}
		}
		s, err := New(Config{ServiceURLs: urls("first.example.org"), Port: 8761, Instance: &heureka.Instance{IPAddr: "10.0.0.1"}, Transport: deaf{}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		go s.Run(ctx)
		defer synctest.Wait()
		defer stop()
		ask := func() int {
			r := httptest.NewRequest("GET", "http://Second.example.org:8761/actuator/health/liveness", nil)
			r.Header.Set("Sec-Fetch-Site", "none")
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			return w.Code
		}
		synctest.Wait()
		if code := ask(); code != http.StatusForbidden {
			t.Errorf("under the name of nobody: %d, want 403", code)
		}
		if err := s.SetServiceURLs(urls("second.example.org")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if code := ask(); code != http.StatusOK {
			t.Errorf("under the name of a peer: %d, want 200", code)
		}
	})
}
