package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka/internal/config"
	"heureka.internal/heureka/server"
)

// A reloading node reads its settings again as the test has them.
type reloading struct {
	*reloader
	out  bytes.Buffer
	args []string
}

func newReloading(t *testing.T, args ...string) *reloading {
	t.Helper()
	r := &reloading{args: args}
	dir := t.TempDir()
	read := func() (*config.Settings, error) { return config.Load(config.Options{Args: r.args, Dir: dir}) }
	s, err := read()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{stderr: &r.out}
	logger, err := p.openLogs(s)
	if err != nil {
		t.Fatal(err)
	}
	srv, err := server.New(s.ServerConfig(8761))
	if err != nil {
		t.Fatal(err)
	}
	r.reloader = &reloader{logging: logger, srv: srv, port: 8761, start: s, last: s, read: read}
	return r
}

// again reads the settings as they are now and returns what was logged.
func (r *reloading) again(args ...string) []string {
	r.args = args
	r.out.Reset()
	r.reload()
	var lines []string
	for line := range strings.Lines(r.out.String()) {
		lines = append(lines, regexp.MustCompile(`time=\S* `).ReplaceAllString(strings.TrimSpace(line), ""))
	}
	return lines
}

// SIGHUP names what has changed, what of it the node obeys at once and what needs a restart; and says so if that is nothing.
func TestReload(t *testing.T) {
	const peer = "--eureka.client.service-url.defaultZone=http://u:%s@b:8761/eureka/"
	first, second := strings.ReplaceAll(peer, "%s", "old"), strings.ReplaceAll(peer, "%s", "new")
	r := newReloading(t, first)
	for _, step := range []struct {
		args []string
		want []string
	}{
		{[]string{first}, []string{`level=INFO msg="settings read again" changed=0 need_restart=0`}},
		{[]string{second, "--server.port=1", "--heureka.limits.instances=5"}, []string{
			`level=INFO msg="setting changed" setting=eureka.client.service-url.defaultZone from=http://******@b:8761/eureka/ to=http://******@b:8761/eureka/`,
			`level=INFO msg="setting changed" setting=heureka.limits.instances from=2000000 to=5`,
			`level=WARN msg="setting needs a restart" setting=server.port from=8761 to=1`,
			`level=INFO msg="settings read again" changed=2 need_restart=1`,
		}},
		{[]string{second, "--server.port=1", "--heureka.limits.instances=5"}, []string{
			`level=WARN msg="setting needs a restart" setting=server.port from=8761 to=1`,
			`level=INFO msg="settings read again" changed=0 need_restart=1`,
		}},
		{[]string{second, "--server.port=x"}, []string{
			`level=ERROR msg="cannot apply settings, keeping the current ones" err="argument: server.port is \"x\": want a whole number" hint=""`,
		}},
		{[]string{second, "--heureka.limits.instances=5", "--logging.level.root=warn"}, []string{
			`level=INFO msg="setting changed" setting=logging.level.root from=info to=warn`,
		}},
	} {
		got := r.again(step.args...)
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", step.args, diff)
		}
	}
	if r.Enabled(t.Context(), slog.LevelInfo) || !r.Enabled(t.Context(), slog.LevelWarn) {
		t.Error("the new log level has no effect")
	}
	r.levels.Root.Set(slog.LevelDebug) // at the endpoint
	r.again(r.args...)
	if !r.Enabled(t.Context(), slog.LevelDebug) {
		t.Error("settings that have not changed take back the level of the endpoint")
	}
}

// A node without peers says that it has read its settings, and that peers need a restart.
func TestReloadWithoutPeers(t *testing.T) {
	r := newReloading(t)
	if diff := cmp.Diff([]string{`level=INFO msg="settings read again" changed=0 need_restart=0`}, r.again()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	got := strings.Join(r.again("--eureka.client.service-url.defaultZone=http://b:8761/eureka/"), "\n")
	if !strings.Contains(got, "cannot add peers to a standalone node; restart it with peers configured") {
		t.Errorf("log: %s", got)
	}
}

// Files that have been moved away are opened anew.
func TestReloadOpensFilesAgain(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.log")
	r := newReloading(t, "--logging.file.name="+name)
	r.Info("one")
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	r.Info("two")
	r.again(r.args...)
	for file, want := range map[string]string{name + ".1": "two", name: "settings read again"} {
		if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s has %q, %v; want %q in it", file, text, err, want)
		}
	}
}

// Without secrets in files nothing is read again.
func TestNoSecretsToFollow(t *testing.T) {
	r := newReloading(t)
	r.watch(r.start)
	if r.secretsChanged() {
		t.Error("something has changed where there is nothing")
	}
}

