package config

import (
	"strings"

	"heureka.internal/heureka/server"
)

// authKeys are who may do what.
var authKeys = []Key{
	{Name: securityUser + ".name", Doc: "User who has spring.security.user.password.",
		field: func(c *server.Config) any { return &c.Auth.User }},
	{Name: securityUser + ".password", Secret: true, Doc: "Password of the user: plain, {noop} and plain, or {bcrypt} and a hash. With it, requests need a credential.",
		field: func(c *server.Config) any { return &c.Auth.Password }},
	{Name: "heureka.auth.previous-password", Secret: true, Doc: "Another password of the user that is right too, for the time in which the password is replaced.",
		field: func(c *server.Config) any { return &c.Auth.Previous }},
	{Name: securityUser + ".roles", Kind: List, Doc: "Roles of the user: probe, read, register, operate, peer, metrics, admin. By default all.",
		field: func(c *server.Config) any { return &c.Auth.Roles }},
	{Name: "heureka.auth.users-file", Doc: "File with more users, a line each: NAME:HASH, as htpasswd -B writes it. It is read again when it changes.",
		field: func(c *server.Config) any { return &c.Auth.UsersFile }},
	{Name: "heureka.auth.roles", Map: true, Kind: List, Doc: "Roles of a user of that file, by name. By default none.",
		field: func(c *server.Config) any { return &c.Auth.UserRoles }},
	{Name: "heureka.auth.tokens-file", Doc: "File with bearer tokens, a line each: NAME:SHA-256 of the token:ROLE,ROLE, and perhaps :APPLICATION,APPLICATION. It is read again when it changes.",
		field: func(c *server.Config) any { return &c.Auth.TokensFile }},
	{Name: jwtKeys + "issuer-uri", Kind: URL, Doc: "Issuer whose signed tokens (JWT) count; it tells where its keys are.",
		field: func(c *server.Config) any { return &c.Auth.JWT.IssuerURI }},
	{Name: jwtKeys + "jwk-set-uri", Kind: URL, Doc: "Where the keys of tokens are, instead of what the issuer says.",
		field: func(c *server.Config) any { return &c.Auth.JWT.JWKSetURI }},
	{Name: jwtKeys + "public-key-location", Doc: "The one key of tokens, instead: a file in PEM, or the text.",
		field: func(c *server.Config) any { return &c.Auth.JWT.PublicKey }},
	{Name: jwtKeys + "audiences", Kind: List, Doc: "Audiences of which a token has one. There must be one, so that tokens for other services do not count.",
		field: func(c *server.Config) any { return &c.Auth.JWT.Audiences }},
	{Name: jwtKeys + "jws-algorithms", Kind: List, Doc: "Algorithms of signatures. By default RS256; with issuer-uri alone RS, PS, ES and EdDSA.",
		field: func(c *server.Config) any { return &c.Auth.JWT.Algorithms }},
	{Name: jwtKeys + "authorities-claim-name", Doc: "Claim with the authorities, such as realm_access.roles. By default scope, or scp.",
		field: func(c *server.Config) any { return &c.Auth.JWT.Authorities }},
	{Name: jwtKeys + "authority-prefix", Doc: "What is put before each authority. By default SCOPE_; ROLE_ and SCOPE_ before the name of a role do not matter.",
		field: func(c *server.Config) any { return &c.Auth.JWT.AuthorityPrefix }},
	{Name: jwtKeys + "principal-claim-name", Doc: "Claim with the name. By default sub.",
		field: func(c *server.Config) any { return &c.Auth.JWT.Principal }},
	{Name: "heureka.auth.authorities", Map: true, Kind: List, Doc: "Roles of an authority in tokens that is not called as they are, such as eureka-admins.",
		field: func(c *server.Config) any { return &c.Auth.Authorities }},
	{Name: certificates, Map: true, Kind: List, Doc: "Whose client certificates are: [0].uri, [0].dns and [0].subject are patterns with * and {app}, [0].roles what they allow, [0].applications what they own."},
	{Name: "heureka.auth.peer-certificates", Kind: Bool, Doc: "Take who has a certificate for a host of this node's service URLs for a peer.",
		field: func(c *server.Config) any { return not{&c.Auth.NoPeerCertificates} }},
	{Name: "heureka.auth.applications", Map: true, Kind: List, Doc: "Applications that a user, or whom a token names, may register, and nobody else: names, or patterns such as PAY-*.",
		field: func(c *server.Config) any { return &c.Auth.Applications }},
	{Name: "heureka.auth.ownership", Kind: Enum, Words: authModes, Doc: "What becomes of registrations for applications of others. By default as heureka.auth.mode if anybody has applications, else off.",
		field: func(c *server.Config) any { return &c.Auth.Ownership }},
	{Name: "heureka.auth.instance-ownership", Kind: Enum, Words: authModes, Doc: "What becomes of heartbeats, cancels and other changes of an instance that somebody else has registered. By default as heureka.auth.ownership.",
		field: func(c *server.Config) any { return &c.Auth.Instances }},
	{Name: "heureka.auth.vip-ownership", Kind: Enum, Words: authModes, Doc: "What becomes of registrations with a VIP address that belongs to others, as applications do. By default as heureka.auth.ownership.",
		field: func(c *server.Config) any { return &c.Auth.VIPs }},
	{Name: "heureka.auth.anonymous", Kind: List, Doc: "Roles of requests without a credential.",
		field: func(c *server.Config) any { return &c.Auth.Anonymous }},
	{Name: "heureka.auth.mode", Kind: Enum, Words: authModes, Doc: "What becomes of requests that lack a role: off asks nobody, observe counts them, enforce refuses them. By default enforce if there are credentials, else off.",
		field: func(c *server.Config) any { return &c.Auth.Mode }},
	{Name: "heureka.auth.modes", Map: true, Kind: Enum, Words: authModes, Doc: "The same for one role, such as peer.",
		field: func(c *server.Config) any { return &c.Auth.Modes }},
	{Name: "heureka.audit.to", Default: "off", Doc: "Where to write who changed what and who was denied what, a line of JSON each: off, stdout, syslog, syslog://HOST:PORT (UDP), syslog+tcp://HOST:PORT, or a file name. SIGHUP reopens the file, or goes to another place."},
	{Name: "heureka.audit.on-failure", Kind: Enum, Words: []string{"continue", "refuse-writes"},
		Doc:   "What to do while the audit log cannot be written: continue, and count what is lost, or refuse-writes of clients and operators, apart from heartbeats, with 503.",
		field: func(c *server.Config) any { return refusing{&c.Audit.RefuseWrites} }},
}

const (
	securityUser = "spring.security.user"
	certificates = "heureka.auth.certificates"
	oauth2       = "spring.security.oauth2"
	jwtKeys      = oauth2 + ".resourceserver.jwt."
)

var authModes = []string{"off", "observe", "enforce"}

// dropAcknowledged leaves out the user, and tokens, where the operator has said that a proxy asks for them.
func (l *loader) dropAcknowledged(s *Settings) {
	for name := range s.set {
		if strings.HasPrefix(name, securityUser+".") && l.acknowledged(name, securityUser) || strings.HasPrefix(name, jwtKeys) && l.acknowledged(name, oauth2) {
			delete(s.set, name)
		}
	}
	if x := s.set[securityUser+".name"]; x.Name != "" && x.Value.Text != x.Key.Default && s.Text(securityUser+".password") == "" && s.Text("heureka.auth.mode") != "off" {
		l.fail(&Mistake{Origin: x.Origin, Key: x.Name, Problem: "the user has no password", Hint: "set " + securityUser + ".password"})
	}
}
