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
	{Name: "heureka.auth.tokens-file", Doc: "File with bearer tokens, a line each: NAME:SHA-256 of the token:ROLE,ROLE. It is read again when it changes.",
		field: func(c *server.Config) any { return &c.Auth.TokensFile }},
	{Name: certificates, Map: true, Kind: List, Doc: "Whose client certificates are: [0].uri, [0].dns and [0].subject are patterns with * and {app}, [0].roles what they allow, [0].applications what they own."},
	{Name: "heureka.auth.peer-certificates", Kind: Bool, Doc: "Take who has a certificate for a host of this node's service URLs for a peer.",
		field: func(c *server.Config) any { return not{&c.Auth.NoPeerCertificates} }},
	{Name: "heureka.auth.anonymous", Kind: List, Doc: "Roles of requests without a credential.",
		field: func(c *server.Config) any { return &c.Auth.Anonymous }},
	{Name: "heureka.auth.mode", Kind: Enum, Words: authModes, Doc: "What becomes of requests that lack a role: off asks nobody, observe counts them, enforce refuses them. By default enforce if there are credentials, else off.",
		field: func(c *server.Config) any { return &c.Auth.Mode }},
	{Name: "heureka.auth.modes", Map: true, Kind: Enum, Words: authModes, Doc: "The same for one role, such as peer.",
		field: func(c *server.Config) any { return &c.Auth.Modes }},
	{Name: "heureka.audit.to", Default: "off", Doc: "Where to write who changed what and who was denied what, a line of JSON each: off, stdout, syslog, syslog://HOST:PORT (UDP), syslog+tcp://HOST:PORT, or a file name. SIGHUP reopens the file."},
	{Name: "heureka.audit.on-failure", Kind: Enum, Words: []string{"continue", "refuse-writes"},
		Doc:   "What to do while the audit log cannot be written: continue, and count what is lost, or refuse-writes of clients and operators, apart from heartbeats, with 503.",
		field: func(c *server.Config) any { return refusing{&c.Audit.RefuseWrites} }},
}

const (
	securityUser = "spring.security.user"
	certificates = "heureka.auth.certificates"
)

var authModes = []string{"off", "observe", "enforce"}

// dropAcknowledged leaves out the user where the operator has said that a proxy asks for the password.
func (l *loader) dropAcknowledged(s *Settings) {
	for name := range s.set {
		if strings.HasPrefix(name, securityUser+".") && l.acknowledged(name, securityUser) {
			delete(s.set, name)
		}
	}
	if x := s.set[securityUser+".name"]; x.Name != "" && x.Value.Text != x.Key.Default && s.Text(securityUser+".password") == "" && s.Text("heureka.auth.mode") != "off" {
		l.fail(&Mistake{Origin: x.Origin, Key: x.Name, Problem: "the user has no password", Hint: "set " + securityUser + ".password"})
	}
}
