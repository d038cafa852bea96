package auth

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// Config says whom an Authenticator knows.
type Config struct {
	Local
	UsersFile  string // a line each: NAME:HASH, bcrypt, as htpasswd -B writes it; a name may have two, while its password is replaced
	TokensFile string // a line each: NAME:SHA-256 in hexadecimal:ROLE,ROLE, and perhaps :APPLICATION,APPLICATION
}

// JWT verifies tokens that somebody else has signed.
type JWT interface {
	// Verify tells who a token is of, and until when; the error may be shown.
	Verify(token string, now time.Time) (Principal, time.Time, error)
	// Generation changes when other keys count.
	Generation() uint64
}

// Local is what settings themselves say; it may change while a node runs.
type Local struct {
	User, Password string           // one user; the password plain, {noop} and plain, or {bcrypt} and a hash
	Previous       string           // another password of that user, right too while the password is replaced
	Roles          Roles            // of that user
	UserRoles      map[string]Roles // of users in the file
	Anonymous      Roles            // of who shows nothing

	Applications map[string][]string // patterns of what principals own, by their names

	JWT JWT // nil: no such tokens count
}

func (l Local) equal(m Local) bool {
	same := l.JWT == m.JWT // the same one: it has keys of its own
	l.JWT, m.JWT = nil, nil
	return same && reflect.DeepEqual(l, m)
}

const (
	remembered = time.Minute // for how long after its last use a verified password is not computed again
	hashing    = 2           // passwords that are computed at a time, so that a flood of wrong ones leaves processors to others
)

// nobody is the hash of a password that was thrown away: an unknown name takes as long as a wrong password.
const nobody = "$2a$10$5lKTKFrz3EruVUQY8a66/OEw7WzDxp51b7wKfNNM1WOwgCvx4y9RS"

// An Authenticator knows credentials. Its methods are safe for concurrent use.
type Authenticator struct {
	cfg    Config
	secret [32]byte // the key under which verified credentials are remembered
	macs   sync.Pool
	turns  turns // at computing passwords

	local    atomic.Pointer[Local]
	known    atomic.Pointer[known]
	failures atomic.Uint64
	computed atomic.Uint64

	passwords, jwts memory // that have been verified
	wrong           memory // passwords

	mu   sync.Mutex
	seen [2][]byte // what stood in the files when they were read last
}

// known is what the files say.
type known struct {
	local *Local
	texts [2][]byte // of the files

	applications map[string][]string // patterns of what principals own, by their names
	claims       []string            // all of these, and those of tokens
	tokensOwn    bool                // a token has applications in its line
	users        map[string]user
	tokens       map[[32]byte]Principal
}

type user struct {
	checks []func(password string) bool // one, or two while the password is replaced
	slow   bool                         // a check takes a turn
	roles  Roles
	rule   string
}

func (u *user) knows(password string) bool {
	return slices.ContainsFunc(u.checks, func(is func(string) bool) bool { return is(password) })
}

// Settings that know principals.
const (
	ruleUser   = "spring.security.user"
	ruleUsers  = "heureka.auth.users-file"
	ruleTokens = "heureka.auth.tokens-file"
)

// New reads the files.
func New(cfg Config) (*Authenticator, error) {
	a := &Authenticator{cfg: cfg}
	_, _ = rand.Read(a.secret[:]) // never fails
	var err error
	if a.seen, err = a.read(); err != nil {
		return nil, err
	}
	a.local.Store(&cfg.Local)
	k, err := a.parse(&cfg.Local, a.seen)
	a.known.Store(k)
	return a, err
}

func (a *Authenticator) read() (texts [2][]byte, err error) {
	for i, name := range []string{a.cfg.UsersFile, a.cfg.TokensFile} {
		if name == "" {
			continue
		}
		text, fault := os.ReadFile(strings.TrimPrefix(name, "file:"))
		texts[i], err = text, errors.Join(err, fault)
	}
	return texts, err
}

// Refresh reads the files again. What changed counts from now on; if a file is bad, nothing changes, and the error says why,
// once.
func (a *Authenticator) Refresh() (changed bool, err error) {
	texts, err := a.read()
	if err != nil {
		texts = [2][]byte{[]byte(err.Error())}
	}
	if !a.note(texts) {
		return false, nil
	}
	if err == nil {
		err = a.take(texts)
	}
	if err != nil {
		a.failures.Add(1)
	}
	return err == nil, err
}

// take replaces what is known by what texts say, with the settings as they are then: these may change meanwhile.
func (a *Authenticator) take(texts [2][]byte) error {
	for {
		k, err := a.parse(a.local.Load(), texts)
		if err != nil {
			return err
		}
		if a.known.Store(k); a.local.Load() == k.local {
			return nil
		}
	}
}

