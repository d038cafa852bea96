package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"heureka.internal/heureka/internal/outbound"
	"heureka.internal/heureka/internal/spring"
)

// A peerState is what one server says of one of its peers.
type peerState struct {
	Server  string                     `json:"server"`
	Peer    string                     `json:"peer"`
	State   string                     `json:"state"`
	Details map[string]json.RawMessage `json:"details,omitempty"` // of heureka nodes
}

func (s *peerState) detail(name string) string { return healthComponent{Details: s.Details}.text(name) }

func (p *program) peersCommand() *cobra.Command {
	var ring bool
	cmd := p.remoteCommand(&cobra.Command{
		Use:   "peers",
		Short: "Show what each server reports about its peers",
		Long: `Show what each server of --server reports about its peers on its status page; for heureka nodes also how replication to them is doing.
The exit status is 1 if a server cannot be reached.

A Java server does not contact its peers to find out: it reports those as available that are registered under its own application name
with the host name of their URL. Replication to an unavailable one may work nevertheless, and replication to an available one may fail.`,
		Args: cobra.NoArgs,
	}, []string{"table", "wide", "json", "yaml", "name"}, func(ctx context.Context, r *remote, _ []string) error {
		if ring {
			r.wholeRing(ctx)
		}
		all := []peerState{}
		var failures []error
		for _, server := range r.servers {
			peers, err := r.peersOf(ctx, server)
			if err != nil {
				failures = append(failures, r.failed(err))
			}
			all = append(all, peers...)
		}
		if len(failures) < len(r.servers) {
			if err := r.out.peers(all); err != nil {
				return err
			}
		}
		return errors.Join(failures...)
	})
	addRing(cmd, &ring)
	return cmd
}

func (r *remote) peersOf(ctx context.Context, server string) ([]peerState, error) {
	p, err := r.probe(server)
	if err != nil {
		return nil, err
	}
	return p.peers(ctx)
}

// A statusPage is the part of a server's status page that tells of peers: lists of URLs with commas.
type statusPage struct {
	Stats *struct {
		Registered string `xml:"registered-replicas"`
		Available  string `xml:"available-replicas"`
	} `xml:"applicationStats"`
}

// status fetches the status page. It has to be in XML, because a Java server fails to write it as JSON (S-STATPAGE-3).
func (p *probe) status(ctx context.Context) (*statusPage, error) {
	const op = "fetch status page"
	u := *p.base
	u.Path += "status"
	u.RawPath = ""
	body, err := p.fetch(ctx, op, &u, "application/xml")
	if err != nil {
		return nil, err
	}
	var page statusPage
	if err := xml.Unmarshal(body, &page); err != nil || page.Stats == nil {
		return nil, fmt.Errorf("%s at %s: the answer is none", op, p.shown)
	}
	return &page, nil
}

// peers asks for the status page, and adds the details of the health document if there are any.
func (p *probe) peers(ctx context.Context) ([]peerState, error) {
	page, err := p.status(ctx)
	if err != nil {
		return nil, err
	}
	details := map[string]healthComponent{}
	if health, err := p.health(ctx); err == nil {
		details = health.Components["peers"].nested()
	}
	var all []peerState
	available := spring.SplitList(page.Stats.Available)
	for _, peer := range spring.SplitList(page.Stats.Registered) {
		s := peerState{Server: p.shown, Peer: outbound.Hide(peer), State: "unavailable", Details: details[peer].Details}
		if slices.Contains(available, peer) {
			s.State = "available"
		}
		all = append(all, s)
	}
	return all, nil
}

func (o *printer) peers(all []peerState) error {
	if done, err := o.value(all); done {
		return err
	}
	head := []string{"SERVER", "PEER", "STATE", "PENDING", "LAG"}
	if o.wide() {
		head = append(head, "DETAILS")
	}
	var rows [][]string
	var names []string
	for _, s := range all {
		names = append(names, s.Peer)
		row := []string{s.Server, printable(s.Peer), o.good(s.State == "available", s.State), orDash(s.detail("pending")), orDash(s.detail("lag"))}
		if o.wide() {
			row = append(row, orDash(s.rest()))
		}
		rows = append(rows, row)
	}
	if o.format == "name" {
		return o.lines(names)
	}
	return o.table(head, rows)
}

// rest is all details that have no column.
func (s *peerState) rest() string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(s.Details)) {
		if k != "pending" && k != "lag" {
			parts = append(parts, k+"="+s.detail(k))
		}
	}
	return strings.Join(parts, " ")
}
