package auth

import "strings"

// Owns reports whether one of the principal's patterns names an application.
func (p *Principal) Owns(app string) bool { return owns(p.Applications, app) }

func owns(patterns []string, app string) bool {
	for _, pattern := range patterns {
		before, after, star := strings.Cut(pattern, "*")
		if !star {
			if strings.EqualFold(pattern, app) {
				return true
			}
			continue
		}
		if n := len(app) - len(after); n >= len(before) && strings.EqualFold(app[:len(before)], before) && strings.EqualFold(app[n:], after) {
			return true
		}
	}
	return false
}

// Claimed reports whether a setting gives an application to somebody: nobody else may register it then.
func (a *Authenticator) Claimed(app string) bool { return owns(a.known.Load().claims, app) }

// Claimed is the same of the rules for certificates, as far as they name applications themselves.
func (c *Certificates) Claimed(app string) bool { return owns(c.claims, app) }
