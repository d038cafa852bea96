package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
)

const (
	patience    = time.Second      // how much longer than its context a program's function may take
	hookLimit   = 4 * time.Second  // how long a hook may take before that, which has no context
	backupLimit = 10 * time.Second // how long a Backup may take
)

var errStuck = errors.New("has not returned in time")

// An outside is a function of the program's, which may never return: then whoever called it goes on, and it is not called
// again beside that. Its goroutine is the one kind that Run does not wait for any longer.
type outside struct{ stuck atomic.Int32 }

// States of a call.
const (
	callEnded = iota + 1
	callLeft
)

// call calls f and waits until ctx has ended and a little longer.
func (o *outside) call(ctx context.Context, f func() error) error {
	if o.stuck.Load() > 0 {
		return errStuck
	}
	done := make(chan error, 1)
	var state atomic.Int32
	go func() {
		done <- f()
		if !state.CompareAndSwap(0, callEnded) {
			o.stuck.Add(-1)
		}
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	grace := time.NewTimer(patience)
	defer grace.Stop()
	select {
	case err := <-done:
		return err
	case <-grace.C:
	}
	if state.CompareAndSwap(0, callLeft) {
		o.stuck.Add(1)
		return errStuck
	}
	return <-done
}

// guarded returns hooks that cannot hold the client up.
func (h Hooks) guarded(log *slog.Logger) Hooks {
	return Hooks{
		Request: guard(log, "Request", h.Request), Heartbeat: guard(log, "Heartbeat", h.Heartbeat),
		Refresh: guard(log, "Refresh", h.Refresh), Status: guard(log, "Status", h.Status),
		Servers: guard(log, "Servers", h.Servers),
	}
}

// guard tells once that a hook hangs; what happens until it has returned it does not learn.
func guard[T any](log *slog.Logger, name string, hook func(T)) func(T) {
	if hook == nil {
		return nil
	}
	o := new(outside)
	return func(info T) {
		idle := o.stuck.Load() == 0
		ctx, cancel := context.WithTimeout(context.Background(), hookLimit)
		defer cancel()
		err := o.call(ctx, func() error { hook(info); return nil })
		if err != nil && idle {
			log.Warn("hook is hanging, not called again until it returns", "hook", name)
		}
	}
}

// A guardedBackup is a program's Backup that cannot hold the client up.
type guardedBackup struct {
	Backup
	outside outside
}

func (b *guardedBackup) Load(ctx context.Context) (apps *heureka.Applications, err error) {
	ctx, cancel := context.WithTimeout(ctx, backupLimit)
	defer cancel()
	loaded := make(chan *heureka.Applications, 1)
	err = b.outside.call(ctx, func() error {
		apps, err := b.Backup.Load(ctx)
		loaded <- apps
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	return <-loaded, nil
}

func (b *guardedBackup) Save(ctx context.Context, apps *heureka.Applications) error {
	ctx, cancel := context.WithTimeout(ctx, backupLimit)
	defer cancel()
	return b.outside.call(ctx, func() error { return b.Backup.Save(ctx, apps) })
}
