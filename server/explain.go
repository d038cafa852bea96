package server

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"heureka.internal/heureka/internal/registry"
)

// explain tells what self-preservation does and why, and what will happen when, in sentences with the numbers of this fleet.
func (s *Server) explain(st registry.Stats, losses []registry.Loss, silent []registry.Silent, now time.Time) []string {
	lines := []string{s.verdict(st, now), balance(st)}
	var all registry.Loss
	for _, l := range losses {
		all.Overdue += l.Overdue
		all.Expired += l.Expired
	}
	switch {
	case all.Overdue == 0:
		lines = append(lines, "No instance is overdue.")
	case st.EvictionAllowed:
		lines = append(lines, s.eviction(st, all, silent))
	default:
		lines = append(lines, fmt.Sprintf("%s silent: %s, %d will run out.", plural(all.Overdue, "instance is", "instances are"),
			plural(all.Expired, "lease has run out and is held", "leases have run out and are held"), all.Overdue-all.Expired), s.ending(st))
	}
	return lines
}

// verdict is the first sentence: is anything protected?
func (s *Server) verdict(st registry.Stats, now time.Time) string {
	switch {
	case !st.SelfPreservationEnabled:
		return "Self-preservation is off: leases that run out are evicted, also when only the network is to blame."
	case st.BelowThreshold && st.EvictionAllowed:
		return "Self-preservation has reached its longest duration: leases that run out are evicted, 15 % a tick."
	case st.BelowThreshold:
		return fmt.Sprintf("Self-preservation is active since %s (%v): nothing is evicted.", clock(st.ProtectedSince), now.Sub(st.ProtectedSince).Round(time.Second))
	case !st.EvictionAllowed:
		return "Nothing is evicted: " + heldBack(st) + "."
	}
	return "Self-preservation is ready and not active: leases that run out are evicted."
}

// balance compares what is present with the threshold.
func balance(st registry.Stats) string {
	if st.RenewalsExpected == 0 {
		return "No renewals are expected: nothing is registered that counts."
	}
	than := "more than"
	if st.RenewalsLastMinute <= st.RenewalThreshold {
		than = "not more than"
	}
	return fmt.Sprintf("%s of %s expected renewals a minute are present, %s the threshold of %d; %s missing, and self-preservation needs %d.",
		decimal(float64(st.RenewalsLastMinute)), decimal(st.RenewalsExpected), than, st.RenewalThreshold,
		plural(st.Overdue, "instance is", "instances are"), st.MinMissing)
}

// eviction tells when overdue leases go.
func (s *Server) eviction(st registry.Stats, all registry.Loss, silent []registry.Silent) string {
	limit := st.Instances - int(float64(st.Instances)*s.cfg.RenewalPercentThreshold)
	text := fmt.Sprintf("%s silent; a tick, every %v, evicts at most %d of %d", plural(all.Overdue, "instance is", "instances are"),
		s.cfg.EvictionInterval, limit, st.Instances)
	if !st.LastEvictionAt.IsZero() {
		text += ", the next one at " + clock(st.LastEvictionAt.Add(s.cfg.EvictionInterval))
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
func (s *Server) ending(st registry.Stats) string {
	missing := float64(st.RenewalThreshold) - float64(st.RenewalsLastMinute)
	text := fmt.Sprintf("It ends when more than %d renewals a minute are present again (%s more), or fewer than %d instances are missing",
		st.RenewalThreshold, decimal(missing+1), st.MinMissing)
	if limit := s.cfg.SelfPreservationMaxDuration; limit > 0 {
		return text + fmt.Sprintf(", and at %s at the latest, after %v.", clock(st.ProtectedSince.Add(limit)), limit)
	}
	return text + "; it has no other end, because heureka.self-preservation-max-duration is unlimited."
}

// exits are the ways out of a protection that holds instances which are known to be dead.
func (s *Server) exits(st registry.Stats) []string {
	if !s.active(st) || st.EvictionAllowed {
		return nil
	}
	release := "heureka protection release: this node evicts what has run out by now, 15 % a tick"
	if !s.cfg.Actions {
		release += " (needs heureka.dashboard.actions=true)"
	}
	exits := []string{
		"heureka deregister --expired: removes the instances whose leases ran out, on all nodes", release,
		fmt.Sprintf("heureka.self-preservation-min-missing: %d now; more let a fleet lose more instances without protection", st.MinMissing),
	}
	if s.cfg.SelfPreservationMaxDuration <= 0 {
		exits = append(exits, "heureka.self-preservation-max-duration, such as 15m: lets protection end by itself")
	}
	return append(exits, "eureka.server.enable-self-preservation=false: nothing is protected any more")
}

// reportProtection logs when self-preservation begins and ends: once each, with the numbers that decided it.
func (s *Server) reportProtection(now time.Time) {
	st := s.reg.Stats(now)
	protected := s.active(st)
	if protected == s.protected.Swap(protected) {
		return
	}
	if protected {
		s.log.Warn("self-preservation began", protectionNumbers(st), "first", s.firstSilent(now))
		return
	}
	s.log.Warn("self-preservation ended", protectionNumbers(st))
}

func protectionNumbers(st registry.Stats) slog.Attr {
	return slog.Group("renewals", "present", st.RenewalsLastMinute, "expected", st.RenewalsExpected,
		"threshold", st.RenewalThreshold, "overdue", st.Overdue, "instances", st.Instances)
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
func (s *Server) heldNames(now time.Time) []string {
	const most = 20
	var names []string
	for _, l := range s.reg.Expired(most, now) {
		names = append(names, fmt.Sprintf("%s silent for %v", l.Key, now.Sub(l.Heard).Round(time.Second)))
	}
	return names
}

func clock(t time.Time) string { return t.Format(time.TimeOnly) }

// decimal writes f with at most one decimal.
func decimal(f float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", f), ".0") }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
