package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"time"

	"heureka.internal/heureka/internal/config"
	"heureka.internal/heureka/server"
)

// healthHere reads the settings and asks the node that they describe. Warnings about them are for heureka serve to print.
func (r *remote) healthHere(ctx context.Context, files string) error {
	var args []string
	if files != "" {
		args = []string{"--spring.config.location=" + files}
	}
	settings, err := config.Load(config.Options{Args: args, Env: r.env})
	if err != nil {
		return err
	}
	return r.localHealth(ctx, settings)
}

// localHealth asks the node of this machine, or container, how it is: where it is say the settings that it was started with.
// It is for health checks that restart a node, and therefore content while the node waits for a copy of the registry.
func (r *remote) localHealth(ctx context.Context, settings *config.Settings) error {
	where := localHealthURL(settings)
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return usage("", "%v", err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: r.ownMachine()}} // no proxy leads to this machine
	start := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err
		}
		return &failure{status: statusFailed, err: fmt.Errorf("ask %s: %w", where, err), hint: "heureka health --local reads the settings of the environment and of files; --config names others"}
	}
	defer resp.Body.Close()
	var doc healthDocument
	_ = json.NewDecoder(io.LimitReader(resp.Body, maxProbe)).Decode(&doc) // without a document, the status code speaks
	if resp.StatusCode >= http.StatusInternalServerError {
		return &failure{status: statusFailed, err: fmt.Errorf("%s answered %d %s", where, resp.StatusCode, printable(doc.Status))}
	}
	_, err = fmt.Fprintf(r.stdout, "%s %s in %v\n", where, printable(cmp.Or(doc.Status, resp.Status)), time.Since(start).Round(time.Millisecond))
	return err
}

// ownMachine does not ask whose certificate it is: that need not name localhost, and nothing secret is sent there.
func (r *remote) ownMachine() *tls.Config {
	cfg := &tls.Config{}
	if r.tls != nil {
		cfg = r.tls.Clone()
	}
	cfg.InsecureSkipVerify = true
	return cfg
}

// localHealthURL is where a node with these settings has its health document.
func localHealthURL(s *config.Settings) string {
	cfg := s.ServerConfig(s.Int("server.port"))
	host, prefix, secure := s.ListenAddress(), cfg.ContextPath, s.TLS()
	if cfg.Management == server.ManagementSeparate {
		host, prefix, secure = s.ManagementAddress(), cfg.Actuator.ManagementBase, s.ManagementTLS()
	}
	name, port, _ := net.SplitHostPort(host)
	if ip := net.ParseIP(name); name == "" || ip != nil && ip.IsUnspecified() {
		name = "localhost"
	}
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(name, port) + path.Join("/", prefix, cfg.Actuator.Base, cmp.Or(cfg.Actuator.Paths["health"], "health"))
}
