package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"heureka.internal/heureka"
	events "heureka.internal/heureka/internal/changes"
)

// A protection is what a heureka node says of its self-preservation.
type protection struct {
	Server       string          `json:"server"`
	Explanation  []string        `json:"explanation"`
	Exits        []string        `json:"exits,omitempty"`
	Applications []events.Loss   `json:"applications"`
	Silent       []events.Silent `json:"silent"`
}

func (p *program) protectionCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "protection", Short: "End a self-preservation", Args: needSubcommand}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(p.act(p.remoteCommand(&cobra.Command{
		Use:   "release",
		Short: "Let a server evict leases that have expired so far",
		Long: `Let each server of --server evict the leases that have expired so far, although self-preservation holds them: 15 % of the
registry per tick. Leases that expire later are held as before. It takes the role operate on servers with roles, and on others
heureka.dashboard.actions=true.

heureka health --explain shows what is held. heureka deregister --expired removes the same instances at once, from all nodes.`,
		Args: cobra.NoArgs,
	}, nil, func(ctx context.Context, r *remote, _ []string) error {
		var failures []error
		for _, server := range r.servers {
			failures = append(failures, r.release(ctx, server))
		}
		return errors.Join(failures...)
	})))
	return cmd
}

func (r *remote) release(ctx context.Context, server string) error {
	p, err := r.probe(server)
	if err != nil {
		return err
	}
	var done struct{ Released int }
	if err := p.ask(ctx, http.MethodPost, "release protection", "heureka/v1/protection/release", &done); err != nil {
		return r.notAllowed(err)
	}
	return r.out.say("%s lets %s go, 15 %% of the registry at each tick", p.shown, count(done.Released, "instance", "instances"))
}

// notAllowed gives a refusal the hint that helps.
func (r *remote) notAllowed(err error) error {
	if status, ok := errors.AsType[*heureka.StatusError](err); ok && status.Code == http.StatusForbidden {
		return &failure{status: statusFailed, err: err, hint: allowing + "; heureka deregister --expired needs no such setting"}
	}
	return r.onlyHeureka(err)
}

const allowing = "the server allows it with heureka.dashboard.actions=true, or to the role operate"

// onlyHeureka gives the refusal of a server that knows no such path the hint that helps.
func (r *remote) onlyHeureka(err error) error {
	if status, ok := errors.AsType[*heureka.StatusError](err); ok && status.Code == http.StatusNotFound {
		return &failure{status: statusFailed, err: err, hint: "only heureka nodes can do that"}
	}
	return r.failed(err)
}

// protectionOf asks one server.
func (r *remote) protectionOf(ctx context.Context, server string) (*protection, error) {
	p, err := r.probe(server)
	if err != nil {
		return nil, err
	}
	doc := &protection{Server: p.shown}
	if err := p.ask(ctx, http.MethodGet, "fetch protection", "heureka/v1/protection", doc); err != nil {
		return nil, r.onlyHeureka(err)
	}
	return doc, nil
}

// expired returns the instances whose leases ran out on the first server.
func (r *remote) expired(ctx context.Context) (map[heureka.Key]bool, error) {
	doc, err := r.protectionOf(ctx, r.servers[0])
	if err != nil {
		return nil, err
	}
	keys := map[heureka.Key]bool{}
	for _, l := range doc.Silent {
		if l.Expired {
			keys[heureka.Key{App: l.App, ID: l.ID}] = true
		}
	}
	return keys, nil
}

// explain prints what each server says of its self-preservation.
func (r *remote) explain(ctx context.Context) error {
	var all []*protection
	var failures []error
	for _, server := range r.servers {
		doc, err := r.protectionOf(ctx, server)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		all = append(all, doc)
	}
	return errors.Join(append(failures, r.out.explanations(all))...)
}

func (o *printer) explanations(all []*protection) error {
	if done, err := o.value(all); done {
		return err
	}
	now := time.Now()
	for i, doc := range all {
		if i > 0 {
			fmt.Fprintln(o.w)
		}
		fmt.Fprintln(o.w, doc.Server)
		for _, line := range doc.Explanation {
			fmt.Fprintln(o.w, "  "+printable(line))
		}
		for _, line := range doc.Exits {
			fmt.Fprintln(o.w, "  - "+printable(line))
		}
		if err := o.silent(doc, now); err != nil {
			return err
		}
	}
	return nil
}

// silent lists who is missing: applications with their losses, then instances, the longest silent first.
func (o *printer) silent(doc *protection, now time.Time) error {
	if len(doc.Silent) == 0 {
		return nil
	}
	var rows [][]string
	for _, l := range doc.Applications {
		rows = append(rows, []string{printable(l.App), fmt.Sprint(l.Instances), fmt.Sprint(l.Overdue), fmt.Sprint(l.Expired)})
	}
	if err := o.table([]string{"APP", "INSTANCES", "OVERDUE", "RAN OUT"}, rows); err != nil {
		return err
	}
	const most = 20
	rows = nil
	for _, l := range doc.Silent[:min(len(doc.Silent), most)] {
		rows = append(rows, []string{printable(l.App), printable(l.ID), printable(l.Status), ago(now, l.LastHeard), endOf(&l, now)})
	}
	if err := o.table([]string{"APP", "ID", "STATUS", "LAST HEARD", "LEASE"}, rows); err != nil {
		return err
	}
	more := -len(rows)
	for _, l := range doc.Applications {
		more += l.Overdue
	}
	if more > 0 {
		return o.say("and %d more: -o json lists up to 10000", more)
	}
	return nil
}

func endOf(l *events.Silent, now time.Time) string {
	if l.Expired {
		return "ran out " + ago(now, l.RunsOut)
	}
	return "runs out in " + max(l.RunsOut.Sub(now), 0).Round(time.Second).String()
}

func ago(now, t time.Time) string { return max(now.Sub(t), 0).Round(time.Second).String() + " ago" }

// deregisterExpired removes the instances whose leases ran out on the first server.
func (r *remote) deregisterExpired(ctx context.Context) error {
	keys, err := r.expired(ctx)
	if err != nil {
		return err
	}
	n := 0
	for key := range keys {
		switch err := r.api.Cancel(ctx, key); {
		case errors.Is(err, heureka.ErrNotFound): // gone meanwhile
		case err != nil:
			return r.failed(err)
		default:
			n++
			if err := r.out.say("removed %s", key); err != nil {
				return err
			}
		}
	}
	return r.out.say("removed %s whose leases ran out", count(n, "instance", "instances"))
}

// ask sends a request to a path beside the API, perhaps with a query, and decodes the answer.
func (p *probe) ask(ctx context.Context, method, op, path string, into any) error {
	path, query, _ := strings.Cut(path, "?")
	u := p.beside(path)
	u.RawQuery = query
	body, err := p.send(ctx, method, op, u, "application/json", nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s at %s: %w", op, p.shown, err)
	}
	return nil
}
