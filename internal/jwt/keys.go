package jwt

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"heureka.internal/heureka/internal/outbound"
)

// A keySet is what keys are known at one time.
type keySet struct {
	keys       []jose.JSONWebKey
	at         time.Time // when the issuer said so last; zero: never
	generation uint64    // another one when keys have changed
}

// fitting returns the keys that may have signed a token, few of them if it does not say which one.
func (s *keySet) fitting(kid, alg string) (keys []jose.JSONWebKey) {
	for _, k := range s.keys {
		if (kid == "" || k.KeyID == "" || k.KeyID == kid) && (k.Algorithm == "" || k.Algorithm == alg) && len(keys) < tries {
			keys = append(keys, k)
		}
	}
	return keys
}

// Generation returns a number that changes when other keys count.
func (v *Verifier) Generation() uint64 { return v.keys.Load().generation }

// Failures returns how often the issuer's keys could not be fetched.
func (v *Verifier) Failures() uint64 { return v.failures.Load() }

// Fetched returns when the issuer told its keys last; zero if it never did.
func (v *Verifier) Fetched() time.Time { return v.keys.Load().at }

// Inherit takes over the keys that old knows, and its count of failures, and reports true, if both have them from the same place.
func (v *Verifier) Inherit(old *Verifier) bool {
	a, b := &v.cfg, &old.cfg
	if a.IssuerURI != b.IssuerURI || a.JWKSetURI != b.JWKSetURI || a.PublicKey != b.PublicKey {
		return false
	}
	v.failures.Store(old.failures.Load())
	if a.PublicKey != "" { // the file has been read again
		return reflect.DeepEqual(v.keys.Load().keys, old.keys.Load().keys)
	}
	v.keys.Store(old.keys.Load())
	return true
}

// Ready reports whether any key is known.
func (v *Verifier) Ready() bool { return len(v.keys.Load().keys) > 0 }

// Fetch asks the issuer for its keys once.
func (v *Verifier) Fetch(ctx context.Context) error {
	_, err := v.fetch(ctx)
	return err
}

// When the keys are fetched: at the start, now and then, and when a token has another one, but never too often.
const (
	refreshInterval = 5 * time.Minute
	leastPause      = 10 * time.Second
	firstRetry      = time.Second
)

// Run keeps the keys until ctx ends. It calls failed when fetching begins to fail, and got when there are other keys.
func (v *Verifier) Run(ctx context.Context, got func(keys int), failed func(error)) {
	if v.cfg.PublicKey != "" {
		return
	}
	retry, failing := firstRetry, false
	for {
		least, most := leastPause, refreshInterval
		changed, err := v.fetch(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			v.failures.Add(1)
			least, most, retry = retry, 0, min(2*retry, leastPause)
			if !failing {
				failed(err)
			}
		case changed:
			got(len(v.keys.Load().keys))
		}
		if failing = err != nil; !failing {
			retry = firstRetry
		}
		if !v.pause(ctx, least, most) {
			return
		}
	}
}

// pause waits at least, and then until a key is missing, or at most. It returns false when ctx ends.
func (v *Verifier) pause(ctx context.Context, least, most time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(least):
	}
	if most <= least {
		return true
	}
	select {
	case <-ctx.Done():
		return false
	case <-v.wanted:
	case <-time.After(most - least):
	}
	return true
}

