// Command release makes everything that users install: static binaries, archives, deb and rpm packages, container images, lists
// of what is inside, checksums. The same source makes the same bytes, wherever it runs.
//
//	go run ./release v0.1.0
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Tools are run at these versions, with the requirements that they were released with: none becomes one of this module.
const (
	nfpm = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.0"
	sbom = "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// A release is what is being made.
type release struct {
	version string // v0.1.0
	commit  string
	date    time.Time // of the commit: of all files, too
	targets []target
	out     string // where results go
	work    string // where the rest goes
	author  string // of packages: Name <address>
	sign    string // a command that is given the checksums; "" for none
}

// A target is a system to build for.
type target struct{ os, arch string }

func (t target) String() string { return t.os + "_" + t.arch }

// program is the name of the binary.
func (t target) program() string {
	if t.os == "windows" {
		return "heureka.exe"
	}
	return "heureka"
}

func run(ctx context.Context, args []string) error {
	r, err := parse(ctx, args)
	if err != nil {
		return err
	}
	changelog, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		return err
	}
	if err := checkChangelog(string(changelog), r.version); err != nil {
		return err
	}
	if r.work, err = os.MkdirTemp("", "heureka-release-"); err != nil {
		return err
	}
	defer os.RemoveAll(r.work)
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"licences", r.licences},
		{"binaries", r.binaries},
		{"manual pages, completions", r.extras},
		{"archives", r.archives},
		{"bills of materials", r.sboms},
		{"packages", r.packages},
		{"image", r.image},
		{"checksums", r.checksums},
	} {
		start := time.Now()
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
		fmt.Printf("%-26s %v\n", step.what, time.Since(start).Round(100*time.Millisecond))
	}
	return nil
}

var versionForm = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$`)

func parse(ctx context.Context, args []string) (*release, error) {
	r := &release{}
	fs := flag.NewFlagSet("release", flag.ContinueOnError)
	fs.StringVar(&r.out, "out", "dist", "`directory` for the results")
	fs.StringVar(&r.commit, "commit", "", "commit of the source (default: that of git)")
	date := fs.String("date", "", "date of the commit, RFC 3339 (default: that of git)")
	targets := fs.String("targets", "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64,windows/arm64", "what to build for")
	fs.StringVar(&r.author, "maintainer", "The heureka authors <heureka@heureka.internal>", "who answers for the packages")
	fs.StringVar(&r.sign, "sign", "", "`command` that signs; the name of the file with the checksums is added to it")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if fs.NArg() != 1 || !versionForm.MatchString(fs.Arg(0)) {
		return nil, errors.New("want one version, such as v0.1.0 or v0.1.0-rc.1")
	}
	r.version = fs.Arg(0)
	for t := range strings.SplitSeq(*targets, ",") {
		system, arch, _ := strings.Cut(t, "/")
		r.targets = append(r.targets, target{system, arch})
	}
	return r, r.origin(ctx, *date)
}

// origin says which source this is: what the flags do not say, git knows.
func (r *release) origin(ctx context.Context, date string) (err error) {
	if r.commit == "" {
		if r.commit, err = output(ctx, "git", "rev-parse", "HEAD"); err != nil {
			return fmt.Errorf("outside git, -commit and -date are needed: %w", err)
		}
	}
	if date == "" {
		if date, err = output(ctx, "git", "log", "-1", "--format=%cI", r.commit); err != nil {
			return err
		}
	}
	r.date, err = time.Parse(time.RFC3339, date)
	r.date = r.date.UTC()
	return err
}

// name returns the name of a result: heureka_0.1.0_linux_amd64 for "linux_amd64".
func (r *release) name(what string) string {
	return "heureka_" + strings.TrimPrefix(r.version, "v") + "_" + what
}

func (r *release) temp(elem ...string) string {
	return filepath.Join(append([]string{r.work}, elem...)...)
}

// linux returns the targets that have packages and images.
func (r *release) linux() []target {
	return slices.DeleteFunc(slices.Clone(r.targets), func(t target) bool { return t.os != "linux" })
}

// binaries builds each target without version control and go.work, which would tell of the place.
func (r *release) binaries(ctx context.Context) error {
	for _, t := range r.targets {
		if err := r.build(ctx, r.temp(t.String(), t.program()), "GOOS="+t.os, "GOARCH="+t.arch); err != nil {
			return fmt.Errorf("%v: %w", t, err)
		}
	}
	return nil
}

func (r *release) build(ctx context.Context, file string, env ...string) error {
	flags := fmt.Sprintf("-s -w -buildid= -X main.version=%s -X main.commit=%s -X main.date=%s", r.version, r.commit, r.date.Format(time.RFC3339))
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", file, "./cmd/heureka")
	cmd.Env = append(os.Environ(), append(env, fixed...)...)
	return call(cmd)
}

// fixed are the variables that the bytes of a binary depend on.
var fixed = []string{"CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=", "GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT="}

// extras asks a heureka for this machine about its commands.
func (r *release) extras(ctx context.Context) error {
	own, man := r.temp("own", "heureka"), r.temp("man")
	if err := errors.Join(os.MkdirAll(man, 0o755), os.MkdirAll(r.temp("completions"), 0o755), r.build(ctx, own)); err != nil {
		return err
	}
	if err := call(exec.CommandContext(ctx, own, "man", man)); err != nil {
		return err
	}
	for shell, file := range map[string]string{"bash": "heureka.bash", "zsh": "_heureka", "fish": "heureka.fish"} {
		script, err := exec.CommandContext(ctx, own, "completion", shell).Output()
		if err != nil {
			return err
		}
		if err := os.WriteFile(r.temp("completions", file), script, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// sboms writes what is in each binary, in CycloneDX.
func (r *release) sboms(ctx context.Context) error {
	for _, t := range r.targets {
		out := filepath.Join(r.out, r.name(t.String()+".cdx.json"))
		if err := tool(ctx, "", nil, sbom, "bin", "-json", "-noserial", "-notimestamp", "-version", r.version, "-output", out, r.temp(t.String(), t.program())); err != nil {
			return err
		}
	}
	return nil
}

// tool runs a program of another module. The first time downloads it, which fails now and then.
func tool(ctx context.Context, dir string, env []string, module string, args ...string) error {
	var err error
	for range 3 {
		cmd := exec.CommandContext(ctx, "go", append([]string{"run", module}, args...)...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), append(env, "GOFLAGS=", "GOWORK=off")...)
		if err = call(cmd); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// call runs cmd, and says what it printed if it fails.
func call(cmd *exec.Cmd) error {
	var printed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, &printed
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, printed.Bytes())
	}
	return nil
}

func output(ctx context.Context, name string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	return strings.TrimSpace(string(out)), err
}
