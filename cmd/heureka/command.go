package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"heureka.internal/heureka/internal/config"
	"heureka.internal/heureka/internal/outbound"
)

// command returns the whole tree of commands. A new one is a method that returns a *cobra.Command, added here.
func (p *program) command() *cobra.Command {
	root := &cobra.Command{
		Use:           "heureka",
		Short:         "A service registry that speaks Eureka",
		Version:       thisBuild().String(),
		SilenceErrors: true, // run prints them
		SilenceUsage:  true,
		Args:          unknownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("heureka {{.Version}}\n")
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(p.serveCommand(), p.configCommand(), p.doctorCommand(), p.versionCommand(), p.benchCommand(), p.manCommand())
	root.AddCommand(p.clientCommands()...)
	for _, complete := range p.completions {
		complete()
	}
	return root
}

func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	f := &failure{status: statusUsage, err: fmt.Errorf("unknown command %q", args[0]), hint: "heureka --help lists the commands"}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		f.hint = "did you mean heureka " + near[0] + "?"
	}
	return f
}

// flagError is for flags that no command knows. Most likely a setting was given without a command, as to a Java program.
func flagError(cmd *cobra.Command, err error) error {
	f := &failure{status: statusUsage, err: errors.New(outbound.Hide(err.Error())), hint: cmd.CommandPath() + " --help lists the flags"}
	if !cmd.HasParent() && strings.Contains(err.Error(), ".") {
		f.hint = "settings go after a command: heureka serve --server.port=8761"
	}
	return f
}

// settingsArgs are the arguments of a command that takes settings: any --key=value that is no flag of its own is one.
type settingsArgs struct {
	settings   []string
	positional []string
}

// parse splits args and sets the flags of cmd. It stands in for cobra's own parsing, which refuses unknown flags.
func (a *settingsArgs) parse(cmd *cobra.Command, args []string) error {
	var own []string
	for len(args) > 0 {
		n := flagLength(cmd.Flags(), args)
		switch arg := args[0]; {
		case n > 0:
			own = append(own, args[:n]...)
			args = args[n:]
			continue
		case strings.HasPrefix(arg, "-"):
			a.settings = append(a.settings, arg)
		default:
			a.positional = append(a.positional, arg)
		}
		args = args[1:]
	}
	if err := cmd.Flags().Parse(own); err != nil {
		return flagError(cmd, err)
	}
	if path := cmd.Flags().Lookup(configFlag); path.Changed {
		a.settings = append(a.settings, "--spring.config.location="+path.Value.String())
	}
	return nil
}

// flagLength returns how many of args belong to the flag that they begin with: 0 if it is none of flags.
func flagLength(flags *pflag.FlagSet, args []string) int {
	name, isLong := strings.CutPrefix(args[0], "--")
	name, _, hasValue := strings.Cut(name, "=")
	flag := flags.Lookup(name)
	if !isLong {
		flag = nil
		if len(args[0]) > 1 && args[0][0] == '-' {
			flag = flags.ShorthandLookup(args[0][1:2])
			hasValue = len(args[0]) > 2
		}
	}
	switch {
	case flag == nil:
		return 0
	case hasValue || flag.NoOptDefVal != "" || len(args) == 1:
		return 1
	}
	return 2
}

const configFlag = "config"

// takesSettings makes cmd accept settings as arguments, next to its own flags.
func takesSettings(cmd *cobra.Command, run func(cmd *cobra.Command, args settingsArgs) error) *cobra.Command {
	cmd.DisableFlagParsing = true
	cmd.Flags().String(configFlag, "", "read settings from this file or directory instead of ./ and ./config/")
	cmd.Flags().BoolP("help", "h", false, "show this help")
	cmd.ValidArgsFunction = completeSettings(cmd.Name() == "config")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var a settingsArgs
		if err := a.parse(cmd, args); err != nil {
			return err
		}
		if help, _ := cmd.Flags().GetBool("help"); help {
			return cmd.Help()
		}
		return run(cmd, a)
	}
	return cmd
}

// load reads the settings. If there are mistakes, it prints the warnings too: one may be the reason for another.
func (p *program) load(args []string) (*config.Settings, error) {
	s, err := config.Load(config.Options{Args: args, Env: p.env})
	if err != nil {
		p.printWarnings(s)
	}
	return s, mistypedFlags(err, args)
}

// mistypedFlags speaks of flags where the mistake is an argument without a dot and a value, such as --version: whoever typed
// it believes in a flag.
func mistypedFlags(err error, args []string) error {
	all := config.Mistakes(err)
	for i, e := range all {
		m, ok := errors.AsType[*config.Mistake](e)
		if !ok || m.Origin.Source != config.Argument || strings.Contains(m.Key, ".") || !slices.Contains(args, "--"+m.Key) {
			continue
		}
		f := &failure{status: statusUsage, err: fmt.Errorf("unknown flag: --%s", m.Key), hint: "settings are written --key=value; heureka config --all lists them"}
		if m.Key == "version" {
			f.hint = "heureka version prints the version"
		}
		all[i] = f
	}
	return errors.Join(all...)
}

func (p *program) printWarnings(s *config.Settings) {
	for _, w := range s.Notices() {
		p.complain("warning", w)
	}
}
