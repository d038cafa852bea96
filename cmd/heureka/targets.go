package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"heureka.internal/heureka"
)

// A selector chooses instances by their metadata. All of its parts must hold; the empty one admits all.
type selector []requirement

type requirement struct {
	key, value string
	not        bool // holds for instances without the entry, too
}

const selectorFlag = "selector"

func addSelector(cmd *cobra.Command, texts *[]string) {
	cmd.Flags().StringSliceVarP(texts, selectorFlag, "l", nil, "only instances with this metadata: key=value or key!=value; all of several must hold")
}

func parseSelector(texts []string) (selector, error) {
	var s selector
	for _, text := range texts {
		key, value, ok := strings.Cut(text, "=")
		key, not := strings.CutSuffix(key, "!")
		if !ok || key == "" {
			return nil, usage("for example -l zone=eu-1a,canary!=true", "--selector: %q is neither key=value nor key!=value", text)
		}
		s = append(s, requirement{key, value, not})
	}
	return s, nil
}

func (s selector) admits(in *heureka.Instance) bool {
	for _, r := range s {
		if (in.Metadata.Get(r.key) == r.value) == r.not {
			return false
		}
	}
	return true
}

// keysOf reads APP ID..., or APP/ID... as -o name prints them.
func keysOf(args []string) ([]heureka.Key, error) {
	first, rest, err := keyOf(args)
	if err != nil {
		return nil, err
	}
	keys := []heureka.Key{first}
	apart := len(args)-len(rest) == 2 // the application stands for itself
	for _, arg := range rest {
		if apart {
			keys = append(keys, heureka.Key{App: first.App, ID: arg})
			continue
		}
		key, more, err := keyOf([]string{arg})
		if err != nil || len(more) > 0 {
			return nil, usage("write either APP ID ID or APP/ID APP/ID", "unexpected argument %q", arg)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// targets returns the instances that args name, or, with a selector, those of the application that args may name that it admits.
func (r *remote) targets(ctx context.Context, args, selectors []string) ([]heureka.Key, error) {
	if len(selectors) == 0 {
		return keysOf(args)
	}
	s, err := parseSelector(selectors)
	if err != nil {
		return nil, err
	}
	if len(args) > 1 {
		return nil, usage("", "--selector chooses the instances: unexpected argument %q", args[1])
	}
	apps, err := r.registryOf(ctx, args)
	if err != nil {
		return nil, err
	}
	var keys []heureka.Key
	for _, app := range apps.Apps {
		for _, in := range app.Instances {
			if s.admits(in) {
				keys = append(keys, in.Key())
			}
		}
	}
	if len(keys) == 0 {
		return nil, &failure{status: statusFailed, err: errors.New("no instance has this metadata"), hint: "heureka instances -o wide shows what there is"}
	}
	return keys, nil
}

// each does something to one instance after the other, also after a failure.
func (r *remote) each(ctx context.Context, keys []heureka.Key, do func(heureka.Key) error) error {
	var failures []error
	for _, key := range keys {
		if err := do(key); err != nil {
			failures = append(failures, r.notFound(ctx, key, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failures...)
}
