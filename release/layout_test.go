package main

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// made is a release whose programs are a few bytes: what is around them needs no compiler.
func made(t *testing.T) *release {
	t.Helper()
	t.Chdir("..")
	r := &release{version: "v0.1.0", commit: "c", date: time.Unix(1700000000, 0).UTC(), out: t.TempDir(), work: t.TempDir(),
		targets: []target{{"linux", "amd64"}, {"linux", "arm64"}, {"windows", "amd64"}}}
	files := []file{{name: "THIRD_PARTY_LICENSES", mode: 0o644, body: []byte("l")}, {name: "man/heureka.1", mode: 0o644, body: []byte("m")}, {name: "completions/heureka.bash", mode: 0o644, body: []byte("c")}}
	for _, t := range r.targets {
		files = append(files, file{name: t.String() + "/" + t.program(), mode: 0o755, body: []byte(t.String())})
	}
	if err := writeFiles(r.work, files); err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{func() error { return r.archives(t.Context()) }, func() error { return r.image(t.Context()) }, func() error { return r.checksums(t.Context()) }} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// Archives and image come out the same from two places, with the names that docs/install.md has.
func TestLayout(t *testing.T) {
	page := contents(t, "../docs/install.md")
	a, b := made(t), made2(t)
	entries, err := os.ReadDir(a.out)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		if contents(t, filepath.Join(a.out, name)) != contents(t, filepath.Join(b.out, name)) {
			t.Errorf("%s differs from itself made elsewhere", name)
		}
		if !strings.Contains(page, name) && !strings.Contains(name, "arm64") {
			t.Errorf("docs/install.md says nothing of %s", name)
		}
	}
	var names []string
	for r := tar.NewReader(strings.NewReader(contents(t, filepath.Join(a.out, a.name("image.tar"))))); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
		body, _ := io.ReadAll(r)
		if bytes.HasPrefix(body, []byte("{")) && strings.Contains(string(body), `"Entrypoint"`) && !strings.Contains(string(body), `"User":"65532:65532"`) {
			t.Errorf("the image runs as root: %s", body)
		}
	}
	for _, want := range []string{"oci-layout", "index.json"} {
		if !slices.Contains(names, want) {
			t.Errorf("the image holds %v, and no %s", names, want)
		}
	}
}

// made2 is made, in the directory that made has changed to.
func made2(t *testing.T) *release {
	t.Helper()
	t.Chdir("release")
	return made(t)
}

// The places that docs/install.md names are those of the packages.
func TestInstallPageNamesWhatPackagesHold(t *testing.T) {
	packages := contents(t, "package/nfpm.yaml") + contents(t, "package/heureka.service")
	found := regexp.MustCompile("`(/(?:etc|var|usr)/[^`*]+)`").FindAllStringSubmatch(contents(t, "../docs/install.md"), -1)
	if len(found) < 3 {
		t.Fatalf("docs/install.md names %d places", len(found))
	}
	for _, m := range found {
		if !strings.Contains(packages, m[1]) {
			t.Errorf("docs/install.md names %s, which no package has", m[1])
		}
	}
	for _, line := range []string{"Type=notify", "DynamicUser=yes", "StateDirectory=heureka", "WatchdogSec="} {
		if !strings.Contains(packages, line) {
			t.Errorf("the unit lacks %s", line)
		}
	}
}
