package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"heureka.internal/heureka/internal/discover"
	"heureka.internal/heureka/internal/remote"
)

// Config sets up a Client. Its zero value asks a server at http://localhost:8761/eureka/ with the timing of the Java
// client. New copies it and fills the defaults in; its maps and slices must not be changed afterwards. What is on by
// default has a negative switch, and a duration or number of zero stands for its default.
type Config struct {
	// Servers are the base URLs of the registry's servers, such as "http://user:password@host:8761/eureka/"; Netflix
	// servers end in "/eureka/v2/". Credentials become basic authentication for that server alone. Servers is short for
	// ServiceURLs["defaultZone"] and goes before it. If neither is set: http://localhost:8761/eureka/.
	Servers []string
	// ServiceURLs are the base URLs by zone (C-ZN-3). Zones without an entry have those of "defaultZone" or "default".
	ServiceURLs map[string][]string
	// Region is the own region ("us-east-1"), AvailabilityZones the zones of each region, the own one first. Only zones
	// of the own region count; without any there is one, "defaultZone".
	Region            string
	AvailabilityZones map[string][]string
	// Zone is the own zone, whose servers go first (C-ZN-2). Default: the first availability zone of the region.
	Zone string
	// IgnoreZone mixes the servers of all zones (prefer-same-zone-eureka: false). Unlike in Java it works (C-ZN-6).
	IgnoreZone bool

	// DNS finds the servers by DNS instead of ServiceURLs.
	DNS DNSConfig
	// ServerPollInterval is how often DNS is asked again, and a list that does not change is put into another order: 5 min.
	ServerPollInterval time.Duration

	// DisableFetch keeps no registry: all lookups find nothing (fetch-registry: false).
	DisableFetch bool
	// EnforceFetch makes Run fail if neither a server nor Backup has a registry at start-up.
	EnforceFetch bool
	// FetchInterval is the pause between two refreshes: 30 s. A refresh may take as long, one of the whole registry
	// 2 min; if it is cut off the pause doubles, up to FetchInterval times FetchBackoffBound (10).
	FetchInterval     time.Duration
	FetchBackoffBound int
	// Jitter is by what part, at most, the pauses between fetches, heartbeats and tries are shortened, each time anew, so
	// that programs that start together do not ask together: 0.1. Negative: not at all.
	Jitter float64
	// DisableDelta fetches the whole registry every time.
	DisableDelta bool
	// DisableWatch does not let heureka servers tell of changes as they happen, which a refresh then follows at once. Refreshes
	// every FetchInterval go on beside it. It takes a connection, so it is off where MaxConnsPerHost is 1.
	DisableWatch bool
	// DeltaRetention is how long the servers keep changes for their deltas: 180 s. A delta is applied only if the last
	// refresh is less than half of it ago, because a change that was missed shows in no hash; otherwise the whole registry
	// is fetched. heureka servers say it themselves.
	DeltaRetention time.Duration
	// FullFetchInterval is about how often the whole registry is fetched where deltas would do, as a net: 30 min, each
	// time half to one and a half of it. Negative: never.
	FullFetchInterval time.Duration
	// OnlyVIP restricts the registry to one VIP address; it is then always fetched as a whole (C-VP-7).
	OnlyVIP string
	// RemoteRegions asks the server to include these regions. Lookups return them only on request: Service.Region.
	RemoteRegions []string
	// IncludeAllStatuses makes lookups return instances that are not UP too (filter-only-up-instances: false).
	IncludeAllStatuses bool
	// LogDeltaDiff logs what differs when a delta does not lead to the server's registry. Unlike in Java it causes no
	// extra fetch (C-RF-8).
	LogDeltaDiff bool
	// Compact asks for reduced instances: no lease, metadata or URLs (C-VP-8).
	Compact bool
	// Backup is asked for a registry if the first fetch fails (C-BK-1), and is given what was fetched.
	Backup Backup

	// DisableRegistration makes registrations local: nothing is sent for them (register-with-eureka: false).
	DisableRegistration bool
	// EnforceRegistration makes Run fail if an instance registered before Run cannot be registered at start-up.
	EnforceRegistration bool
	// KeepRegistered leaves instances registered when the client ends: their leases run out on the server
	// (should-unregister-on-shutdown: false).
	KeepRegistered bool
	// DisableOnDemandUpdates lets changes of an instance wait for the next round of ReplicationInterval or heartbeat.
	DisableOnDemandUpdates bool
	// ReplicationInterval is how often health is checked and changes are sent that were not yet: 30 s, the first time
	// after InitialReplicationDelay (40 s). Changes are sent at once, but no more than two in a burst and then two every
	// ReplicationInterval; more wait (C-IR-6, C-IR-9).
	ReplicationInterval     time.Duration
	InitialReplicationDelay time.Duration
	// HeartbeatBackoffBound limits how much the pause between heartbeats grows when they are cut off: 10 times. While the
	// lease lasts it is at most a third of what is left of that, whatever a server asks for.
	HeartbeatBackoffBound int
	// ShutdownTimeout limits what a client does after its context has ended: 5 s.
	ShutdownTimeout time.Duration

	// Attempts is how many servers one call tries: 3.
	Attempts int
	// SessionDuration is about how long a server is kept; then the next call chooses anew, so that load spreads to
	// servers that came later. Each session lasts half to one and a half of it: 20 min. Negative: for ever.
	SessionDuration time.Duration
	// QuarantineThreshold is the part of the servers that may be in quarantine before all get another chance: 0.66.
	QuarantineThreshold float64

	// Transport does the exchanges with the servers. Nil: an http.Transport made of HTTP.
	Transport http.RoundTripper
	// HTTP is how the servers are talked to.
	HTTP HTTPConfig

	// Balancer is what Pick and Transport use. Nil: RoundRobin.
	Balancer Balancer
	// Hooks are called on what happens.
	Hooks Hooks
	// Logger gets one line for every change for the worse or the better and, at level Debug, for every request. Nil:
	// slog.Default, because a wrong URL must not be a secret; slog.DiscardHandler silences it.
	Logger *slog.Logger
	// Rand is the source of all randomness. Nil: seeded from the system.
	Rand rand.Source
}

