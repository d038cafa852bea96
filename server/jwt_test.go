package server_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"heureka.internal/heureka/server"
)

// issuerKey signs the tokens of tests.
var (
	issuerKey = ed25519.NewKeyFromSeed([]byte("the seed of a key only for tests"))
	issuerPEM = publicPEM(issuerKey.Public())
)

func publicPEM(key any) string {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// signed returns a token for an hour.
func signed(t testing.TB, name, scopes string) string {
	t.Helper()
	token, err := tokenOf(jose.EdDSA, issuerKey, map[string]any{"sub": name, "scope": scopes})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// tokenOf returns a token with these claims besides, or instead of, those of a good one.
func tokenOf(alg jose.SignatureAlgorithm, key any, change map[string]any) (string, error) {
	claims := map[string]any{"aud": "registry", "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(claims, change)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}

// Half of the settings for tokens would refuse everybody, or accept too many.
func TestBadJWTDoesNotStart(t *testing.T) {
	for name, j := range map[string]server.JWT{
		"no audience":    {PublicKey: issuerPEM},
		"no keys":        {Audiences: []string{"registry"}},
		"two places":     {PublicKey: issuerPEM, JWKSetURI: "https://id/keys", Audiences: []string{"registry"}},
		"no URL":         {IssuerURI: "id", Audiences: []string{"registry"}},
		"none":           {PublicKey: issuerPEM, Audiences: []string{"registry"}, Algorithms: []string{"none"}},
		"shared secrets": {PublicKey: issuerPEM, Audiences: []string{"registry"}, Algorithms: []string{"HS256"}},
		"no key":         {PublicKey: "/there/is/none", Audiences: []string{"registry"}},
		"a class path":   {PublicKey: "classpath:key.pem", Audiences: []string{"registry"}},
	} {
		if _, err := server.New(server.Config{Auth: server.Auth{JWT: j}}); err == nil {
			t.Errorf("%s: it starts", name)
		}
	}
}
