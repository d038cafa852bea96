package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"heureka.internal/heureka/internal/config"
	"heureka.internal/heureka/server"
)

func (p *program) serveCommand() *cobra.Command {
	return takesSettings(&cobra.Command{
		Use:   "serve [--key=value ...]",
		Short: "Run a registry node",
		Long: `Run a registry node until SIGTERM or SIGINT.

Settings are those of a Spring Cloud Eureka server. In order of precedence they come from
arguments (--server.port=8762), environment variables (SERVER_PORT=8762), and
application.properties or application.yml in ./config/ and in the working directory.
Profiles and ${placeholders} work. The most important settings:

` + importantKeys(),
		Example: `  heureka serve
  heureka serve --server.port=8762 --eureka.client.service-url.defaultZone=http://peer1:8761/eureka/
  heureka serve --config=/etc/heureka/ --spring.profiles.active=peer1`,
	}, p.serve)
}

// importantKeys lists what --help shows of the settings.
func importantKeys() string {
	var b strings.Builder
	for _, name := range []string{
		"server.port",
		"eureka.client.service-url.defaultZone",
		"eureka.instance.hostname",
		"spring.application.name",
		"spring.profiles.active",
		"eureka.server.enable-self-preservation",
		"eureka.server.eviction-interval-timer-in-ms",
		"heureka.compatibility",
		"heureka.log-level",
	} {
		doc := "Profiles to switch on, as a comma list."
		if k, ok := config.FindKey(name); ok {
			doc = k.Doc
		}
		fmt.Fprintf(&b, "  --%s\n        %s\n", name, doc)
	}
	return b.String() + "\nheureka config lists all settings, heureka config KEY explains one."
}

// serve runs a node until a signal asks it to stop. A second signal ends the program at once.
func (p *program) serve(_ *cobra.Command, args settingsArgs) error {
	if len(args.positional) > 0 {
		return unexpected(args.positional[0])
	}
	settings, err := config.Load(config.Options{Args: args.settings, Env: p.env})
	p.json = p.jsonLog(settings)
	if err != nil {
		p.printWarnings(settings)
		return mistypedFlags(err, args.settings)
	}
	logger, err := p.openLogs(settings)
	if err != nil {
		return err
	}
	p.printWarnings(settings)
	obeyCgroup(logger.Logger)
	ln, err := listen(settings)
	if err != nil {
		return err
	}
	port := ln.Addr().(*net.TCPAddr).Port
	loaded := settings
	management, err := listenManagement(settings)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	if management != nil {
		settings = settings.OnManagementPort(management.Addr().(*net.TCPAddr).Port)
	}
	cfg := settings.ServerConfig(port)
	cfg.Version, cfg.Logger, cfg.LogLevel = thisBuild().version, logger.Logger, &logger.levels.Root
	cfg.AccessLog, cfg.Audit.Writer = logger.access, logger.auditWriter()
	srv, err := server.New(cfg)
	if err != nil {
		return errors.Join(err, ln.Close(), closeListener(management))
	}
	again := &reloader{logging: logger, srv: srv, port: port, stdout: p.stdout, start: loaded, last: loaded, read: func() (*config.Settings, error) {
		return config.Load(config.Options{Args: args.settings, Env: p.env})
	}}
	manager := serviceManager(p.variable, logger.Logger)
	again.watch(loaded)
	if err := untilSignal(srv, ln, management, manager, again, func() { p.announce(settings, cfg, port) }); err != nil {
		return &failure{status: statusFailed, err: err}
	}
	logger.Info("stopped")
	return nil
}

