//go:build release

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSameBytesInTwoPlaces(t *testing.T) {
	one, err := os.ReadFile(filepath.Join(releases, first, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(filepath.Join(releases, again, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(one), string(other)); diff != "" {
		t.Errorf("two builds of one source differ (-first +second):\n%s", diff)
	}
	// Archives and bills of materials for six systems, packages for two of them, the image.
	if got := bytes.Count(one, []byte("\n")); got != 6+6+4+1 {
		t.Errorf("%d results:\n%s", got, one)
	}
	t.Chdir(filepath.Join(releases, first))
	command(t, "sha256sum", "--check", "SHA256SUMS")
}

func TestArchive(t *testing.T) {
	dir := t.TempDir()
	command(t, "tar", "-xzf", result(first, "linux_amd64.tar.gz"), "-C", dir, "--strip-components=1")
	program := filepath.Join(dir, "heureka")
	said := command(t, program, "version")
	for _, want := range []string{oldVersion + " (", "Z) go1.", "linux/amd64"} {
		if !strings.Contains(said, want) {
			t.Errorf("heureka version says %q, without %q", said, want)
		}
	}
	if said := command(t, "file", program); !strings.Contains(said, "statically linked") {
		t.Error(said)
	}
	for _, name := range []string{"LICENSE", "README.md", "CHANGELOG.md", "man/heureka-serve.1", "completions/heureka.bash"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	checkInventory(t, program, dir)
}

// checkInventory compares what the binary says that it is built from with the licences and the bill of materials.
func checkInventory(t *testing.T, program, dir string) {
	licences := read(t, filepath.Join(dir, "THIRD_PARTY_LICENSES"))
	bill := read(t, result(first, "linux_amd64.cdx.json"))
	if !strings.Contains(bill, `"bomFormat": "CycloneDX"`) {
		t.Errorf("not CycloneDX: %.200s", bill)
	}
	modules := 0
	for line := range strings.Lines(command(t, "go", "version", "-m", program)) {
		f := strings.Fields(line)
		if len(f) < 3 || f[0] != "dep" {
			continue
		}
		modules++
		if !strings.Contains(licences, "\n"+f[1]+" "+f[2]+"\n") {
			t.Errorf("no licence of %s %s", f[1], f[2])
		}
		if !strings.Contains(bill, "pkg:golang/"+f[1]+"@"+f[2]) {
			t.Errorf("%s %s is not in the bill of materials", f[1], f[2])
		}
	}
	if modules == 0 {
		t.Error("the binary names no module")
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// blobs returns the files of the image's archive. The name of each blob is the hash of what it holds.
func blobs(t *testing.T) map[string][]byte {
	files := map[string][]byte{}
	for r := tar.NewReader(strings.NewReader(read(t, result(first, "image.tar")))); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		hash, isBlob := strings.CutPrefix(h.Name, "blobs/sha256/")
		if got := fmt.Sprintf("%x", sha256.Sum256(body)); isBlob && hash != "" && got != hash {
			t.Errorf("blob %s has hash %s", hash, got)
		}
		files[strings.TrimPrefix(h.Name, "blobs/sha256/")] = body
	}
}

// An ociDocument is what of an index, a manifest and a configuration is of interest.
type ociDocument struct {
	Manifests []descriptor
	Config    json.RawMessage
	Layers    []descriptor
	RootFS    struct {
		DiffIDs []string `json:"diff_ids"`
	}
	Architecture string
}

func decode(t *testing.T, files map[string][]byte, d descriptor) (doc ociDocument) {
	t.Helper()
	data, ok := files[strings.TrimPrefix(d.Digest, "sha256:")]
	if !ok || len(data) != d.Size {
		t.Fatalf("blob %s: %d bytes, want %d", d.Digest, len(data), d.Size)
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// layers checks the layout and returns the one layer of each architecture, not compressed.
func layers(t *testing.T) map[string][]byte {
	files, byArch := blobs(t), map[string][]byte{}
	if got := string(files["oci-layout"]); got != `{"imageLayoutVersion":"1.0.0"}` {
		t.Errorf("oci-layout is %s", got)
	}
	var top ociDocument
	if err := json.Unmarshal(files["index.json"], &top); err != nil || len(top.Manifests) != 1 {
		t.Fatalf("index.json: %v: %s", err, files["index.json"])
	}
	for _, m := range decode(t, files, top.Manifests[0]).Manifests {
		manifest := decode(t, files, m)
		var of descriptor
		if err := json.Unmarshal(manifest.Config, &of); err != nil || len(manifest.Layers) != 1 {
			t.Fatalf("manifest of %v: %v, %d layers", m.Platform, err, len(manifest.Layers))
		}
		config := string(files[strings.TrimPrefix(of.Digest, "sha256:")])
		for _, want := range []string{`"User":"65532:65532"`, `"Entrypoint":["/heureka"]`, `["CMD","/heureka","health","--local"]`} {
			if !strings.Contains(config, want) {
				t.Errorf("%s lacks %s", config, want)
			}
		}
		z, err := gzip.NewReader(bytes.NewReader(files[strings.TrimPrefix(manifest.Layers[0].Digest, "sha256:")]))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf(`"diff_ids":["sha256:%x"]`, sha256.Sum256(plain)); !strings.Contains(config, want) {
			t.Errorf("%s lacks %s", config, want)
		}
		byArch[m.Platform.Architecture] = plain
	}
	return byArch
}

func TestImageLayout(t *testing.T) {
	byArch := layers(t)
	if len(byArch) != 2 || byArch["amd64"] == nil || byArch["arm64"] == nil {
		t.Errorf("the image is for %d architectures, want amd64 and arm64", len(byArch))
	}
	for arch, layer := range byArch {
		var names []string
		for r := tar.NewReader(bytes.NewReader(layer)); ; {
			h, err := r.Next()
			if err != nil {
				break
			}
			names = append(names, h.Name)
			owner := map[string]int{"var/lib/heureka/": 65532}[h.Name]
			if h.Mode&0o6000 != 0 || h.Uid != owner || h.Typeflag == tar.TypeReg && h.Mode&0o022 != 0 {
				t.Errorf("%s: %s has mode %o and belongs to %d", arch, h.Name, h.Mode, h.Uid)
			}
		}
		want := "config/ etc/ etc/passwd etc/group etc/ssl/ etc/ssl/certs/ heureka licenses/ licenses/LICENSE licenses/THIRD_PARTY_LICENSES tmp/ var/ var/lib/ var/lib/heureka/"
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: the root holds %s, want %s", arch, got, want)
		}
	}
}
