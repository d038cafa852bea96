package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"heureka.internal/heureka"
)

// A serverHealth is what is known of one server.
type serverHealth struct {
	Server    string `json:"server"`
	Healthy   bool   `json:"healthy"`
	Status    string `json:"status"` // of the health document, or "unreachable", or "answered 404" if there is no registry
	Phase     string `json:"phase,omitempty"`
	Why       string `json:"why,omitempty"`
	Instances int64  `json:"instances"`
	Hash      string `json:"hash"`
	Error     string `json:"error,omitempty"`

	// Of a heureka node.
	SelfPreservation   string      `json:"selfPreservation,omitempty"`
	RenewalsLastMinute json.Number `json:"renewalsLastMinute,omitempty"`
	RenewalThreshold   json.Number `json:"renewalThreshold,omitempty"`

	err error // why it is not healthy
}

func (p *program) healthCommand() *cobra.Command {
	var explain, local, ring bool
	var files string
	cmd := p.remoteCommand(&cobra.Command{
		Use:   "health",
		Short: "Check each server: reachable, phase, self-preservation, registry",
		Long: `Check each server of --server. A server is healthy if it answers reads of its registry and its health document, where it has
one, says UP. The exit status is 1 if any is not. PHASE, PROTECTION and RENEWALS (of the last minute, and the threshold
below which evictions stop) are known for heureka nodes only; a Java server reports self-preservation on its page at /.

With --explain, heureka nodes explain what self-preservation is doing and why: the numbers that decide, who is silent since when,
what each application lost, what will happen when, and the ways out.

With --local, only the node on this machine is asked, at the port of the settings that it was started with, as far as they are in
the environment and in files. This is the health check of containers: one that waits for a copy of the registry is healthy.`,
		Args: cobra.NoArgs,
	}, []string{"table", "wide", "json", "yaml", "name"}, func(ctx context.Context, r *remote, _ []string) error {
		if local {
			return r.healthHere(ctx, files)
		}
		if ring {
			r.wholeRing(ctx)
		}
		if explain {
			return r.explain(ctx)
		}
		var all []serverHealth
		var sick []error
		for _, server := range r.servers {
			h, err := r.healthOf(ctx, server)
			if err != nil {
				return err
			}
			if h.err != nil {
				sick = append(sick, r.failed(h.err))
			}
			all = append(all, h)
		}
		if err := r.out.health(all); err != nil {
			return err
		}
		if len(sick) == 0 {
			return nil
		}
		summary := fmt.Errorf("%d of %s not healthy", len(sick), count(len(all), "server is", "servers are"))
		return errors.Join(append(sick, &failure{status: statusFailed, err: summary})...)
	})
	addRing(cmd, &ring)
	cmd.Flags().BoolVar(&explain, "explain", false, "explain what self-preservation is doing and why")
	cmd.Flags().BoolVar(&local, "local", false, "ask the node on this machine, at the port of its settings")
	cmd.Flags().StringVar(&files, configFlag, "", "with --local: read settings from this file or directory instead of ./ and ./config/")
	return cmd
}

// healthOf asks one server. Only a mistake in its URL is an error.
func (r *remote) healthOf(ctx context.Context, server string) (serverHealth, error) {
	api, err := r.apiFor(server)
	if err != nil {
		return serverHealth{}, err
	}
	p, err := r.probe(server)
	if err != nil {
		return serverHealth{}, err
	}
	h := serverHealth{Server: p.shown, Status: "UP", Healthy: true}
	apps, err := api.Applications(ctx)
	if err != nil {
		h.fail(err)
	} else {
		h.Instances, h.Hash = apps.Count().Total(), apps.Hash
	}
	if doc, err := p.health(ctx); err == nil && doc.Status != "" {
		h.add(doc)
	}
	return h, nil
}

// fail notes that the registry cannot be read. Whoever answers at all may still be another kind of server.
func (h *serverHealth) fail(err error) {
	h.Healthy, h.err, h.Error = false, err, oneLine(err.Error())
	h.Status = "unreachable"
	if status, ok := errors.AsType[*heureka.StatusError](err); ok {
		h.Status = fmt.Sprintf("answered %d", status.Code)
	}
}

// add takes over what the health document says. Servers without one, or that show it to nobody, are judged by the
// registry; and so is one that says UP where no registry is, which is what a wrong path leads to.
func (h *serverHealth) add(doc *healthDocument) {
	h.Phase, h.Why = doc.Components["registry"].text("phase"), doc.Components["registry"].text("why")
	if doc.Status != "UP" {
		h.Healthy, h.Status = false, doc.Status
		h.err = cmp.Or(h.err, fmt.Errorf("%s says it is %s", h.Server, printable(doc.Status)))
	}
	protection := doc.Components["selfPreservation"]
	switch {
	case protection.text("enabled") == "":
	case protection.text("enabled") == "false":
		h.SelfPreservation = "disabled"
	case protection.text("active") == "true":
		h.SelfPreservation = "active"
	default:
		h.SelfPreservation = "ready"
	}
	h.RenewalsLastMinute, h.RenewalThreshold = protection.number("renewalsLastMinute"), protection.number("renewalThreshold")
}

func (o *printer) health(all []serverHealth) error {
	if done, err := o.value(all); done {
		return err
	}
	head := []string{"SERVER", "STATUS", "PHASE", "INSTANCES", "HASH", "PROTECTION", "RENEWALS"}
	if o.wide() {
		head = append(head, "WHY")
	}
	var rows [][]string
	var names []string
	for _, h := range all {
		names = append(names, h.Server)
		renewals := "-"
		if h.RenewalThreshold != "" {
			renewals = fmt.Sprintf("%s/%s", h.RenewalsLastMinute, h.RenewalThreshold)
		}
		row := []string{h.Server, o.good(h.Healthy, printable(h.Status)), orDash(h.Phase), fmt.Sprint(h.Instances), orDash(h.Hash), orDash(h.SelfPreservation), renewals}
		if o.wide() {
			row = append(row, orDash(cmp.Or(h.Why, h.Error)))
		}
		rows = append(rows, row)
	}
	if o.format == "name" {
		return o.lines(names)
	}
	return o.table(head, rows)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return printable(s)
}