// A DNSConfig says how DNS knows the servers.
type DNSConfig struct {
	// Records are what to ask for. DNSOff: nothing, and the other fields do not count.
	Records DNSRecords
	// Name is the domain below which the TXT records are, or the name with the SRV or address records.
	Name string
	// Port is the port of the servers; required unless SRV records tell it.
	Port int
	// Path is the path of the API: "eureka" by default, "/" for the root.
	Path string
	// Secure makes the URLs https. TXT records stand for http in Java.
	Secure bool
	// Resolver asks DNS. Nil: the system's name servers, with the strings of a TXT record kept apart (C-DN-4).
	Resolver Resolver
}

// An HTTPConfig says how to talk to the servers. With a Transport of the program's own, connections are that one's affair:
// only ReadTimeout, MaxRegistryBytes, Header, DisableGzip and AllowRedirects count.
type HTTPConfig struct {
	// TLS sets up https; nil: the system's roots. The three files, in PEM, add to it: a client certificate with its key
	// (which may be in the same file), and the roots to trust instead of the system's. They are read again for each new
	// connection; while they cannot be used, what was read last is.
	TLS                                *tls.Config
	TLSCertFile, TLSKeyFile, TLSCAFile string
	// Proxy chooses a proxy. Nil: HTTP_PROXY and its kin.
	Proxy func(*http.Request) (*url.URL, error)
	// ConnectTimeout (5 s) limits connecting. ReadTimeout (8 s) limits the silence of a server, not the whole of a large
	// answer (C-HT-4); it holds for any Transport.
	ConnectTimeout, ReadTimeout time.Duration
	// MaxConns (200) limits idle connections, MaxConnsPerHost (50) all connections to one server; idle ones are closed
	// after IdleTimeout (30 s).
	MaxConns, MaxConnsPerHost int
	IdleTimeout               time.Duration
	// MaxRegistryBytes limits an answer with many instances, decompressed: 128 MiB.
	MaxRegistryBytes int64
	// Header is sent with every request, but not to another server that one redirects to.
	Header http.Header
	// Credential returns what proves who the client is. It is asked before the first request, when what it returned last
	// expires, and after an answer 401, whose request is then sent once more; never by two requests at once. It counts
	// instead of credentials in URLs, goes to the configured servers only, and an error makes the request fail.
	Credential func(ctx context.Context) (Credential, error)
	// DisableGzip asks for plain answers.
	DisableGzip bool
	// AllowRedirects announces that redirects are welcome, and follows them to the other server (C-RD-4).
	AllowRedirects bool
}

// DNSRecords says where in DNS the servers are.
type DNSRecords uint8

// The kinds of records.
const (
	// DNSOff uses ServiceURLs.
	DNSOff DNSRecords = iota
	// DNSTXT is Netflix's scheme: TXT records of txt.<region>.<Name> name zones, those of the zones name servers (C-DN-1).
	DNSTXT
	// DNSSRV takes hosts and ports of the SRV records of Name, best priority first.
	DNSSRV
	// DNSHost takes the addresses of Name, as a headless Kubernetes service has them.
	DNSHost
)

const (
	defaultZone = "defaultZone"
	netflixZone = "default"
	localServer = "http://localhost:8761/eureka/"
	clientName  = "DefaultClient" // what rate limiters let through (W-GOCLI-12)
	clientVer   = "1.4"
)

