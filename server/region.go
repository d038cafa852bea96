package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/logs"
	"heureka.internal/heureka/internal/remote"
	"heureka.internal/heureka/internal/respcache"
)

// noRegion is asked for to get a region's own registry only: names that a server does not know add nothing (W-APPS-4),
// while a request without any would bring in the regions that it copies in its turn, perhaps ours.
const noRegion = "heureka-no-other-region"

// maxRegionBackoff is how many intervals lie at most between two attempts at a region that does not answer (S-REGION-2).
const maxRegionBackoff = 5

// regionWhole is after how long all of a region is fetched although deltas would do, as a net.
const regionWhole = 30 * time.Minute

// A region keeps the copy of one remote region fresh.
type region struct {
	name  string
	conn  *remote.Conn
	copy  *respcache.Region
	delta bool
	log   *slog.Logger

	loaded atomic.Bool // has been fetched once (S-REGION-3)
	trail  remote.Trail

	mu      sync.Mutex
	success time.Time // the last one
	err     error     // of the last attempt
}

// newRegions makes the regions of the configuration.
func (s *Server) newRegions() (map[string]*region, error) {
	regions := map[string]*region{}
	var errs []error
	for name, url := range s.cfg.RemoteRegions {
		conn, err := remote.New(remote.Config{
			URL: url, Transport: s.outgoing(), ReadTimeout: s.cfg.RemoteRegionTimeout,
			ClientName: "DefaultServer", ClientVersion: "1.0", ClientID: s.cfg.Instance.IPAddr,
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("remote region %s: %w", name, err))
			continue
		}
		name = strings.ToLower(name)
		regions[name] = &region{
			name: name, conn: conn, copy: s.cache.Region(name),
			delta: !s.cfg.DisableRemoteRegionDelta, log: logs.Named(s.log, logs.Client).With("region", name),
			trail: remote.Trail{Retention: s.cfg.DeltaRetention, Whole: regionWhole},
		}
	}
	return regions, errors.Join(errs...)
}

// regionConfigs returns the regions with their white lists: that of the region, else the one named global, else everything
// (S-REGION-4).
func (c *Config) regionConfigs() []respcache.RegionConfig {
	lists := map[string][]string{}
	for name, apps := range c.RemoteRegionWhitelist {
		upper := make([]string, len(apps))
		for i, app := range apps {
			upper[i] = heureka.AppName(strings.TrimSpace(app))
		}
		lists[strings.ToLower(strings.TrimSpace(name))] = upper
	}
	var out []respcache.RegionConfig
	for name := range c.RemoteRegions {
		apps, own := lists[strings.ToLower(name)]
		if !own {
			apps = lists["global"]
		}
		out = append(out, respcache.RegionConfig{Name: name, Apps: apps})
	}
	return out
}

// run fetches until ctx ends, less often while the region does not answer.
func (r *region) run(ctx context.Context, interval time.Duration) {
	wait := time.Duration(0)
	for pause(ctx, wait) {
		err := r.fetch(ctx)
		if ctx.Err() != nil {
			return
		}
		r.recordAttempt(err)
		if err == nil {
			wait = interval
		} else {
			wait = min(max(2*wait, interval), maxRegionBackoff*interval)
		}
	}
}

// fetch brings the copy up to date: by a delta if there is something to apply it to, else, or if that does not do, by
// everything.
func (r *region) fetch(ctx context.Context) error {
	q := remote.Query{Regions: []string{noRegion}}
	if counts := r.copy.Counts(); r.delta && counts.Total() > 0 && r.trail.Worth(time.Now()) {
		if done, err := r.follow(ctx, q); done || err != nil {
			return err
		}
	}
	asked := time.Now()
	doc, err := r.conn.Apps(ctx, q)
	if err != nil {
		return err
	}
	r.copy.Replace(doc.Apps.Apps, time.Now())
	r.trail.Take(asked, true)
	r.loaded.Store(true)
	return nil
}

// follow applies a delta. It reports false if the copy is not the region's registry afterwards.
func (r *region) follow(ctx context.Context, q remote.Query) (done bool, err error) {
	asked := time.Now()
	doc, err := r.conn.Delta(ctx, q)
	if err != nil {
		if noDelta(err) {
			err = nil
		}
		return false, err
	}
	if !r.trail.Continues(doc, time.Now()) {
		return false, nil
	}
	r.copy.ApplyDelta(doc.Apps.Apps, time.Now())
	if r.copy.Counts().Hash() != doc.Apps.Hash {
		r.log.Debug("delta does not match the region's registry, fetching it in full")
		r.trail.Lose()
		return false, nil
	}
	r.trail.Take(asked, false)
	return true, nil
}

// noDelta reports whether a server said that it offers no deltas.
func noDelta(err error) bool {
	status, ok := errors.AsType[*heureka.StatusError](err)
	return ok && (status.Code == 403 || status.Code == 404)
}

// recordAttempt keeps how the last attempt went, and logs when that changes.
func (r *region) recordAttempt(err error) {
	r.mu.Lock()
	failed := r.err != nil
	r.err = err
	if err == nil {
		r.success = time.Now()
	}
	r.mu.Unlock()
	switch {
	case err != nil && !failed:
		r.log.Warn("cannot fetch remote region, serving a stale copy", "err", err)
	case err == nil && failed:
		r.log.Info("remote region reachable again")
	}
}

// regionStatus is how the copy of a region is doing.
type regionStatus struct {
	Name, URL   string
	Loaded      bool      // has been fetched once
	LastSuccess time.Time // when it was last brought up to date
	Err         error     // why it was not since
}

func (r *region) status() regionStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	return regionStatus{Name: r.name, URL: r.conn.URL(), Loaded: r.loaded.Load(), LastSuccess: r.success, Err: r.err}
}

// regionsLoaded reports whether all regions that a query names have been fetched once. One that was never reached does
// not stand in the way of the others (S-DEF-11).
func (n *node) regionsLoaded(names string) bool {
	for name := range strings.SplitSeq(names, ",") {
		if r := n.regions[name]; r != nil && !r.loaded.Load() {
			return false
		}
	}
	return true
}

// remoteInstance looks for an instance in the remote regions (S-QUERY-3).
func (n *node) remoteInstance(find func(*respcache.Region) (*heureka.Instance, bool)) (*heureka.Instance, bool) {
	for _, r := range n.cache.Regions() {
		if in, ok := find(r); ok {
			return in, true
		}
	}
	return nil, false
}
