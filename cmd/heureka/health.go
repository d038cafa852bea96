package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// maxProbe limits what is read of a health or status document.
const maxProbe = 16 << 20

// A probe asks one server for what is not part of the registry.
type probe struct {
	base   *url.URL // ends in "/"
	shown  string   // without credentials
	client *http.Client
}

func (r *remote) probe(server string) (*probe, error) {
	u, err := url.Parse(strings.TrimSuffix(server, "/") + "/")
	if err != nil {
		return nil, usage("", "service URL: cannot be parsed") // without the URL, which may hold a password
	}
	shown := *u
	shown.User = nil
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true
	return &probe{base: u, shown: shown.String(), client: &http.Client{Timeout: r.timeout, Transport: transport}}, nil
}

// get fetches a JSON document. What a server says together with 503 counts too: that is how sick ones answer.
func (p *probe) get(ctx context.Context, u *url.URL, into any) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := p.client.Do(req)
	if err != nil {
		if ue, ok := err.(*url.Error); ok {
			err = ue.Err // without the URL
		}
		return 0, fmt.Errorf("%s: %w", p.shown, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusServiceUnavailable {
		return resp.StatusCode, fmt.Errorf("%s answered %d", p.shown, resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxProbe))
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		return resp.StatusCode, fmt.Errorf("%s: %w", p.shown, err)
	}
	return resp.StatusCode, nil
}

// A healthDocument is the part of Spring's health document that commands show.
type healthDocument struct {
	Status     string                     `json:"status"`
	Components map[string]healthComponent `json:"components"`
}

type healthComponent struct {
	Status  string                     `json:"status"`
	Details map[string]json.RawMessage `json:"details"`
}

// text returns a detail as text, "" if there is none.
func (c healthComponent) text(name string) string {
	raw, ok := c.Details[name]
	if !ok {
		return ""
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// health fetches the actuator's document, which stands beside the API.
func (p *probe) health(ctx context.Context) (*healthDocument, error) {
	u := *p.base
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "v2/"), "eureka/") + "actuator/health"
	u.RawPath = ""
	var doc healthDocument
	_, err := p.get(ctx, &u, &doc)
	return &doc, err
}

// A serverHealth is what is known of one server.
type serverHealth struct {
	Server    string `json:"server"`
	Healthy   bool   `json:"healthy"`
	Status    string `json:"status"` // of the health document, or "unreachable"
	Phase     string `json:"phase,omitempty"`
	Why       string `json:"why,omitempty"`
	Instances int64  `json:"instances"`
	Hash      string `json:"hash"`
	Error     string `json:"error,omitempty"`

	// Of a heureka node.
	SelfPreservation   string `json:"selfPreservation,omitempty"`
	RenewalsLastMinute string `json:"renewalsLastMinute,omitempty"`
	RenewalThreshold   string `json:"renewalThreshold,omitempty"`
}

func (p *program) healthCommand() *cobra.Command {
	return p.remoteCommand(&cobra.Command{
		Use:   "health",
		Short: "Check each server: reachable, phase, self-preservation, registry",
		Long: `Check each server of --server. A server is healthy if it answers reads of its registry and its health document, where it has
one, says UP. The exit status is 1 if any is not. PHASE, PROTECTION and RENEWALS (of the last minute, and the threshold
below which evictions stop) are known of heureka nodes only.`,
		Args: cobra.NoArgs,
	}, []string{"table", "wide", "json", "yaml", "name"}, func(ctx context.Context, r *remote, _ []string) error {
		var all []serverHealth
		sick := 0
		for _, server := range r.servers {
			h, err := r.healthOf(ctx, server)
			if err != nil {
				return err
			}
			if !h.Healthy {
				sick++
			}
			all = append(all, h)
		}
		if err := r.out.health(all); err != nil {
			return err
		}
		if sick > 0 {
			return &failure{status: statusFailed, err: fmt.Errorf("%d of %s not healthy", sick, count(len(all), "server is", "servers are"))}
		}
		return nil
	})
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
	h := serverHealth{Server: p.shown, Status: "unreachable"}
	apps, err := api.Applications(ctx)
	if err != nil {
		h.Error = oneLine(err.Error())
	} else {
		h.Healthy, h.Status = true, "UP"
		h.Instances, h.Hash = apps.Count().Total(), apps.Hash
	}
	if doc, err := p.health(ctx); err == nil && doc.Status != "" {
		h.add(doc)
	}
	return h, nil
}

