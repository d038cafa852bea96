package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"heureka.internal/heureka"
)

// evictCommand asks for a tick of the eviction.
func (p *program) evictCommand() *cobra.Command {
	return p.act(p.remoteCommand(&cobra.Command{
		Use:   "evict",
		Short: "Run the eviction of expired leases now",
		Long: `Make each server of --server evict expired leases now, not at its next tick, under the same rules: nothing goes that
self-preservation holds, and at most 15 % of the registry. It takes the role operate on servers with roles, and on others
heureka.dashboard.actions=true.`,
		Args: cobra.NoArgs,
	}, nil, func(ctx context.Context, r *remote, _ []string) error {
		var failures []error
		for _, server := range r.servers {
			failures = append(failures, r.evict(ctx, server))
		}
		return errors.Join(failures...)
	}))
}

func (r *remote) evict(ctx context.Context, server string) error {
	p, err := r.probe(server)
	if err != nil {
		return err
	}
	var done struct {
		Allowed          bool
		Expired, Evicted int
	}
	if err := p.ask(ctx, http.MethodPost, "evict", "heureka/v1/evict", &done); err != nil {
		return r.refused(err)
	}
	why := ""
	if !done.Allowed && done.Evicted < done.Expired {
		why = "; self-preservation holds the others, heureka health --explain says why"
	}
	return r.out.say("%s evicted %d of %s%s", p.shown, done.Evicted, count(done.Expired, "expired lease", "expired leases"), why)
}

// overrideFor sets an override that the first server ends after a time.
func (r *remote) overrideFor(ctx context.Context, key heureka.Key, status heureka.Status, term time.Duration) error {
	p, err := r.probe(r.servers[0])
	if err != nil {
		return err
	}
	q := url.Values{"app": {key.App}, "id": {key.ID}, "status": {status.String()}, "for": {term.String()}}
	var done struct{ Until *time.Time }
	if err := p.ask(ctx, http.MethodPost, "set override", "heureka/v1/instance/override?"+q.Encode(), &done); err != nil {
		if _, there := r.api.Instance(ctx, key); errors.Is(err, heureka.ErrNotFound) && there != nil {
			return err // it is the instance that is not there
		}
		return r.refused(err)
	}
	if done.Until == nil {
		return r.out.say("%s is %s without an override", key, status)
	}
	return r.out.say("%s is %s until %s", key, status, done.Until.Local().Format(time.RFC3339))
}

// refused gives a refusal the hint that helps.
func (r *remote) refused(err error) error {
	if status, ok := errors.AsType[*heureka.StatusError](err); ok {
		switch status.Code {
		case http.StatusForbidden:
			return &failure{status: statusFailed, err: err, hint: allowing}
		case http.StatusConflict:
			return &failure{status: statusFailed, err: err, hint: "the server has not opened yet: heureka health tells its phase"}
		}
	}
	return r.onlyHeureka(err)
}
