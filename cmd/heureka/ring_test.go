package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/server"
)

// From one node, --ring finds the peers of its peers, and compares all registries with the first. Credentials stay with the server
// they were given for.
func TestRing(t *testing.T) {
	var leaked atomic.Bool
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			leaked.Store(true)
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	defer stranger.Close()
	node := func(peer string) string {
		return heurekatest.NewServer(t, func(cfg *server.Config) {
			cfg.ServiceURLs = map[string][]string{"defaultZone": {peer}}
			cfg.WaitTimeWhenSyncEmpty, cfg.SyncRetries, cfg.RegisterWithEureka = -1, -1, new(bool)
		}).URL
	}
	c := node(stranger.URL + "/eureka/")
	b := node(c)
	a := node(b)
	call := func(args ...string) (int, string, string) {
		var stdout, stderr bytes.Buffer
		status := run(args, strings.NewReader(""), &stdout, &stderr)
		return status, stdout.String(), stderr.String()
	}
	withPassword := strings.Replace(a, "http://", "http://user:secret@", 1)
	eventually(t, "all nodes have looked up their peers", func() bool {
		_, out, _ := call("health", "--ring", "--server", a, "-o", "name")
		return strings.Count(out, "\n") == 4
	})
	status, out, _ := call("health", "--ring", "--server", withPassword, "-o", "name")
	want := a + "\n" + b + "\n" + c + "\n" + stranger.URL + "/eureka/\n"
	if status != 1 || out != want {
		t.Errorf("health --ring = %d\n%swant 1\n%s", status, out, want)
	}
	if leaked.Load() {
		t.Error("a host that a server named got credentials")
	}
	// c sends what it learns to its peer only, which is nobody. Should b ask c before diff does, another instance comes.
	var id int
	eventually(t, "diff --ring shows c's instance and no difference to b", func() bool {
		id++
		if status, _, problems := call("register", "--server", c, "--app", "orders", "--id", fmt.Sprint("x-", id), "--port", "1"); status != 0 {
			t.Fatal(problems)
		}
		status, out, _ = call("diff", "--ring", "--server", a, "-o", "json")
		var all []comparison
		if err := json.Unmarshal([]byte(out), &all); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if len(all) != 2 || all[0].Second != b || all[1].Second != c {
			t.Fatalf("diff --ring = %d %+v, want comparisons with %s and %s", status, all, b, c)
		}
		return status == 1 && len(all[0].Differences) == 0 && len(all[1].Differences) > 0
	})
}

// A server may name others without end.
func TestRingIsBounded(t *testing.T) {
	var n atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var urls []string
		for range 10 {
			urls = append(urls, fmt.Sprintf("http://%s/%d/", r.Host, n.Add(1)))
		}
		fmt.Fprintf(w, "<x><applicationStats><registered-replicas>%s</registered-replicas></applicationStats></x>", strings.Join(urls, ","))
	}))
	defer srv.Close()
	r := &remote{program: &program{}, servers: []string{srv.URL}, timeout: patience}
	r.wholeRing(t.Context())
	if len(r.servers) != mostNodes {
		t.Errorf("%d servers, want %d", len(r.servers), mostNodes)
	}
}