// fetch asks the issuer for its keys. If it does not answer, or with none, those that are known stay.
func (v *Verifier) fetch(ctx context.Context) (changed bool, err error) {
	where := v.cfg.JWKSetURI
	if where == "" {
		if where, err = v.discover(ctx); err != nil {
			return false, err
		}
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := v.get(ctx, where, &set); err != nil {
		return false, err
	}
	var keys []jose.JSONWebKey
	for _, text := range set.Keys {
		var k jose.JSONWebKey
		if json.Unmarshal(text, &k) == nil && usable(&k) { // others are for other uses, or of kinds that nobody here knows
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return false, fmt.Errorf("%s has no key for signatures", outbound.Hide(where))
	}
	old := v.keys.Load()
	next := &keySet{keys: keys, at: time.Now(), generation: old.generation}
	if changed = !reflect.DeepEqual(old.keys, keys); changed {
		next.generation++
	}
	v.keys.Store(next)
	return changed, nil
}

// leastRSA is how many bits an RSA key has at least.
const leastRSA = 2048

func usable(k *jose.JSONWebKey) bool {
	if k.Use != "" && k.Use != "sig" || !k.Valid() {
		return false
	}
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= leastRSA
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}

// discover asks the issuer where its keys are, at the places that Spring knows.
func (v *Verifier) discover(ctx context.Context) (string, error) {
	var first error
	for _, where := range wellKnown(v.cfg.IssuerURI) {
		var meta struct {
			Issuer string `json:"issuer"`
			Keys   string `json:"jwks_uri"`
		}
		err := v.get(ctx, where, &meta)
		if err == nil && meta.Issuer != v.cfg.IssuerURI {
			err = fmt.Errorf("%s is the issuer %q", where, meta.Issuer)
		}
		if err == nil {
			_, err = outbound.ParseURL(meta.Keys)
		}
		if err == nil {
			return meta.Keys, nil
		}
		if first == nil {
			first = err
		}
	}
	return "", first
}

func wellKnown(issuer string) []string {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil // New has refused it
	}
	path := strings.TrimSuffix(u.Path, "/")
	var places []string
	for _, p := range []string{path + "/.well-known/openid-configuration", "/.well-known/openid-configuration" + path, "/.well-known/oauth-authorization-server" + path} {
		at := *u
		at.Path = p
		places = append(places, at.String())
	}
	return places
}

const (
	fetchTimeout = 10 * time.Second
	maxDocument  = 1 << 20
)

// newClient does not follow a redirection from https to http.
func newClient(t http.RoundTripper) *http.Client {
	return &http.Client{Transport: t, Timeout: fetchTimeout, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > 3 || via[0].URL.Scheme == "https" && r.URL.Scheme != "https" {
			return http.ErrUseLastResponse
		}
		return nil
	}}
}

func (v *Verifier) get(ctx context.Context, where string, doc any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := v.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %d", outbound.Hide(where), resp.StatusCode)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxDocument)).Decode(doc); err != nil {
		return fmt.Errorf("%s: %w", outbound.Hide(where), err)
	}
	return nil
}

// checkSources demands a place to have keys from.
func (c *Config) checkSources() error {
	if c.IssuerURI == "" && c.JWKSetURI == "" && c.PublicKey == "" {
		return errors.New("want issuer-uri, jwk-set-uri or public-key-location")
	}
	if c.JWKSetURI != "" && c.PublicKey != "" {
		return errors.New("want jwk-set-uri or public-key-location, not both")
	}
	for _, each := range []struct{ name, uri string }{{"issuer-uri", c.IssuerURI}, {"jwk-set-uri", c.JWKSetURI}} {
		if each.uri == "" {
			continue
		}
		if _, err := outbound.ParseURL(each.uri); err != nil {
			return fmt.Errorf("%s: %w", each.name, err)
		}
	}
	return nil
}

// publicKey reads a key in PEM, from a file unless the location is the text itself.
func publicKey(location string) (any, error) {
	text := []byte(location)
	if !strings.Contains(location, "-----BEGIN") {
		if strings.HasPrefix(location, "classpath:") {
			return nil, errors.New("there is no class path here: name the file with its path")
		}
		var err error
		if text, err = os.ReadFile(strings.TrimPrefix(strings.TrimPrefix(location, "file:"), "//")); err != nil {
			return nil, err
		}
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil, errors.New("want a PUBLIC KEY in PEM")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err == nil && !usable(&jose.JSONWebKey{Key: key}) {
		err = errors.New("the key is of another kind, or too short")
	}
	return key, err
}
