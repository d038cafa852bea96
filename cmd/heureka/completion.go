package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/internal/config"
)

// completionTime is how long somebody who presses Tab waits for a server.
const completionTime = 2 * time.Second

// completes makes the shell offer what the usage line of cmd names: applications, ids, statuses; and what its flags take.
func (r *remote) completes(cmd *cobra.Command, formats []string) {
	first, rest, _ := strings.Cut(strings.Trim(strings.TrimPrefix(cmd.Use, cmd.Name()+" "), "["), " ")
	if strings.Trim(first, "[]") == "APP" {
		ids, statuses := strings.Contains(rest, "ID"), strings.Contains(rest, "STATUS")
		cmd.ValidArgsFunction = r.offer(func(apps *heureka.Applications, args []string, typed string) []string {
			return argumentsOf(apps, args, typed, ids, statuses)
		})
	}
	of := func(value func(*heureka.Instance) []string) cobra.CompletionFunc {
		return r.offer(func(apps *heureka.Applications, _ []string, _ string) []string { return everywhere(apps, value) })
	}
	for name, complete := range map[string]cobra.CompletionFunc{
		"output": cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp),
		"status": cobra.FixedCompletions(statusNames(), cobra.ShellCompDirectiveNoFileComp),
		"as":     cobra.FixedCompletions(statusNames(), cobra.ShellCompDirectiveNoFileComp),
		"zone":   of(func(in *heureka.Instance) []string { return []string{client.Zone(in)} }),
		"vip":    of(func(in *heureka.Instance) []string { return strings.Split(in.VIPAddress+","+in.SecureVIPAddress, ",") }),
		selectorFlag: of(func(in *heureka.Instance) (entries []string) {
			for k, v := range in.Metadata.All() {
				entries = append(entries, k+"="+v)
			}
			return entries
		}),
	} {
		if cmd.Flags().Lookup(name) != nil {
			_ = cmd.RegisterFlagCompletionFunc(name, complete) // fails for flags that are not there
		}
	}
}

// offer asks the servers for the registry. Without an answer there is nothing to offer.
func (r *remote) offer(words func(apps *heureka.Applications, args []string, typed string) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		r.timeout = min(r.timeout, completionTime)
		if r.prepare() != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, stop := context.WithTimeout(context.Background(), completionTime)
		defer stop()
		apps, err := r.registry(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return words(apps, args, typed), cobra.ShellCompDirectiveNoFileComp
	}
}

// argumentsOf are the words that may come next: an application; then ids, each once, and statuses.
func argumentsOf(apps *heureka.Applications, args []string, typed string, ids, statuses bool) []string {
	slash := strings.Contains(typed, "/") || len(args) > 0 && strings.Contains(args[0], "/")
	if len(args) == 0 && !(slash && ids) {
		return sameCase(appNames(apps), typed)
	}
	var words []string
	for _, app := range apps.Apps {
		for _, in := range app.Instances {
			switch name := in.Key().String(); {
			case !ids:
			case slash && !slices.Contains(args, name):
				words = append(words, name)
			case !slash && heureka.AppName(args[0]) == heureka.AppName(app.Name) && !slices.Contains(args[1:], in.ResolvedID()):
				words = append(words, in.ResolvedID())
			}
		}
	}
	if statuses && (len(args) > 1 || len(args) == 1 && slash) {
		words = append(words, statusNames()...)
	}
	return words
}

// sameCase spells names as they are being typed: the servers take both.
func sameCase(names []string, typed string) []string {
	if typed == "" || typed != strings.ToLower(typed) {
		return names
	}
	lower := make([]string, len(names))
	for i, n := range names {
		lower[i] = strings.ToLower(n)
	}
	return lower
}

// everywhere are the values of all instances, each once.
func everywhere(apps *heureka.Applications, value func(*heureka.Instance) []string) []string {
	var words []string
	for _, app := range apps.Apps {
		for _, in := range app.Instances {
			words = append(words, value(in)...)
		}
	}
	slices.Sort(words)
	return slices.DeleteFunc(slices.Compact(words), func(w string) bool { return w == "" })
}

func statusNames() []string {
	return []string{"UP", "DOWN", "STARTING", "OUT_OF_SERVICE", "UNKNOWN"}
}

// completeSettings offers the flags of cmd and settings: as arguments with their values, and, where keys stand alone, as these.
func completeSettings(keysAlone bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		const quiet = cobra.ShellCompDirectiveNoFileComp
		if name, _, given := strings.Cut(typed, "="); given {
			return valuesOf(strings.TrimPrefix(name, "--"), name+"="), quiet
		}
		var words []string
		for _, k := range config.Keys() {
			switch {
			case !k.Effective():
			case strings.HasPrefix(typed, "-"):
				words = append(words, "--"+k.Name+"=\t"+k.Doc)
			case keysAlone:
				words = append(words, k.Name+"\t"+k.Doc)
			}
		}
		if !strings.HasPrefix(typed, "-") {
			return words, quiet
		}
		return words, quiet | cobra.ShellCompDirectiveNoSpace
	}
}

// valuesOf are the values of a setting that has only some.
func valuesOf(name, prefix string) (words []string) {
	k, ok := config.FindKey(name)
	if !ok {
		return nil
	}
	values := k.Words
	if k.Kind == config.Bool {
		values = []string{"true", "false"}
	}
	for _, v := range values {
		words = append(words, prefix+v)
	}
	return words
}