// A file with a secret is followed; one that somebody is writing at the moment changes nothing, and is told once.
func TestSecretsInFilesAreFollowed(t *testing.T) {
	name := filepath.Join(t.TempDir(), "password")
	write := func(text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first\n")
	args := []string{"--spring.security.user.password=file:" + name}
	r := newReloading(t, args...)
	r.watch(r.start)
	for _, step := range []struct {
		text, right string
		want        []string
	}{
		{"first\n", "first", nil},
		{"second", "second", []string{`level=INFO msg="setting changed" setting=spring.security.user.password from=****** to=******`, `level=INFO msg="settings read again" changed=1 need_restart=0`}},
		{"", "second", []string{`level=ERROR msg="cannot apply settings, keeping the current ones" err="argument: spring.security.user.password is \"file:` + name + `\": want a file with a secret: it is empty" hint=""`}},
		{"", "second", nil},
		{"thi:rd", "second", []string{`level=ERROR msg="cannot apply settings, keeping the current ones" err="server configuration: spring.security.user.password: a colon in it keeps most Java clients from sending it" hint=""`}},
		{"fourth\n", "fourth", []string{`level=INFO msg="setting changed" setting=spring.security.user.password from=****** to=******`, `level=INFO msg="settings read again" changed=1 need_restart=0`}},
	} {
		write(step.text)
		var got []string
		if r.secretsChanged() {
			got = r.again(args...)
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("after %q:\n%s", step.text, diff)
		}
		a, err := r.srv.Access(server.AccessRequest{Method: "GET", Path: "/eureka/apps", Authorization: "Basic " + base64.StdEncoding.EncodeToString([]byte("user:"+step.right))})
		if err != nil || !a.Passes {
			t.Errorf("after %q: %s", step.text, a.Text)
		}
	}
}

// The audit log goes elsewhere at once, but to where it can; it neither comes nor goes without a restart.
func TestAuditLogGoesElsewhere(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	to := func(name string) string { return "--heureka.audit.to=" + name }
	r := newReloading(t, to(first))
	write := func(text string) {
		t.Helper()
		if _, err := r.auditWriter().Write([]byte(text + "\n")); err != nil {
			t.Fatal(err)
		}
	}
	write("1")
	for _, step := range []struct {
		args []string
		text string
		want string
	}{
		{[]string{to(second)}, "2", `level=INFO msg="setting changed" setting=heureka.audit.to from=` + first + " to=" + second},
		{[]string{to("/dev/null/x")}, "3", "cannot apply settings, keeping the current ones"},
		{[]string{to(first), "--heureka.auth.mode=enforce"}, "4", "nobody has credentials"},
		{[]string{to("off")}, "5", `level=WARN msg="setting needs a restart" setting=heureka.audit.to`},
		{[]string{to(first)}, "6", `level=INFO msg="settings read again"`},
	} {
		if got := strings.Join(r.again(step.args...), "\n"); !strings.Contains(got, step.want) {
			t.Errorf("%v: %s, want %s", step.args, got, step.want)
		}
		write(step.text)
	}
	for file, want := range map[string]string{first: "1\n6\n", second: "2\n3\n4\n5\n"} {
		if text, err := os.ReadFile(file); err != nil || string(text) != want {
			t.Errorf("%s has %q, %v; want %q", file, text, err, want)
		}
	}
	if len(r.files) != 1 {
		t.Errorf("%d files are reopened", len(r.files))
	}
	without := newReloading(t)
	if got := strings.Join(without.again(to(first)), "\n"); without.auditWriter() != nil || !strings.Contains(got, "needs a restart") {
		t.Errorf("an audit log comes: %s", got)
	}
}

// Who is known, and what they may do, are settings that the node obeys at once.
func TestReloadOfRules(t *testing.T) {
	key, err := x509.MarshalPKIXPublicKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public())
	if err != nil {
		t.Fatal(err)
	}
	const jwt = "--spring.security.oauth2.resourceserver.jwt."
	args := []string{"--spring.security.user.password=p", jwt + "public-key-location=" + string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: key})), jwt + "audiences=a"}
	r := newReloading(t, args...)
	got := strings.Join(r.again(append(args, jwt+"audiences=b", "--heureka.auth.instance-ownership=observe", "--heureka.auth.vip-ownership=observe",
		"--heureka.audit.on-failure=refuse-writes", "--heureka.auth.peer-certificates=false")...), "\n")
	for _, want := range []string{"jwt.audiences", "heureka.auth.instance-ownership", "heureka.auth.vip-ownership", "heureka.audit.on-failure", "heureka.auth.peer-certificates", "need_restart=0"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s: %s", want, got)
		}
	}
	if got := strings.Join(r.again(append(args, jwt+"jws-algorithms=HS256")...), "\n"); !strings.Contains(got, "cannot apply settings") {
		t.Errorf("a bad algorithm: %s", got)
	}
	if got := strings.Join(r.again(append(args, "--heureka.auth.tokens-file=/dev/null")...), "\n"); !strings.Contains(got, "setting needs a restart") {
		t.Errorf("another file: %s", got)
	}
	if k, ok := config.FindKey("heureka.auth.certificates"); !ok || !k.Live() {
		t.Error("rules for certificates need a restart")
	}
}
