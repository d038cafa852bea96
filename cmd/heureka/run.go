package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/internal/outbound"
)

// runFlags are those of heureka run.
type runFlags struct {
	instanceFlags
	health         string
	healthInterval time.Duration
	drainTime      time.Duration
	drainsAlways   bool // not for SIGTERM alone
}

func (p *program) runCommand() *cobra.Command {
	var f runFlags
	cmd := p.remoteCommand(&cobra.Command{
		Use:   "run --app APP --port N [flags] -- COMMAND [ARG ...]",
		Short: "Run any program and keep it registered while it runs",
		Long: `Run any program and keep it registered while it runs. If no server can be reached, the program runs all the same and is
registered as soon as one can.

With --health, the program is STARTING until that URL answers with success, and DOWN whenever it does not any more. Each check that
fails for another reason than the one before is logged.

SIGTERM takes the instance out of service first: it is registered as DOWN for --drain-time, by default 20s, so that callers
have time to notice, then removed, and only then the program gets the signal. Whatever sends SIGTERM must wait longer than that before
it kills: Kubernetes waits 30s, docker stop 10s unless told otherwise. A second signal ends the wait, and an instance that
no server knows is not waited for. SIGINT does the same only if --drain-time is given. All other signals go to the program at once.

As process 1 of a container, it also reaps the processes that others leave behind. The exit status is that of the program, 128 and
the number of the signal that killed it, 126 if the program cannot be executed, and 127 if there is none of that name.`,
		Example: `  heureka run --app orders --port 8080 --health http://localhost:8080/healthz --drain-time 95s -- ./orders --port 8080`,
		Args:    cobra.MinimumNArgs(1),
	}, nil, func(ctx context.Context, r *remote, args []string) error {
		s, err := r.supervisor(&f, args)
		if err != nil {
			return err
		}
		return s.run(context.WithoutCancel(ctx))
	})
	fl := cmd.Flags()
	fl.SetInterspersed(false)
	f.instanceFlags.add(fl)
	fl.StringVar(&f.health, "health", "", "URL that answers with success while the program is healthy")
	fl.DurationVar(&f.healthInterval, "health-interval", 10*time.Second, "interval between checks")
	fl.DurationVar(&f.drainTime, "drain-time", usualDrain, "how long to be registered as DOWN before the program is stopped; heureka status set --help explains why 95s is enough")
	cmd.PreRun = func(cmd *cobra.Command, _ []string) { f.drainsAlways = cmd.Flags().Changed("drain-time") }
	return cmd
}

// usualDrain leaves a program ten of the 30 seconds that Kubernetes gives it.
const usualDrain = 20 * time.Second

// A supervisor runs a program and speaks for it to the registry.
type supervisor struct {
	*remote
	child  *exec.Cmd
	client *client.Client
	reg    *client.Registration
	drain  time.Duration
	always bool // drain after any signal that stops
	log    *slog.Logger

	leaving atomic.Bool // the health check must not bring it back
}

// supervisor checks everything and starts nothing.
func (r *remote) supervisor(f *runFlags, argv []string) (*supervisor, error) {
	ic, err := f.config()
	if err != nil {
		return nil, err
	}
	if f.drainTime < 0 || f.healthInterval <= 0 {
		return nil, usage("", "--drain-time must not be negative, --health-interval more than 0")
	}
	s := &supervisor{remote: r, drain: f.drainTime, always: f.drainsAlways, child: exec.Command(argv[0], argv[1:]...)}
	s.log = slog.New(hinting{slog.NewTextHandler(r.stderr, nil), r.hintFor})
	s.child.Stdin, s.child.Stdout, s.child.Stderr, s.child.Env = r.stdin, behind(r.stdout), behind(r.stderr), withoutCredentials(r.env)
	if f.health != "" {
		if _, err := outbound.ParseURL(f.health); err != nil {
			return nil, usage("for example --health http://localhost:8080/healthz", "--health: %v", err)
		}
		ic.InitialStatus, ic.HealthCheckURL = heureka.StatusStarting, f.health
		ic.HealthCheck = s.healthCheck(f.health)
	}
	cfg := r.cfg
	cfg.DisableFetch = true
	cfg.ReplicationInterval, cfg.InitialReplicationDelay = f.healthInterval, min(f.healthInterval, time.Second)
	cfg.Logger = s.log
	if s.client, err = client.New(cfg); err != nil {
		return nil, r.failed(err)
	}
	if s.reg, err = s.client.Register(ic); err != nil {
		return nil, usage("", "%s", oneLine(err.Error()))
	}
	return s, nil
}

// withoutCredentials is an environment for a program that has no business with the registry.
func withoutCredentials(env []string) []string {
	env = slices.Clone(env)
	for i, e := range env {
		if strings.HasPrefix(e, serverVariable+"=") {
			env[i] = outbound.Hide(e)
		}
	}
	return env
}

