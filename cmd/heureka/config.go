package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"heureka.internal/heureka/internal/config"
)

func (p *program) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config [KEY | WORD] [--key=value ...]",
		Short: "Show the settings and where each comes from",
		Long: `Show the settings that heureka serve would use with the same arguments, environment
and files, and where each comes from. With KEY, explain that one; with a WORD, list those whose name
or description has it.`,
		Example: `  heureka config eureka.server.eviction-interval-timer-in-ms
  heureka config eviction
  heureka config -o yaml --spring.profiles.active=peer1 > settings.yml`,
	}
	cmd.Flags().StringP("output", "o", "table", "table, yaml or json")
	cmd.Flags().Bool("show-secrets", false, "show passwords")
	cmd.Flags().Bool("unused", false, "list what is set but not read by heureka")
	cmd.Flags().Bool("all", false, "also list known keys that have no effect")
	return takesSettings(cmd, p.config)
}

func (p *program) config(cmd *cobra.Command, args settingsArgs) error {
	settings, err := p.load(args.settings)
	if err != nil {
		return err
	}
	if unused, _ := cmd.Flags().GetBool("unused"); unused {
		return settings.WriteUnused(p.stdout)
	}
	p.printWarnings(settings)
	var view config.View
	view.Secrets, _ = cmd.Flags().GetBool("show-secrets")
	view.Inert, _ = cmd.Flags().GetBool("all")
	switch len(args.positional) {
	case 0:
	case 1:
		if view.Word = args.positional[0]; !isWord(view.Word) {
			return p.explain(settings, view.Word, view)
		}
	default:
		return unexpected(args.positional[1])
	}
	switch output, _ := cmd.Flags().GetString("output"); output {
	case "table":
		return settings.WriteTable(p.stdout, view)
	case "yaml":
		return settings.WriteYAML(p.stdout, view)
	case "json":
		return settings.WriteJSON(p.stdout, view)
	default:
		return &failure{status: statusUsage, err: fmt.Errorf("unknown output %q", output), hint: "want table, yaml or json"}
	}
}

// isWord reports whether name is neither a key nor what somebody types who means one, but is found in keys.
func isWord(name string) bool {
	_, known := config.FindKey(name)
	return !known && config.Nearest(name) == nil && config.Mentioned(name)
}

// explain prints one key.
func (p *program) explain(settings *config.Settings, name string, view config.View) error {
	key, ok := config.FindKey(name)
	if !ok {
		f := &failure{status: statusUsage, err: fmt.Errorf("%s: no such setting", name), hint: "heureka config --all lists them"}
		if near := config.Nearest(name); near != nil {
			f.hint = "did you mean " + near.Usage() + "?"
		}
		return f
	}
	return settings.WriteKey(p.stdout, key, view)
}

func unexpected(arg string) error {
	if name, _, ok := strings.Cut(arg, "="); ok { // the value may be a password
		arg = name + "=..."
	}
	return &failure{status: statusUsage, err: fmt.Errorf("unexpected argument %q", arg), hint: "write settings as --key=value"}
}