// Change replaces the settings, and reports whether they are others. It fails, and changes nothing, if they make no sense.
func (a *Authenticator) Change(l Local) (changed bool, err error) {
	if a.local.Load().equal(l) { // who is remembered stays so
		return false, nil
	}
	if _, err := a.parse(&l, a.known.Load().texts); err != nil {
		return false, err
	}
	a.local.Store(&l)
	for k := a.known.Load(); k.local != a.local.Load(); k = a.known.Load() { // files may be read meanwhile
		next, err := a.parse(a.local.Load(), k.texts)
		if err != nil {
			return false, err
		}
		a.known.CompareAndSwap(k, next)
	}
	return true, nil
}

// note reports whether texts are not those of the last time.
func (a *Authenticator) note(texts [2][]byte) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if bytes.Equal(texts[0], a.seen[0]) && bytes.Equal(texts[1], a.seen[1]) {
		return false
	}
	a.seen = texts
	return true
}

// Failures returns how often a changed file was kept out.
func (a *Authenticator) Failures() uint64 { return a.failures.Load() }

// Computed returns how often a password was hashed to compare it.
func (a *Authenticator) Computed() uint64 { return a.computed.Load() }

func (a *Authenticator) parse(l *Local, texts [2][]byte) (*known, error) {
	k := &known{local: l, texts: texts, applications: map[string][]string{}, users: map[string]user{}, tokens: map[[32]byte]Principal{}}
	for name, patterns := range l.Applications {
		k.applications[name] = patternsOf(patterns)
		k.claims = append(k.claims, k.applications[name]...)
	}
	if l.Password != "" {
		u := user{roles: l.Roles, rule: ruleUser}
		for _, password := range []string{l.Password, l.Previous} {
			if password == "" {
				continue
			}
			check, err := a.checker(password)
			if err != nil {
				return nil, err
			}
			u.checks, u.slow = append(u.checks, check), u.slow || strings.HasPrefix(password, "{bcrypt}")
		}
		k.users[l.User] = u
	}
	if err := eachLine(texts[0], func(line string) error { return a.addUser(k, line) }); err != nil {
		return nil, fmt.Errorf("users file, %w", err)
	}
	if err := eachLine(texts[1], k.addToken); err != nil {
		return nil, fmt.Errorf("tokens file, %w", err)
	}
	return k, nil
}

// eachLine never quotes a line in its error: it may hold a secret.
func eachLine(text []byte, do func(line string) error) error {
	for n, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		if err := do(line); err != nil {
			return fmt.Errorf("line %d: %w", n+1, err)
		}
	}
	return nil
}

func (a *Authenticator) addUser(k *known, line string) error {
	name, hash, ok := strings.Cut(line, ":")
	if _, err := bcrypt.Cost([]byte(hash)); !ok || name == "" || err != nil {
		return errors.New("want NAME:HASH with bcrypt, as htpasswd -B writes it")
	}
	u, again := k.users[name]
	if again && (u.rule != ruleUsers || len(u.checks) == 2) {
		return fmt.Errorf("there are too many passwords of %q: want one, or two while it is replaced", name)
	}
	k.users[name] = user{append(u.checks, a.bcryptChecker(hash)), true, k.local.UserRoles[name], ruleUsers}
	return nil
}

func (k *known) addToken(line string) error {
	part := strings.SplitN(line, ":", 4)
	var sum [32]byte
	if len(part) < 3 || part[0] == "" || len(part[1]) != 2*len(sum) {
		return errors.New("want NAME:SHA-256:ROLE,ROLE or NAME:SHA-256:ROLE,ROLE:APPLICATION,APPLICATION")
	}
	if _, err := hex.Decode(sum[:], []byte(part[1])); err != nil {
		return errors.New("want the SHA-256 of the token in hexadecimal")
	}
	roles, err := ParseRoles(strings.Split(part[2], ","))
	p := Principal{Name: part[0], Roles: roles, Applications: k.applications[part[0]], Proof: ByToken, Rule: ruleTokens}
	if len(part) == 4 {
		own := patternsOf(strings.Split(part[3], ","))
		if slices.Contains(own, "") {
			err = errors.Join(err, errors.New("want names of applications, with a comma between two"))
		}
		k.tokensOwn, k.claims = true, append(k.claims, own...)
		p.Applications = slices.Concat(p.Applications, own)
	}
	k.tokens[sum] = p
	return err
}

func (a *Authenticator) checker(password string) (func(string) bool, error) {
	if hash, ok := strings.CutPrefix(password, "{bcrypt}"); ok {
		_, err := bcrypt.Cost([]byte(hash))
		return a.bcryptChecker(hash), err
	}
	plain := strings.TrimPrefix(password, "{noop}")
	if plain == password && strings.HasPrefix(plain, "{") {
		return nil, errors.New("a password begins with {bcrypt}, {noop} or no brace")
	}
	want := sha256.Sum256([]byte(plain))
	return func(given string) bool {
		got := sha256.Sum256([]byte(given))
		return subtle.ConstantTimeCompare(got[:], want[:]) == 1
	}, nil
}

