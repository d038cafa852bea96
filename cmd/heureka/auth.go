package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/config"
	"heureka.internal/heureka/server"
)

const (
	deniedPath = "heureka/v1/admin/auth/denied"
	accessPath = "heureka/v1/admin/auth/check"
)

func (p *program) authCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "auth", Short: "Find out who may do what", Args: needSubcommand}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(p.authDeniedCommand(), p.authCheckCommand(), p.authUserCommand(), p.authTokenCommand())
	return cmd
}

func (p *program) authDeniedCommand() *cobra.Command {
	return p.remoteCommand(&cobra.Command{
		Use:   "denied",
		Short: "List who was denied what, and who would have been",
		Long: `List which requests each server of --server has denied since it was started, or would have denied but for heureka.auth.mode=observe,
and why. It takes the role admin. Only heureka nodes can tell.`,
		Args: cobra.NoArgs,
	}, []string{"table", "wide", "json", "yaml"}, func(ctx context.Context, r *remote, _ []string) error {
		var all []*denials
		var failures []error
		for _, server := range r.servers {
			doc, err := r.denialsOf(ctx, server)
			if err != nil {
				failures = append(failures, err)
				continue
			}
			all = append(all, doc)
		}
		if all != nil {
			failures = append(failures, r.out.denials(all))
		}
		return errors.Join(failures...)
	})
}

// denials are what one server tells.
type denials struct {
	Server string            `json:"server"`
	Since  time.Time         `json:"since"`
	Modes  map[string]string `json:"modes"`
	Denied []struct {
		Role      string    `json:"role"`
		Why       string    `json:"why"`
		Fault     string    `json:"fault,omitempty"`
		Passed    bool      `json:"passed"`
		Principal string    `json:"principal,omitempty"`
		Address   string    `json:"address,omitempty"`
		Agent     string    `json:"userAgent,omitempty"`
		Action    string    `json:"action"`
		App       string    `json:"app,omitempty"`
		ID        string    `json:"id,omitempty"`
		Count     uint64    `json:"count"`
		First     time.Time `json:"first"`
		Last      time.Time `json:"last"`
	} `json:"denied"`
}

func (r *remote) denialsOf(ctx context.Context, server string) (*denials, error) {
	p, err := r.probe(server)
	if err != nil {
		return nil, err
	}
	doc := &denials{Server: p.shown}
	if err := p.ask(ctx, http.MethodGet, "fetch denials", deniedPath, doc); err != nil {
		return nil, r.onlyAdmins(err)
	}
	return doc, nil
}

// onlyAdmins gives refusals the hint that helps.
func (r *remote) onlyAdmins(err error) error {
	status, _ := errors.AsType[*heureka.StatusError](err)
	switch {
	case status != nil && status.Code == http.StatusNotFound:
		return &failure{status: statusFailed, err: err, hint: "only heureka nodes tell who may do what"}
	case status != nil && status.Code == http.StatusForbidden:
		return &failure{status: statusFailed, err: err, hint: "it takes the role admin"}
	}
	return r.failed(err)
}

func (o *printer) denials(all []*denials) error {
	if done, err := o.value(all); done {
		return err
	}
	head := []string{"ROLE", "WHY", "PASSED", "COUNT", "LAST", "ACTION", "APP", "FROM"}
	if o.wide() {
		head = append(head, "ID", "USER AGENT", "FIRST", "SERVER")
	}
	var rows [][]string
	for _, doc := range all {
		for _, d := range doc.Denied {
			row := []string{d.Role, why(d.Why, d.Fault), yesNo(d.Passed), strconv.FormatUint(d.Count, 10), d.Last.Local().Format(time.DateTime), printable(d.Action),
				printable(d.App), printable(strings.TrimSpace(d.Principal + " " + d.Address))}
			if o.wide() {
				row = append(row, printable(d.ID), printable(d.Agent), d.First.Local().Format(time.DateTime), doc.Server)
			}
			rows = append(rows, row)
		}
	}
	if err := o.table(head, rows); err != nil {
		return err
	}
	for _, doc := range all {
		if off := modesText(doc.Modes); off != "" {
			if err := o.say("%s: %s", doc.Server, off); err != nil {
				return err
			}
		}
	}
	return nil
}

