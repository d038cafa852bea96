package server_test

import (
	"net/http/httptest"
	"testing"

	"heureka.internal/heureka/server"
)

// A page whose name leads to this node must not read or change its registry through a browser; clients may use any name.
func TestBrowsersAskUnderKnownNames(t *testing.T) {
	srv, err := server.New(server.Config{
		HostName: "registry.example.org", AllowedHosts: []string{"Eureka.Example.COM"},
		ServiceURLs: map[string][]string{"defaultZone": {"http://peer-2.example.org:8761/eureka/"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	browsers := [][2]string{
		{"Origin", "http://evil.example.net"}, {"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Mode", "cors"},
		{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101"},
	}
	for host, allowed := range map[string]bool{
		"evil.example.net": false, "evil.example.net:8761": false, "registry.example.org.evil.net": false, "": false, "127.0.0.1.evil.net": false,
		"registry.example.org": true, "REGISTRY.example.org.:8761": true, "peer-2.example.org": true, "eureka.example.com:80": true,
		"127.0.0.1:8761": true, "[::1]:8761": true, "::1": true, "localhost:8761": true, "eureka.localhost": true,
	} {
		for _, method := range []string{"GET", "DELETE"} {
			for _, path := range []string{"/eureka/apps/A/1", "/", "/actuator/health/liveness"} {
				for _, b := range browsers {
					r := httptest.NewRequest(method, path, nil)
					r.Host = host
					r.Header.Set(b[0], b[1])
					w := httptest.NewRecorder()
					if srv.Handler().ServeHTTP(w, r); (w.Code != 403) != allowed {
						t.Errorf("%s %s of %q with %s: %d %s", method, path, host, b[0], w.Code, w.Header().Get("X-Heureka-Reason"))
					}
				}
				r := httptest.NewRequest(method, path, nil)
				r.Host = host
				r.Header.Set("User-Agent", "Java-EurekaClient/v1.10.17")
				w := httptest.NewRecorder()
				if srv.Handler().ServeHTTP(w, r); w.Code == 403 {
					t.Errorf("%s %s of %q by a client: 403", method, path, host)
				}
			}
		}
	}
}
