package client_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	neturl "net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

// An option is a field of client.Config and an effect by which it shows that the field has arrived.
type option struct {
	field     string                               // the fields of a struct by "Outer.Inner"
	base      func(r *optionRig, c *client.Config) // what both runs have; nil: nothing
	set       func(r *optionRig, c *client.Config)
	see       func(r *optionRig) string
	byDefault string // what is seen without set
	want      string // what is seen with it
}

var options = slices.Concat(serverOptions, fetchOptions, instanceOptions, transportOptions, programOptions)

// Every option has an effect that is seen from outside: by the servers, or by the program and when things happen.
func TestOptionsHaveTheirEffect(t *testing.T) {
	for _, o := range options {
		t.Run(o.field, func(t *testing.T) {
			if got := o.run(t, false); got != o.byDefault {
				t.Errorf("by default: %q, want %q", got, o.byDefault)
			}
			if got := o.run(t, true); got != o.want {
				t.Errorf("with the option set: %q, want %q", got, o.want)
			}
		})
	}
}

func (o *option) run(t *testing.T, set bool) (seen string) {
	synctest.Test(t, func(t *testing.T) {
		r := newOptionRig(t)
		cfg := r.config()
		if o.base != nil {
			o.base(r, &cfg)
		}
		if set {
			o.set(r, &cfg)
		}
		if err := r.start(cfg); err != nil {
			seen = "no client"
			t.Log(err)
			return
		}
		seen = o.see(r)
	})
	return seen
}

// Whoever adds a field adds the row that shows its effect.
func TestEveryOptionHasARow(t *testing.T) {
	rows := map[string]bool{}
	for _, o := range options {
		if o.byDefault == o.want {
			t.Errorf("the row of %s shows no difference", o.field)
		}
		rows[o.field] = true
	}
	for f := range reflect.TypeFor[client.Config]().Fields() {
		names := []string{f.Name}
		if f.Type.Kind() == reflect.Struct && !rows[f.Name] { // then each part has one
			names = nil
			for part := range f.Type.Fields() {
				names = append(names, f.Name+"."+part.Name)
			}
		}
		for _, name := range names {
			if !rows[name] {
				t.Errorf("client.Config.%s has no row in options: set it to something else than its default and look what changes", name)
			}
		}
	}
}

// An optionRig is one client on host "app", with the servers "a" and "b", which know ORDERS/a and ORDERS/b.
type optionRig struct {
	*world
	a, b *fake
	c    *client.Client
	stop func() error // ends the client, if it has not ended by itself

	own     []client.InstanceConfig // registered before the client runs
	heard   journal[*http.Request]  // what the servers were asked
	log     safeBuffer              // of the client, if a row makes it log there
	names   names                   // what DNS knows
	counted atomic.Int64
	dir     string          // of files
	pair    tls.Certificate // of the server that speaks TLS, if a row has one
	ended   chan struct{}   // closed when Run has returned
}

func newOptionRig(t *testing.T) *optionRig {
	r := &optionRig{world: newWorld(t), ended: make(chan struct{}), dir: t.TempDir(), stop: func() error { return nil }}
	r.a, r.b = r.serve("a", 8761), r.serve("b", 8761)
	return r
}

// serve starts a server that notes what it is asked.
func (r *optionRig) serve(host string, port int) *fake {
	f := &fake{host: host, records: make(map[heureka.Key]*heureka.Instance)}
	f.put(inst("orders", host, up))
	r.listen(host, port, r.heardBefore(f))
	return f
}

func (r *optionRig) heardBefore(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.heard.add(req.Clone(context.Background()))
		h.ServeHTTP(w, req)
	})
}

// config is what the client has in every row: times are counted exactly, and chance is always the same.
func (r *optionRig) config() client.Config {
	return client.Config{
		Servers: []string{url("a")}, Jitter: -1, Rand: rand.NewPCG(1, 2), HTTP: client.HTTPConfig{Proxy: noProxy},
		Logger: slog.New(slog.NewTextHandler(r.t.Output(), nil)),
	}
}

func noProxy(*http.Request) (*neturl.URL, error) { return nil, nil }

// start makes the client and runs it for a second.
func (r *optionRig) start(cfg client.Config) error {
	r.t.Helper()
	var err error
	if r.c, err = client.New(cfg); err != nil {
		return err
	}
	client.DialForTest(r.c, r.net.Host("app").DialContext)
	for _, ic := range r.own {
		r.register(ic)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(r.ended)
		err = r.c.Run(ctx)
	}()
	r.stop = func() error {
		cancel()
		<-r.ended
		return err
	}
	r.t.Cleanup(func() { _ = r.stop() })
	sleep(time.Second)
	return nil
}

func (r *optionRig) register(ic client.InstanceConfig) *client.Registration {
	r.t.Helper()
	reg, err := r.c.Register(ic)
	if err != nil {
		r.t.Fatal(err)
	}
	return reg
}

// stillRuns tells whether Run goes on.
func (r *optionRig) stillRuns() string {
	select {
	case <-r.ended:
		return "ended"
	default:
		return "runs"
	}
}

// known tells how many instances of ORDERS a lookup finds.
func (r *optionRig) known() string { return fmt.Sprint(len(r.c.Instances(client.App("orders")))) }

// first returns the first request to a server.
func (r *optionRig) first() *http.Request {
	heard := r.heard.take()
	if len(heard) == 0 {
		r.t.Fatal("no server was asked")
	}
	return heard[0]
}

func (r *optionRig) file(name string) string { return filepath.Join(r.dir, name) }

// ownKey is of the instance that rows register.
var ownKey = heureka.Key{App: "ORDERS", ID: "h1:orders:8080"}

// asked returns the servers that were asked, in the order of the first time.
func (r *optionRig) asked() string {
	var hosts []string
	for _, req := range r.heard.take() {
		if host, _, _ := net.SplitHostPort(req.Host); !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return strings.Join(hosts, " ")
}

// count counts the requests of a method whose URI ends so.
func (r *optionRig) count(method, end string) string {
	n := 0
	for _, req := range r.heard.take() {
		if req.Method == method && strings.HasSuffix(req.RequestURI, end) {
			n++
		}
	}
	return fmt.Sprint(n)
}

// after returns a way to see what there is after some time.
func after(d time.Duration, see func(*optionRig) string) func(*optionRig) string {
	return func(r *optionRig) string {
		sleep(d)
		return see(r)
	}
}

func asked(r *optionRig) string     { return r.asked() }
func known(r *optionRig) string     { return r.known() }
func stillRuns(r *optionRig) string { return r.stillRuns() }

// counted counts requests of a method whose URI ends so.
func counted(method, end string) func(*optionRig) string {
	return func(r *optionRig) string { return r.count(method, end) }
}

// over tells whether there are more than so many.
func over(n int, see func(*optionRig) string) func(*optionRig) string {
	return func(r *optionRig) string {
		got, err := strconv.Atoi(see(r))
		if err != nil {
			r.t.Fatal(err)
		}
		return fmt.Sprint(got > n)
	}
}

// took tells how long something takes.
func took(f func()) string {
	begun := time.Now()
	f()
	return time.Since(begun).Round(time.Second).String()
}
