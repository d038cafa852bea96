package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"heureka.internal/heureka"
	events "heureka.internal/heureka/internal/changes"
	"heureka.internal/heureka/internal/wire"
)

func (p *program) historyCommand() *cobra.Command {
	var since, until string
	var limit int
	cmd := p.remoteCommand(&cobra.Command{
		Use:   "history [APP [ID]]",
		Short: "Show what happened to instances: when, what, who did it and why",
		Long: `Show what happened to instances, newest first: when, what, the status before and after, who did it and why. A node keeps up to
10,000 changes and 24 hours of what it has seen since it started. For an eviction, it shows when the last heartbeat came and whether
it arrived at this node or at a peer. Only heureka nodes have a history; --at of heureka apps and heureka instances uses it.`,
		Example: `  heureka history ORDERS --since 15m
  heureka history ORDERS host1:orders:8080 --until 14:05 -o json`,
		Args: cobra.MaximumNArgs(2),
	}, []string{"table", "json", "yaml"}, func(ctx context.Context, r *remote, args []string) error {
		q, err := historyQuery(args, since, until, limit)
		if err != nil {
			return err
		}
		body, err := r.ask(ctx, "fetch history", "heureka/v1/history", q)
		if err != nil {
			return r.failed(err)
		}
		return r.out.history(body)
	})
	cmd.Flags().StringVar(&since, "since", "", "only since this time: 14:05, 2026-01-02T14:05:00Z, or how long ago, such as 15m")
	cmd.Flags().StringVar(&until, "until", "", "only until this time, in the same forms")
	cmd.Flags().IntVar(&limit, "limit", 100, "at most this many, the newest ones")
	return cmd
}

func historyQuery(args []string, since, until string, limit int) (url.Values, error) {
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	if len(args) == 1 && strings.Contains(args[0], "/") || len(args) == 2 {
		key, err := onlyKey(args)
		if err != nil {
			return nil, err
		}
		q["app"], q["id"] = []string{key.App}, []string{key.ID}
	} else if len(args) == 1 {
		q.Set("app", args[0])
	}
	for name, text := range map[string]string{"since": since, "until": until} {
		if text == "" {
			continue
		}
		t, err := parseMoment("--"+name, text, time.Now())
		if err != nil {
			return nil, err
		}
		q.Set(name, t.Format(time.RFC3339Nano))
	}
	return q, nil
}

func addAt(cmd *cobra.Command, at *string) {
	cmd.Flags().StringVar(at, "at", "", "as it was at this time: 14:05, 2026-01-02T14:05:00Z, or how long ago, such as 15m (heureka nodes only)")
}

// parseMoment reads a time: of the last 24 hours, with a date, or how long ago.
func parseMoment(flag, text string, now time.Time) (time.Time, error) {
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{time.TimeOnly, "15:04"} {
		clock, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		t := time.Date(now.Year(), now.Month(), now.Day(), clock.Hour(), clock.Minute(), clock.Second(), 0, now.Location())
		if t.After(now) {
			t = t.AddDate(0, 0, -1)
		}
		return t, nil
	}
	return time.Time{}, usage("want 14:05, 2026-01-02T14:05:00Z, or how long ago, such as 15m", "%s is not a time: %q", flag, text)
}

// registryThen fetches everything as it was at r.at.
func (r *remote) registryThen(ctx context.Context) (*heureka.Applications, error) {
	t, err := parseMoment("--at", r.at, time.Now())
	if err != nil {
		return nil, err
	}
	body, err := r.ask(ctx, "fetch the registry of "+t.Format(time.DateTime), "heureka/v1/apps", url.Values{"at": {t.Format(time.RFC3339Nano)}})
	if err != nil {
		return nil, err
	}
	return wire.DecodeApplications(wire.JSON, body)
}

// ask fetches a document of heureka's own API from the first server that has it.
func (r *remote) ask(ctx context.Context, op, path string, q url.Values) (body []byte, err error) {
	for _, server := range r.servers {
		p, bad := r.probe(server)
		if bad != nil {
			return nil, bad
		}
		u := p.beside(path)
		u.RawQuery = q.Encode()
		if body, err = p.fetch(ctx, op, u, "application/json"); err == nil {
			return body, nil
		}
	}
	status, _ := errors.AsType[*heureka.StatusError](err)
	switch {
	case status != nil && status.Code == http.StatusNotFound:
		err = &failure{status: statusFailed, err: err, hint: "only heureka nodes have a history"}
	case status != nil && status.Code == http.StatusGone:
		err = &failure{status: statusFailed, err: err, hint: "the history of that node does not reach back so far: heureka history --limit 1 -o json tells since when it does"}
	}
	return nil, err
}

func (o *printer) history(body []byte) error {
	if done, err := o.machine(body); done {
		return err
	}
	var doc events.HistoryDoc
	if err := json.Unmarshal(body, &doc); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	rows := make([][]string, len(doc.Changes))
	for i, c := range doc.Changes {
		rows[i] = []string{c.At.Local().Format(time.DateTime), string(c.What), printable(c.App + "/" + c.ID), o.transition(c.OldStatus, c.Status), printable(c.Why)}
	}
	if err := o.table([]string{"TIME", "WHAT", "INSTANCE", "STATUS", "BY"}, rows); err != nil {
		return err
	}
	if doc.More {
		return o.say("(more: --limit)")
	}
	return o.say("(complete since %s)", doc.Since.Local().Format(time.DateTime))
}

// transition shows the status before and after a change.
func (o *printer) transition(before, after string) string {
	shown := func(s string) string {
		status, ok := heureka.ParseStatus(s)
		if !ok {
			return "-"
		}
		return o.status(status)
	}
	if before == after {
		return shown(after)
	}
	return shown(before) + " > " + shown(after)
}
