// Command heureka is a Eureka service registry, and the tools around it. This package reads arguments and settings, prints,
// and turns signals into contexts; what a command does is done by the packages of the module.
package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"heureka.internal/heureka/internal/config"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// The exit statuses.
const (
	statusOK     = 0
	statusFailed = 1 // something went wrong while running
	statusUsage  = 2 // nothing was begun: arguments, settings or the port are wrong
)

// run executes one command line and returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if onTerminal(stdout) { // a pipe or a file gets names as they are
		stdout = guard{stdout}
	}
	p := &program{stdin: stdin, stdout: stdout, stderr: guard{stderr}, env: os.Environ()}
	return p.execute(args)
}

func (p *program) execute(args []string) int {
	root := p.command()
	root.SetArgs(args)
	if err := root.Execute(); err != nil {
		p.printError(err)
		return statusOf(err)
	}
	return statusOK
}

// A program is what commands share: where they read and print.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            []string

	completions []func() // to be called when the tree of commands is complete

	json *slog.Logger // takes errors and warnings where the log is JSON throughout; nil: they are text
}

// A failure is an error with an exit status and perhaps a next step.
type failure struct {
	status int
	err    error
	hint   string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func statusOf(err error) int {
	if f, ok := errors.AsType[*failure](err); ok {
		return f.status
	}
	return statusUsage
}

// printError prints one line for each mistake, and one for each hint.
func (p *program) printError(err error) {
	for _, e := range config.Mistakes(err) {
		p.complain("error", e)
	}
}

func (p *program) complain(what string, err error) {
	switch {
	case p.json == nil:
	case what == "warning":
		p.json.Warn("setting", "problem", err, "hint", hintOf(err))
		return
	default:
		p.json.Error("heureka failed", "err", err, "hint", hintOf(err))
		return
	}
	fmt.Fprintf(p.stderr, "heureka: %s: %s\n", what, printable(oneLine(err.Error())))
	if hint := hintOf(err); hint != "" {
		fmt.Fprintf(p.stderr, "heureka: hint: %s\n", printable(oneLine(hint)))
	}
}

func hintOf(err error) string {
	if f, ok := errors.AsType[*failure](err); ok {
		return f.hint
	}
	return config.HintOf(err)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
