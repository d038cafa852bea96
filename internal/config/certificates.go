package config

import (
	"strconv"
	"strings"

	"heureka.internal/heureka/internal/spring"
	"heureka.internal/heureka/server"
)

// maxCertificateRules bounds what a mistyped index takes.
const maxCertificateRules = 1000

// certificates returns the rules for client certificates. For what is none it calls bad.
func (s *Settings) certificates(bad func(Setting)) (rules []server.CertificateRule) {
	for _, x := range s.Of(s.table.parseName(certificates + ".x").key) {
		index, field, _ := strings.Cut(x.Value.Sub, ".")
		n, err := strconv.ParseUint(index, 10, 16)
		if x.Value.Text == "" {
			continue
		}
		if err != nil || n >= maxCertificateRules {
			bad(x)
			continue
		}
		for uint64(len(rules)) <= n {
			rules = append(rules, server.CertificateRule{})
		}
		switch r := &rules[n]; spring.Squash(field) {
		case "uri":
			r.URI = x.Value.Text
		case "dns":
			r.DNS = x.Value.Text
		case "subject":
			r.Subject = x.Value.Text
		case "roles":
			r.Roles = x.Value.List
		case "applications":
			r.Applications = x.Value.List
		default:
			bad(x)
		}
	}
	return rules
}

// checkCertificates refuses rules that nobody can ever match.
func (l *loader) checkCertificates(s *Settings) {
	rules := s.certificates(func(x Setting) {
		l.fail(&Mistake{Origin: x.Origin, Key: x.Name, Problem: "no such setting of a certificate", Hint: "want " + certificates + "[0].uri, dns, subject, roles or applications"})
	})
	if len(rules) == 0 {
		return
	}
	if auth := s.Text(serverSSL + "client-auth"); auth == "" || auth == "none" || !s.TLS() {
		x := s.Of(s.table.parseName(certificates + ".x").key)[0]
		l.fail(&Mistake{Origin: x.Origin, Key: x.Name, Problem: "clients are not asked for certificates", Hint: "set " + serverSSL + "client-auth to want or need, with a certificate and whom to trust"})
	}
}
