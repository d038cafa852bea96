package config

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"heureka.internal/heureka/internal/outbound"
	"heureka.internal/heureka/internal/spring"
)

// configServer is the scheme of an import from a Spring Cloud Config server.
const configServer = "configserver"

// The settings of a client of a config server, which are read before the settings that it serves.
const (
	cloudConfig        = "spring.cloud.config."
	cloudConfigURI     = cloudConfig + "uri"
	defaultConfigURI   = "http://localhost:8888"
	configTries        = 6 // where fail-fast demands an answer: 1 s apart, then more (spring-retry)
	configRetryWait    = time.Second
	configRetryFactor  = 1.1
	configServerWithin = 30 * time.Second // one exchange
)

// A configClient asks a config server for the settings of this application and its profiles.
type configClient struct {
	client  *http.Client
	setting func(key string) string // below spring.cloud.config, and spring.application.name; "" if it is not set
	names   []string                // profiles
	asked   map[string]configAnswer // by URL, since files are walked through more than once
}

type configAnswer struct {
	layers []layer
	err    error
}

// newConfigClient reads its own settings with r.
func (l *loader) newConfigClient(r *expander, profiles []string) *configClient {
	transport := l.options.Transport
	if transport == nil {
		t := outbound.Transport(&net.Dialer{Timeout: 10 * time.Second})
		t.Proxy, t.DisableKeepAlives = http.ProxyFromEnvironment, true
		transport = t
	}
	return &configClient{
		client: &http.Client{Transport: transport, Timeout: configServerWithin}, names: profiles, asked: map[string]configAnswer{},
		setting: func(key string) string {
			n := parseName(key)
			text, _ := r.expand(r.merged[n.canonical]) // an error is reported where all settings are read
			if path, ok := strings.CutPrefix(text, filePrefix); ok && n.key != nil && n.key.fromFile("") {
				text, _ = l.secretIn(path) // likewise
			}
			return text
		},
	}
}

// from returns what the servers in a comma list of URLs say, the strongest last. The next one is asked if one does not answer.
func (c *configClient) from(uris string) ([]layer, error) {
	uris = cmp.Or(uris, c.setting(cloudConfigURI), defaultConfigURI)
	if a, ok := c.asked[uris]; ok {
		return a.layers, a.err
	}
	failFast, _ := spring.ParseBool(c.setting(cloudConfig + "fail-fast"))
	var a configAnswer
	wait := configRetryWait
	for try := 1; ; try++ {
		if a.layers, a.err = c.once(uris); a.err == nil || !failFast || try == configTries {
			break
		}
		time.Sleep(wait)
		wait = time.Duration(float64(wait) * configRetryFactor)
	}
	c.asked[uris] = a
	return a.layers, a.err
}

func (c *configClient) once(uris string) (layers []layer, err error) {
	for _, uri := range spring.SplitList(uris) {
		if layers, err = c.fetch(uri); err == nil {
			return layers, nil
		}
	}
	return nil, err
}

// fetch is GET {uri}/{application}/{profiles}/{label}.
func (c *configClient) fetch(uri string) ([]layer, error) {
	u, err := outbound.ParseURL(uri)
	if err != nil {
		return nil, fmt.Errorf("the URL of the config server %w", err)
	}
	application := cmp.Or(c.setting(cloudConfig+"name"), c.setting("spring.application.name"), "application")
	u = u.JoinPath(url.PathEscape(application), url.PathEscape(cmp.Or(c.setting(cloudConfig+"profile"), strings.Join(c.names, ","))))
	if label := c.setting(cloudConfig + "label"); label != "" {
		u = u.JoinPath(url.PathEscape(strings.ReplaceAll(label, "/", "(_)")))
	}
	user := u.User
	u.User = nil
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	c.authorize(req, user)
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the config server: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxFileBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("ask the config server at %s: %w", u, err)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the config server answered %d to %s", resp.StatusCode, u)
	case len(body) > maxFileBytes:
		return nil, fmt.Errorf("the config server's answer to %s is larger than %d MB", u, maxFileBytes>>20)
	}
	layers, err := readConfigAnswer(body)
	if err != nil {
		return nil, fmt.Errorf("the config server's answer to %s: %w", u, err)
	}
	return layers, nil
}

// authorize sends the credentials of the URL, or those of the settings.
func (c *configClient) authorize(req *http.Request, user *url.Userinfo) {
	req.Header.Set("Accept", "application/json")
	name, password := c.setting(cloudConfig+"username"), c.setting(cloudConfig+"password")
	if user != nil {
		name = user.Username()
		password, _ = user.Password()
	}
	if password != "" {
		req.SetBasicAuth(cmp.Or(name, "user"), password)
	}
	if token := c.setting(cloudConfig + "token"); token != "" {
		req.Header.Set("X-Config-Token", token)
	}
}

// readConfigAnswer reads the environment that a config server answers with. Its first source is the strongest.
func readConfigAnswer(body []byte) ([]layer, error) {
	var environment struct {
		PropertySources []struct {
			Name   string         `json:"name"`
			Source map[string]any `json:"source"`
		} `json:"propertySources"`
	}
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.UseNumber()
	if err := d.Decode(&environment); err != nil {
		return nil, errors.New("is not the JSON of a config server")
	}
	var layers []layer
	for _, source := range slices.Backward(environment.PropertySources) {
		b := newLayerBuilder()
		origin := Place{Source: File, Name: "config server, " + outbound.Hide(source.Name)}
		for key, value := range source.Source {
			text := ""
			if value != nil {
				text = fmt.Sprint(value)
			}
			b.add(parseName(key), property{Raw: key, Text: text, Origin: origin})
		}
		if l := b.done(); len(l) > 0 {
			layers = append(layers, newDocument(l).props)
		}
	}
	return layers, nil
}

// serverLayers returns what an import from a config server yields; nothing as long as the profiles are not known.
func (r *reader) serverLayers(loc location) []layer {
	if r.server == nil {
		r.asksServer = true
		return nil
	}
	if on, err := spring.ParseBool(r.server.setting(cloudConfig + "enabled")); err == nil && !on {
		return nil
	}
	layers, err := r.server.from(loc.path)
	if err == nil {
		return layers
	}
	value := outbound.Masked(loc.scheme + ":" + loc.path)
	if value == loc.scheme+":" {
		value = outbound.Masked(loc.asked.Text)
	}
	m := &Mistake{Origin: loc.asked.Origin, Key: loc.asked.Raw, Value: value, Problem: err.Error()}
	failFast, _ := spring.ParseBool(r.server.setting(cloudConfig + "fail-fast"))
	if loc.optional && !failFast {
		r.warn(m)
		return nil
	}
	m.Hint = "write optional:configserver: to start without it"
	if failFast {
		m.Hint = cloudConfig + "fail-fast=false starts without it, if its import is optional"
	}
	r.fail(m)
	return nil
}

// bootstrapServer is the import that spring.cloud.config.uri in a bootstrap file, the environment or an argument stands
// for, as it did before spring.config.import. Elsewhere it only says where an import asks.
func bootstrapServer(r *expander) (location, bool) {
	p := r.merged[cloudConfigURI]
	if p.Text == "" || p.Origin.Source == File && !strings.HasPrefix(filepath.Base(p.Origin.Name), bootstrapName) {
		return location{}, false
	}
	return location{scheme: configServer, optional: true, asked: p}, true
}
