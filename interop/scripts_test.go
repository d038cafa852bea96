//go:build interop

package interop

import (
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

func python() kind {
	return kind{name: "python", away: "OUT_OF_SERVICE", noMetadata: true, command: func(t testing.TB, eureka, app string, port int) *exec.Cmd {
		bin := filepath.Join(need(t, pythonFixture), "bin", "python")
		return exec.Command(bin, "python/client.py", "--server="+eureka, "--app="+app,
			"--port="+strconv.Itoa(port), "--lease="+strconv.Itoa(leaseSecs))
	}}
}

func node(flags ...string) kind {
	return kind{name: "node", command: func(t testing.TB, eureka, app string, port int) *exec.Cmd {
		modules := filepath.Join(need(t, nodeFixture), "node_modules")
		cmd := exec.Command("node", append([]string{"node/client.js", "--server=" + v2(eureka), "--app=" + app,
			"--port=" + strconv.Itoa(port), "--lease=" + strconv.Itoa(leaseSecs)}, flags...)...)
		cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
		return cmd
	}}
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
