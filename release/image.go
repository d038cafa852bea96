package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// The media types of the OCI image specification.
const (
	indexType    = "application/vnd.oci.image.index.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	imageUser    = 65532
	dataDir      = "/var/lib/heureka"
	layerType    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// A descriptor points to a blob.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Platform    *platform         `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

// A layout is an OCI image layout being filled: blobs under the hash of what they hold.
type layout struct {
	files []file
	known map[string]bool
}

func (l *layout) add(mediaType string, data []byte) descriptor {
	hash := fmt.Sprintf("%x", sha256.Sum256(data))
	if !l.known[hash] {
		l.known[hash] = true
		l.files = append(l.files, file{name: "blobs/sha256/" + hash, mode: 0o644, body: data})
	}
	return descriptor{MediaType: mediaType, Digest: "sha256:" + hash, Size: len(data)}
}

func (l *layout) addJSON(mediaType string, v any) (descriptor, error) {
	data, err := json.Marshal(v)
	return l.add(mediaType, data), err
}

// image writes the layout of one image for all of Linux's architectures, as an archive that registries' tools and container
// engines load. No engine is needed to make it.
func (r *release) image(context.Context) error {
	if len(r.linux()) == 0 {
		return nil
	}
	l := &layout{known: map[string]bool{}, files: []file{
		{name: "oci-layout", mode: 0o644, body: []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{name: "blobs/", mode: fs.ModeDir | 0o755}, {name: "blobs/sha256/", mode: fs.ModeDir | 0o755},
	}}
	var manifests []descriptor
	for _, t := range r.linux() {
		d, err := r.manifest(l, t)
		if err != nil {
			return err
		}
		manifests = append(manifests, d)
	}
	tag := r.version[1:]
	index := func(of ...descriptor) map[string]any {
		return map[string]any{"schemaVersion": 2, "mediaType": indexType, "manifests": of}
	}
	all, err := l.addJSON(indexType, index(manifests...))
	if err != nil {
		return err
	}
	all.Annotations = map[string]string{"org.opencontainers.image.ref.name": tag, "io.containerd.image.name": "docker.io/library/heureka:" + tag}
	top, err := json.Marshal(index(all))
	if err != nil {
		return err
	}
	data, err := tarred(append(l.files, file{name: "index.json", mode: 0o644, body: top}), r.date)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, r.name("image.tar")), data, 0o644)
}

// manifest adds the image of one architecture.
func (r *release) manifest(l *layout, t target) (descriptor, error) {
	files, err := r.rootOf(t)
	if err != nil {
		return descriptor{}, err
	}
	plain, err := tarred(files, r.date)
	if err != nil {
		return descriptor{}, err
	}
	packed, err := gzipped(plain)
	if err != nil {
		return descriptor{}, err
	}
	layer := l.add(layerType, packed)
	config, err := l.addJSON(configType, r.imageConfig(t, fmt.Sprintf("sha256:%x", sha256.Sum256(plain))))
	if err != nil {
		return descriptor{}, err
	}
	d, err := l.addJSON(manifestType, map[string]any{"schemaVersion": 2, "mediaType": manifestType, "config": config, "layers": []descriptor{layer}})
	d.Platform = &platform{t.arch, t.os}
	return d, err
}

// rootOf is the whole file system: the program, who it runs as, the authorities that it trusts where one is mounted, and where
// settings are mounted.
func (r *release) rootOf(t target) ([]file, error) {
	program, err := os.ReadFile(r.temp(t.String(), t.program()))
	if err != nil {
		return nil, err
	}
	licences, err := os.ReadFile(r.temp("THIRD_PARTY_LICENSES"))
	if err != nil {
		return nil, err
	}
	own, err := os.ReadFile("LICENSE")
	if err != nil {
		return nil, err
	}
	const dir = fs.ModeDir | 0o755
	return []file{
		{name: "config/", mode: dir},
		{name: "etc/", mode: dir},
		{name: "etc/passwd", mode: 0o644, body: []byte("heureka:x:65532:65532:heureka:/:/sbin/nologin\n")},
		{name: "etc/group", mode: 0o644, body: []byte("heureka:x:65532:\n")},
		{name: "etc/ssl/", mode: dir}, {name: "etc/ssl/certs/", mode: dir},
		{name: "heureka", mode: 0o755, body: program},
		{name: "licenses/", mode: dir},
		{name: "licenses/LICENSE", mode: 0o644, body: own}, {name: "licenses/THIRD_PARTY_LICENSES", mode: 0o644, body: bytes.Clone(licences)},
		{name: "tmp/", mode: fs.ModeDir | fs.ModeSticky | 0o777},
		{name: "var/", mode: dir}, {name: "var/lib/", mode: dir},
		{name: dataDir[1:] + "/", mode: fs.ModeDir | 0o750, user: imageUser}, // a volume takes over whose it is
	}, nil
}

// imageConfig says how the image is run. Docker reads its own field Healthcheck; Kubernetes has probes.
func (r *release) imageConfig(t target, layer string) map[string]any {
	date := r.date.Format(time.RFC3339)
	return map[string]any{
		"created": date, "architecture": t.arch, "os": t.os,
		"config": map[string]any{
			"Env": []string{"HEUREKA_DATA_DIR=" + dataDir}, "Volumes": map[string]any{dataDir: map[string]any{}},
			"User": fmt.Sprintf("%d:%[1]d", imageUser), "WorkingDir": "/", "Entrypoint": []string{"/heureka"}, "Cmd": []string{"serve"},
			"ExposedPorts": map[string]any{"8761/tcp": map[string]any{}}, "StopSignal": "SIGTERM",
			"Healthcheck": map[string]any{
				"Test": []string{"CMD", "/heureka", "health", "--local"}, "Interval": 10 * time.Second, "Timeout": 5 * time.Second,
				"StartPeriod": 10 * time.Second, "Retries": 3,
			},
			"Labels": map[string]string{
				"org.opencontainers.image.title": "heureka", "org.opencontainers.image.version": r.version[1:], "org.opencontainers.image.created": date,
				"org.opencontainers.image.revision": r.commit, "org.opencontainers.image.licenses": "Apache-2.0",
			},
		},
		"rootfs":  map[string]any{"type": "layers", "diff_ids": []string{layer}},
		"history": []map[string]any{{"created": date, "created_by": "go run ./release " + r.version}},
	}
}
