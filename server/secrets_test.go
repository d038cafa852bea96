package server_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka/internal/tlsconf/tlsconftest"
	"heureka.internal/heureka/server"
)

// secretsOf returns passwords that have each character that means something to somebody.
func secretsOf(t *testing.T) func() string {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	return func() string {
		const odd = `/?#@% ,;&="'<>\{}[]$!é+`
		runes := []rune(odd)
		rng.Shuffle(len(runes), func(i, j int) { runes[i], runes[j] = runes[j], runes[i] })
		return fmt.Sprintf("zq%dw%szq%dw", 10000+rng.IntN(90000), string(runes), 10000+rng.IntN(90000))
	}
}

// forms are how a secret may stand in a text.
func forms(user, secret string) []string {
	half := secret[:7] // its ends have nothing that anybody would write in another way
	return []string{half, secret[len(secret)-7:], base64.StdEncoding.EncodeToString([]byte(user + ":" + secret))[:12], html.EscapeString(secret), url.PathEscape(secret), strconv.Quote(secret)}
}

// A started node tells no part of a password or token: not in its log, its audit log, its pages, its numbers, nor in any other
// answer, however its peers answer and whatever clients send.
func TestNodeTellsNoSecret(t *testing.T) {
	next := secretsOf(t)
	var all []string // forms of secrets
	secret := func(user string) string {
		s := next()
		all = append(all, forms(user, s)...)
		return s
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		cfg := r.config()
		own, token := secret("user"), secret("app")
		cfg.Logger = slog.New(slog.NewTextHandler(&r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		cfg.AccessLog = cfg.Logger
		cfg.Audit.Writer = &r.log
		cfg.Auth.Password = own
		cfg.Auth.TokensFile = fileWith(r, "app:"+fmt.Sprintf("%x", sha256.Sum256([]byte(token)))+":read,admin")
		cfg.Actuator.Include, cfg.Actions, cfg.LogLevel = []string{"*"}, true, new(slog.LevelVar)
		service := func(host string) string {
			return (&url.URL{Scheme: "http", User: url.UserPassword("peer", secret("peer")), Host: host + ":8761", Path: "/eureka/"}).String()
		}
		for host, h := range map[string]http.HandlerFunc{"denies": denies, "absent": absent, "busy": busy, "odd": odd} {
			r.serve(host, h)
		}
		cfg.ServiceURLs = map[string][]string{"defaultZone": {service("a"), service("denies"), service("absent"), service("busy"), service("odd"), service("nobody")}}
		cfg.RemoteRegions = map[string]string{"south": service("denies"), "north": service("nobody")}
		cfg.WaitTimeWhenSyncEmpty, cfg.SyncRetries = -1, -1
		r.start(cfg)
		if err := r.server.SetServiceURLs(map[string][]string{"defaultZone": {service("denies"), service("new")}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)

		shown := []string{"", basic("user", own), "Bearer " + token, basic("user", secret("user")), "Bearer " + secret("app"), "Digest " + secret("user"), basic(secret("user"), "x")}
		answers := new(strings.Builder)
		for _, credential := range shown {
			header := []string{"Authorization", credential}
			if credential == "" {
				header = nil
			}
			asked := endpoints
			if strings.HasPrefix(credential, "Basic enE") { // an unknown name costs a hash each time
				asked = asked[:3]
			}
			for _, e := range asked {
				_, body := r.do(e.method, e.path, "", header...)
				answers.WriteString(body)
			}
			if len(asked) < len(endpoints) {
				continue
			}
			for _, path := range []string{"/instances", "/warnings", "/peers", "/renewals", "/heureka/v1/lint", "/heureka/v1/protection", "/heureka/v1/openapi.yaml",
				"/heureka/v1/admin/auth/denied", "/actuator/env", "/actuator/configprops", "/actuator/health/peers", "/actuator/loggers", "/eureka/status"} {
				_, body := r.do("GET", path, "", header...)
				answers.WriteString(body)
			}
			r.do("POST", "/heureka/v1/admin/auth/check", `{"method":"GET","path":"/","authorization":"Bearer `+"zq1"+`"}`, header...)
			r.do("POST", "/heureka/v1/admin/auth/check", `{"method":"GET","path":"/","authorization":`+strconv.Quote(basic("user", secret("user"))), header...)
			r.do("PUT", "/eureka/apps/ORDERS/x/metadata?user.password="+url.QueryEscape(secret("x")), "", header...)
			r.do("GET", "/eureka/apps?access_token="+url.QueryEscape(secret("x")), "", header...)
			conn := r.send("GET http://user:" + url.QueryEscape(secret("user")) + "@a:8761/eureka/apps HTTP/1.1\r\nHost: a:8761\r\nConnection: close\r\n\r\n")
			answer, _ := rest(t, conn)
			answers.WriteString(answer)
		}
		r.stop()
		for what, text := range map[string]string{"log": r.log.String(), "answers": answers.String()} {
			if len(text) < 10_000 {
				t.Errorf("only %d bytes of %s", len(text), what)
			}
			for _, s := range all {
				if i := strings.Index(text, s); i >= 0 {
					t.Errorf("%s: %q in %q", what, s, text[max(0, i-200):min(len(text), i+100)])
				}
			}
		}
	})
}

func denies(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }

// odd sends clients elsewhere.
func odd(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "http://nobody:8761/eureka/", http.StatusFound)
}

// Neither does a node that cannot start.
func TestErrorsTellNoSecret(t *testing.T) {
	next := secretsOf(t)
	dir := t.TempDir()
	ca := tlsconftest.New(t)
	p := ca.Sign(time.Now().Add(time.Hour))
	tlsconftest.Write(t, dir, map[string][]byte{"store.p12": []byte("no store"), "c": p.Cert, "k": p.PEM})
	store := filepath.Join(dir, "store.p12")
	file := func(text string) string {
		name := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(name, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for range 20 {
		s := next()
		for what, cfg := range map[string]server.Config{
			"password with a colon": {Auth: server.Auth{Password: s + ":" + s}}, "an encoding": {Auth: server.Auth{Password: "{x}" + s}}, "bcrypt": {Auth: server.Auth{Password: "{bcrypt}" + s}},
			"users": {Auth: server.Auth{UsersFile: file("ann:" + s)}}, "tokens": {Auth: server.Auth{TokensFile: file("ann:" + s + ":read")}}, "tokens without a name": {Auth: server.Auth{TokensFile: file(s)}},
			"peer":        {ServiceURLs: map[string][]string{"defaultZone": {"http://u:" + s + "@h:8761/eureka/"}}},
			"peer by DNS": {ServiceURLs: map[string][]string{"defaultZone": {"dns+http://u:" + s + "@h:8761/eureka/"}}},
			"region":      {RemoteRegions: map[string]string{"x": "http://u:" + s + "@h:8761/eureka/"}},
			"my url":      {MyURL: "http://u:" + s + "@h:8761/eureka/"},
			"store":       {TLS: server.TLS{TLSFiles: server.TLSFiles{KeyStore: store, KeyStorePassword: s}}},
			"trust":       {PeerTLS: server.PeerTLS{Enabled: true, TLSFiles: server.TLSFiles{TrustStore: store, TrustStorePassword: s}}},
			"key":         {TLS: server.TLS{TLSFiles: server.TLSFiles{Certificate: string(p.Cert), PrivateKey: "-----BEGIN " + s}}},
		} {
			if _, err := server.New(cfg); err != nil && (strings.Contains(err.Error(), s[:7]) || strings.Contains(err.Error(), s[len(s)-7:])) {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
}
