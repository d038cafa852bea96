package main

import (
	"heureka.internal/heureka/internal/config"
	"heureka.internal/heureka/server"
)

// A reloader reads the settings again at SIGHUP, and says of each that is another one now whether the node obeys it.
type reloader struct {
	*logging
	srv         *server.Server
	port        int
	read        func() (*config.Settings, error)
	start, last *config.Settings
}

func (r *reloader) reload() {
	if err := r.reopen(); err != nil {
		r.Error("cannot reopen log file, still writing to the old one", "err", err)
	}
	now, err := r.read()
	if err == nil {
		err = r.srv.Apply(now.ServerConfig(r.port))
	}
	if err != nil {
		for _, e := range config.Mistakes(err) {
			r.Error("cannot apply settings, keeping the current ones", "err", e, "hint", hintOf(e))
		}
		return
	}
	applied, levels := 0, false
	for _, d := range r.last.Differences(now) {
		if d.Key.Live() {
			r.Info("setting changed", "setting", d.Name, "from", d.From, "to", d.To)
			applied++
			levels = levels || d.Key.SetsLevels()
		}
	}
	pending := 0
	for _, d := range r.start.Differences(now) {
		if !d.Key.Live() {
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
