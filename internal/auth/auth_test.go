package auth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/bcrypt"

	"heureka.internal/heureka/internal/auth"
)

func basic(text string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(text))
}

func hash(t *testing.T, password string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(h)
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func sum(token string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(token))) }

func TestIdentify(t *testing.T) {
	users, tokens := filepath.Join(t.TempDir(), "users"), filepath.Join(t.TempDir(), "tokens")
	write(t, users, "# people\n\nann:"+hash(t, "p:q")+"\n")
	write(t, tokens, "app:"+sum("geheim")+":read,register\n")
	readers := auth.Roles(1 << auth.Read)
	a, err := auth.New(auth.Config{Local: auth.Local{User: "user", Password: "{noop}geheim", Roles: auth.All, UserRoles: map[string]auth.Roles{"ann": readers}}, UsersFile: users, TokensFile: tokens})
	if err != nil {
		t.Fatal(err)
	}
	const users0, tokens0 = "heureka.auth.users-file", "heureka.auth.tokens-file"
	wrong := auth.Principal{Wrong: true, Proof: auth.ByPassword, Fault: "unknown user or wrong password"}
	badToken := auth.Principal{Wrong: true, Proof: auth.ByToken, Fault: "unknown token"}
	badScheme := auth.Principal{Wrong: true, Fault: "unknown scheme"}
	for shown, want := range map[string]auth.Principal{
		basic("user:geheim"):      {Name: "user", Roles: auth.All, Proof: auth.ByPassword, Rule: "spring.security.user"},
		basic("ann:p:q"):          {Name: "ann", Roles: readers, Proof: auth.ByPassword, Rule: users0},
		"Bearer geheim":           {Name: "app", Roles: 1<<auth.Read | 1<<auth.Register, Proof: auth.ByToken, Rule: tokens0},
		"BEARER  geheim":          {Name: "app", Roles: 1<<auth.Read | 1<<auth.Register, Proof: auth.ByToken, Rule: tokens0},
		basic("user:falsch"):      wrong,
		basic("user:"):            wrong,
		basic("user"):             wrong,
		basic("nobody:geheim"):    wrong,
		basic(":"):                wrong,
		"Basic !":                 wrong,
		"Basic":                   wrong,
		"Bearer":                  badToken,
		"Bearer " + sum("geheim"): badToken,
		"Digest geheim":           badScheme,
		"":                        badScheme,
	} {
		for range 2 { // the second time from memory
			if diff := cmp.Diff(want, a.Identify(shown, "192.0.2.1", time.Now())); diff != "" {
				t.Errorf("%q: %s", shown, diff)
			}
		}
	}
}

// A verified password is not computed again, unless its owner stays away; when the file changes, the old one is wrong at once.
func TestVerifiedPasswordsAreRemembered(t *testing.T) {
	users := filepath.Join(t.TempDir(), "users")
	write(t, users, "ann:"+hash(t, "p")+"\n")
	a, err := auth.New(auth.Config{UsersFile: users})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for i := range 10 { // a heartbeat every 30 s
		if p := a.Identify(basic("ann:p"), "192.0.2.1", now.Add(time.Duration(i)*30*time.Second)); p.Name != "ann" {
			t.Fatalf("%+v", p)
		}
	}
	if n := a.Computed(); n != 1 {
		t.Errorf("ten heartbeats hashed the password %d times", n)
	}
	if a.Identify(basic("ann:p"), "192.0.2.1", now.Add(time.Hour)); a.Computed() != 2 {
		t.Errorf("after an hour it is hashed %d times in all, want 2", a.Computed())
	}
	write(t, users, "ann:"+hash(t, "other")+"\n")
	if changed, err := a.Refresh(); !changed || err != nil {
		t.Fatalf("changed %v, %v", changed, err)
	}
	if p := a.Identify(basic("ann:p"), "192.0.2.1", now.Add(time.Second)); !p.Wrong {
		t.Errorf("the old password still makes %+v", p)
	}
	if p := a.Identify(basic("ann:other"), "192.0.2.1", now); p.Name != "ann" {
		t.Errorf("the new password makes %+v", p)
	}
}

