package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"heureka.internal/heureka"
)

// A registrar is the goroutine behind a Registration. All that is written to the registry for the instance is written
// here, one after the other, so that no older state can overtake a newer one (C-MD-7, C-IR-9) and nothing follows the
// cancellation (C-SD-7).
type registrar struct {
	r   *Registration
	cfg *Config
	api *API

	log             trouble // with the registry
	health          trouble
	checking        outside
	answered        time.Time // last time that a server took the instance or its heartbeat
	registered      bool
	maybeRegistered bool // a registration was cut off: a server may have accepted it
	first           backoff
	heartbeat       pace
	tokens          allowance
	beatAt          time.Time // next heartbeat, or try to register
	replicate       time.Time // next health check, with a push of what has not been sent
	rand            *rand.Rand
	shown           heureka.Status // that a server has accepted last
	wasUp           bool
	began           time.Time
	pushAt          time.Time // when a push on demand is allowed; zero: none is wanted
}

// leaving is the cause with which a registrar is ended by Deregister.
type leaving struct{ ctx context.Context }

func (*leaving) Error() string { return "deregistered" }

// newRegistrar returns the registrar of a registration that has none.
func newRegistrar(r *Registration, random *rand.Rand) *registrar {
	cfg := &r.client.cfg
	return &registrar{r: r, rand: random, cfg: cfg, api: r.client.api, tokens: allowance{interval: cfg.ReplicationInterval}}
}

// run registers, keeps registered until ctx ends, and takes leave. first is told how the first try to register went.
func (g *registrar) run(ctx context.Context, first func(error)) {
	now := time.Now()
	g.began = now
	g.replicate = now.Add(g.cfg.InitialReplicationDelay)
	g.renewal()
	g.checkHealth(ctx)
	g.hurry()
	first(g.push(ctx))
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(time.Until(g.due()))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-g.r.wake:
		}
		if ctx.Err() != nil {
			g.r.finish(g.takeLeave(ctx))
			return
		}
		g.turn(ctx, time.Now())
	}
}

// due returns when the next thing is to be done.
func (g *registrar) due() time.Time {
	at := g.beatAt
	if g.replicate.Before(at) {
		at = g.replicate
	}
	if !g.pushAt.IsZero() && g.pushAt.Before(at) {
		at = g.pushAt
	}
	return at
}

// turn does what is due.
func (g *registrar) turn(ctx context.Context, now time.Time) {
	g.renewal()
	if !now.Before(g.replicate) {
		g.r.relocate()
		g.checkHealth(ctx)
		if _, dirty, _ := g.r.state(); dirty && g.registered {
			_ = g.push(ctx)
		}
		g.replicate = time.Now().Add(g.cfg.ReplicationInterval)
		g.hurry()
	} else if g.r.takeCheck() {
		g.checkHealth(ctx)
	}
	g.pushOnDemand(ctx, now)
	if !now.Before(g.beatAt) {
		g.beat(ctx)
	}
}

// startingCheck is the shortest pause between health checks until an instance has been UP once.
const startingCheck = time.Second

// hurry lets nobody wait for a program that has just started: the pause is a tenth of the time that it has taken so far.
func (g *registrar) hurry() {
	g.wasUp = g.wasUp || g.r.Status() == heureka.StatusUp
	if g.r.cfg.HealthCheck == nil || g.wasUp {
		return
	}
	soon := time.Now().Add(max(startingCheck, time.Since(g.began)/10))
	if soon.Before(g.replicate) {
		g.replicate = soon
	}
}

// renewal follows the lease, whose interval may change (C-MD-15).
func (g *registrar) renewal() {
	in, _, _ := g.r.state()
	interval := time.Duration(max(in.Lease.RenewalIntervalSecs, 1)) * time.Second
	if interval == g.heartbeat.interval {
		return
	}
	if changed := g.heartbeat.interval != 0 && g.registered; changed {
		if sooner := time.Now().Add(interval); sooner.Before(g.beatAt) {
			g.beatAt = sooner
		}
	}
	g.heartbeat = pace{interval: interval, longest: interval * time.Duration(g.cfg.HeartbeatBackoffBound)}
	g.first.longest = interval
}

