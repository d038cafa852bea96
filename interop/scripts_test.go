//go:build interop

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// v2 puts the version into the path where the server under test knows it: that
// is what these clients use by default. The older Spring line has the bare path only.
func v2(eureka string) string {
	if target == "2021" {
		return eureka
	}
	return eureka + "v2/"
}

func python(flags ...string) kind {
	return pythonProgram("client.py", kind{name: "python", away: "OUT_OF_SERVICE", noMetadata: true}, flags...)
}

func eurekapy() kind {
	return pythonProgram("client.py", kind{name: "eurekapy", away: "OUT_OF_SERVICE", noMetadata: true}, "--library=eurekapy", "--fixture=eurekapy")
}

// pyeureka sends its heartbeats with the time in seconds as that of the last change.
func pyeureka() kind { return pythonProgram("rest.py", kind{name: "pyeureka", away: "OUT_OF_SERVICE"}) }

// pythonProgram is a Python program; all of them take the same arguments.
func pythonProgram(file string, k kind, flags ...string) kind {
	k.command = func(t testing.TB, eureka, app string, port int) *exec.Cmd {
		bin := filepath.Join(need(t, pythonFixture), "bin", "python")
		return exec.Command(bin, append([]string{"python/" + file, "--server=" + eureka, "--app=" + app,
			"--port=" + strconv.Itoa(port), "--lease=" + strconv.Itoa(leaseSecs)}, flags...)...)
	}
	return k
}

// aio is a client made with aiohttp: it reads an answer by the Content-Type that it has, also one without a body.
func aio(library string) kind {
	return pythonProgram("aio.py", kind{name: library, away: "OUT_OF_SERVICE"}, "--library="+library)
}

func node(flags ...string) kind { return nodeProgram("client.js", kind{name: "node"}, flags...) }

// rocket is a fork of eureka-js-client.
func rocket(flags ...string) kind {
	return nodeProgram("client.js", kind{name: "rocket-node"}, append(flags, "--library=@rocketsoftware/eureka-js-client", "--fixture=rocket-node")...)
}

// nodejs registers, beats and looks up; it changes nothing.
func nodejs() kind {
	return nodeProgram("nodejs.js", kind{name: "eureka-nodejs-client", noMetadata: true})
}

// nodeProgram is a program for Node; all of them take the same arguments.
func nodeProgram(file string, k kind, flags ...string) kind {
	k.command = func(t testing.TB, eureka, app string, port int) *exec.Cmd {
		modules := filepath.Join(need(t, nodeFixture), "node_modules")
		cmd := exec.Command("node", append([]string{"node/" + file, "--server=" + v2(eureka), "--app=" + app,
			"--port=" + strconv.Itoa(port), "--lease=" + strconv.Itoa(leaseSecs)}, flags...)...)
		cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
		return cmd
	}
	return k
}

func fargo(flags ...string) kind {
	return kind{name: "go", away: "OUT_OF_SERVICE", command: func(t testing.TB, eureka, app string, port int) *exec.Cmd {
		return exec.Command(need(t, goFixture), append([]string{"-server=" + strings.TrimSuffix(v2(eureka), "/"), "-app=" + app,
			"-port=" + strconv.Itoa(port), "-lease=" + strconv.Itoa(leaseSecs)}, flags...)...)
	}}
}

func TestPython(t *testing.T) {
	t.Parallel()
	tellPair(t, "PYTHON", python(), python())
}

func TestWasp(t *testing.T) {
	t.Parallel()
	tellPair(t, "WASP", aio("wasp-eureka"), aio("wasp-eureka"))
}

func TestQg(t *testing.T) {
	t.Parallel()
	tellPair(t, "QG", aio("qg-aio-eureka"), aio("qg-aio-eureka"))
}

// armeria is a server that registers itself, and an endpoint group for each application it looks up.
func armeria() kind { return plain("armeria-1.33", "heureka.interop.Armeria", kind{noMetadata: true}) }

// netflix is Netflix's own client, without Spring. The version is in the name of its Maven module.
func netflix(module string) kind {
	return plain(module, "heureka.interop.Netflix", kind{away: "DOWN"})
}

