package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"heureka.internal/heureka/internal/lint"
)

func (p *program) lintCommand() *cobra.Command {
	return p.remoteCommand(&cobra.Command{
		Use:   "lint",
		Short: "Find registrations that will give trouble",
		Long: `Find registrations that will give trouble: addresses that other hosts cannot reach, ids or ports that collide, clocks and leases that
are off, instances that keep coming and going. Names are not looked up. The exit status is 1 if there is anything to find. Only heureka
nodes can tell; the same is on the Warnings page of the dashboard.`,
		Args: cobra.NoArgs,
	}, []string{"table", "json", "yaml"}, func(ctx context.Context, r *remote, _ []string) error {
		body, err := r.ask(ctx, "look for faults", "heureka/v1/lint", nil)
		if err != nil {
			return r.failed(err)
		}
		return r.out.faults(body)
	})
}

func (o *printer) faults(body []byte) error {
	var doc struct{ Findings []lint.Finding }
	if err := json.Unmarshal(body, &doc); err != nil {
		return fmt.Errorf("lint: %w", err)
	}
	done, err := o.machine(body)
	if !done && err == nil {
		rows := make([][]string, len(doc.Findings))
		for i, f := range doc.Findings {
			key := f.Key()
			rows[i] = []string{string(f.Kind), printable(key.String()), printable(f.Text)}
		}
		err = o.table([]string{"KIND", "INSTANCE", "WHAT"}, rows)
	}
	if err != nil || len(doc.Findings) == 0 {
		return err
	}
	return &failure{status: statusFailed, err: fmt.Errorf("%s", count(len(doc.Findings), "fault", "faults"))}
}