// A file that makes no sense is told once, and changes nothing; its lines are not told.
func TestBadFilesAreKeptOut(t *testing.T) {
	dir := t.TempDir()
	users, tokens := filepath.Join(dir, "users"), filepath.Join(dir, "tokens")
	good := "app:" + sum("geheim") + ":read\n"
	write(t, users, "")
	write(t, tokens, good)
	a, err := auth.New(auth.Config{UsersFile: users, TokensFile: tokens})
	if err != nil {
		t.Fatal(err)
	}
	bad := []struct{ users, tokens, want string }{
		{"ann:plain", good, "users file, line 1: want NAME:HASH with bcrypt, as htpasswd -B writes it"},
		{"", "app:abc:read", "tokens file, line 1: want NAME:SHA-256:ROLE,ROLE or NAME:SHA-256:ROLE,ROLE:APPLICATION,APPLICATION"},
		{"", "app:" + sum("x") + ":read:A,,B", "tokens file, line 1: want names of applications, with a comma between two"},
		{"", "\napp:" + sum("x")[1:] + "z:read", "tokens file, line 2: want the SHA-256 of the token in hexadecimal"},
		{"", "app:" + sum("x") + ":everything", `tokens file, line 1: there is no role "everything": want probe, read, register, operate, peer, metrics, admin`},
	}
	for _, tt := range bad {
		write(t, users, tt.users)
		write(t, tokens, tt.tokens)
		if changed, err := a.Refresh(); changed || err == nil || err.Error() != tt.want {
			t.Errorf("changed %v, %v, want %s", changed, err, tt.want)
		}
		if changed, err := a.Refresh(); changed || err != nil {
			t.Errorf("again: changed %v, %v", changed, err)
		}
		if p := a.Identify("Bearer geheim", "192.0.2.1", time.Now()); p.Name != "app" {
			t.Errorf("after %s: %+v", tt.want, p)
		}
	}
	if got := a.Failures(); got != uint64(len(bad)) {
		t.Errorf("%d failures, want %d", got, len(bad))
	}
}

// While a password is replaced both are right; when the old one is gone it is wrong at once, and who shows the new one is not
// computed again.
func TestTwoPasswords(t *testing.T) {
	users := filepath.Join(t.TempDir(), "users")
	write(t, users, "ann:"+hash(t, "old")+"\nann:"+hash(t, "new")+"\n")
	local := auth.Local{User: "user", Password: "new", Previous: "{bcrypt}" + hash(t, "old"), Roles: auth.All}
	a, err := auth.New(auth.Config{Local: local, UsersFile: users})
	if err != nil {
		t.Fatal(err)
	}
	known := func(name, password string, want bool) {
		t.Helper()
		if p := a.Identify(basic(name+":"+password), "192.0.2.1", time.Now()); p.Wrong == want {
			t.Errorf("%s with the %s password: %+v", name, password, p)
		}
	}
	for _, name := range []string{"user", "ann"} {
		known(name, "old", true)
		known(name, "new", true)
		known(name, "other", false)
	}
	local.Previous = ""
	if changed, err := a.Change(local); err != nil || !changed {
		t.Fatal(changed, err)
	}
	known("user", "old", false)
	known("user", "new", true)
	known("ann", "old", true)
	write(t, users, "ann:"+hash(t, "new")+"\n")
	if _, err := a.Refresh(); err != nil {
		t.Fatal(err)
	}
	known("ann", "old", false)
	known("ann", "new", true)
	before := a.Computed()
	if changed, err := a.Change(local); err != nil || changed { // nothing
		t.Fatal(changed, err)
	}
	if known("ann", "new", true); a.Computed() != before {
		t.Error("a change of nothing forgets who is known")
	}
	local.Password = "{x}y"
	if _, err := a.Change(local); err == nil {
		t.Error("a bad password is taken")
	}
	known("user", "new", true)
	write(t, users, strings.Repeat("ann:"+hash(t, "new")+"\n", 3))
	if _, err := a.Refresh(); err == nil {
		t.Error("three passwords are taken")
	}
}

// Settings and files may change at the same time: in the end both count.
func TestChangesMeet(t *testing.T) {
	tokens := filepath.Join(t.TempDir(), "tokens")
	write(t, tokens, "")
	a, err := auth.New(auth.Config{Local: auth.Local{User: "user", Password: "0"}, TokensFile: tokens})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		var both sync.WaitGroup
		text := strconv.Itoa(i)
		write(t, tokens, "app:"+sum(text)+":read\n")
		both.Go(func() {
			if _, err := a.Refresh(); err != nil {
				t.Error(err)
			}
		})
		both.Go(func() {
			if _, err := a.Change(auth.Local{User: "user", Password: text}); err != nil {
				t.Error(err)
			}
		})
		both.Wait()
		if a.Identify("Bearer "+text, "192.0.2.1", time.Now()).Wrong || a.Identify(basic("user:"+text), "192.0.2.1", time.Now()).Wrong {
			t.Fatalf("change %d is lost", i)
		}
	}
}
