// Package bench loads a Eureka server and measures what it does: throughput, latency, bytes, and, for a server on the same
// machine, CPU time per operation and resident memory. It speaks the plain protocol, so any Eureka server can be measured.
// Flags, progress and tables are left to the program around it.
package bench

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"heureka.internal/heureka/internal/outbound"
)

// A Mode is what the load consists of.
type Mode string

// The modes.
const (
	Register    Mode = "register"    // new instances, then the same ones again
	Heartbeat   Mode = "heartbeat"   // heartbeats of registered instances
	Full        Mode = "full"        // whole registry, gzip
	Delta       Mode = "delta"       // deltas while instances change
	App         Mode = "app"         // one application at a time
	Churn       Mode = "churn"       // whole registry, gzip, while instances change
	Fleet       Mode = "fleet"       // open loop: clients that heartbeat and poll at their own pace
	Propagation Mode = "propagation" // a change on one server until it shows on another
)

// Modes lists all modes.
var Modes = []Mode{Register, Heartbeat, Full, Delta, App, Churn, Fleet, Propagation}

// Config says what to measure. Zero values stand for the defaults given with each field.
type Config struct {
	URL       string // service URL of the server, "http://127.0.0.1:8761/eureka/"
	To        string // Propagation: the server on which changes are looked for
	Mode      Mode
	Duration  time.Duration           // 10 s, at most 1 h
	Instances int                     // 1000: registered before the measurement begins, in every mode but register
	Workers   int                     // 4: requests under way at once, closed loop
	Changes   float64                 // 20: instances a second that change status, in delta and churn; 5 in fleet
	Clients   int                     // 1000: of a fleet
	Interval  time.Duration           // 30 s: between heartbeats, and between polls, of a fleet's client
	PID       int                     // of the server, if it runs on this machine; 0: CPU time and memory are not measured
	Format    string                  // "json" (default) or "xml"
	Plain     bool                    // what is read is not compressed
	NoPrefill bool                    // the instances are there already
	TLS       *tls.Config             // for https; nil: the system's authorities, and no certificate
	Show      func(http.Header) error // adds a credential to a request, besides that of the URL; nil: none
	Expect    *Body                   // what each answer of a closed loop must be; nil: any with a status of 2xx
	Progress  func(done, total time.Duration, ops int64)
}

// limits of what one run may ask for: a benchmark must stop by itself.
const (
	maxDuration = time.Hour
	maxWorkers  = 1024
)

// complete fills in defaults and reports all mistakes.
func (c Config) complete() (Config, error) {
	if c.Changes == 0 {
		c.Changes = 20
		if c.Mode == Fleet {
			c.Changes = 5
		}
	}
	setDefault(&c.Duration, 10*time.Second)
	setDefault(&c.Instances, 1000)
	setDefault(&c.Workers, 4)
	setDefault(&c.Clients, 1000)
	setDefault(&c.Interval, 30*time.Second)
	setDefault(&c.Format, "json")
	var errs []error
	if !slices.Contains(Modes, c.Mode) {
		errs = append(errs, fmt.Errorf("mode %q is none of %s", c.Mode, joinModes()))
	}
	if c.Duration < 0 || c.Duration > maxDuration {
		errs = append(errs, fmt.Errorf("duration %s: want more than 0 and at most %s", c.Duration, maxDuration))
	}
	if c.Workers < 1 || c.Workers > maxWorkers {
		errs = append(errs, fmt.Errorf("workers %d: want 1 to %d", c.Workers, maxWorkers))
	}
	if c.Instances < 1 || c.Clients < 1 || c.Interval <= 0 || c.Changes < 0 {
		errs = append(errs, errors.New("instances, clients, interval and changes must be positive"))
	}
	if c.Format != "json" && c.Format != "xml" {
		errs = append(errs, fmt.Errorf("format %q: want json or xml", c.Format))
	}
	if c.Mode == Propagation && c.To == "" {
		errs = append(errs, errors.New("propagation needs a second server to look at"))
	}
	for _, u := range []string{c.URL, c.To} {
		if _, err := outbound.ParseURL(u); u != "" && err != nil {
			errs = append(errs, fmt.Errorf("server URL %w", err))
		}
	}
	return c, errors.Join(errs...)
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

func joinModes() string {
	names := make([]string, len(Modes))
	for i, m := range Modes {
		names[i] = string(m)
	}
	return strings.Join(names, ", ")
}

// Run measures once. It prepares the server's registry first if the mode needs it to be filled; that does not count.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	t := newTarget(cfg)
	defer t.close()
	if !cfg.NoPrefill && cfg.Mode != Register && cfg.Mode != Propagation {
		if err := t.fill(ctx, cfg.Instances); err != nil {
			return nil, fmt.Errorf("register %d instances at %s: %w", cfg.Instances, outbound.Hide(cfg.URL), err)
		}
		if cfg.Mode == Delta || cfg.Mode == Fleet {
			t.settle(ctx)
		}
	}
	return t.measure(ctx)
}

// Local reports whether every address of the URL's host is on this machine's loopback interface: the only target that
// may be loaded without being asked about.
func Local(rawURL string) bool {
	u, err := outbound.ParseURL(rawURL)
	if err != nil {
		return false
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil {
		return ip.IsLoopback()
	}
	return u.Hostname() == "localhost"
}
