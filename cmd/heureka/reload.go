package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"heureka.internal/heureka/internal/config"
	"heureka.internal/heureka/server"
)

// A reloader reads the settings again at SIGHUP, and says of each that is another one now whether the node obeys it.
type reloader struct {
	*logging
	srv         *server.Server
	port        int
	stdout      io.Writer // for an audit log that goes there
	read        func() (*config.Settings, error)
	start, last *config.Settings

	watched []string // files that hold secrets
	seen    [sha256.Size]byte
}

// watchInterval is how often files with secrets are looked at.
const watchInterval = time.Second

// secretsChanged reports whether something else stands in files with secrets than the last time.
func (r *reloader) secretsChanged() bool {
	h := sha256.New()
	for _, name := range r.watched {
		text, err := os.ReadFile(name)
		fmt.Fprintln(h, name, len(text), err != nil)
		h.Write(text)
	}
	last := r.seen
	h.Sum(r.seen[:0])
	return r.seen != last
}

// watch looks at other files from now on.
func (r *reloader) watch(s *config.Settings) {
	if s != nil && (r.seen == [sha256.Size]byte{} || !slices.Equal(r.watched, s.Watched)) {
		r.watched = s.Watched
		r.secretsChanged()
	}
}

func (r *reloader) reload() {
	if err := r.reopen(); err != nil {
		r.Error("cannot reopen log file, still writing to the old one", "err", err)
	}
	now, err := r.read()
	r.watch(now)
	if err == nil {
		err = r.apply(now)
	}
	if err != nil {
		for _, e := range config.Mistakes(err) {
			r.Error("cannot apply settings, keeping the current ones", "err", e, "hint", hintOf(e))
		}
		return
	}
	applied, levels := 0, false
	for _, d := range r.last.Differences(now) {
		if r.live(&d) {
			r.Info("setting changed", "setting", d.Name, "from", d.From, "to", d.To)
			applied++
			levels = levels || d.Key.SetsLevels()
		}
	}
	pending := 0
	for _, d := range r.start.Differences(now) {
		if !r.live(&d) {
			r.Warn("setting needs a restart", "setting", d.Name, "from", d.From, "to", d.To)
			pending++
		}
	}
	if levels { // one that was set at the endpoint stays otherwise
		r.setLevels(now)
	}
	r.Info("settings read again", "changed", applied, "need_restart", pending)
	r.last = now
}

// live reports whether the node obeys another value of a setting at once. The audit log goes elsewhere then, but does not come or go.
func (r *reloader) live(d *config.Difference) bool {
	return d.Key.Live() || d.Name == auditTo && r.audit != nil && d.To != "off"
}

// apply takes over all settings that may change, or none.
func (r *reloader) apply(now *config.Settings) error {
	if !r.redirects(now) {
		return r.srv.Apply(now.ServerConfig(r.port))
	}
	next, err := r.openAudit(now.Text(auditTo), r.stdout)
	if err != nil {
		return err
	}
	if err := r.srv.Apply(now.ServerConfig(r.port)); err != nil {
		r.close(next)
		return err
	}
	r.close(r.audit.to.Swap(next))
	return nil
}
