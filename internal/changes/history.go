package changes

import (
	"sync"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// Config bounds a History.
type Config struct {
	Changes int           // at most so many
	Bytes   int64         // that they keep alive
	Age     time.Duration // of the oldest
}

// A History keeps the last changes of a registry. It follows the registry's feed whenever it is asked, and when Follow is
// called; as long as either happens often enough, nothing is missing. All methods are safe for concurrent use.
type History struct {
	feed *registry.Feed

	mu     sync.Mutex
	cfg    Config
	kept   []registry.Change // without a gap, oldest first
	bytes  int64
	cursor uint64
	since  time.Time // from when on nothing is missing
}

// NewHistory returns an empty history that begins now, with the next change of feed.
func NewHistory(cfg Config, feed *registry.Feed, now time.Time) *History {
	return &History{cfg: cfg, feed: feed, cursor: feed.Last(), since: now}
}

// SetBounds keeps from now on what cfg allows. Safe for concurrent use.
func (h *History) SetBounds(cfg Config, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cfg = cfg
	h.trim(now)
}

// Cursor returns the number of the last change that the history has followed.
func (h *History) Cursor() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cursor
}

// Follow takes in what is new, and forgets what is old. It reads with the history unlocked; of two that follow at once, the
// one that comes too late reads again.
func (h *History) Follow(now time.Time) {
	buf := make([]registry.Change, 64)
	for n := 1; n > 0; {
		cursor := h.Cursor()
		var err error
		if n, err = h.feed.Read(cursor, buf); err != nil {
			h.restart(cursor, h.feed.Last(), now)
			n = 1
			continue
		}
		h.take(cursor, buf[:n], now)
	}
}

// take appends what comes after cursor, if that is still where the history ends.
func (h *History) take(cursor uint64, news []registry.Change, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cursor != cursor {
		return
	}
	for _, ch := range news {
		h.kept = append(h.kept, ch)
		h.bytes += ch.Size()
		h.cursor = ch.Seq
	}
	h.trim(now)
}

// restart forgets everything, and goes on after last: changes after cursor are missing.
func (h *History) restart(cursor, last uint64, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cursor == cursor {
		h.kept, h.bytes, h.since, h.cursor = nil, 0, now, last
	}
}

func (h *History) trim(now time.Time) {
	oldest, n := now.Add(-h.cfg.Age), 0
	for n < len(h.kept) && (len(h.kept)-n > h.cfg.Changes || h.bytes > h.cfg.Bytes || h.kept[n].At.Before(oldest)) {
		h.bytes -= h.kept[n].Size()
		h.since = h.kept[n].At
		n++
	}
	clear(h.kept[:n])
	h.kept = h.kept[n:]
}

// A Query chooses changes; what is zero admits all.
type Query struct {
	App, ID      string // App in upper case
	Since, Until time.Time
	Limit        int // of the newest ones
}

func (q *Query) admits(ch *registry.Change) bool {
	return (q.App == "" || q.App == ch.Key.App) && (q.ID == "" || q.ID == ch.Key.ID) &&
		(q.Since.IsZero() || !ch.At.Before(q.Since)) && (q.Until.IsZero() || !ch.At.After(q.Until))
}

// Changes returns what q chooses, newest first, and from when on nothing is missing. More reports whether there would be
// more without the limit.
func (h *History) Changes(q Query, now time.Time) (found []registry.Change, since time.Time, more bool) {
	h.Follow(now)
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := len(h.kept) - 1; i >= 0; i-- {
		if !q.admits(&h.kept[i]) {
			continue
		}
		if q.Limit > 0 && len(found) == q.Limit {
			return found, h.since, true
		}
		found = append(found, h.kept[i])
	}
	return found, h.since, false
}

// Rewind turns the registry as it is, at the change numbered seq, into what it was at t, by undoing what has happened since. It
// reports false, and from when on it could, if changes are missing in between.
func (h *History) Rewind(registry map[heureka.Key]*heureka.Instance, seq uint64, t, now time.Time) (since time.Time, ok bool) {
	h.Follow(now)
	h.mu.Lock()
	defer h.mu.Unlock()
	if t.Before(h.since) || h.cursor < seq {
		return h.since, false
	}
	for i := len(h.kept) - 1; i >= 0 && h.kept[i].At.After(t); i-- {
		ch := &h.kept[i]
		switch {
		case ch.Seq > seq: // has happened since registry was looked at
		case ch.Previous.IsZero():
			delete(registry, ch.Key)
		default:
			registry[ch.Key] = ch.Previous.Instance()
		}
	}
	return h.since, true
}
