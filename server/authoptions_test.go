package server_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/crypto/bcrypt"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/tlsconf/tlsconftest"
	"heureka.internal/heureka/server"
)

// shows asks for a path with this credential.
func shows(path, credential string) func(*rig) string {
	return func(r *rig) string {
		code, _ := r.do("GET", path, "", "Authorization", credential)
		return fmt.Sprint(code)
	}
}

func basic(name, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

func password(_ *rig, c *server.Config) { c.Auth.Password = "geheim" }

// fileWith returns a file with this line.
func fileWith(r *rig, line string) string {
	name := filepath.Join(r.t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(line+"\n"), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return name
}

func usersFile(r *rig, c *server.Config) {
	hash, err := bcrypt.GenerateFromPassword([]byte("p"), bcrypt.MinCost)
	if err != nil {
		r.t.Fatal(err)
	}
	c.Auth.UsersFile = fileWith(r, "ann:"+string(hash))
}

func readers(_ *rig, c *server.Config) {
	c.Auth.UserRoles = map[string][]string{"ann": {"read"}}
}

// wantsCertificates makes a node that asks for certificates of an authority, whose peer is b.corp.
func wantsCertificates(r *rig, c *server.Config) {
	password(r, c)
	r.ca = tlsconftest.New(r.t)
	own := r.ca.Sign(time.Now().Add(time.Hour), "a")
	c.TLS = server.TLS{ClientAuth: "want", TLSFiles: server.TLSFiles{Certificate: string(own.Cert), PrivateKey: string(own.PEM), TrustCertificate: string(r.ca.PEM)}}
	c.ServiceURLs = map[string][]string{"defaultZone": {"https://b.corp/eureka/"}}
	c.SyncRetries = -1
}

// asksWith asks for a path with a certificate for this name.
func asksWith(path, name string) func(*rig) string {
	return func(r *rig) string {
		tr := r.transport("client")
		tr.TLSClientConfig = r.ca.TLS(r.ca.Issue(func(c *x509.Certificate) { c.DNSNames = []string{name} }))
		resp, err := (&http.Client{Transport: tr}).Get("https://a:8761" + path)
		if err != nil {
			return err.Error()
		}
		resp.Body.Close()
		return fmt.Sprint(resp.StatusCode)
	}
}

// owner has a user who may register.
func owner(r *rig, c *server.Config) {
	usersFile(r, c)
	c.Auth.UserRoles = map[string][]string{"ann": {"register"}}
}

// registrants has another user who may register.
func registrants(r *rig, c *server.Config) {
	owner(r, c)
	c.Auth.Password, c.Auth.Roles = "geheim", []string{"register"}
}

// cancelsAnothers cancels what another has registered.
func cancelsAnothers(r *rig) string {
	r.do("POST", "/eureka/apps/ORDERS", record("ORDERS", "1"), "Authorization", basic("user", "geheim"))
	code, _ := r.do("DELETE", "/eureka/apps/ORDERS/1", "", "Authorization", basic("ann", "p"))
	return fmt.Sprint(code)
}

// beats sends a heartbeat for the application.
func beats(app string) func(*rig) string {
	return func(r *rig) string {
		code, _ := r.do("PUT", "/eureka/apps/"+app+"/1", "", "Authorization", basic("ann", "p"))
		return fmt.Sprint(code)
	}
}

// tokensOfIssuer makes tokens with the key of the tests count.
func tokensOfIssuer(_ *rig, c *server.Config) {
	c.Auth.JWT = server.JWT{PublicKey: issuerPEM, Audiences: []string{"registry"}, Algorithms: []string{"EdDSA"}}
}

// showsToken asks for a path with a token of these scopes.
func showsToken(path, scopes string) func(*rig) string {
	return func(r *rig) string {
		return shows(path, "Bearer "+signed(r.t, "app", scopes))(r)
	}
}

// authOptions are about who may do what.
var authOptions = []option{{
	field: "Auth.Password", see: statusOf("/eureka/apps"), set: password, byDefault: "200", want: "401",
}, {
	field: "Auth.User", base: password, see: shows("/eureka/apps", basic("ann", "geheim")), byDefault: "401", want: "200",
	set: func(_ *rig, c *server.Config) { c.Auth.User = "ann" },
}, {
	field: "Auth.Roles", base: password, see: shows("/eureka/apps", basic("user", "geheim")), byDefault: "200", want: "403",
	set: func(_ *rig, c *server.Config) { c.Auth.Roles = []string{"register"} },
}, {
	field: "Auth.Previous", base: password, see: shows("/eureka/apps", basic("user", "old")), byDefault: "401", want: "200",
	set: func(_ *rig, c *server.Config) { c.Auth.Previous = "old" },
}, {
	field: "Auth.UsersFile", see: shows("/eureka/apps", basic("ann", "p")), byDefault: "401", want: "200", set: usersFile,
	base: func(r *rig, c *server.Config) { password(r, c); readers(r, c) },
}, {
	field: "Auth.UserRoles", base: usersFile, see: shows("/eureka/apps", basic("ann", "p")), byDefault: "403", want: "200", set: readers,
}, {
	field: "Auth.TokensFile", base: password, see: shows("/eureka/apps", "bearer geheim"), byDefault: "401", want: "200",
	set: func(r *rig, c *server.Config) {
		c.Auth.TokensFile = fileWith(r, fmt.Sprintf("app:%x:read,register", sha256.Sum256([]byte("geheim"))))
	},
}, {
	field: "Auth.Applications", base: owner, see: beats("ORDERS"), byDefault: "404", want: "403",
	set: func(_ *rig, c *server.Config) { c.Auth.Applications = map[string][]string{"ann": {"SHOP"}} },
}, {
	field: "Auth.Ownership", base: func(r *rig, c *server.Config) {
		owner(r, c)
		c.Auth.Applications = map[string][]string{"ann": {"SHOP"}}
	}, see: beats("ORDERS"), byDefault: "403", want: "404",
	set: func(_ *rig, c *server.Config) { c.Auth.Ownership = "observe" },
}, {
	field: "Auth.Instances", base: registrants, see: cancelsAnothers, byDefault: "200", want: "403",
	set: func(_ *rig, c *server.Config) { c.Auth.Instances = "enforce" },
}, {
	field: "Auth.VIPs", base: func(r *rig, c *server.Config) {
		owner(r, c)
		c.Auth.Applications = map[string][]string{"ann": {"ORDERS"}}
	}, see: func(r *rig) string {
		code, _ := r.do("POST", "/eureka/apps/ORDERS", record("ORDERS", "1", func(in *heureka.Instance) { in.VIPAddress = "pay" }),
			"Authorization", basic("ann", "p"))
		return fmt.Sprint(code)
	}, byDefault: "403", want: "204",
	set: func(_ *rig, c *server.Config) { c.Auth.VIPs = "observe" },
}, {
	field: "Auth.JWT", base: password, see: showsToken("/eureka/apps", "read"), byDefault: "401", want: "200", set: tokensOfIssuer,
}, {
	field: "Auth.Authorities", base: func(r *rig, c *server.Config) { password(r, c); tokensOfIssuer(r, c) }, see: showsToken("/eureka/apps", "people"), byDefault: "403", want: "200",
	set: func(_ *rig, c *server.Config) { c.Auth.Authorities = map[string][]string{"people": {"read"}} },
}, {
	field: "Auth.Certificates", base: wantsCertificates, see: asksWith("/eureka/apps", "x.corp"), byDefault: "401", want: "200",
	set: func(_ *rig, c *server.Config) {
		c.Auth.Certificates = []server.CertificateRule{{DNS: "x.corp", Roles: []string{"read"}}}
	},
}, {
	field: "Auth.NoPeerCertificates", base: wantsCertificates, see: asksWith("/eureka/apps", "b.corp"), byDefault: "200", want: "401",
	set: func(_ *rig, c *server.Config) { c.Auth.NoPeerCertificates = true },
}, {
	field: "Auth.Anonymous", base: password, see: statusOf("/eureka/apps"), byDefault: "401", want: "200",
	set: func(_ *rig, c *server.Config) { c.Auth.Anonymous = []string{"probe", "read"} },
}, {
	field: "Auth.Mode", base: password, see: statusOf("/eureka/apps"), byDefault: "401", want: "200",
	set: func(_ *rig, c *server.Config) { c.Auth.Mode = "observe" },
}, {
	field: "Auth.Modes", base: password, see: statusOf("/eureka/apps"), byDefault: "401", want: "200",
	set: func(_ *rig, c *server.Config) { c.Auth.Modes = map[string]string{"read": "off"} },
}}
