//go:build release

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A machine is a root of its own over that of this machine, which it leaves as it is.
type machine struct {
	t       *testing.T
	address string
	upper   string // what differs from this machine
	root    string
}

// systemctl stands in for systemd, which runs in no container: it does with the unit what the package's scripts ask for. Like
// systemd, it is done with a start when the node is ready.
const systemctl = `#!/bin/bash
echo "$@" >> /run/systemctl.log
running() { [ -s /run/heureka.pid ] && grep -qs '^State:.[^ZX]' "/proc/$(cat /run/heureka.pid)/status"; }
stop() { running || return 0; kill "$(cat /run/heureka.pid)"; while running; do sleep 0.05; done; rm /run/heureka.pid; }
start() {
  set -a; . /etc/default/heureka; set +a
  mkdir -p /var/lib/private/heureka; ln -sfn private/heureka /var/lib/heureka; cd /var/lib/heureka
  setsid setpriv --reuid 61184 --regid 61184 --clear-groups --no-new-privs --bounding-set=-all \
    $(sed -n 's/^ExecStart=//p' /lib/systemd/system/heureka.service) >>/run/heureka.log 2>&1 </dev/null &
  echo $! > /run/heureka.pid
  until curl -sf -o /dev/null "http://$ADDRESS:8761/actuator/health"; do running || exit 1; sleep 0.05; done
}
case "$1 $2" in
  "start "*) start ;;
  "try-restart heureka.service") if running; then stop; start; fi ;;
  "disable --now") stop ;;
esac
`

func newMachine(t *testing.T, i int) *machine {
	dir := t.TempDir()
	m := &machine{t: t, address: fmt.Sprintf("127.0.1.%d", i), upper: filepath.Join(dir, "upper"), root: filepath.Join(dir, "root")}
	command(t, "mount", "-t", "tmpfs", "machine", dir)
	t.Cleanup(func() { command(t, "umount", "-l", dir) })
	work := filepath.Join(dir, "work")
	command(t, "mkdir", m.upper, work, m.root)
	command(t, "mount", "-t", "overlay", "machine", "-o", "lowerdir=/,upperdir="+m.upper+",workdir="+work, m.root)
	t.Cleanup(func() { command(t, "umount", "-l", m.root) })
	for _, d := range []string{"/proc", "/dev"} {
		command(t, "mount", "--rbind", d, m.root+d)
		t.Cleanup(func() { command(t, "umount", "-l", m.root+d) })
	}
	m.write("/usr/local/bin/systemctl", systemctl, 0o755)
	m.run("mkdir -p /run/systemd/system")
	return m
}

func (m *machine) write(name, text string, mode os.FileMode) {
	m.t.Helper()
	if err := os.WriteFile(m.root+name, []byte(text), mode); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) run(line string) string {
	m.t.Helper()
	return command(m.t, "chroot", m.root, "env", "ADDRESS="+m.address, "DEBIAN_FRONTEND=noninteractive", "bash", "-ec", line)
}

// install gives the package to dpkg, as apt does.
func (m *machine) install(release string) {
	m.t.Helper()
	deb := result(release, "linux_amd64.deb")
	m.write("/heureka.deb", read(m.t, deb), 0o644)
	m.t.Log(m.run("dpkg -i /heureka.deb; rm /heureka.deb"))
}

// files lists what differs from this machine, but for what dpkg notes and what runs.
func (m *machine) files() []string {
	list := strings.Fields(command(m.t, "sh", "-c", "cd "+m.upper+" && find . -not -path './run/*' -not -path './var/lib/dpkg/*' -not -path './var/log/*' -not -path './var/cache/*' -not -type d"))
	slices.Sort(list)
	return list
}

