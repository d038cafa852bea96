package server

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"heureka.internal/heureka/internal/changes"
	"heureka.internal/heureka/internal/logs"
	"heureka.internal/heureka/internal/registry"
)

// What is logged of one application in an interval; more than that is counted.
const (
	eventInterval = time.Minute
	eventLines    = 20
	maxEventApps  = 1024 // applications counted one by one; those beyond share a count
)

// An eventLog writes a line for each change of the registry, so that the log answers who removed an instance. Only the
// goroutine that follows the feed uses it.
type eventLog struct {
	log   *slog.Logger
	began time.Time // of the interval
	apps  map[string]*appEvents
}

// appEvents is what happened to one application in this interval.
type appEvents struct {
	lines  int
	unsaid map[changes.What]int
}

// logEvents follows the feed until ctx has ended and nothing is left to say.
func (s *Server) logEvents(ctx context.Context) {
	l := &eventLog{log: logs.Named(s.log, logs.Registry), began: time.Now(), apps: map[string]*appEvents{}}
	feed, buf := s.reg.Feed(), make([]registry.Change, 64)
	cursor := uint64(0)
	for {
		ended := ctx.Err() != nil // what came before the end is read below
		wait, cancel := context.WithTimeout(ctx, eventInterval)
		_ = feed.Wait(wait, cursor)
		cancel()
		n, err := feed.Read(cursor, buf)
		if err != nil {
			last := feed.Last()
			l.log.Warn("changes not logged", "changes", last-cursor, "why", "they came faster than the log could take them")
			cursor = last
		}
		l.turn(time.Now())
		for i := range buf[:n] {
			l.write(&buf[i])
		}
		cursor += uint64(n)
		if ended && n == 0 {
			return
		}
	}
}

// turn begins the next interval when it is time, and says what the last one has left out.
func (l *eventLog) turn(now time.Time) {
	if now.Sub(l.began) < eventInterval {
		return
	}
	for _, app := range slices.Sorted(maps.Keys(l.apps)) {
		if counts := l.apps[app].unsaid; len(counts) > 0 {
			numbers := make([]slog.Attr, 0, len(counts))
			for _, what := range slices.Sorted(maps.Keys(counts)) {
				numbers = append(numbers, slog.Int(string(what), counts[what]))
			}
			l.log.Info("further changes", "app", cmp.Or(app, "all others"), slog.GroupAttrs("more", numbers...))
		}
	}
	clear(l.apps)
	l.began = now
}

// write logs one change. What was copied at the start is said once, by the start.
func (l *eventLog) write(ch *registry.Change) {
	level := slog.LevelInfo
	if ch.Origin.Copies() {
		level = slog.LevelDebug
	}
	what := changes.WhatOf(ch)
	if !l.log.Enabled(context.Background(), level) || level == slog.LevelInfo && !l.due(ch.Key.App, what) {
		return
	}
	l.log.LogAttrs(context.Background(), level, eventMessages[what], eventAttrs(ch)...)
}

// due reports whether another line about app may be written in this interval; if not, the change is counted.
func (l *eventLog) due(app string, what changes.What) bool {
	if l.apps[app] == nil && len(l.apps) >= maxEventApps {
		app = ""
	}
	a := l.apps[app]
	if a == nil {
		a = &appEvents{unsaid: map[changes.What]int{}}
		l.apps[app] = a
	}
	if a.lines == eventLines {
		a.unsaid[what]++
		return false
	}
	a.lines++
	return true
}

// eventMessages are constant, so that a search for one finds all.
var eventMessages = map[changes.What]string{
	changes.Registered:      "instance registered",
	changes.RegisteredAgain: "instance registered again",
	changes.MetadataChanged: "metadata changed",
	changes.OverrideSet:     "override set",
	changes.OverrideRemoved: "override removed",
	changes.Cancelled:       "instance cancelled",
	changes.Evicted:         "instance evicted",
}

func eventAttrs(ch *registry.Change) []slog.Attr {
	attrs := []slog.Attr{slog.String("app", ch.Key.App), slog.String("id", ch.Key.ID), slog.String("status", ch.Record.Status().String())}
	if !ch.Previous.IsZero() && ch.Previous.Status() != ch.Record.Status() {
		attrs = append(attrs, slog.String("old_status", ch.Previous.Status().String()))
	}
	attrs = append(attrs, slog.String("origin", ch.Origin.String()))
	if ch.Kind == registry.Evicted {
		attrs = append(attrs, slog.String("why", ch.Reason), slog.String("last_heartbeat", changes.LastHeard(ch.LastBeat)))
	}
	return attrs
}
