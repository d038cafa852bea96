package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A file is an entry of an archive.
type file struct {
	name string
	mode fs.FileMode // with fs.ModeDir for a directory
	body []byte
	user int // whose it is, and whose group's; 0: root's
}

// archives writes one for each target: the program, its documents, manual pages and completions.
func (r *release) archives(context.Context) error {
	common, err := r.documents()
	if err != nil {
		return err
	}
	for _, t := range r.targets {
		program, err := os.ReadFile(r.temp(t.String(), t.program()))
		if err != nil {
			return err
		}
		top := r.name(t.String()) + "/"
		files := []file{{name: top + t.program(), mode: 0o755, body: program}}
		for _, f := range common {
			files = append(files, file{name: top + f.name, mode: f.mode, body: f.body})
		}
		write, suffix := tarGzip, ".tar.gz"
		if t.os == "windows" {
			write, suffix = zipped, ".zip"
		}
		data, err := write(files, r.date)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(r.out, r.name(t.String()+suffix)), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// documents are the files that go with each program.
func (r *release) documents() (files []file, err error) {
	named := map[string]string{}
	names := []string{"LICENSE", "README.md", "CHANGELOG.md", "THIRD_PARTY_LICENSES"}
	for _, name := range names {
		named[name] = name
	}
	named["THIRD_PARTY_LICENSES"] = r.temp("THIRD_PARTY_LICENSES")
	for _, dir := range []string{"completions", "man"} {
		entries, err := os.ReadDir(r.temp(dir))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			name := dir + "/" + e.Name()
			names, named[name] = append(names, name), r.temp(dir, e.Name())
		}
	}
	for _, name := range names {
		body, err := os.ReadFile(named[name])
		if err != nil {
			return nil, err
		}
		files = append(files, file{name: name, mode: 0o644, body: body})
	}
	return files, nil
}

// tarred writes files in their order. Everything belongs to root and is as old as date.
func tarred(files []file, date time.Time) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: int64(f.mode.Perm()), Size: int64(len(f.body)), ModTime: date, Typeflag: tar.TypeReg, Format: tar.FormatPAX, Uid: f.user, Gid: f.user}
		if f.mode.IsDir() {
			h.Typeflag = tar.TypeDir
		}
		if f.mode&fs.ModeSticky != 0 {
			h.Mode |= 0o1000
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.body); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

func tarGzip(files []file, date time.Time) ([]byte, error) {
	data, err := tarred(files, date)
	if err != nil {
		return nil, err
	}
	return gzipped(data)
}

// gzipped writes a header without name and time.
func gzipped(data []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(data)
	err = errors.Join(err, w.Close())
	return b.Bytes(), err
}

func zipped(files []file, date time.Time) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: date}
		h.SetMode(f.mode)
		entry, err := w.CreateHeader(h)
		if err != nil {
			return nil, err
		}
		if _, err := entry.Write(f.body); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

// checksums writes SHA256SUMS, in the form of sha256sum, and has it signed.
func (r *release) checksums(ctx context.Context) error {
	entries, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), r.name("")) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(r.out, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(data), e.Name())
	}
	sums := filepath.Join(r.out, "SHA256SUMS")
	if err := os.WriteFile(sums, []byte(b.String()), 0o644); err != nil {
		return err
	}
	if r.sign == "" {
		return nil
	}
	args := append(strings.Fields(r.sign), sums)
	return call(exec.CommandContext(ctx, args[0], args[1:]...))
}