// healthCheck asks a URL. A program that has not been healthy yet is still starting.
func (s *supervisor) healthCheck(url string) client.HealthCheck {
	said := ""
	return func(ctx context.Context, current heureka.Status) (heureka.Status, error) {
		if s.leaving.Load() {
			return current, nil
		}
		err := answers(ctx, url)
		switch {
		case err == nil:
			return heureka.StatusUp, nil
		case errors.Is(ctx.Err(), context.Canceled): // the check was cut short, and says nothing
			return current, nil
		case current != heureka.StatusStarting:
			return heureka.StatusDown, err // the client logs it
		case err.Error() != said:
			said = err.Error()
			s.log.Warn("health check fails, still starting", "url", url, "err", err)
		}
		return current, nil
	}
}

func answers(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	transport := outbound.Transport(new(net.Dialer))
	transport.DisableKeepAlives = true
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s answered %d", url, resp.StatusCode)
	}
	return nil
}

// run starts the program and returns when it has ended and the registry knows.
func (s *supervisor) run(ctx context.Context) error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, forwarded...)
	defer signal.Stop(signals)
	if err := s.child.Start(); err != nil {
		return cannotStart(err)
	}
	ended := make(chan error, 1)
	var running sync.WaitGroup
	running.Go(func() { ended <- wait(s.child) })
	ctx, stop := context.WithCancel(ctx)
	running.Go(func() {
		if err := s.client.Run(ctx); err != nil {
			s.complain("warning", err)
		}
	})
	err := s.attend(ctx, signals, ended)
	s.deregister(ctx)
	stop()
	running.Wait()
	return outcome(s.child.Path, err)
}

// attend passes signals on until the program has ended. The first that would stop it waits until the registry is told.
func (s *supervisor) attend(ctx context.Context, signals <-chan os.Signal, ended <-chan error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var out chan struct{} // closed when the instance is out of service
	var first os.Signal
	hurry := func() {}
	for {
		select {
		case err := <-ended:
			hurry()
			return err
		case <-out:
			out = nil
			s.deregister(ctx)
			_ = s.child.Process.Signal(first) // it may have ended meanwhile
		case sig := <-signals:
			switch {
			case !stops(sig) || first != nil && out == nil:
				_ = s.child.Process.Signal(sig)
			case first == nil:
				first, out = sig, make(chan struct{})
				var leaving context.Context
				leaving, hurry = context.WithCancel(ctx)
				go s.leaveService(leaving, sig, out)
			default:
				hurry()
			}
		}
	}
}

func stops(sig os.Signal) bool { return sig == os.Interrupt || sig == syscall.SIGTERM }

// leaveService registers the instance as DOWN for the drain time, if that is for this signal, and closes out.
func (s *supervisor) leaveService(ctx context.Context, sig os.Signal, out chan<- struct{}) {
	defer close(out)
	if s.drain == 0 || sig == os.Interrupt && !s.always {
		return
	}
	s.leaving.Store(true)
	told, stop := context.WithTimeout(ctx, s.timeout)
	defer stop()
	if s.reg.SetStatus(heureka.StatusDown) != nil || s.reg.Wait(told) != nil {
		return // no server knows it
	}
	s.log.Info("draining, the program gets the signal afterwards", "signal", sig, "takes", s.drain)
	_ = s.pause(ctx, s.drain) // a second signal ends it
}

// deregister removes the instance; a registry that does not answer is not waited for longer than once.
func (s *supervisor) deregister(ctx context.Context) {
	ctx, stop := context.WithTimeout(ctx, s.timeout)
	defer stop()
	if err := s.reg.Deregister(ctx); err != nil && !errors.Is(err, heureka.ErrNotFound) {
		s.complain("warning", s.failed(fmt.Errorf("%w: the lease of %s will run out", err, s.reg.Instance().Key())))
	}
}

// The exit statuses by which shells tell that there is no such program, or that it cannot be executed.
const (
	statusNotExecutable = 126
	statusNoProgram     = 127
)

func cannotStart(err error) error {
	f := &failure{status: statusNotExecutable, err: err, hint: "the command after -- must be a program"}
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		f.status = statusNoProgram
	}
	return f
}

// outcome turns the end of a program into ours.
func outcome(name string, err error) error {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return nil
	case !ok:
		return &failure{status: statusFailed, err: err}
	case exit.ExitCode() >= 0:
		return &failure{status: exit.ExitCode(), err: fmt.Errorf("%s ended with status %d", name, exit.ExitCode())}
	}
	return &failure{status: statusOfSignal(exit.ProcessState), err: fmt.Errorf("%s ended with %v", name, exit.ProcessState)}
}
