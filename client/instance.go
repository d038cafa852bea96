package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"strconv"
	"strings"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/spring"
)

// An InstanceConfig describes an instance to register. App and Port (or SecurePort) are required; everything else has the
// default that Spring's client gives it.
type InstanceConfig struct {
	App string // any case; sent in upper case
	// ID names the instance within its application. Default: <HostName>:<App>:<Port>.
	ID string
	// HostName is the name to call the instance by: the machine's. IPAddr is its address: that from which the registry is
	// reached, unless Network chooses another; else the first of the machine. What is not set follows the machine, with a
	// look every Config.ReplicationInterval (C-MD-14); ID stays.
	HostName, IPAddr string
	// Network chooses an IPAddr that is not set.
	Network Network
	// DefaultHostName is the name of a machine that has none.
	DefaultHostName string
	// PreferIP makes IPAddr the host name, for where others cannot resolve the machine's: in containers, often.
	PreferIP bool
	// Port and SecurePort are in use if they are not 0.
	Port, SecurePort int
	// VIPAddress and SecureVIPAddress are lists with commas; default: App, as it is spelt here.
	VIPAddress, SecureVIPAddress string
	Metadata                     map[string]string
	AppGroup, ASGName            string
	// DataCenter is heureka.OwnDataCenter by default.
	DataCenter *heureka.DataCenter

	// The URLs; "${eureka.hostname}" in them stands for the host name. Default: the paths below on http and Port; the
	// secure one on https and SecurePort if that is in use (C-MD-9).
	HomePageURL, StatusPageURL, HealthCheckURL, SecureHealthCheckURL string
	// The paths: "/" for the home page; the others have no URL without one, because nothing may be there: see HealthPath,
	// InfoPath and Registration.Handler.
	HomePagePath, StatusPagePath, HealthCheckPath string

	// RenewalInterval is the pause between heartbeats, 30 s; LeaseDuration how long the registry waits for one, 90 s.
	// Both are sent in whole seconds.
	RenewalInterval, LeaseDuration time.Duration

	// InitialStatus is UP by default. StatusStarting registers an instance that is not to be called yet.
	InitialStatus heureka.Status
	// HealthCheck, if set, decides the status, every Config.ReplicationInterval.
	HealthCheck HealthCheck
	// DownBeforeCancel registers the instance as DOWN and waits for DrainTime before it is cancelled, so that clients
	// have time to notice (C-SD-5).
	DownBeforeCancel bool
	DrainTime        time.Duration
}

// A HealthCheck returns the status that an instance should have; current leaves it alone. An error means DOWN, and so does
// OUT_OF_SERVICE, which is for overrides only (C-HC-6, C-HC-7); so does a panic. A status that was set while the check ran
// wins (C-IR-10). ctx ends after ReplicationInterval, or 10 s if that is less, and the check must return then: until it
// does, there are no heartbeats, because a program whose check hangs is not known to be alive.
type HealthCheck func(ctx context.Context, current heureka.Status) (heureka.Status, error)

// Healthy returns a HealthCheck that says UP while check returns nil, and DOWN otherwise. Like Java's simple callback it
// leaves instances alone that are starting or out of service (C-HC-2).
func Healthy(check func(context.Context) error) HealthCheck {
	return func(ctx context.Context, current heureka.Status) (heureka.Status, error) {
		if current == heureka.StatusStarting || current == heureka.StatusOutOfService {
			return current, nil
		}
		if err := check(ctx); err != nil {
			return heureka.StatusDown, err
		}
		return heureka.StatusUp, nil
	}
}

// withDefaults returns the description that is in force on a machine, or everything that is wrong with it.
func (ic InstanceConfig) withDefaults(m machine) (InstanceConfig, error) {
	var errs []error
	setDefault(&ic.HostName, cmp.Or(m.host, ic.DefaultHostName))
	setDefault(&ic.IPAddr, m.ip)
	if ic.PreferIP || ic.HostName == "" {
		ic.HostName = ic.IPAddr
	}
	setDefault(&ic.ID, ic.HostName+":"+ic.App+":"+strconv.Itoa(cmp.Or(ic.Port, ic.SecurePort)))
	setDefault(&ic.VIPAddress, ic.App)
	setDefault(&ic.SecureVIPAddress, ic.App)
	setDefault(&ic.DataCenter, heureka.OwnDataCenter)
	setDefault(&ic.HomePagePath, "/")
	ic.urls()
	if ic.RenewalInterval <= 0 { // C-MD-6
		ic.RenewalInterval = heureka.DefaultRenewalIntervalS * time.Second
	}
	if ic.LeaseDuration <= 0 {
		ic.LeaseDuration = heureka.DefaultLeaseDurationSecs * time.Second
	}
	setDefault(&ic.InitialStatus, heureka.StatusUp)
	ic.Metadata = maps.Clone(ic.Metadata)
	for _, problem := range ic.problems() {
		errs = append(errs, errors.New(problem))
	}
	return ic, errors.Join(errs...)
}

