package server

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"heureka.internal/heureka/internal/registry"
)

// explain tells what self-preservation does and why, and what will happen when, in sentences with the numbers of this fleet.
func (st *status) explain(losses []registry.Loss, silent []registry.Silent) []string {
	lines := []string{st.verdict(), balance(&st.Registry)}
	var all registry.Loss
	for _, l := range losses {
		all.Overdue += l.Overdue
		all.Expired += l.Expired
	}
	switch {
	case all.Overdue == 0:
		lines = append(lines, "No instance is overdue.")
	case st.Registry.EvictionAllowed:
		lines = append(lines, st.eviction(all, silent))
	default:
		lines = append(lines, fmt.Sprintf("%s silent: %s, %d will run out.", plural(all.Overdue, "instance is", "instances are"),
			plural(all.Expired, "lease has run out and is held", "leases have run out and are held"), all.Overdue-all.Expired), st.ending())
	}
	return lines
}

// verdict is the first sentence: is anything protected?
func (st *status) verdict() string {
	reg := &st.Registry
	switch {
	case !reg.SelfPreservationEnabled:
		return "Self-preservation is off: expired leases are evicted, even if only the network is to blame."
	case reg.BelowThreshold && reg.EvictionAllowed:
		return "Self-preservation has reached its maximum duration: expired leases are evicted, 15 % per tick."
	case reg.BelowThreshold:
		return fmt.Sprintf("Self-preservation is active since %s (%v): nothing is evicted.", clock(reg.ProtectedSince), st.At.Sub(reg.ProtectedSince).Round(time.Second))
	case !reg.EvictionAllowed:
		return "Nothing is evicted: " + heldBack(reg) + "."
	}
	return "Self-preservation is enabled but not active: expired leases are evicted."
}

// balance compares what is present with the threshold.
func balance(reg *registry.Stats) string {
	if reg.RenewalsExpected == 0 {
		return "No renewals are expected: no registered instance counts."
	}
	than := "more than"
	if reg.RenewalsLastMinute <= reg.RenewalThreshold {
		than = "not more than"
	}
	return fmt.Sprintf("%s of %s expected renewals a minute are present, %s the threshold of %d; %s missing, and self-preservation needs %d.",
		decimal(float64(reg.RenewalsLastMinute)), decimal(reg.RenewalsExpected), than, reg.RenewalThreshold,
		plural(reg.Overdue, "instance is", "instances are"), reg.MinMissing)
}

// eviction tells when overdue leases go.
func (st *status) eviction(all registry.Loss, silent []registry.Silent) string {
	reg := &st.Registry
	limit := reg.Instances - int(float64(reg.Instances)*st.cfg.RenewalPercentThreshold)
	text := fmt.Sprintf("%s silent; a tick, every %v, evicts at most %d of %d", plural(all.Overdue, "instance is", "instances are"),
		st.cfg.EvictionInterval, limit, reg.Instances)
	if !reg.LastEvictionAt.IsZero() {
		text += ", the next one at " + clock(reg.LastEvictionAt.Add(st.cfg.EvictionInterval))
	}
	if all.Expired > 0 {
		return text + fmt.Sprintf(": %s out.", plural(all.Expired, "lease ran", "leases ran"))
	}
	first := silent[0].RunsOut
	for i := range silent {
		if silent[i].RunsOut.Before(first) {
			first = silent[i].RunsOut
		}
	}
	return text + fmt.Sprintf("; the first lease runs out at %s.", clock(first))
}

// ending tells when protection ends by itself.
func (st *status) ending() string {
	reg := &st.Registry
	missing := float64(reg.RenewalThreshold) - float64(reg.RenewalsLastMinute)
	text := fmt.Sprintf("It ends when more than %d renewals a minute are present again (%s more), or fewer than %d instances are missing",
		reg.RenewalThreshold, decimal(missing+1), reg.MinMissing)
	if limit := st.cfg.SelfPreservationMaxDuration; limit > 0 {
		return text + fmt.Sprintf(", and at %s at the latest, after %v.", clock(reg.ProtectedSince.Add(limit)), limit)
	}
	return text + "; it has no other end, because heureka.self-preservation-max-duration is unlimited."
}

// exits are the ways out of a protection that holds instances which are known to be dead.
func (st *status) exits() []string {
	reg := &st.Registry
	if !st.protects() || reg.EvictionAllowed {
		return nil
	}
	release := "heureka protection release: this node evicts the leases expired so far, 15 % per tick"
	if !st.cfg.Actions && !st.Roles {
		release += " (needs heureka.dashboard.actions=true)"
	}
	exits := []string{
		"heureka deregister --expired: removes the instances whose leases have expired, on all nodes", release,
		fmt.Sprintf("heureka.self-preservation-min-missing: now %d; a higher value lets a fleet lose more instances without protection", reg.MinMissing),
	}
	if st.cfg.SelfPreservationMaxDuration <= 0 {
		exits = append(exits, "heureka.self-preservation-max-duration, such as 15m: ends protection automatically")
	}
	return append(exits, "eureka.server.enable-self-preservation=false: turns protection off")
}

// reportProtection logs when self-preservation begins and ends: once each, with the numbers that decided it, and keeps these.
func (s *Server) reportProtection(now time.Time) {
	reg := s.reg.Stats(now) // every second: a whole status would be gathered for two of its fields
	s.past.add(&reg, now)
	protected := protects(&reg)
	if protected == s.protected.Swap(protected) {
		return
	}
	if protected {
		s.log.Warn("self-preservation began", protectionNumbers(&reg), "first", s.firstSilent(now))
		return
	}
	s.log.Warn("self-preservation ended", protectionNumbers(&reg))
}

func protectionNumbers(reg *registry.Stats) slog.Attr {
	return slog.Group("renewals", "present", reg.RenewalsLastMinute, "expected", reg.RenewalsExpected,
		"threshold", reg.RenewalThreshold, "overdue", reg.Overdue, "instances", reg.Instances)
}

// firstSilent names those that have been silent for the longest time.
func (s *Server) firstSilent(now time.Time) string {
	const most = 5
	silent, losses := s.reg.Silence(most, now)
	var names []string
	for i := range silent {
		names = append(names, silent[i].Key.String())
	}
	more := -len(silent)
	for _, l := range losses {
		more += l.Overdue
	}
	if more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

// heldNames are the leases that ran out and are held, for health: the first ones.
func (st *status) heldNames() []string {
	var names []string
	for _, l := range st.Held[:min(len(st.Held), healthHeld)] {
		names = append(names, fmt.Sprintf("%s silent for %v", l.Key, st.At.Sub(l.Heard).Round(time.Second)))
	}
	return names
}

// clock is a time in a sentence, as dashboard.Clock reads it.
func clock(t time.Time) string { return t.Format(time.RFC3339) }

// decimal writes f with at most one decimal.
func decimal(f float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", f), ".0") }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
