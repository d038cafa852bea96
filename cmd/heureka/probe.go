package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/outbound"
	registryat "heureka.internal/heureka/internal/remote"
)

// maxProbe limits what is read of a health or status document.
const maxProbe = 16 << 20

// A probe asks one server for what is not part of the registry.
type probe struct {
	base   *url.URL // ends in "/"
	shown  string   // without credentials
	client *http.Client
	header http.Header // with each request; nil: none
	login  *credentialFiles
}

func (r *remote) probe(server string) (*probe, error) {
	u, err := outbound.ParseURL(strings.TrimSuffix(server, "/") + "/")
	if err != nil {
		return nil, usage("", "service URL: %v", err)
	}
	transport := outbound.Transport(&net.Dialer{Timeout: r.timeout})
	transport.Proxy, transport.DisableKeepAlives, transport.TLSClientConfig = http.ProxyFromEnvironment, true, r.tls
	return &probe{base: u, shown: outbound.Hide(u.String()), client: &http.Client{Timeout: r.timeout, Transport: transport, CheckRedirect: follow}, header: r.header, login: r.loginFor([]string{server})}, nil
}

// fetch returns the body of a document beside the registry. What a server says together with 503 counts too: that is how
// sick ones answer.
func (p *probe) fetch(ctx context.Context, op string, u *url.URL, accept string) ([]byte, error) {
	return p.send(ctx, http.MethodGet, op, u, accept, nil)
}

func (p *probe) send(ctx context.Context, method, op string, u *url.URL, accept string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, p.header)
	if err := p.login.show(req.Header); err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	resp, err := p.client.Do(req)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err // without the URL
		}
		return nil, fmt.Errorf("%s at %s: %w", op, p.shown, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusServiceUnavailable {
		return nil, &heureka.StatusError{Op: op, URL: outbound.Hide(u.String()), Code: resp.StatusCode, Reason: reasonOf(resp)}
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxProbe))
	if err != nil {
		return nil, fmt.Errorf("%s at %s: %w", op, p.shown, err)
	}
	return answer, nil
}

// reasonOf returns the first line of an answer in plain text, as one to a plain request where TLS is spoken is.
func reasonOf(resp *http.Response) string {
	if kind := resp.Header.Get("Content-Type"); kind != "" && !strings.HasPrefix(kind, "text/plain") {
		return ""
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 200)) // what there is
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return printable(line)
}

// follow lets redirects lead on, but takes no credential to another server and nothing from https to http.
func follow(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case len(via) >= registryat.MaxRedirects:
		return errors.New("redirected too often")
	case first.Scheme == "https" && req.URL.Scheme != "https":
		return errors.New("redirected from https to http")
	case first.Scheme != req.URL.Scheme || first.Host != req.URL.Host:
		req.Header.Del("Authorization")
	}
	return nil
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

// number returns a detail that is a number, "" if there is none.
func (c healthComponent) number(name string) json.Number {
	var n json.Number
	_ = json.Unmarshal(c.Details[name], &n) // what is no number is left out
	return n
}

// nested returns details that are objects themselves.
func (c healthComponent) nested() map[string]healthComponent {
	all := map[string]healthComponent{}
	for name, raw := range c.Details {
		var inner healthComponent
		if json.Unmarshal(raw, &inner.Details) == nil {
			all[name] = inner
		}
	}
	return all
}

// beside returns the URL of a path beside the API.
func (p *probe) beside(path string) *url.URL {
	u := *p.base
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "v2/"), "eureka/") + path
	u.RawPath = ""
	return &u
}

// health fetches the actuator's document, which stands beside the API.
func (p *probe) health(ctx context.Context) (*healthDocument, error) {
	var doc healthDocument
	if err := p.ask(ctx, http.MethodGet, "fetch health", "actuator/health", &doc); err != nil {
		return nil, err
	}
	return &doc, nil
}
