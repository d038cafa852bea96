package auth

import "slices"

// A Principal is who sent a request. The zero value has shown nothing, and may nothing.
type Principal struct {
	Name  string
	Roles Roles
	// Applications are names and patterns of the applications that they may register: ORDERS, PAY-*. Nil: any that belongs
	// to nobody else.
	Applications []string

	Proof Proof
	Rule  string // the setting that knows them, for people: heureka.auth.users-file
	Wrong bool   // a credential was shown that is none
	Fault string // what is wrong with it, for people; it never holds any part of a secret
}

// And returns who shows two credentials: what they allow adds up, under the name of the first. If it is nobody's, or the second is
// wrong, the second counts alone.
func (p Principal) And(q Principal) Principal {
	if q.Wrong || p.Name == "" {
		return q
	}
	p.Roles |= q.Roles
	p.Applications = slices.Concat(p.Applications, q.Applications)
	p.Rule += ", " + q.Rule
	return p
}

// A Proof is how principals show who they are.
type Proof uint8

// The proofs.
const (
	NoProof Proof = iota
	ByPassword
	ByToken
	ByJWT
	ByCertificate
)

var proofNames = [...]string{"none", "password", "token", "jwt", "certificate"}

func (p Proof) String() string { return proofNames[p] }
