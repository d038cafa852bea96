package jwt_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka/internal/auth"
	"heureka.internal/heureka/internal/jwt"
)

const issuerURI = "https://id.corp/realms/main"

// An issuer answers as one over HTTP.
type issuer struct {
	keys  atomic.Pointer[jose.JSONWebKeySet]
	down  atomic.Bool
	asked atomic.Int64 // for keys
}

func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	if i.down.Load() {
		return nil, errors.New("down")
	}
	var doc any
	switch r.URL.String() {
	case "https://id.corp/.well-known/openid-configuration/realms/main":
		doc = map[string]string{"issuer": issuerURI, "jwks_uri": "https://id.corp/keys"}
	case "https://id.corp/keys":
		i.asked.Add(1)
		doc = i.keys.Load()
	}
	text, err := json.Marshal(doc)
	status := http.StatusOK
	if doc == nil {
		status = http.StatusNotFound
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(text))), Request: r}, err
}

func (i *issuer) publish(keys ...jose.JSONWebKey) { i.keys.Store(&jose.JSONWebKeySet{Keys: keys}) }

func newRSA(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func public(kid string, key crypto.Signer) jose.JSONWebKey {
	return jose.JSONWebKey{KeyID: kid, Key: key.Public(), Use: "sig"}
}

// sign returns a token with these claims besides, or instead of, those of a good one.
func sign(t *testing.T, alg jose.SignatureAlgorithm, kid string, key any, change map[string]any) string {
	t.Helper()
	claims := map[string]any{"iss": issuerURI, "sub": "orders", "aud": []string{"other", "registry"}, "scope": "openid read ROLE_register", "exp": time.Now().Add(time.Hour).Unix()}
	opts := new(jose.SignerOptions)
	if kid != "" {
		opts = opts.WithHeader("kid", kid)
	}
	for name, value := range change {
		if name == "typ" {
			opts = opts.WithType(jose.ContentType(value.(string)))
			continue
		}
		claims[name] = value
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
	if err != nil {
		t.Fatal(err)
	}
	token, err := josejwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// run starts a verifier in a bubble. The issuer's address is found out.
func run(t *testing.T, i *issuer, change func(*jwt.Config)) *jwt.Verifier {
	t.Helper()
	cfg := jwt.Config{IssuerURI: issuerURI, Audiences: []string{"registry"}, Transport: i}
	if change != nil {
		change(&cfg)
	}
	v, err := jwt.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); v.Run(ctx, func(int) {}, func(err error) { t.Log(err) }) }()
	t.Cleanup(func() { stop(); <-done })
	synctest.Wait()
	return v
}

func TestVerify(t *testing.T) {
	key, ec := newRSA(t), must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	other := newRSA(t)
	synctest.Test(t, func(t *testing.T) {
		var i issuer
		encryption := public("e", other)
		encryption.Use = "enc"
		i.publish(public("r", key), public("c", ec), encryption)
		v := run(t, &i, func(c *jwt.Config) { c.Roles = map[string]auth.Roles{"ops": 1 << auth.Operate} })
		rs := func(change map[string]any) string { return sign(t, jose.RS256, "r", key, change) }
		want := auth.Principal{Name: "orders", Roles: 1<<auth.Read | 1<<auth.Register, Proof: auth.ByJWT, Rule: jwt.Rule}
		ops := want
		ops.Roles = 1 << auth.Operate
		for name, tt := range map[string]struct {
			token string
			want  auth.Principal
		}{
			"RS256":         {rs(nil), want},
			"ES256":         {sign(t, jose.ES256, "c", ec, nil), want},
			"PS512":         {sign(t, jose.PS512, "r", key, nil), want},
			"no kid":        {sign(t, jose.ES256, "", ec, nil), want},
			"at+jwt":        {rs(map[string]any{"typ": "at+jwt"}), want},
			"a list":        {rs(map[string]any{"scope": nil, "scp": []string{"read", "register"}}), want},
			"an authority":  {rs(map[string]any{"scope": "ops x"}), ops},
			"just over":     {rs(map[string]any{"exp": time.Now().Add(-59 * time.Second).Unix()}), want},
			"one audience":  {rs(map[string]any{"aud": "registry"}), want},
			"not quite yet": {rs(map[string]any{"nbf": time.Now().Add(59 * time.Second).Unix()}), want},
		} {
			got, until, err := v.Verify(tt.token, time.Now())
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" || until.Before(time.Now()) {
				t.Errorf("%s: until %v, %v %s", name, until, err, diff)
			}
		}
		body := strings.Split(rs(nil), ".")[1]
		none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + body + "."
		parts := strings.Split(rs(nil), ".")
		for name, token := range map[string]string{
			"none":               none,
			"HS256":              sign(t, jose.HS256, "r", []byte("0123456789abcdef0123456789abcdef"), nil),
			"HS256 with the key": sign(t, jose.HS256, "r", key.N.Bytes(), nil),
			"another's key":      sign(t, jose.RS256, "r", other, nil),
			"a key to encrypt":   sign(t, jose.RS256, "e", other, nil),
			"an unknown key":     sign(t, jose.RS256, "x", other, nil),
			"another type":       rs(map[string]any{"typ": "logout+jwt"}),
			"expired":            rs(map[string]any{"exp": time.Now().Add(-61 * time.Second).Unix()}),
			"endless":            rs(map[string]any{"exp": nil}),
			"another audience":   rs(map[string]any{"aud": "other"}),
			"no audience":        rs(map[string]any{"aud": nil}),
			"another issuer":     rs(map[string]any{"iss": "https://evil"}),
			"no issuer":          rs(map[string]any{"iss": nil}),
			"too early":          rs(map[string]any{"nbf": time.Now().Add(2 * time.Minute).Unix()}),
			"nobody":             rs(map[string]any{"sub": ""}),
			"a number":           rs(map[string]any{"sub": 7}),
			"other claims":       parts[0] + "." + strings.Split(rs(map[string]any{"sub": "admin"}), ".")[1] + "." + parts[2],
			"text":               "a.b.c",
			"nothing":            "",
		} {
			if p, _, err := v.Verify(token, time.Now()); err == nil || p.Name != "" {
				t.Errorf("%s: %+v, %v", name, p, err)
			}
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// An issuer that is away for an hour stops nobody whose key is known; a node may start without it.
func TestIssuerIsAway(t *testing.T) {
	key := newRSA(t)
	synctest.Test(t, func(t *testing.T) {
		var i issuer
		i.publish(public("r", key))
		i.down.Store(true)
		v := run(t, &i, nil)
		token := sign(t, jose.RS256, "r", key, map[string]any{"exp": time.Now().Add(3 * time.Hour).Unix()})
		if _, _, err := v.Verify(token, time.Now()); err == nil {
			t.Error("a token is believed without a key")
		}
		time.Sleep(time.Hour)
		i.down.Store(false)
		time.Sleep(15 * time.Second)
		if _, _, err := v.Verify(token, time.Now()); err != nil {
			t.Errorf("the issuer is back: %v", err)
		}
		i.down.Store(true)
		time.Sleep(time.Hour)
		if _, _, err := v.Verify(token, time.Now()); err != nil {
			t.Errorf("the issuer was away for an hour: %v", err)
		}
		if v.Failures() == 0 {
			t.Error("no failure is counted")
		}
	})
}

// A new key is fetched when a token has it, but strangers cannot make the node ask all the time. One that the issuer no longer
// publishes does not count any more.
func TestKeysAreReplaced(t *testing.T) {
	first, second := newRSA(t), newRSA(t)
	synctest.Test(t, func(t *testing.T) {
		var i issuer
		i.publish(public("1", first))
		v := run(t, &i, nil)
		before := v.Generation()
		i.publish(public("2", second))
		token := sign(t, jose.RS256, "2", second, nil)
		for range 100 {
			_, _, _ = v.Verify(token, time.Now())
			time.Sleep(50 * time.Millisecond)
		}
		if n := i.asked.Load(); n != 1 {
			t.Errorf("in 5 s it was asked %d times", n)
		}
		time.Sleep(6 * time.Second)
		if _, _, err := v.Verify(token, time.Now()); err != nil {
			t.Errorf("the new key: %v", err)
		}
		if _, _, err := v.Verify(sign(t, jose.RS256, "1", first, nil), time.Now()); err == nil {
			t.Error("the old key still counts")
		}
		if v.Generation() == before {
			t.Error("nobody hears that keys have changed")
		}
		for range 120 { // an unknown key each second
			_, _, _ = v.Verify(sign(t, jose.RS256, "x", second, nil), time.Now())
			time.Sleep(time.Second)
		}
		if n := i.asked.Load(); n > 15 {
			t.Errorf("in two minutes it was asked %d times", n)
		}
	})
}

// Names may stand deeper, as with Keycloak.
func TestOtherClaims(t *testing.T) {
	key := newRSA(t)
	synctest.Test(t, func(t *testing.T) {
		var i issuer
		i.publish(public("", key))
		v := run(t, &i, func(c *jwt.Config) {
			c.JWKSetURI, c.Authorities, c.Principal, c.AuthorityPrefix = "https://id.corp/keys", "realm_access.roles", "client_id", "ROLE_"
		})
		claims := map[string]any{"client_id": "shop", "realm_access": map[string]any{"roles": []any{"read", "x", 7}}}
		p, _, err := v.Verify(sign(t, jose.RS256, "", key, claims), time.Now())
		if err != nil || p.Name != "shop" || p.Roles != 1<<auth.Read {
			t.Errorf("%+v, %v", p, err)
		}
		if _, _, err := v.Verify(sign(t, jose.PS256, "", key, claims), time.Now()); err == nil {
			t.Error("with a key set alone, PS256 counts")
		}
	})
}
