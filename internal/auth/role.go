// Package auth tells who sent a request, and which roles they have. Which role a request needs, and what becomes of one
// that lacks it, is left to others.
package auth

import (
	"fmt"
	"slices"
	"strings"
)

// A Role is something that principals may do.
type Role uint8

// The roles. Admin includes all others.
const (
	Probe Role = iota
	Read
	Register
	Operate
	Peer
	Metrics
	Admin
	roleCount
)

var roleNames = [roleCount]string{"probe", "read", "register", "operate", "peer", "metrics", "admin"}

func (r Role) String() string { return roleNames[r] }

// RoleNames returns all names of roles.
func RoleNames() []string { return roleNames[:] }

// Roles is a set of roles.
type Roles uint8

// All has every role.
const All = Roles(1<<roleCount - 1)

// Has reports whether r is in the set.
func (s Roles) Has(r Role) bool { return s&(1<<r|1<<Admin) != 0 }

// ParseRoles reads the names of roles.
func ParseRoles(names []string) (Roles, error) {
	var s Roles
	for _, name := range names {
		i := slices.Index(roleNames[:], strings.ToLower(strings.TrimPrefix(strings.TrimSpace(name), "ROLE_")))
		if i < 0 {
			return 0, fmt.Errorf("there is no role %q: want %s", name, strings.Join(roleNames[:], ", "))
		}
		s |= 1 << i
	}
	return s, nil
}