// setDefault replaces a zero.
func setDefault[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

// withDefaults returns the settings that are in force, or everything that is wrong with them.
func (cfg Config) withDefaults() (Config, error) {
	setDefault(&cfg.Region, "us-east-1")
	setDefault(&cfg.Zone, cfg.zones()[0])
	setDefault(&cfg.ServerPollInterval, 5*time.Minute)
	setDefault(&cfg.FetchInterval, 30*time.Second)
	setDefault(&cfg.FetchBackoffBound, 10)
	setDefault(&cfg.Jitter, 0.1)
	setDefault(&cfg.DeltaRetention, remote.DefaultDeltaRetention)
	setDefault(&cfg.FullFetchInterval, 30*time.Minute)
	setDefault(&cfg.ReplicationInterval, 30*time.Second)
	setDefault(&cfg.InitialReplicationDelay, 40*time.Second)
	setDefault(&cfg.HeartbeatBackoffBound, 10)
	setDefault(&cfg.ShutdownTimeout, 5*time.Second)
	setDefault(&cfg.Attempts, 3)
	setDefault(&cfg.SessionDuration, 20*time.Minute)
	setDefault(&cfg.QuarantineThreshold, 0.66)
	setDefault(&cfg.HTTP.ConnectTimeout, 5*time.Second)
	setDefault(&cfg.HTTP.ReadTimeout, 8*time.Second)
	setDefault(&cfg.HTTP.MaxConns, 200)
	setDefault(&cfg.HTTP.MaxConnsPerHost, 50)
	setDefault(&cfg.HTTP.IdleTimeout, 30*time.Second)
	setDefault(&cfg.HTTP.MaxRegistryBytes, remote.DefaultMaxRegistryBytes)
	setDefault(&cfg.DNS.Path, "eureka")
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.DNS.Resolver == nil {
		cfg.DNS.Resolver = discover.System()
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.NewPCG(rand.Uint64(), rand.Uint64()) // the one place where chance comes in
	}
	return cfg, cfg.validate()
}

// validate reports everything that is wrong, in the order of the fields.
func (cfg *Config) validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"ServerPollInterval", cfg.ServerPollInterval}, {"FetchInterval", cfg.FetchInterval},
		{"DeltaRetention", cfg.DeltaRetention},
		{"ReplicationInterval", cfg.ReplicationInterval}, {"InitialReplicationDelay", cfg.InitialReplicationDelay},
		{"ShutdownTimeout", cfg.ShutdownTimeout}, {"HTTP.ConnectTimeout", cfg.HTTP.ConnectTimeout},
		{"HTTP.ReadTimeout", cfg.HTTP.ReadTimeout}, {"HTTP.IdleTimeout", cfg.HTTP.IdleTimeout},
	} {
		if d.value < 0 {
			wrong("%s must not be negative: %v", d.name, d.value)
		}
	}
	for _, n := range []struct {
		name  string
		value int
	}{
		{"Attempts", cfg.Attempts}, {"FetchBackoffBound", cfg.FetchBackoffBound},
		{"HeartbeatBackoffBound", cfg.HeartbeatBackoffBound},
	} {
		if n.value < 1 {
			wrong("%s must be at least 1: %d", n.name, n.value)
		}
	}
	if cfg.HTTP.MaxRegistryBytes < 0 {
		wrong("HTTP.MaxRegistryBytes must not be negative: %d", cfg.HTTP.MaxRegistryBytes)
	}
	if cfg.Jitter > 1 {
		wrong("Jitter must not be more than 1: %v", cfg.Jitter)
	}
	if cfg.QuarantineThreshold < 0 {
		wrong("QuarantineThreshold must not be negative: %v", cfg.QuarantineThreshold)
	}
	if cfg.DNS.Records > DNSHost {
		wrong("unknown DNS records: %d", cfg.DNS.Records)
	}
	if cfg.DNS.Records != DNSOff && cfg.DNS.Name == "" {
		wrong("DNS.Name is required to find servers by DNS")
	}
	if (cfg.DNS.Records == DNSTXT || cfg.DNS.Records == DNSHost) && (cfg.DNS.Port < 1 || cfg.DNS.Port > 65535) {
		wrong("DNS.Port is required with these DNS records: %d", cfg.DNS.Port)
	}
	return errors.Join(errs...)
}

// zones returns the zones of the own region; there is always one (C-ZN-1).
func (cfg *Config) zones() []string {
	if z := cfg.AvailabilityZones[cfg.Region]; len(z) > 0 {
		return z
	}
	return []string{defaultZone}
}

// urlsOf returns the base URLs of a zone (C-ZN-3), nil if there are none that it could have.
func (cfg *Config) urlsOf(zone string) []string {
	if urls := cfg.ServiceURLs[zone]; len(urls) > 0 && zone != defaultZone {
		return urls
	}
	if len(cfg.Servers) > 0 {
		return cfg.Servers
	}
	for _, key := range []string{defaultZone, netflixZone} {
		if urls := cfg.ServiceURLs[key]; len(urls) > 0 {
			return urls
		}
	}
	if len(cfg.ServiceURLs) > 0 { // of other zones: a local server is not what was meant
		return nil
	}
	return []string{localServer}
}