func why(word, fault string) string {
	if fault != "" {
		return printable(word + ": " + fault)
	}
	return printable(word)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// modesText says which roles are not enforced.
func modesText(modes map[string]string) string {
	var parts []string
	for _, mode := range []string{"observe", "off"} {
		var roles []string
		for _, role := range slices.Sorted(maps.Keys(modes)) {
			if modes[role] == mode {
				roles = append(roles, printable(role))
			}
		}
		if len(roles) > 0 {
			parts = append(parts, mode+" for "+strings.Join(roles, ", "))
		}
	}
	return strings.Join(parts, "; ")
}

// actions are what auth check knows by a word: a request with APP and ID in their places.
var actions = map[string]string{
	"apps": "GET /eureka/apps", "delta": "GET /eureka/apps/delta", "get": "GET /eureka/apps/APP/ID", "register": "POST /eureka/apps/APP",
	"heartbeat": "PUT /eureka/apps/APP/ID", "cancel": "DELETE /eureka/apps/APP/ID", "metadata": "PUT /eureka/apps/APP/ID/metadata", "override": "PUT /eureka/apps/APP/ID/status",
	"replicate": "POST /eureka/peerreplication/batch/", "page": "GET /", "watch": "GET /heureka/v1/watch", "release": "POST /heureka/v1/protection/release",
	"metrics": "GET /actuator/prometheus", "health": "GET /actuator/health", "loggers": "POST /actuator/loggers/ROOT",
}

// asked reads ACTION [APP [ID]], or METHOD PATH.
func asked(args []string) (method, path string, err error) {
	if len(args) == 2 && strings.HasPrefix(args[1], "/") {
		return strings.ToUpper(args[0]), args[1], nil
	}
	request, known := actions[args[0]]
	if !known {
		return "", "", usage("want METHOD PATH or one of "+strings.Join(slices.Sorted(maps.Keys(actions)), ", "), "unknown action %q", args[0])
	}
	app, id := "ANY", cmp.Or(instanceIn(args), "any")
	if len(args) > 1 {
		app, _, _ = strings.Cut(args[1], "/")
	}
	method, path, _ = strings.Cut(request, " ")
	return method, strings.NewReplacer("APP", url.PathEscape(app), "ID", url.PathEscape(id)).Replace(path), nil
}

// instanceIn returns the id in ACTION APP ID or ACTION APP/ID; "" if there is none.
func instanceIn(args []string) string {
	if len(args) < 2 {
		return ""
	}
	_, in, _ := strings.Cut(args[1], "/")
	return in + strings.Join(args[2:], "")
}

// A shownCredential is whose access is to be checked. Secrets come from files, - for standard input: arguments are seen by others.
type shownCredential struct {
	credentialFiles
	certificate string
}

func (c *shownCredential) read(stdin io.Reader, q *server.AccessRequest) error {
	text := func(name string) (string, error) {
		if name != "-" {
			return secretIn(name)
		}
		b, err := io.ReadAll(io.LimitReader(stdin, maxProbe))
		return strings.TrimRight(string(b), "\r\n"), err
	}
	var err error
	if q.Certificate, err = text(c.certificate); err != nil {
		return usage("", "--as-cert: %v", err)
	}
	q.Authorization, err = c.authorization(text)
	return err
}

func (p *program) authCheckCommand() *cobra.Command {
	var as shownCredential
	var q server.AccessRequest
	var files string
	cmd := p.remoteCommand(&cobra.Command{
		Use:   "check ACTION [APP [ID]] | METHOD PATH",
		Short: "Tell what would become of a request, and by which rule",
		Long: `Tell what would become of a request with a credential, and by which setting: on a running node, which takes the role admin there, or with
--config on one that would be started with these settings. Without a credential it is who shows none.

Actions: ` + strings.Join(slices.Sorted(maps.Keys(actions)), ", ") + `.

The exit status is 0 if the request passes, 1 if it is denied.`,
		Example: `  heureka auth check register orders --as-user-file orders.credential
  heureka auth check register orders o1 --vip orders,payments --as-user-file orders.credential
  heureka auth check override orders o1 --as-token-file - < token
  heureka auth check replicate --as-cert node2.pem --config /etc/heureka/`,
		Args: cobra.RangeArgs(1, 3),
	}, []string{"text", "json", "yaml"}, func(ctx context.Context, r *remote, args []string) error {
		var err error
		if q.Method, q.Path, err = asked(args); err != nil {
			return err
		}
		if args[0] == "register" {
			q.ID = instanceIn(args)
		}
		if err = as.read(p.stdin, &q); err != nil {
			return err
		}
		var a server.Access
		if files != "" {
			a, err = r.accessBy(files, q)
		} else {
			a, err = r.accessAt(ctx, q)
		}
		if err != nil {
			return err
		}
		return r.out.access(&a)
	})
	fl := cmd.Flags()
	addFile(fl, &as.user, "as-", "user-file", "file with NAME:PASSWORD to check, - for standard input")
	addFile(fl, &as.token, "as-", "token-file", "file with a bearer token to check, - for standard input")
	fl.StringVar(&as.certificate, "as-cert", "", "file with a certificate to check, in PEM with its chain")
	fl.StringVar(&q.VIPAddress, "vip", "", "VIP addresses of the instance to register")
	fl.BoolVar(&q.Replication, "as-peer", false, "with the header by which peers speak for others")
	fl.StringVar(&files, "config", "", "check against the settings of this file or directory instead of a running node")
	return cmd
}

// accessBy asks a node that is not started.
func (r *remote) accessBy(files string, q server.AccessRequest) (a server.Access, err error) {
	settings, err := config.Load(config.Options{Args: []string{"--spring.config.location=" + files}, Env: r.env})
	if err != nil {
		return a, err
	}
	cfg := settings.ServerConfig(settings.Int("server.port"))
	srv, err := server.New(cfg)
	if err != nil {
		return a, &failure{status: statusFailed, err: err}
	}
	q.Path = cfg.ContextPath + q.Path
	return srv.Access(q)
}

// accessAt asks the first server.
func (r *remote) accessAt(ctx context.Context, q server.AccessRequest) (a server.Access, err error) {
	p, err := r.probe(r.servers[0])
	if err != nil {
		return a, err
	}
	u := p.beside(accessPath)
	q.Path = strings.TrimSuffix(u.Path, "/"+accessPath) + q.Path
	body, err := json.Marshal(q)
	if err != nil {
		return a, err
	}
	answer, err := p.send(ctx, http.MethodPost, "check access", u, "application/json", body)
	if err != nil {
		return a, r.onlyAdmins(err)
	}
	return a, json.Unmarshal(answer, &a)
}

func (o *printer) access(a *server.Access) error {
	done, err := o.value(a)
	if !done && err == nil {
		err = o.say("%s", printable(a.Text))
	}
	if err != nil || a.Passes {
		return err
	}
	return &failure{status: statusFailed, err: errors.New("denied")}
}