// plain is a Java client of one module of its own; its fixtures all take the same arguments.
func plain(module, main string, k kind) kind {
	k.name = module
	k.command = func(t testing.TB, eureka, app string, port int) *exec.Cmd {
		cmd := javaCommand(need(t, javaFixtures), module, nil, main, 128, []string{
			"--server=" + eureka, "--app=" + app, "--port=" + strconv.Itoa(port), "--lease=" + strconv.Itoa(leaseSecs), "--fixture=" + module,
		})
		// The XStream of ten years ago looks into the JDK's classes.
		cmd.Env = append(os.Environ(), "JDK_JAVA_OPTIONS=--add-opens=java.base/java.util=ALL-UNNAMED "+
			"--add-opens=java.base/java.lang=ALL-UNNAMED --add-opens=java.base/java.lang.reflect=ALL-UNNAMED "+
			"--add-opens=java.base/java.text=ALL-UNNAMED --add-opens=java.desktop/java.awt.font=ALL-UNNAMED")
		return cmd
	}
	return k
}

// micronaut looks an application up each time: it has no cache unless a module for it is added. It finds instances of
// any status, and soon takes back a status that its own health checks disagree with.
func micronaut() kind {
	return kind{name: "micronaut-4", command: func(t testing.TB, eureka, app string, port int) *exec.Cmd {
		id := fmt.Sprintf("127.0.0.1:%s:%d", app, port)
		return javaCommand(need(t, javaFixtures), "micronaut-4", nil, "heureka.interop.Application", 128, []string{
			"--micronaut.server.host=127.0.0.1", "--micronaut.server.port=" + strconv.Itoa(port),
			"--micronaut.application.name=" + app,
			"--micronaut.heartbeat.interval=1s",
			"--eureka.client.default-zone=" + eureka,
			"--eureka.client.registration.instance-id=" + id,
			"--eureka.client.registration.ip-addr=127.0.0.1", "--eureka.client.registration.prefer-ip-address=true",
			"--eureka.client.registration.lease-info.duration-in-secs=" + strconv.Itoa(leaseSecs),
			"--eureka.client.registration.lease-info.renewal-interval-in-secs=1",
			"--eureka.client.registration.metadata.fixture=micronaut-4",
			"--fixture.app=" + app, "--fixture.id=" + id,
		})
	}}
}

func TestMicronaut(t *testing.T) {
	t.Parallel()
	tellPair(t, "MICRONAUT", micronaut(), micronaut())
}

func TestArmeria(t *testing.T) {
	t.Parallel()
	tellPair(t, "ARMERIA", armeria(), armeria())
}

func TestNetflix(t *testing.T) {
	for _, version := range []string{"1.1", "1.4", "1.7"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			if version != "1.1" { // the one that differs most on the wire
				nightly(t)
			}
			tellPair(t, "NETFLIX", netflix("netflix-"+version), netflix("netflix-"+version))
		})
	}
}

func TestEurekapy(t *testing.T) {
	t.Parallel()
	nightly(t)
	tellPair(t, "EUREKAPY", eurekapy(), eurekapy())
}

func TestPyeureka(t *testing.T) {
	t.Parallel()
	nightly(t)
	tellPair(t, "PYEUREKA", pyeureka(), pyeureka())
}

func TestRocketNode(t *testing.T) {
	t.Parallel()
	nightly(t)
	tellPair(t, "ROCKET", rocket("--delta"), rocket())
}

func TestEurekaNodejs(t *testing.T) {
	t.Parallel()
	nightly(t)
	tellPair(t, "NODEJS", nodejs(), nodejs())
}

// One of the two fetches deltas, which the library leaves off by default.
func TestNode(t *testing.T) {
	t.Parallel()
	tellPair(t, "NODE", node("--delta"), node())
}

// One of the two speaks XML, the library's default, the other JSON.
func TestGo(t *testing.T) {
	t.Parallel()
	tellPair(t, "FARGO", fargo(), fargo("-json"))
}
