//go:build interop

package interop

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Each fixture is prepared once per process, on first use.
var (
	heurekaBinary    = sync.OnceValues(buildHeureka)
	javaFixtures     = sync.OnceValues(buildJava)
	pythonFixture    = sync.OnceValues(installPython)
	nodeFixture      = sync.OnceValues(installNode)
	goFixture        = sync.OnceValues(buildGoClient)
	prometheusBinary = sync.OnceValues(findPrometheus)
)

// need returns what prepare made, or ends the test.
func need(t testing.TB, prepare func() (string, error)) string {
	t.Helper()
	path, err := prepare()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// buildHeureka returns the server binary: HEUREKA_BIN, or a fresh build of this
// source tree. It is not cached by content, because Go's own build cache is.
func buildHeureka() (string, error) {
	if bin := os.Getenv("HEUREKA_BIN"); bin != "" || target != heurekaGen {
		return bin, nil
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(cache, "heureka")
	build := exec.Command("go", "build", "-o", bin, "./cmd/heureka")
	build.Dir = ".."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	return bin, run(build)
}

// buildJava returns the directory that holds one directory per Maven module, each
// with target/app.jar and target/lib.
func buildJava() (string, error) {
	return cached("java", "java", func(dir string) error {
		// Maven writes beside its sources; a copy keeps the source tree clean.
		if err := os.CopyFS(dir, os.DirFS("java")); err != nil {
			return err
		}
		build := exec.Command("nice", "-n", "5", "mvn", "-q", "-B", "package", "-DskipTests")
		build.Dir = dir
		return run(build)
	})
}

// installPython returns a virtual environment with the client in it.
func installPython() (string, error) {
	return cached("python", "python/requirements.txt", func(dir string) error {
		if err := run(exec.Command("python3", "-m", "venv", dir)); err != nil {
			return err
		}
		pip := filepath.Join(dir, "bin", "pip")
		return run(exec.Command(pip, "install", "--quiet", "--disable-pip-version-check", "-r", "python/requirements.txt"))
	})
}

// installNode returns the directory that holds the client's node_modules.
func installNode() (string, error) {
	return cached("node", "node/package-lock.json", func(dir string) error {
		for _, name := range []string{"package.json", "package-lock.json"} {
			if err := copyFile(filepath.Join(dir, name), filepath.Join("node", name)); err != nil {
				return err
			}
		}
		install := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
		install.Dir = dir
		return run(install)
	})
}

// buildGoClient returns the program made of the module in goclient, which is apart
// from ours so that the old client's dependencies stay out of our go.mod.
func buildGoClient() (string, error) {
	dir, err := cached("goclient", "goclient", func(dir string) error {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, "client"), ".")
		build.Dir = "goclient"
		build.Env = append(os.Environ(), "GOWORK=off") // it is no part of the workspace
		return run(build)
	})
	return filepath.Join(dir, "client"), err
}

// findPrometheus returns the installed program, or unpacks Debian's package into
// the cache: installing it would start a service on this machine.
func findPrometheus() (string, error) {
	if bin, err := exec.LookPath("prometheus"); err == nil {
		return bin, nil
	}
	dir, err := cached("prometheus", "", func(dir string) error {
		download := func() error {
			get := exec.Command("apt-get", "download", "-q", "prometheus")
			get.Dir = dir
			return run(get)
		}
		if err := download(); err != nil {
			if err := run(exec.Command("apt-get", "update", "-q")); err != nil {
				return err
			}
			if err := download(); err != nil {
				return err
			}
		}
		debs, _ := filepath.Glob(filepath.Join(dir, "prometheus_*.deb"))
		if len(debs) != 1 {
			return fmt.Errorf("downloaded %v, want one package", debs)
		}
		return run(exec.Command("dpkg", "-x", debs[0], dir))
	})
	return filepath.Join(dir, "usr", "bin", "prometheus"), err
}

// cached returns a directory that build has filled from the file or tree at source,
// if it needs one, building only when no earlier run did so from the same content.
// Package registries are not always there at the first try, so build gets three.
func cached(name, source string, build func(dir string) error) (string, error) {
	sum, err := hashTree(source)
	if err != nil {
		return "", err
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(cache, name+".lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	dir := filepath.Join(cache, name+"-"+sum)
	done := filepath.Join(dir, ".done")
	if _, err := os.Stat(done); err == nil {
		return dir, nil
	}
	for range 3 {
		if err = buildInto(dir, build); err == nil {
			return dir, os.WriteFile(done, nil, 0o644)
		}
		logf("preparing %s: %v", name, err)
	}
	return "", fmt.Errorf("prepare %s: %w", name, err)
}

func buildInto(dir string, build func(dir string) error) error {
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return err
	}
	return build(dir)
}

// cacheDir is where fixtures are built: outside the source tree, shared by runs.
func cacheDir() (string, error) {
	dir := os.Getenv("INTEROP_CACHE")
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(base, "heureka-interop")
	}
	return dir, os.MkdirAll(dir, 0o755)
}

// lock keeps two test runs from building the same fixture at once.
func lock(path string) (unlock func(), err error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// hashTree names the content of a file or of all files below a directory, if any.
func hashTree(root string) (string, error) {
	if root == "" {
		return "any", nil
	}
	sum := sha256.New()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(sum, "%s %d\n", path, len(data))
		sum.Write(data)
		return err
	})
	return fmt.Sprintf("%x", sum.Sum(nil)[:6]), err
}

func copyFile(to, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}

// run executes cmd, says how long it took, and returns what it printed if it fails.
func run(cmd *exec.Cmd) error {
	start := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd, err, out)
	}
	logf("%s (%.1f s)", filepath.Base(cmd.Path)+" "+fmt.Sprint(cmd.Args[1:]), time.Since(start).Seconds())
	return nil
}

// logf prints progress at once; a test's own log would appear only at its end.
func logf(format string, args ...any) {
	fmt.Fprintf(progress, "interop: "+format+"\n", args...)
}

var progress io.Writer = os.Stderr
