package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/internal/spring"
)

const (
	serverVariable = "EUREKA_SERVER_URL"
	localServer    = "http://localhost:8761/eureka/"
)

// A remote is what the commands that talk to servers share: which servers, how long to wait for them, and how to print.
type remote struct {
	*program
	servers []string
	context string // as --context names it, and once prepared the one that counts
	timeout time.Duration
	output  string
	bare    bool
	header  http.Header
	files   tlsFlags
	login   credentialFiles
	at      string // when the registry is looked at; "" for now

	named []string    // of the servers, those that were named: others get no credentials
	tls   *tls.Config // nil: the system's authorities
	cfg   client.Config
	api   *client.API
	out   *printer
}

// remoteCommand gives cmd the common flags and lets it run with a remote that is ready, under a context that ends with
// SIGINT or SIGTERM. formats are those of -o, the default first; without any there is no such flag.
func (p *program) remoteCommand(cmd *cobra.Command, formats []string, run func(ctx context.Context, r *remote, args []string) error) *cobra.Command {
	r := &remote{program: p}
	fl := cmd.Flags()
	fl.StringSliceVar(&r.servers, "server", nil,
		"service URL; with several the first is asked, and another if it fails (default that of the context, $"+serverVariable+" or "+localServer+")")
	p.addContext(cmd, fl, &r.context)
	fl.DurationVar(&r.timeout, "timeout", 8*time.Second, "how long to wait for each server")
	r.files.add(fl, "")
	r.login.add(fl, "")
	if len(formats) > 0 {
		fl.StringVarP(&r.output, "output", "o", formats[0], strings.Join(formats, ", "))
	}
	p.completions = append(p.completions, func() { r.completes(cmd, formats) }) // once cmd has all its flags
	if slices.Contains(formats, "wide") {
		fl.BoolVar(&r.bare, "no-headers", false, "leave out the heading of a table")
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(formats) > 0 && !slices.Contains(formats, r.output) {
			return usage("want "+strings.Join(formats, ", "), "unknown output %q", r.output)
		}
		if cmd.Annotations[argumentsAreServers] != "" && len(args) > 0 {
			r.servers = args
		}
		r.sign(cmd)
		if err := r.prepare(); err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(cmp.Or(cmd.Context(), context.Background()), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return run(ctx, r, args)
	}
	return cmd
}

// argumentsAreServers is the annotation of a command whose arguments, if there are any, stand in for --server.
const argumentsAreServers = "servers"

// act gives cmd a flag for the reason of what it changes, which heureka nodes keep in their history with the user's name.
func (p *program) act(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().String(reasonFlag, "", "why, for the history of heureka nodes")
	return cmd
}

const reasonFlag = "reason"

// sign makes requests tell who acts, and why.
func (r *remote) sign(cmd *cobra.Command) {
	reason := cmd.Flags().Lookup(reasonFlag)
	if reason == nil {
		return
	}
	r.header = http.Header{}
	r.header.Set("X-Heureka-Operator", cmp.Or(r.variable("SUDO_USER"), r.variable("USER"), r.variable("USERNAME"), "heureka"))
	if reason.Value.String() != "" {
		r.header.Set("X-Heureka-Note", reason.Value.String())
	}
}

// fromContext fills in from a context what flags have left open.
func (r *remote) fromContext() error {
	c, name, err := r.contextFor(r.context, r.servers)
	r.context = name
	if c == nil || err != nil {
		return err
	}
	if len(r.servers) == 0 {
		r.servers = slices.Clone(c.Servers)
	}
	r.files.orElse(c, name)
	r.login.orElse(c, name)
	return nil
}

// prepare checks the servers and makes the API of all of them. It sends nothing.
func (r *remote) prepare() error {
	if err := r.fromContext(); err != nil {
		return err
	}
	if len(r.servers) == 0 {
		r.servers = spring.SplitList(r.variable(serverVariable))
	}
	if len(r.servers) == 0 {
		r.servers = []string{localServer}
	}
	if r.timeout <= 0 {
		return usage("", "--timeout must be more than 0: %v", r.timeout)
	}
	if err := r.checkProxies(); err != nil {
		return err
	}
	var err error
	if r.tls, err = r.files.config(); err != nil {
		return err
	}
	if err := r.login.check(); err != nil {
		return err
	}
	r.named = slices.Clone(r.servers)
	r.cfg = r.configOf(r.servers)
	r.out = newPrinter(r.stdout, r.output)
	r.out.bare = r.bare
	r.api, err = apiOf(r.cfg)
	return err
}

// configOf makes the client prefer the first server: it has a zone of its own.
func (r *remote) configOf(servers []string) client.Config {
	const region, first, others = "servers", "first", "others"
	cfg := client.Config{
		Region: region, AvailabilityZones: map[string][]string{region: {first}},
		ServiceURLs: map[string][]string{first: servers[:1]},
		Attempts:    len(servers), SessionDuration: -1,
		HTTP: client.HTTPConfig{
			AllowRedirects: true, ConnectTimeout: r.timeout, ReadTimeout: r.timeout, Header: r.header, TLS: r.tls,
			Credential: r.loginFor(servers).source(),
		},
		Logger: slog.New(slog.DiscardHandler), // commands say themselves what fails
	}
	if len(servers) > 1 {
		cfg.AvailabilityZones[region] = []string{first, others}
		cfg.ServiceURLs[others] = servers[1:]
	}
	return cfg
}

// loginFor returns the credentials for servers: none if a server has named one of them as its peer.
func (r *remote) loginFor(servers []string) *credentialFiles {
	for _, s := range servers {
		if !slices.Contains(r.named, s) {
			return &credentialFiles{}
		}
	}
	return &r.login
}

// apiOf returns direct access to the servers of cfg. Mistakes in their URLs are mistakes of the command line.
func apiOf(cfg client.Config) (*client.API, error) {
	c, err := client.New(cfg)
	if err != nil {
		return nil, usage("service URLs look like "+localServer, "%s", strings.TrimPrefix(oneLine(err.Error()), "client configuration: "))
	}
	return c.API(), nil
}

func (r *remote) apiFor(server string) (*client.API, error) {
	return apiOf(r.configOf([]string{server}))
}

// variable returns a variable of the environment; the last of equal names wins.
func (p *program) variable(name string) string {
	for _, e := range slices.Backward(p.env) {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}

// usage is a mistake in the command line: nothing has been sent.
func usage(hint, format string, args ...any) error {
	return &failure{status: statusUsage, err: fmt.Errorf(format, args...), hint: hint}
}

// failed is what a server refused, or what cannot be reached. The hint is what helps most often.
func (r *remote) failed(err error) error {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	return &failure{status: statusFailed, err: err, hint: r.hintFor(err)}
}

// notFound turns a 404 for an instance into an error that names what comes near.
func (r *remote) notFound(ctx context.Context, key heureka.Key, err error) error {
	if err == nil || !errors.Is(err, heureka.ErrNotFound) {
		return r.failed(err)
	}
	apps, listErr := r.api.Applications(ctx)
	if listErr != nil { // then it was no answer of a registry
		return r.failed(err)
	}
	f := &failure{status: statusFailed, err: fmt.Errorf("%s: no such instance", key)}
	if app := findApp(apps, key.App); app != nil {
		f.hint = nearHint(key.ID, ids(app), "heureka instances "+app.Name+" lists all")
	} else {
		f.hint = nearHint(key.App, appNames(apps), "heureka instances lists all")
	}
	return f
}

// listsLag is what to know of the lists of a server with a read-only response cache, which Java servers have by default.
const listsLag = "a Java server lists a change up to 30s late"

// noApp is the error for an application that is not in apps, which may be an old list.
func noApp(name string, apps *heureka.Applications) error {
	return &failure{status: statusFailed, err: fmt.Errorf("%s: the server lists no such application", heureka.AppName(name)),
		hint: nearHint(heureka.AppName(name), appNames(apps), "heureka apps lists all; "+listsLag)}
}

func nearHint(name string, all []string, otherwise string) string {
	if near := nearest(name, all); len(near) > 0 {
		return "did you mean " + strings.Join(near, " or ") + "?"
	}
	return otherwise
}

func findApp(apps *heureka.Applications, name string) *heureka.Application {
	for _, a := range apps.Apps {
		if heureka.AppName(a.Name) == heureka.AppName(name) {
			return a
		}
	}
	return nil
}

func appNames(apps *heureka.Applications) []string {
	names := make([]string, 0, len(apps.Apps))
	for _, a := range apps.Apps {
		names = append(names, a.Name)
	}
	return names
}

func ids(app *heureka.Application) []string {
	list := make([]string, 0, len(app.Instances))
	for _, in := range app.Instances {
		list = append(list, in.ResolvedID())
	}
	return list
}

// keyOf reads APP ID, or APP/ID as -o name prints it, and returns the arguments after it.
func keyOf(args []string) (heureka.Key, []string, error) {
	if len(args) > 0 {
		if app, id, ok := strings.Cut(args[0], "/"); ok && app != "" && id != "" {
			return heureka.Key{App: heureka.AppName(app), ID: id}, args[1:], nil
		}
	}
	if len(args) < 2 || args[0] == "" || args[1] == "" {
		return heureka.Key{}, nil, usage("heureka instances -o name lists all as APP/ID", "an instance is named by APP ID or APP/ID")
	}
	return heureka.Key{App: heureka.AppName(args[0]), ID: args[1]}, args[2:], nil
}

// onlyKey is keyOf for commands that take nothing else.
func onlyKey(args []string) (heureka.Key, error) {
	key, rest, err := keyOf(args)
	if err == nil && len(rest) > 0 {
		err = usage("", "unexpected argument %q", rest[0])
	}
	return key, err
}

// pairs reads k=v arguments.
func pairs(args []string) (map[string]string, error) {
	m := make(map[string]string, len(args))
	for _, a := range args {
		k, v, ok := strings.Cut(a, "=")
		if !ok || k == "" {
			return nil, usage("write metadata as key=value", "%q is not key=value", a)
		}
		m[k] = v
	}
	return m, nil
}

func parseStatus(name string) (heureka.Status, error) {
	canonical := strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	s, ok := heureka.ParseStatus(canonical)
	if !ok || s == heureka.StatusUnknown && canonical != s.String() {
		return s, usage("want UP, DOWN, STARTING, OUT_OF_SERVICE or UNKNOWN", "unknown status %q", name)
	}
	return s, nil
}
