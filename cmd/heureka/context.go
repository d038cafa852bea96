package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func (p *program) contextCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "context", Short: "Keep servers and credentials under a name",
		Long: `Keep the servers of a ring under a name, with the files by which they are trusted and by which they know you, so that commands need no
flags. Names of files are kept, never passwords or tokens. heureka context add takes the flags that other commands have for servers and
files, --use to make it the current context, and --replace.

What counts for a command is, in this order: its own flags; the context of --context; that of the variable ` + contextVariable + `;
` + serverVariable + `; the current context; ` + localServer + `. A context that is not named by --context is left
alone by a command with a --server that is none of the context's: credentials go to no other servers.

Contexts are in contexts.json of heureka's directory in the user's directory for settings ($XDG_CONFIG_HOME or ~/.config on Linux,
~/Library/Application Support on macOS, %AppData% on Windows), or in the file that ` + contextsVariable + ` names.`,
		Example: `  heureka context add prod --server https://reg1:8761/eureka/,https://reg2:8761/eureka/ --cacert ca.pem --user-file ann.credential
  heureka context use prod
  heureka apps
  heureka apps --context test`,
		Args: needSubcommand,
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(p.contextAddCommand(), p.contextUseCommand(), p.contextListCommand(), p.contextShowCommand(), p.contextRemoveCommand())
	return cmd
}

// change reads the contexts, lets f change them, saves them and prints what f says.
func (p *program) change(f func(*contexts) (string, error)) error {
	path, err := p.contextsFile()
	if err != nil {
		return err
	}
	defer lockBeside(path)()
	all, err := p.contexts()
	if err != nil {
		return err
	}
	done, err := f(all)
	if err != nil {
		return err
	}
	if err := all.save(); err != nil {
		return err
	}
	return newPrinter(p.stdout, "").say("%s", done)
}

