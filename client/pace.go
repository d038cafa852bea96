package client

import (
	"log/slog"
	"math/rand/v2"
	"time"
)

// A pace says how long a repeated task pauses: always the interval, unless the task was cut off, which doubles the
// pause (C-SV-2). Tasks that fail by themselves do not slow down (C-SV-3).
type pace struct {
	interval, longest time.Duration
	delay             time.Duration // 0: as the interval
}

// next returns the pause after a run. asked is what a server asked for, which is heeded within bounds (G-FO-3).
func (p *pace) next(cutOff bool, asked time.Duration) time.Duration {
	if cutOff {
		p.delay = min(max(p.delay, p.interval)*2, p.longest)
	} else {
		p.delay = p.interval
	}
	return max(p.delay, min(asked, p.longest))
}

// spread draws from half of d to one and a half of it, so that many clients do not do the same thing at the same time.
func spread(r *rand.Rand, d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return d/2 + time.Duration(r.Int64N(int64(d)))
}

// earlier shortens a pause by up to a share of it, so that programs that start together do not ask together for ever.
func earlier(r *rand.Rand, d time.Duration, share float64) time.Duration {
	if share <= 0 || d <= 0 {
		return d
	}
	return d - time.Duration(r.Float64()*share*float64(d))
}

// A backoff is the pause before the next try of something that has never worked yet: 1 s, 2 s, 4 s, … (G-ST-1, G-RG-2).
type backoff struct{ delay, longest time.Duration }

func (b *backoff) next(asked time.Duration) time.Duration {
	b.delay = min(max(b.delay*2, time.Second), b.longest)
	return max(b.delay, min(asked, b.longest*10))
}

// An allowance limits pushes on demand (C-IR-6): a burst of two, refilled continuously at two per interval.
type allowance struct {
	interval time.Duration
	left     float64
	at       time.Time // when left was true; zero: full
}

const burst = 2

// take uses one up, or says how long to wait for it.
func (a *allowance) take(now time.Time) (wait time.Duration) {
	perToken := a.interval / burst
	if a.at.IsZero() {
		a.left = burst
	} else {
		a.left = min(a.left+float64(now.Sub(a.at))/float64(perToken), burst)
	}
	a.at = now
	if a.left < 1 {
		return time.Duration((1 - a.left) * float64(perToken))
	}
	a.left--
	return 0
}

// trouble keeps a log readable while something fails again and again: the first failure and every tenth are logged, and
// the end of it.
type trouble struct{ failures int }

func (t *trouble) report(log *slog.Logger, what string, err error, attrs ...any) {
	if err == nil {
		if t.failures > 0 {
			log.Info(what+" works again", append(attrs, "failures", t.failures)...)
		}
		t.failures = 0
		return
	}
	if t.failures++; t.failures%10 == 1 {
		log.Warn(what+" fails", append(attrs, "failures", t.failures, "err", err)...)
	}
}
