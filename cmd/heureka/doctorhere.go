package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"heureka.internal/heureka/internal/config"
	"heureka.internal/heureka/internal/tlsconf"
	"heureka.internal/heureka/server"
)

// settings looks at what a node would be started with. Mistakes end it: nothing is known of the rest. The error is one of the
// command line.
func (d *doctor) settings(ctx context.Context, args []string) error {
	d.looked("settings")
	s, err := config.Load(config.Options{Args: args, Env: d.env})
	for _, e := range config.Mistakes(mistypedFlags(err, args)) {
		if f, ok := errors.AsType[*failure](e); ok {
			return f
		}
		d.add(fatal, "settings", hintFor(e), "%v", e)
	}
	if s != nil {
		for _, w := range s.Notices() {
			d.add(note, "settings", hintFor(w), "%v", w)
		}
	}
	if err == nil {
		d.here(ctx, s)
	}
	return nil
}

// hintFor is the hint of a mistake, or where to read about its setting.
func hintFor(err error) string {
	if m, ok := errors.AsType[*config.Mistake](err); ok && m.Hint == "" && m.Key != "" {
		return "heureka config " + m.Key + " tells what it wants"
	}
	return hintOf(err)
}

// here looks at what settings without a mistake lead to on this machine.
func (d *doctor) here(ctx context.Context, s *config.Settings) {
	cfg := s.ServerConfig(s.Int("server.port"))
	cfg.Logger = slog.New(slog.DiscardHandler)
	if _, err := server.New(cfg); err != nil {
		for _, e := range config.Mistakes(errors.Unwrap(err)) {
			d.add(fatal, "settings", mendOf(e.Error()), "%v", e)
		}
	}
	d.ports(s)
	d.certificates(&cfg)
	d.secrets(s, &cfg)
	d.directories(s)
	d.peers(ctx, &cfg)
	d.limits(s)
}

// mendOf is the next step after a mistake that only the server finds: those in files.
func mendOf(problem string) string {
	switch {
	case strings.Contains(problem, "expired at"):
		return "renew the certificate and put it in the same files, which a node reads again each second"
	case strings.Contains(problem, "permission denied"):
		return "let the user that the node runs as read the file, with chgrp and chmod g+r; with systemd: LoadCredential="
	case strings.Contains(problem, "no such file"):
		return "correct the path; relative ones begin at the working directory"
	}
	return "heureka config WORD tells what a setting wants and where it comes from"
}

// ports opens those of the settings, for a moment.
func (d *doctor) ports(s *config.Settings) {
	d.looked("ports")
	ln, err := listen(s)
	if err == nil {
		_ = ln.Close()
	}
	d.port(s, err)
	management, err := listenManagement(s)
	if management != nil {
		_ = management.Close()
	}
	d.port(s, err)
}

func (d *doctor) port(s *config.Settings, err error) {
	switch {
	case err == nil:
	case errors.Is(err, syscall.EADDRINUSE) && d.runs(s):
		d.add(note, "ports", "heureka doctor --server URL asks it", "%v, by a node that runs at %s", err, localHealthURL(s))
	default:
		d.add(fatal, "ports", hintOf(err), "%v", err)
	}
}

// runs reports whether a node with these settings answers.
func (d *doctor) runs(s *config.Settings) bool {
	quiet := *d.remote
	quiet.program = &program{stdout: guard{nopWriter{}}, env: d.env}
	return quiet.localHealth(context.Background(), s) == nil
}

type nopWriter struct{}

func (nopWriter) Write(p []byte) (int, error) { return len(p), nil }

// soon is how long before its end a certificate is worth a word.
const soon = 21 * 24 * time.Hour

// certificates looks at the dates of those that can be used; server.New refuses the others.
func (d *doctor) certificates(cfg *server.Config) {
	for _, c := range []struct {
		prefix string
		files  server.TLSFiles
		on     bool
	}{
		{"server.ssl", cfg.TLS.TLSFiles, !cfg.TLS.Disabled},
		{"management.server.ssl", cfg.ManagementTLS.TLSFiles, !cfg.ManagementTLS.Disabled},
		{"eureka.client.tls", cfg.PeerTLS.TLSFiles, cfg.PeerTLS.Enabled},
	} {
		files := tlsconf.Files(c.files)
		if !c.on || !files.HasKey() {
			continue
		}
		src, err := tlsconf.Open(files, nil, d.now())
		if err != nil {
			continue
		}
		if left := src.Stats().NotAfter.Sub(d.now()); left < soon {
			d.add(harmful, "files", mendOf("expired at"), "the certificate of %s expires in %d days", c.prefix, int(left.Hours()/24))
		}
	}
}

// secrets looks for files that hold some and that every user of the machine may read.
func (d *doctor) secrets(s *config.Settings, cfg *server.Config) {
	d.looked("files")
	names := append([]string{cfg.Auth.UsersFile, cfg.Auth.TokensFile}, s.Watched...)
	for _, f := range []server.TLSFiles{cfg.TLS.TLSFiles, cfg.ManagementTLS.TLSFiles, cfg.PeerTLS.TLSFiles} {
		names = append(names, f.PrivateKey, f.KeyStore)
	}
	for _, x := range s.Changed() {
		if x.Origin.Source == config.File && x.Shown(true) != x.Shown(false) {
			names = append(names, x.Origin.Name)
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		name = strings.TrimPrefix(name, "file:")
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() && everybodys(info) {
			d.add(harmful, "files", "chmod o= "+name+", if the node's user or group still may read it; with systemd, secrets also may stand in /etc/default/heureka with mode 0600, or come by LoadCredential=",
				"%s holds secrets, and every user of this machine may read or change it (mode %04o)", name, info.Mode().Perm())
		}
	}
}

// directories are those of the files that a node writes.
func (d *doctor) directories(s *config.Settings) {
	for _, key := range []string{"logging.file.name", "heureka.access-log", "heureka.audit.to"} {
		name := s.Text(key)
		if name == "" || slices.Contains([]string{"off", "log", "stdout", "syslog"}, name) || strings.HasPrefix(name, "syslog:") || strings.HasPrefix(name, "syslog+tcp:") {
			continue
		}
		d.writable(fatal, key, filepath.Dir(name))
	}
	if dir := s.Text("heureka.data-dir"); dir != "" {
		for { // the node makes it, with those around it
			if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
				break
			}
			dir = filepath.Dir(dir)
		}
		d.writable(harmful, "heureka.data-dir", dir) // a node starts without
	}
}

func (d *doctor) writable(how harm, key, dir string) {
	f, err := os.CreateTemp(dir, ".heureka-doctor-")
	if err != nil {
		d.add(how, "files", "make the directory, writable for the node's user, or change "+key, "%s: nothing can be written to %s: %v", key, dir, cause(err))
		return
	}
	_ = f.Close()
	_ = os.Remove(f.Name())
}