// TestDebInARing installs three nodes, upgrades one after the other under a fleet, and removes them.
func TestDebInARing(t *testing.T) {
	var machines []*machine
	var hosts, urls []string
	for i := range 3 {
		m := newMachine(t, i+1)
		machines = append(machines, m)
		hosts = append(hosts, m.address)
		urls = append(urls, "http://"+m.address+":8761/eureka/")
	}
	empty := machines[0].files()
	for _, m := range machines {
		m.install(first)
		m.run("! [ -e /run/heureka.pid ]") // a node without settings is not started
		m.write("/etc/default/heureka", fmt.Sprintf("EUREKA_INSTANCE_HOSTNAME=%[1]s\nSERVER_ADDRESS=%[1]s\n", m.address), 0o644)
		m.write("/etc/heureka/application.yml", "eureka:\n  server:\n    wait-time-in-ms-when-sync-empty: 0\n  client:\n    service-url:\n      defaultZone: "+strings.Join(urls, ",")+"\n", 0o644)
		m.run("systemctl start heureka")
		await(t, "the node to be open", func() bool { return open(t.Context(), m.address) })
	}
	machines[0].checkUnit()
	fleet := startFleet(t, hosts...)
	for _, m := range machines {
		m.upgrade()
	}
	before := fleet.beats.Load()
	await(t, "heartbeats after the upgrade", func() bool { return fleet.beats.Load() > before+3*fleetSize })
	for _, m := range machines {
		if got := count(t, m.address); got != fleetSize {
			t.Errorf("%s has %d instances after the upgrade, want %d", m.address, got, fleetSize)
		}
	}
	fleet.end(t)
	for _, m := range machines {
		m.run("dpkg --purge heureka")
		m.run("! [ -e /run/heureka.pid ]")
		if status, _ := get(t.Context(), "http://"+m.address+":8761/"); status != 0 {
			t.Errorf("%s still answers after the removal", m.address)
		}
	}
	if left := machines[0].files(); !slices.Equal(left, empty) {
		t.Errorf("after the removal: %v\nbefore the installation: %v", left, empty)
	}
}

// upgrade leaves the settings as they are, and the node running the new version.
func (m *machine) upgrade() {
	m.t.Helper()
	_, body := get(m.t.Context(), "http://"+m.address+":8761/actuator/info")
	if !strings.Contains(body, `"`+oldVersion+`"`) {
		m.t.Errorf("before the upgrade: %s", body)
	}
	settings := read(m.t, m.root+"/etc/heureka/application.yml")
	m.install(next)
	await(m.t, "the node to be open", func() bool { return open(m.t.Context(), m.address) })
	if _, body := get(m.t.Context(), "http://"+m.address+":8761/actuator/info"); !strings.Contains(body, `"`+newVersion+`"`) {
		m.t.Errorf("after the upgrade: %s", body)
	}
	if now := read(m.t, m.root+"/etc/heureka/application.yml"); now != settings {
		m.t.Errorf("the upgrade changed the settings to:\n%s", now)
	}
}

// checkUnit has systemd read the unit where it is installed, and judge what it keeps from the program.
func (m *machine) checkUnit() {
	m.t.Helper()
	if said := m.run("systemd-analyze verify --man=no heureka.service 2>&1"); strings.Contains(said, "heureka.service") {
		m.t.Error(said)
	}
	m.t.Log(m.run("systemd-analyze security --offline=true --threshold=15 /lib/systemd/system/heureka.service | tail -n 1"))
}

// everywhere is what both packages hold in the same place.
var everywhere = []string{"/usr/bin/heureka", "/etc/heureka/application.yml", "/etc/default/heureka", "/usr/share/man/man1/heureka-serve.1.gz",
	"/usr/share/man/man1/heureka-doctor.1.gz", "/usr/share/bash-completion/completions/heureka", "/usr/share/fish/vendor_completions.d/heureka.fish",
	"/usr/share/doc/heureka/CHANGELOG.md.gz", "/usr/share/doc/heureka/THIRD_PARTY_LICENSES"}

func TestPackagesAreClean(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		deb := result(first, "linux_"+arch+".deb")
		t.Log(command(t, "lintian", "--allow-root", "--fail-on", "error,warning", deb))
		files := command(t, "dpkg-deb", "--contents", deb)
		for _, f := range append([]string{"/lib/systemd/system/heureka.service", "/usr/share/zsh/vendor-completions/_heureka"}, everywhere...) {
			if !strings.Contains(files, " ."+f+"\n") {
				t.Errorf("the deb for %s lacks %s", arch, f)
			}
		}
		if got := command(t, "dpkg-deb", "--info", deb, "conffiles"); got != "/etc/default/heureka\n/etc/heureka/application.yml\n" {
			t.Errorf("an upgrade keeps %q", got)
		}
	}
	for arch, want := range map[string]string{"amd64": "x86_64", "arm64": "aarch64"} {
		rpm := result(first, "linux_"+arch+".rpm")
		if got := command(t, "rpm", "-qp", "--qf", "%{NAME} %{VERSION} %{ARCH} %{LICENSE}", rpm); got != "heureka 0.1.0 "+want+" Apache-2.0" {
			t.Errorf("the rpm says that it is %q", got)
		}
		files := strings.Fields(command(t, "rpm", "-qpl", rpm))
		for _, f := range append([]string{"/usr/lib/systemd/system/heureka.service", "/usr/share/zsh/site-functions/_heureka"}, everywhere...) {
			if !slices.Contains(files, f) {
				t.Errorf("the rpm for %s lacks %s", arch, f)
			}
		}
	}
}