// problems returns what a server would refuse, or a client could not use.
func (ic *InstanceConfig) problems() []string {
	var p []string
	if ic.App == "" {
		p = append(p, "App is required")
	}
	if ic.Port == 0 && ic.SecurePort == 0 {
		p = append(p, "Port or SecurePort is required")
	}
	for _, n := range []int{ic.Port, ic.SecurePort} {
		if n < 0 || n > 65535 {
			p = append(p, fmt.Sprintf("no such port: %d", n))
		}
	}
	if ic.HostName == "" {
		p = append(p, "HostName is required, none was found")
	}
	if ic.RenewalInterval%time.Second != 0 || ic.LeaseDuration%time.Second != 0 {
		p = append(p, "RenewalInterval and LeaseDuration must be whole seconds")
	}
	if ic.InitialStatus == heureka.StatusOutOfService {
		p = append(p, errOutOfService.Error())
	}
	if err := spring.Network(ic.Network).Check(); err != nil {
		p = append(p, "Network: "+err.Error())
	}
	return p
}

// hostPlaceholder stands for the host name in configured URLs.
const hostPlaceholder = "${eureka.hostname}"

// urls fills in what C-MD-9 says, except that a port which is not in use gets no URL.
func (ic *InstanceConfig) urls() {
	expand := func(p *string, scheme string, port int, path string) {
		if *p == "" && port != 0 && path != "" {
			*p = scheme + "://" + net.JoinHostPort(ic.HostName, strconv.Itoa(port)) + path
		}
		*p = strings.ReplaceAll(*p, hostPlaceholder, ic.HostName)
	}
	expand(&ic.HomePageURL, "http", ic.Port, ic.HomePagePath)
	expand(&ic.StatusPageURL, "http", ic.Port, ic.StatusPagePath)
	expand(&ic.HealthCheckURL, "http", ic.Port, ic.HealthCheckPath)
	expand(&ic.SecureHealthCheckURL, "https", ic.SecurePort, ic.HealthCheckPath)
}

// record returns the instance as it is sent. The lease's times are the server's business and stay 0.
func (ic *InstanceConfig) record(now time.Time) *heureka.Instance {
	metadata := maps.Clone(ic.Metadata)
	maps.DeleteFunc(metadata, func(_, v string) bool { return v == "" }) // C-MD-11
	return &heureka.Instance{
		App: heureka.AppName(ic.App), ID: ic.ID, HostName: ic.HostName, IPAddr: ic.IPAddr,
		Status:     ic.InitialStatus,
		Port:       heureka.Port{Number: cmp.Or(ic.Port, 80), Enabled: ic.Port != 0},
		SecurePort: heureka.Port{Number: cmp.Or(ic.SecurePort, 443), Enabled: ic.SecurePort != 0},
		CountryID:  heureka.DefaultCountryID,
		DataCenter: ic.DataCenter,
		Lease: heureka.LeaseInfo{
			RenewalIntervalSecs: int64(ic.RenewalInterval / time.Second),
			DurationSecs:        int64(ic.LeaseDuration / time.Second),
		},
		Metadata:     heureka.NewMetadata(metadata),
		AppGroupName: heureka.AppName(ic.AppGroup), ASGName: ic.ASGName,
		HomePageURL: ic.HomePageURL, StatusPageURL: ic.StatusPageURL,
		HealthCheckURL: ic.HealthCheckURL, SecureHealthCheckURL: ic.SecureHealthCheckURL,
		VIPAddress: ic.VIPAddress, SecureVIPAddress: ic.SecureVIPAddress,
		LastUpdatedMS: now.UnixMilli(), LastDirtyMS: now.UnixMilli(),
	}
}
