package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// What packages hold beside the program: the unit, the settings, the scripts, and what nfpm is told.
//
//go:embed package
var packaged embed.FS

// packages writes a deb and an rpm for each Linux.
func (r *release) packages(ctx context.Context) error {
	for _, t := range r.linux() {
		if err := r.stage(t); err != nil {
			return err
		}
		for _, format := range []string{"deb", "rpm"} {
			out, err := filepath.Abs(filepath.Join(r.out, r.name(t.String()+"."+format)))
			if err != nil {
				return err
			}
			env := []string{"VERSION=" + r.version, "ARCH=" + t.arch, "MAINTAINER=" + r.author, fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.date.Unix())}
			if err := tool(ctx, r.temp("stage", t.String()), env, nfpm, "package", "-f", "package/nfpm.yaml", "-p", format, "-t", out); err != nil {
				return err
			}
		}
	}
	return nil
}

// stage lays out what package/nfpm.yaml names.
func (r *release) stage(t target) error {
	dir := r.temp("stage", t.String())
	program, err := os.ReadFile(r.temp(t.String(), t.program()))
	if err != nil {
		return err
	}
	files := []file{{name: "heureka", mode: 0o755, body: program}}
	err = fs.WalkDir(packaged, "package", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := packaged.ReadFile(path)
		body = bytes.ReplaceAll(body, []byte("${DATE}"), []byte(r.date.Format(time.RFC3339))) // nfpm wants a time at once
		files = append(files, file{name: path, mode: 0o644, body: body})
		return err
	})
	if err != nil {
		return err
	}
	documents, err := r.documents()
	if err != nil {
		return err
	}
	for _, f := range append(documents, file{name: "changelog", mode: 0o644, body: []byte(r.debianChangelog())}) {
		if strings.HasPrefix(f.name, "man/") || strings.EqualFold(filepath.Base(f.name), "changelog") || f.name == "CHANGELOG.md" {
			f.name += ".gz"
			if f.body, err = gzipped(f.body); err != nil {
				return err
			}
		}
		files = append(files, f)
	}
	return writeFiles(dir, files)
}

// debianChangelog says in Debian's form where the changes are.
func (r *release) debianChangelog() string {
	return fmt.Sprintf("heureka (%s) stable; urgency=medium\n\n  * See CHANGELOG.md.gz in this directory.\n\n -- %s  %s\n",
		strings.Replace(strings.TrimPrefix(r.version, "v"), "-", "~", 1), r.author, r.date.Format(time.RFC1123Z))
}

// writeFiles writes files with the modes that they have in a package, whatever the umask here.
func writeFiles(dir string, files []file) error {
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, f.body, f.mode), os.Chmod(path, f.mode)); err != nil {
			return err
		}
	}
	return nil
}