// untilSignal serves until SIGTERM or SIGINT; ready is called when these end it cleanly. The settings are read again at SIGHUP, and when a file with secrets changes.
func untilSignal(srv *server.Server, ln, management net.Listener, manager systemd, again *reloader, ready func()) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop)   // from now on a signal has its usual effect again
	signal.Ignore(syscall.SIGPIPE) // a reader of the log that goes away does not take the registry with it
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	ready()

	var reloads sync.WaitGroup
	defer reloads.Wait()
	served, end := context.WithCancel(ctx)
	defer end()
	reloads.Go(func() { manager.during(served, srv) })
	reloads.Go(func() {
		look := time.NewTicker(watchInterval)
		defer look.Stop()
		for {
			select {
			case <-hup:
				manager.reloading(again.reload)
			case <-look.C:
				if again.secretsChanged() {
					manager.reloading(again.reload)
				}
			case <-served.Done():
				return
			}
		}
	})
	if management == nil {
		return srv.Serve(ctx, ln)
	}
	failed := make(chan error, 1) // management serves to the end: probes see how the node leaves
	reloads.Go(func() { failed <- srv.ServeManagement(served, management); end() })
	serving, stopServing := context.WithCancel(ctx)
	defer stopServing()
	context.AfterFunc(served, stopServing)
	err := srv.Serve(serving, ln)
	end()
	return errors.Join(err, <-failed)
}

func closeListener(ln net.Listener) error {
	if ln == nil {
		return nil
	}
	return ln.Close()
}

// listenManagement opens the port of health and metrics; nil if they have none of their own.
func listenManagement(s *config.Settings) (net.Listener, error) {
	address := s.ManagementAddress()
	if address == "" {
		return nil, nil
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, &failure{status: statusUsage, err: fmt.Errorf("listen %s: %w", address, cause(err)),
			hint: "choose another management.server.port or management.server.address, or leave them out to serve health and metrics on server.port"}
	}
	return ln, nil
}

// listen opens the port. What can go wrong is mostly a matter of one setting, which the hint names.
func listen(s *config.Settings) (net.Listener, error) {
	ln, err := net.Listen("tcp", s.ListenAddress())
	if err == nil {
		return ln, nil
	}
	host := s.ListenHost()
	if host == "" {
		host = "0.0.0.0"
	}
	f := &failure{status: statusUsage, err: fmt.Errorf("listen %s: %w", net.JoinHostPort(host, s.Text("server.port")), cause(err))}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		f.hint = "another program has the port: choose another with --server.port=8762, or stop that program"
	case errors.Is(err, syscall.EACCES):
		f.hint = "ports below 1024 need privileges: choose another with --server.port=8761"
	default:
		f.hint = "server.address must be an address of this machine; leave it out to serve on all"
	}
	return nil, f
}

// cause drops what net puts in front of the system's words.
func cause(err error) error {
	if e, ok := errors.AsType[*os.SyscallError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e.Err
	}
	return err
}

// announce says where the node serves, and which settings made it what it is.
func (p *program) announce(s *config.Settings, cfg server.Config, port int) {
	url := serviceURL(s, cfg, port)
	if s.Text("heureka.log-format") != "text" {
		cfg.Logger.Info("serving", "url", url, "version", cfg.Version, "profiles", s.Profiles, "files", s.Files, "settings", changed(s))
		return
	}
	fmt.Fprintf(p.stdout, "heureka %s serves %s as %s\n", cfg.Version, url, cfg.Instance.Key())
	if address := s.ManagementAddress(); address != "" {
		fmt.Fprintf(p.stdout, "  health and metrics on %s\n", address)
	}
	if len(s.Files) > 0 {
		fmt.Fprintf(p.stdout, "  settings from %s (profiles: %s)\n", strings.Join(s.Files, ", "), strings.Join(s.Profiles, ", "))
	}
	for _, x := range s.Changed() {
		fmt.Fprintf(p.stdout, "  %s = %s (%s)\n", x.Name, oneLine(x.Shown(false)), x.Origin)
	}
}

func changed(s *config.Settings) map[string]string {
	m := map[string]string{}
	for _, x := range s.Changed() {
		m[x.Name] = x.Shown(false)
	}
	return m
}

// serviceURL is what a client on this machine would configure.
func serviceURL(s *config.Settings, cfg server.Config, port int) string {
	host := s.ListenHost()
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	scheme := "http"
	if s.TLS() {
		scheme = "https"
	}
	return fmt.Sprintf("%s://%s%s/eureka/", scheme, net.JoinHostPort(host, fmt.Sprint(port)), cfg.ContextPath)
}