func (p *program) contextAddCommand() *cobra.Command {
	var c serverContext
	var files tlsFlags
	var login credentialFiles
	var replace, use bool
	cmd := &cobra.Command{
		Use:   "add NAME --server URL",
		Short: "Add a context",
		Long: `Add a context. The files must be there and be right; they are read again by each command. A password in a URL is refused: it
belongs into the file of --user-file.`,
		Example: `  heureka context add prod --server https://reg1:8761/eureka/,https://reg2:8761/eureka/ --cacert ca.pem --cert ann.pem --key ann.key --use`,
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := c.take(&files, &login); err != nil {
				return err
			}
			return p.change(func(all *contexts) (string, error) { return all.add(args[0], &c, replace, use) })
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	fl := cmd.Flags()
	fl.StringSliceVar(&c.Servers, "server", nil, "service URL; may be repeated or be a list with commas")
	files.add(fl, "")
	login.add(fl, "")
	fl.BoolVar(&replace, "replace", false, "replace the context of that name")
	fl.BoolVar(&use, "use", false, "make it the current context")
	return cmd
}

// take checks what a context is to have and completes names of files: commands run anywhere.
func (c *serverContext) take(files *tlsFlags, login *credentialFiles) error {
	if err := c.check(); err != nil {
		return err
	}
	if _, err := files.config(); err != nil {
		return err
	}
	if err := login.check(); err != nil {
		return err
	}
	for to, file := range map[*string]namedFile{&c.CACert: files.ca, &c.Cert: files.cert, &c.Key: files.key, &c.UserFile: login.user, &c.TokenFile: login.token} {
		if file.path == "" {
			continue
		}
		abs, err := filepath.Abs(file.path)
		if err != nil {
			return usage("", "%s: %v", file.from, err)
		}
		*to = abs
	}
	return nil
}

func (all *contexts) add(name string, c *serverContext, replace, use bool) (string, error) {
	if !contextName.MatchString(name) {
		return "", usage("want letters and digits, with . _ - between them", "%q is no name for a context", name)
	}
	done := "added " + name
	if all.Contexts[name] != nil {
		if !replace {
			return "", usage("--replace replaces it", "there is a context %s already", name)
		}
		done = "replaced " + name
	}
	all.Contexts[name] = c
	switch {
	case use:
		all.Current = name
		done += ", which is the current context now"
	case all.Current != name:
		done += "; heureka context use " + name + " makes it the current one"
	}
	return done, nil
}

func (p *program) contextUseCommand() *cobra.Command {
	var none bool
	cmd := &cobra.Command{
		Use:   "use NAME | --none",
		Short: "Make a context the current one",
		Args: func(cmd *cobra.Command, args []string) error {
			if none {
				return cobra.NoArgs(cmd, args)
			}
			return cobra.ExactArgs(1)(cmd, args)
		},
		RunE: func(_ *cobra.Command, args []string) error {
			return p.change(func(all *contexts) (string, error) {
				if none {
					all.Current = ""
					return "there is no current context now", nil
				}
				if _, err := all.get(args[0]); err != nil {
					return "", err
				}
				all.Current = args[0]
				done := "the current context is " + args[0]
				if other := p.variable(contextVariable); other != "" && other != args[0] {
					done += ", but " + contextVariable + "=" + other + " comes first"
				}
				return done, nil
			})
		},
		ValidArgsFunction: p.completeContexts,
	}
	cmd.Flags().BoolVar(&none, "none", false, "have no current context")
	return cmd
}

// A shownContext is a context as it is printed.
type shownContext struct {
	Name    string `json:"name"`
	Current bool   `json:"current"` // for a command without flags
	*serverContext
}

// shown lists the contexts as a command without flags sees them.
func (p *program) shown(all *contexts) []shownContext {
	current := cmp.Or(p.variable(contextVariable), all.Current)
	list := make([]shownContext, 0, len(all.Contexts))
	for _, name := range all.names() {
		list = append(list, shownContext{name, name == current, all.Contexts[name]})
	}
	return list
}

func (p *program) contextListCommand() *cobra.Command {
	return p.contextOutput(&cobra.Command{
		Use:               "list",
		Short:             "List the contexts; a star marks the current one",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
	}, []string{"table", "json", "yaml", "name"}, func(out *printer, all *contexts, _ []string) error {
		list := p.shown(all)
		if done, err := out.value(list); done {
			return err
		}
		if out.format == "name" {
			return out.lines(all.names())
		}
		var rows [][]string
		for _, c := range list {
			rows = append(rows, []string{map[bool]string{true: "*"}[c.Current], c.Name, printable(strings.Join(c.Servers, ",")), orDash(strings.Join(c.identity(), ", "))})
		}
		return out.table([]string{"", "NAME", "SERVERS", "SHOWS"}, rows)
	})
}

// identity is what servers are shown.
func (c *serverContext) identity() (kinds []string) {
	for _, k := range [][2]string{{"certificate", c.Cert}, {"password", c.UserFile}, {"token", c.TokenFile}} {
		if k[1] != "" {
			kinds = append(kinds, k[0])
		}
	}
	return kinds
}

func (p *program) contextShowCommand() *cobra.Command {
	return p.contextOutput(&cobra.Command{
		Use:               "show [NAME]",
		Short:             "Show a context, by default the current one",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: p.completeContexts,
	}, []string{"text", "json", "yaml"}, func(out *printer, all *contexts, args []string) error {
		name := cmp.Or(strings.Join(args, ""), p.variable(contextVariable), all.Current)
		if name == "" {
			return usage("heureka context use NAME makes one the current one", "there is no current context")
		}
		if _, err := all.get(name); err != nil {
			return err
		}
		list := p.shown(all)
		return out.context(list[slices.IndexFunc(list, func(c shownContext) bool { return c.Name == name })])
	})
}

func (o *printer) context(c shownContext) error {
	if done, err := o.value(c); done {
		return err
	}
	rows := [][]string{{"name", c.Name}, {"current", yesNo(c.Current)}}
	for _, s := range c.Servers {
		rows = append(rows, []string{"server", printable(s)})
	}
	for _, f := range [][]string{{"cacert", c.CACert}, {"cert", c.Cert}, {"key", c.Key}, {"user-file", c.UserFile}, {"token-file", c.TokenFile}} {
		if f[1] != "" {
			rows = append(rows, []string{f[0], printable(f[1])})
		}
	}
	return o.table(nil, rows)
}

// contextOutput is a command that prints something of the contexts.
func (p *program) contextOutput(cmd *cobra.Command, formats []string, show func(*printer, *contexts, []string) error) *cobra.Command {
	var output string
	cmd.Flags().StringVarP(&output, "output", "o", formats[0], strings.Join(formats, ", "))
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if !slices.Contains(formats, output) {
			return usage("want "+strings.Join(formats, ", "), "unknown output %q", output)
		}
		all, err := p.contexts()
		if err != nil {
			return err
		}
		return show(newPrinter(p.stdout, output), all, args)
	}
	return cmd
}

func (p *program) contextRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME",
		Short: "Remove a context; files that it names stay",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return p.change(func(all *contexts) (string, error) {
				if _, err := all.get(args[0]); err != nil {
					return "", err
				}
				delete(all.Contexts, args[0])
				if all.Current != args[0] {
					return "removed " + args[0], nil
				}
				all.Current = ""
				return fmt.Sprintf("removed %s; there is no current context now", args[0]), nil
			})
		},
		ValidArgsFunction: p.completeContexts,
	}
}

// completeContexts offers the names of all contexts, for one argument or a flag.
func (p *program) completeContexts(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	all, err := p.contexts()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return all.names(), cobra.ShellCompDirectiveNoFileComp
}

// addContext gives cmd the flag that names a context.
func (p *program) addContext(cmd *cobra.Command, fl *pflag.FlagSet, name *string) {
	fl.StringVar(name, "context", "", "context with servers and credentials (default $"+contextVariable+" or the current one of heureka context)")
	_ = cmd.RegisterFlagCompletionFunc("context", func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return p.completeContexts(cmd, nil, typed)
	})
}
