package server

import (
	"cmp"
	"fmt"
	"path"
	"strings"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/dashboard"
)

func (c *Config) apiPath() string { return path.Join("/", c.ContextPath, "eureka") }

// frame is what the page that was asked for as from has around it.
func (st *status) frame(from string) dashboard.Frame {
	f := dashboard.Frame{
		Paths:       dashboard.NewPaths(from, st.cfg.ContextPath+st.cfg.DashboardPath, st.cfg.apiPath(), path.Join("/", st.cfg.ContextPath, "heureka/v1")),
		Node:        cmp.Or(st.Own.HostName, st.Own.ResolvedID(), st.Own.IPAddr),
		Zone:        st.Own.Metadata.Get("zone"),
		Environment: st.cfg.Environment,
		State:       st.state(),
	}
	for _, n := range st.Faults {
		f.Faults += n
	}
	return f
}

// state is the condition of the node in one sentence: what, with which numbers, since when, why, and what ends it.
func (st *status) state() dashboard.State {
	reg := &st.Registry
	switch bad := st.unavailable(); {
	case st.Phase.Now == Stopping:
		return dashboard.State{Kind: dashboard.Stopping, Text: st.since(st.Phase.Since) + ": requests in flight are answered, then the node ends."}
	case !st.Phase.Reads:
		return dashboard.State{Kind: dashboard.Syncing, Text: st.syncing()}
	case st.protects() && !reg.EvictionAllowed:
		return dashboard.State{Kind: dashboard.Protecting, Text: fmt.Sprintf("%s: %s of %s expected renewals a minute are present, threshold %d; %s missing, %s held. %s",
			st.since(reg.ProtectedSince), decimal(float64(reg.RenewalsLastMinute)), decimal(reg.RenewalsExpected), reg.RenewalThreshold,
			plural(reg.Overdue, "instance is", "instances are"), plural(expired(reg.Expired), "expired lease is", "expired leases are"), st.ending())}
	case len(bad) > 0:
		return dashboard.State{Kind: dashboard.Impaired, Text: fmt.Sprintf("%s of %d unavailable: %s. %s", plural(len(bad), "peer", "peers"), len(st.Peers), strings.Join(bad, ", "), st.serving())}
	case !reg.SelfPreservationEnabled:
		return dashboard.State{Kind: dashboard.Impaired, Text: "self-preservation is turned off. " + st.serving()}
	}
	return dashboard.State{Kind: dashboard.Healthy, Text: st.since(st.Phase.Since) + ": " + st.serving()}
}

// serving are the numbers of a node that works.
func (st *status) serving() string {
	reg := &st.Registry
	text := fmt.Sprintf("%s of %s, %d UP; %s of %s expected renewals a minute", plural(reg.Instances, "instance", "instances"),
		plural(reg.Apps, "application", "applications"), reg.Statuses[heureka.StatusUp], decimal(float64(reg.RenewalsLastMinute)), decimal(reg.RenewalsExpected))
	if n := len(st.Peers); n > 0 && len(st.unavailable()) == 0 {
		text += fmt.Sprintf("; %s available", plural(n, "peer", "peers"))
	}
	if reg.EvictionAllowed {
		return text + "; expired leases are evicted."
	}
	return text + "; nothing is evicted: " + heldBack(reg) + "."
}

// syncing says why reads are refused, and when that ends.
func (st *status) syncing() string {
	end := "when a peer has given its registry"
	if st.Phase.Now == Waiting {
		end = "when the clients have registered or a peer answers"
		if limit := st.cfg.WaitTimeWhenSyncEmpty; limit > 0 && !st.Phase.Since.IsZero() {
			end += ", and at " + clock(st.Phase.Since.Add(limit)) + " at the latest"
		}
	}
	return fmt.Sprintf("%s: %s. %s have registered; reads are refused. It ends %s.", st.since(st.Phase.Since),
		cmp.Or(st.Phase.Why, string(st.Phase.Now)), plural(st.Registry.Instances, "instance", "instances"), end)
}

// since says from when on, and for how long.
func (st *status) since(t time.Time) string {
	if t.IsZero() {
		t = st.Started
	}
	return fmt.Sprintf("since %s (%v)", clock(t), max(st.At.Sub(t), 0).Round(time.Second))
}

// unavailable names the peers that do not take replication.
func (st *status) unavailable() (urls []string) {
	for i := range st.Peers {
		if !available(&st.Peers[i]) {
			urls = append(urls, st.Peers[i].URL)
		}
	}
	return urls
}

func expired(byApp map[string]int) (n int) {
	for _, of := range byApp {
		n += of
	}
	return n
}
