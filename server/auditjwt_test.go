package server_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"heureka.internal/heureka/internal/audit"
)

// A token that does not count is refused, and the audit log says why, without the token.
func TestAuditTellsOfBadTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		cfg := r.config()
		cfg.Audit.Writer = &r.log
		tokensOfIssuer(r, &cfg)
		r.start(cfg)
		token := func(alg jose.SignatureAlgorithm, key any, claims map[string]any) string {
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
			if err != nil {
				t.Fatal(err)
			}
			text, err := jwt.Signed(signer).Claims(claims).Serialize()
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		claims := func(change func(map[string]any)) map[string]any {
			c := map[string]any{"sub": "app", "scope": "register", "aud": "registry", "exp": time.Now().Add(time.Hour).Unix()}
			change(c)
			return c
		}
		same := func(map[string]any) {}
		other := ed25519.NewKeyFromSeed([]byte("the seed of somebody else's keys"))
		good := token(jose.EdDSA, issuerKey, claims(same))
		none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + strings.Split(good, ".")[1] + "."
		beat := func(token string) int {
			code, _ := r.do("PUT", beatPath, "", "Authorization", "Bearer "+token)
			return code
		}
		if code := beat(good); code != 404 {
			t.Fatalf("a good token: %d", code)
		}
		for what, tt := range map[string]struct{ token, want string }{
			"expired":          {token(jose.EdDSA, issuerKey, claims(func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() })), "expired token"},
			"without an end":   {token(jose.EdDSA, issuerKey, claims(func(c map[string]any) { delete(c, "exp") })), "token without an end"},
			"another audience": {token(jose.EdDSA, issuerKey, claims(func(c map[string]any) { c["aud"] = "payments" })), "token for another audience"},
			"another key":      {token(jose.EdDSA, other, claims(same)), "token"},
			"none":             {none, "not a token signed as this node wants it"},
			"HS256":            {token(jose.HS256, []byte(issuerPEM), claims(same)), "not a token signed as this node wants it"},
		} {
			time.Sleep(2 * time.Minute) // two of them are wrong in the same way, which has a line a minute
			if code := beat(tt.token); code != 401 {
				t.Errorf("%s: %d, want 401", what, code)
			}
			synctest.Wait()
			all := entries(t, r.log.String())
			last := all[len(all)-1]
			if last.Outcome != audit.Denied || last.Action != "heartbeat" || last.Principal != "" || !strings.Contains(last.Reason, "wrong-credential, needs the role register: "+tt.want) {
				t.Errorf("%s: %+v", what, last)
			}
			for part := range strings.SplitSeq(tt.token, ".") {
				if part != "" && strings.Contains(r.log.String(), part) {
					t.Errorf("%s: the audit log has a part of the token", what)
				}
			}
		}
	})
}