// pushOnDemand sends a change as soon as the allowance permits. Changes that have to wait are sent together.
func (g *registrar) pushOnDemand(ctx context.Context, now time.Time) {
	in, _, urgent := g.r.state()
	if !urgent || !g.registered { // a first registration is under way anyhow
		g.pushAt = time.Time{}
		return
	}
	down := in.Status == heureka.StatusDown && g.shown != heureka.StatusDown // cannot wait: callers run into it
	if now.Before(g.pushAt) && !down {
		return
	}
	if wait := g.tokens.take(now); wait > 0 && !down {
		g.pushAt = now.Add(wait)
		return
	}
	g.pushAt = time.Time{}
	if g.push(ctx) != nil {
		g.r.unhurry() // the next heartbeat finds the server behind, and repairs that (C-HB-6)
	}
}

// unhurry makes an urgent change an ordinary one.
func (r *Registration) unhurry() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.urgent = false
}

// push registers the instance as it is now. It takes no longer than the next heartbeat can wait.
func (g *registrar) push(ctx context.Context) error {
	if err := ctx.Err(); err != nil { // so nothing is sent, and nothing has to be cancelled
		return err
	}
	in, _, _ := g.r.state()
	err := g.register(ctx, in, time.Now().Add(g.heartbeat.interval))
	if err == nil {
		g.answered = time.Now()
	}
	if err == nil && !g.registered {
		g.registered = true
		g.cfg.Logger.Info("registered", "app", in.App, "id", in.ResolvedID(), "status", in.Status)
	}
	switch {
	case !g.registered:
		g.beatAt = time.Now().Add(g.earlier(g.first.next(retryAfter(err))))
	case g.beatAt.IsZero() || g.first.delay > 0:
		g.beatAt, g.first.delay = time.Now().Add(g.earlier(g.heartbeat.interval)), 0
	}
	if !givenUp(ctx) {
		g.log.report(g.cfg.Logger, "registration", err, "app", in.App, "id", in.ResolvedID())
	}
	return err
}

// register sends the instance. The end of ctx gives that half the time for leaving to finish, because what is cut off a
// server may accept after it was told that the instance is gone.
func (g *registrar) register(ctx context.Context, in *heureka.Instance, by time.Time) error {
	write, cancel := context.WithDeadline(context.WithoutCancel(ctx), by)
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		base, _ := leavingFor(ctx)
		grace, stop := context.WithTimeout(base, g.cfg.ShutdownTimeout/2)
		defer stop()
		select {
		case <-grace.Done():
		case <-write.Done():
		}
		cancel()
	})()
	err := g.api.Register(write, in)
	g.r.recordAttempt(in, err)
	if err == nil {
		g.shown = in.Status
	}
	g.maybeRegistered = err != nil && (g.maybeRegistered || write.Err() != nil)
	return err
}

// beat sends a heartbeat, or tries again to register.
func (g *registrar) beat(ctx context.Context) {
	if !g.registered {
		_ = g.push(ctx)
		return
	}
	by := time.Now().Add(g.heartbeat.interval)
	beatCtx, cancel := context.WithDeadline(ctx, by)
	defer cancel()
	info := g.renew(ctx, beatCtx, by)
	if ctx.Err() != nil {
		return
	}
	cutOff := info.Err != nil && errors.Is(beatCtx.Err(), context.DeadlineExceeded)
	if info.Err == nil {
		g.answered = time.Now()
	}
	g.beatAt = time.Now().Add(g.earlier(g.bounded(g.heartbeat.next(cutOff, retryAfter(info.Err)), info.Err)))
	g.r.client.counters.beat(&info)
	g.log.report(g.cfg.Logger, "heartbeat", info.Err, "app", info.Key.App, "id", info.Key.ID)
	call(g.cfg.Hooks.Heartbeat, info)
}

// bounded keeps the pause after a heartbeat that failed to a third of what the lease leaves, whatever a server asks for:
// there must be time for more than one try. An instance whose lease has run out cannot lose it any more, but wants it back.
func (g *registrar) bounded(pause time.Duration, err error) time.Duration {
	if err == nil {
		return pause
	}
	in, _, _ := g.r.state()
	lease := time.Duration(in.Lease.DurationSecs) * time.Second
	left := lease - time.Since(g.answered)
	if left <= 0 {
		return min(pause, lease)
	}
	return min(pause, max(left/3, time.Second))
}

func (g *registrar) earlier(d time.Duration) time.Duration { return earlier(g.rand, d, g.cfg.Jitter) }