func (a *Authenticator) bcryptChecker(hash string) func(string) bool {
	return func(given string) bool {
		a.computed.Add(1)
		return bcrypt.CompareHashAndPassword([]byte(hash), []byte(given)) == nil
	}
}

// Anonymous is who shows nothing.
func (a *Authenticator) Anonymous() Principal { return Principal{Roles: a.local.Load().Anonymous} }

// HasTokens reports whether bearer tokens are known.
func (a *Authenticator) HasTokens() bool { return a.cfg.TokensFile != "" || a.local.Load().JWT != nil }

// Identify tells who shows this value of the header Authorization from an address. Whatever it cannot tell is wrong, never anonymous.
func (a *Authenticator) Identify(authorization, address string, now time.Time) Principal {
	k := a.known.Load()
	scheme, rest, _ := strings.Cut(authorization, " ")
	switch {
	case strings.EqualFold(scheme, "bearer"):
		return a.bearer(k, strings.TrimSpace(rest), now)
	case strings.EqualFold(scheme, "basic"):
		return a.basic(k, strings.TrimSpace(rest), address, now)
	}
	return Principal{Wrong: true, Fault: "unknown scheme"}
}

func (a *Authenticator) basic(k *known, encoded, address string, now time.Time) Principal {
	key := a.key(encoded)
	if p, ok := a.recall(key, k, now); ok {
		return p
	}
	name, password, ok := decode(encoded)
	u, there := k.users[name]
	if !there {
		u.checks, u.slow = []func(string) bool{a.bcryptChecker(nobody)}, true
	}
	if u.slow {
		if !a.turns.take(address, now) {
			return Principal{Wrong: true, Proof: ByPassword, Fault: "too many passwords wait to be looked at"}
		}
		right := false
		defer func() { a.turns.give(address, right, time.Now()) }()
		if p, ok := a.recall(key, k, now); ok { // others may have shown the same meanwhile
			right = !p.Wrong
			return p
		}
		right = u.knows(password) && there && ok
		return a.judged(key, k, right, name, &u, now)
	}
	return a.judged(key, k, u.knows(password) && ok, name, &u, now)
}

// recall returns what is remembered of a password.
func (a *Authenticator) recall(key [32]byte, k *known, now time.Time) (Principal, bool) {
	if v := a.passwords.recall(key, now); v != nil && v.of == k {
		v.until.Store(now.Add(remembered).UnixNano()) // who keeps coming is not computed again
		return v.Principal, true
	}
	if v := a.wrong.recall(key, now); v != nil && v.of == k { // as from a fleet with an old password
		return v.Principal, true
	}
	return Principal{}, false
}

// judged remembers a password that has been looked at.
func (a *Authenticator) judged(key [32]byte, k *known, right bool, name string, u *user, now time.Time) Principal {
	p, memory := Principal{Wrong: true, Proof: ByPassword, Fault: "unknown user or wrong password"}, &a.wrong
	if right {
		p = Principal{Name: strings.Clone(name), Roles: u.roles, Applications: k.applications[name], Proof: ByPassword, Rule: u.rule}
		memory = &a.passwords
	}
	memory.remember(key, &verified{Principal: p, of: k}, now.Add(remembered), now)
	return p
}

// bearer knows tokens of the file and, if there is an issuer, its own.
func (a *Authenticator) bearer(k *known, token string, now time.Time) Principal {
	sum := sha256.Sum256([]byte(token))
	if p, ok := k.tokens[sum]; ok {
		return p
	}
	issuer := k.local.JWT
	if issuer == nil {
		return Principal{Wrong: true, Proof: ByToken, Fault: "unknown token"}
	}
	generation := issuer.Generation()
	if v := a.jwts.recall(sum, now); v != nil && v.generation == generation && v.of == k {
		return v.Principal
	}
	p, until, err := issuer.Verify(token, now)
	if err != nil {
		return Principal{Wrong: true, Proof: ByJWT, Fault: err.Error()}
	}
	p.Applications = k.applications[p.Name]
	a.jwts.remember(sum, &verified{Principal: p, of: k, generation: generation}, until, now)
	return p
}

// key stands for a credential in memory: without the secret, nobody can try passwords against it.
func (a *Authenticator) key(encoded string) (key [32]byte) {
	mac, _ := a.macs.Get().(hash.Hash)
	if mac == nil {
		mac = hmac.New(sha256.New, a.secret[:])
	}
	mac.Reset()
	_, _ = io.WriteString(mac, encoded) // never fails
	mac.Sum(key[:0])
	a.macs.Put(mac)
	return key
}
