package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// licences writes the licences of all modules that are in any of the binaries, and that of Go.
func (r *release) licences(ctx context.Context) error {
	dirs := map[string]string{} // by module and version
	for _, t := range r.targets {
		cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}{{end}}", "./cmd/heureka")
		cmd.Env = append(append(os.Environ(), fixed...), "GOOS="+t.os, "GOARCH="+t.arch)
		out, err := cmd.Output()
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(out)) {
			if name, dir, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
				dirs[name] = dir
			}
		}
	}
	root, err := output(ctx, "go", "env", "GOROOT")
	if err != nil {
		return err
	}
	dirs["The Go standard library"] = root
	text, err := licenceText(dirs)
	if err != nil {
		return err
	}
	return os.WriteFile(r.temp("THIRD_PARTY_LICENSES"), text, 0o644)
}

// licenceText joins the licence files of each module. One without any may not be shipped.
func licenceText(dirs map[string]string) ([]byte, error) {
	var b bytes.Buffer
	names := make([]string, 0, len(dirs))
	for name := range dirs {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		files, err := licenceFiles(dirs[name])
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("%s has no licence file in %s", name, dirs[name])
		}
		fmt.Fprintf(&b, "%s\n%s\n%s\n\n", strings.Repeat("=", 80), name, strings.Repeat("=", 80))
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				return nil, err
			}
			b.Write(bytes.TrimSpace(text))
			b.WriteString("\n\n")
		}
	}
	return b.Bytes(), nil
}

func licenceFiles(dir string) (files []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		for _, prefix := range []string{"LICENSE", "LICENCE", "COPYING", "NOTICE"} {
			if !e.IsDir() && strings.HasPrefix(name, prefix) {
				files = append(files, filepath.Join(dir, e.Name()))
			}
		}
	}
	return files, nil
}
