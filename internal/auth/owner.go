package auth

import (
	"strings"

	"heureka.internal/heureka"
)

// patternsOf returns patterns as applications are compared: by AppName, so that no spelling of a name is another one here than in
// the registry.
func patternsOf(patterns []string) []string {
	if patterns == nil {
		return nil
	}
	all := make([]string, len(patterns))
	for i, p := range patterns {
		all[i] = heureka.AppName(strings.TrimSpace(p))
	}
	return all
}

// Owns reports whether one of the principal's patterns names an application; app is as AppName returns it.
func (p *Principal) Owns(app string) bool { return owns(p.Applications, app) }

func owns(patterns []string, app string) bool {
	for _, pattern := range patterns {
		before, after, star := strings.Cut(pattern, "*")
		if pattern == app || star && len(app) >= len(before)+len(after) && strings.HasPrefix(app, before) && strings.HasSuffix(app, after) {
			return true
		}
	}
	return false
}

// Claimed reports whether a setting gives an application to somebody: nobody else may register it then.
func (a *Authenticator) Claimed(app string) bool { return owns(a.known.Load().claims, app) }

// Claimed is the same of the rules for certificates, as far as they name applications themselves.
func (c *Certificates) Claimed(app string) bool { return owns(c.claims, app) }

// TokensOwn reports whether a token has applications in its file.
func (a *Authenticator) TokensOwn() bool { return a.known.Load().tokensOwn }