// add takes over what the health document says. Servers without one, or that show it to nobody, are judged by the registry.
func (h *serverHealth) add(doc *healthDocument) {
	h.Status = doc.Status
	h.Healthy = h.Healthy && doc.Status == "UP"
	h.Phase, h.Why = doc.Components["registry"].text("phase"), doc.Components["registry"].text("why")
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
	h.RenewalsLastMinute, h.RenewalThreshold = protection.text("renewalsLastMinute"), protection.text("renewalThreshold")
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
			renewals = h.RenewalsLastMinute + "/" + h.RenewalThreshold
		}
		row := []string{h.Server, o.good(h.Healthy, printable(h.Status)), orDash(h.Phase), fmt.Sprint(h.Instances), orDash(h.Hash), orDash(h.SelfPreservation), renewals}
		if o.wide() {
			row = append(row, orDash(h.Why+h.Error))
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

// A peerState is what one server says of one of its peers.
type peerState struct {
	Server  string            `json:"server"`
	Peer    string            `json:"peer"`
	State   string            `json:"state"`
	Details map[string]string `json:"details,omitempty"` // of heureka nodes
}

func (p *program) peersCommand() *cobra.Command {
	return p.remoteCommand(&cobra.Command{
		Use:   "peers",
		Short: "Show what each server says of its peers",
		Long: `Show what each server of --server says of its peers on its status page; of heureka nodes also how replication to them goes.
The exit status is 1 if a server cannot be asked.`,
		Args: cobra.NoArgs,
	}, []string{"table", "wide", "json", "yaml", "name"}, func(ctx context.Context, r *remote, _ []string) error {
		all := []peerState{}
		for _, server := range r.servers {
			p, err := r.probe(server)
			if err != nil {
				return err
			}
			peers, err := p.peers(ctx)
			if err != nil {
				return r.failed(err)
			}
			all = append(all, peers...)
		}
		return r.out.peers(all)
	})
}

// peers asks for the status page's document, and adds the details of the health document if there are any.
func (p *probe) peers(ctx context.Context) ([]peerState, error) {
	var doc struct {
		Stats map[string]string `json:"applicationStats"`
	}
	u := *p.base
	u.Path += "status"
	u.RawPath = ""
	if _, err := p.get(ctx, &u, &doc); err != nil {
		return nil, err
	}
	details := map[string]map[string]string{}
	if health, err := p.health(ctx); err == nil {
		details = health.Components["peers"].nested()
	}
	var all []peerState
	available := splitList(doc.Stats["available-replicas"])
	for _, peer := range splitList(doc.Stats["registered-replicas"]) {
		s := peerState{Server: p.shown, Peer: withoutUser(peer), State: "unavailable", Details: details[peer]}
		if slices.Contains(available, peer) {
			s.State = "available"
		}
		all = append(all, s)
	}
	return all, nil
}

// nested returns details that are objects themselves, their values as text.
func (c healthComponent) nested() map[string]map[string]string {
	all := map[string]map[string]string{}
	for name, raw := range c.Details {
		var inner healthComponent
		if json.Unmarshal(raw, &inner.Details) != nil {
			continue
		}
		all[name] = map[string]string{}
		for k := range inner.Details {
			all[name][k] = inner.text(k)
		}
	}
	return all
}

func withoutUser(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.User == nil {
		return raw
	}
	u.User = nil
	return u.String()
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
		row := []string{s.Server, printable(s.Peer), o.good(s.State == "available", s.State), orDash(s.Details["pending"]), orDash(s.Details["lag"])}
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
			parts = append(parts, k+"="+s.Details[k])
		}
	}
	return strings.Join(parts, " ")
}
