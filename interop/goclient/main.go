// Command goclient is a small service registered by hudl/fargo, driven over HTTP
// by the interop tests. It is a module of its own: fargo's old dependencies are
// nobody else's.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/hudl/fargo"
)

type service struct {
	eureka fargo.EurekaConnection
	self   fargo.Instance
}

func main() {
	server := flag.String("server", "", "URL of the registry, without a slash at the end")
	app := flag.String("app", "", "application name")
	port := flag.Int("port", 0, "port to serve on")
	lease := flag.Int("lease", 0, "lease duration in seconds")
	useJSON := flag.Bool("json", false, "speak JSON instead of XML")
	flag.Parse()

	s := &service{eureka: fargo.NewConn(*server), self: record(*app, *port, *lease)}
	s.eureka.UseJson = *useJSON
	if err := s.run(fmt.Sprintf("127.0.0.1:%d", *port)); err != nil {
		log.Fatal(err)
	}
}

func record(app string, port, lease int) fargo.Instance {
	in := fargo.Instance{
		InstanceId: fmt.Sprintf("127.0.0.1:%s:%d", app, port),
		HostName:   "127.0.0.1", IPAddr: "127.0.0.1",
		App: app, VipAddress: app, Status: fargo.UP,
		Port: port, PortEnabled: true, SecurePort: 443,
		DataCenterInfo: fargo.DataCenterInfo{Name: fargo.MyOwn},
		LeaseInfo:      fargo.LeaseInfo{RenewalIntervalInSecs: 1, DurationInSecs: int32(lease)},
	}
	in.SetMetadataString("fixture", "go")
	return in
}

// run serves and stays registered until SIGTERM.
func (s *service) run(addr string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() { log.Fatal(http.ListenAndServe(addr, s.endpoints())) }()
	if err := s.eureka.RegisterInstance(&s.self); err != nil {
		return fmt.Errorf("register: %w", err)
	}
	// fargo sends no heartbeats by itself.
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return s.eureka.DeregisterInstance(&s.self)
		case <-tick.C:
			if err := s.eureka.HeartBeatInstance(&s.self); err != nil {
				fmt.Fprintln(os.Stderr, "heartbeat:", err)
			}
		}
	}
}

func (s *service) endpoints() http.Handler {
	mux := http.NewServeMux()
	handle := func(path string, answer func(query url.Values) (any, error)) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			reply(w, func() (any, error) { return answer(r.URL.Query()) })
		})
	}
	handle("/hello", func(url.Values) (any, error) { return s.self.InstanceId, nil })
	handle("/instances", func(q url.Values) (any, error) { return s.instances(q.Get("app")) })
	handle("/call", func(q url.Values) (any, error) { return s.call(q.Get("app"), q.Get("path")) })
	handle("/status", func(q url.Values) (any, error) {
		value := q.Get("value")
		return value, s.eureka.UpdateInstanceStatus(&s.self, fargo.StatusType(value))
	})
	handle("/metadata", func(q url.Values) (any, error) {
		return q.Get("key"), s.eureka.AddMetadataString(&s.self, q.Get("key"), q.Get("value"))
	})
	handle("/stats", func(url.Values) (any, error) { return map[string]string{"version": version()}, nil })
	return mux
}

func reply(w http.ResponseWriter, answer func() (any, error)) {
	value, err := answer()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if text, ok := value.(string); ok {
		io.WriteString(w, text)
		return
	}
	json.NewEncoder(w).Encode(value)
}

// instances returns what is up of an application, by a fresh question.
func (s *service) instances(app string) ([]map[string]any, error) {
	list := []map[string]any{}
	found, err := s.eureka.GetApp(app)
	if err != nil {
		return list, err
	}
	if err := found.ParseAllMetadata(); err != nil {
		return nil, err
	}
	for _, in := range found.Instances {
		if in.Status == fargo.UP {
			list = append(list, map[string]any{
				"id": in.InstanceId, "host": in.HostName, "port": in.Port, "metadata": in.Metadata.GetMap(),
			})
		}
	}
	return list, nil
}

func (s *service) call(app, path string) (string, error) {
	found, err := s.eureka.GetApp(app)
	if err != nil {
		return "", err
	}
	for _, in := range found.Instances {
		resp, err := http.Get(fmt.Sprintf("http://%s:%d%s", in.HostName, in.Port, path))
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return string(body), err
	}
	return "", errors.New("no instance of " + app)
}

func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, dep := range info.Deps {
		if dep.Path == "github.com/hudl/fargo" {
			return dep.Version
		}
	}
	return "unknown"
}