// renew sends a heartbeat and, if the server does not know the instance in its present state, registers it (C-HB-3).
func (g *registrar) renew(ctx, beatCtx context.Context, by time.Time) HeartbeatInfo {
	in, _, _ := g.r.state()
	info := HeartbeatInfo{Key: in.Key()}
	info.Err = g.api.Renew(beatCtx, info.Key, in.Status, in.LastDirtyMS)
	if !notRegistered(info.Err) {
		return info
	}
	info.Reregistered = true
	g.r.touch()
	in, _, _ = g.r.state()
	info.Err = g.register(ctx, in, by)
	return info
}

// notRegistered tells a 404 that ended the call from one among the attempts of a failed one.
func notRegistered(err error) bool {
	s, ok := err.(*heureka.StatusError)
	return ok && s.Code == 404
}

// maxHealthCheck limits how long a health check keeps heartbeats waiting (G-RG-6).
const maxHealthCheck = 10 * time.Second

// checkHealth asks the program and changes the status accordingly, unless the program changed it itself meanwhile.
func (g *registrar) checkHealth(ctx context.Context) {
	check := g.r.cfg.HealthCheck
	if check == nil || ctx.Err() != nil {
		return
	}
	checkCtx, cancel := context.WithTimeout(ctx, min(g.cfg.ReplicationInterval, maxHealthCheck))
	defer cancel()
	before, hung := g.r.Status(), g.checking.stuck.Load() > 0
	after, err := g.ask(checkCtx, check, before)
	if ctx.Err() != nil { // it was told to stop: what it says of the instance does not count
		return
	}
	if err == nil {
		err = checkCtx.Err() // too late
	}
	if err != nil {
		after = heureka.StatusDown
	}
	if !hung || !errors.Is(err, errStuck) { // one warning is enough for one call
		g.health.report(g.cfg.Logger, "health check", err, "app", g.r.key.App, "id", g.r.key.ID)
	}
	if after == heureka.StatusOutOfService && before != heureka.StatusOutOfService {
		after = heureka.StatusDown
	}
	g.r.setStatus(after, &before)
}

// ask calls the check, but does not wait for ever.
func (g *registrar) ask(ctx context.Context, check HealthCheck, before heureka.Status) (heureka.Status, error) {
	said := make(chan heureka.Status, 1)
	err := g.checking.call(ctx, func() error {
		s, err := safely(check)(ctx, before)
		said <- s
		return err
	})
	if err != nil {
		return heureka.StatusDown, err
	}
	return <-said, nil
}

// safely makes an error of a panic: a check that is broken must not take the program with it (G-RG-6).
func safely(check HealthCheck) HealthCheck {
	return func(ctx context.Context, current heureka.Status) (s heureka.Status, err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
		}()
		return check(ctx, current)
	}
}

// takeLeave tells the registry that the instance is gone.
func (g *registrar) takeLeave(ctx context.Context) error {
	base, deregistered := leavingFor(ctx)
	if !g.registered && !g.maybeRegistered || g.cfg.KeepRegistered && !deregistered {
		return nil
	}
	limit := g.cfg.ShutdownTimeout + g.r.cfg.DrainTime
	if g.maybeRegistered {
		limit -= g.cfg.ShutdownTimeout / 2 // which is spent
	}
	ctx, cancel := context.WithTimeout(base, limit)
	defer cancel()
	if g.r.cfg.DownBeforeCancel {
		g.drain(ctx)
	}
	key := g.r.key
	err := g.api.Cancel(ctx, key)
	if notRegistered(err) {
		err = nil
	}
	if err == nil {
		g.cfg.Logger.Info("cancelled", "app", key.App, "id", key.ID)
	}
	return err
}

// leavingFor returns the context in which to take leave after ctx has ended, and whether that is because of Deregister.
func leavingFor(ctx context.Context) (base context.Context, deregistered bool) {
	if asked, ok := context.Cause(ctx).(*leaving); ok {
		return asked.ctx, true
	}
	return context.WithoutCancel(ctx), false
}

// drain registers the instance as DOWN and gives clients time to see that. Its lease is kept meanwhile.
func (g *registrar) drain(ctx context.Context) {
	g.r.setStatus(heureka.StatusDown, nil)
	if in, dirty, _ := g.r.state(); dirty {
		g.r.recordAttempt(in, g.api.Register(ctx, in))
	}
	end := time.After(g.r.cfg.DrainTime)
	beat := time.NewTicker(g.heartbeat.interval)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-end:
			return
		case <-beat.C:
			in, _, _ := g.r.state()
			_ = g.api.Renew(ctx, in.Key(), in.Status, in.LastDirtyMS)
		}
	}
}
