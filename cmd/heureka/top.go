package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/outbound"
)

func (p *program) topCommand() *cobra.Command {
	var once bool
	var interval time.Duration
	cmd := p.remoteCommand(&cobra.Command{
		Use:   "top",
		Short: "Watch the registry live: applications, changes, peers",
		Long:  `Watch the registry live: applications with their instances by status, recent changes, peers. q quits.`,
		Args:  cobra.NoArgs,
	}, nil, func(ctx context.Context, r *remote, _ []string) error {
		if interval <= 0 {
			return usage("", "--interval must be more than 0: %v", interval)
		}
		if once {
			return r.topOnce(ctx)
		}
		if !onTerminal(r.stdout) || !onTerminal(r.stdin) {
			return usage("--once prints a single frame", "heureka top needs a terminal")
		}
		return r.failed(r.topLive(ctx, interval))
	})
	cmd.Flags().BoolVar(&once, "once", false, "print a single frame and exit")
	cmd.Flags().DurationVar(&interval, "interval", 2*time.Second, "interval between fetches of the registry")
	return cmd
}

func (r *remote) topOnce(ctx context.Context) error {
	l := r.glance(ctx)
	if l.err != nil {
		return r.failed(l.err)
	}
	v := view{remote: r}
	v.update(l)
	return r.out.say("%s", v.text())
}

// A glance is one look at the registry and the peers.
type glance struct {
	at    time.Time
	apps  *heureka.Applications
	peers []peerState
	err   error
}

// glance asks for everything. Servers that say nothing of peers are fine.
func (r *remote) glance(ctx context.Context) glance {
	l := glance{at: time.Now()}
	if l.apps, l.err = r.api.Applications(ctx); l.err != nil {
		return l
	}
	sortApps(l.apps)
	for _, server := range r.servers {
		if p, err := r.probe(server); err == nil {
			peers, _ := p.peers(ctx)
			l.peers = append(l.peers, peers...)
		}
	}
	return l
}

// recentChanges is how many changes top remembers.
const recentChanges = 100

// A view is what top shows.
type view struct {
	*remote
	width, height int // of the terminal; 0: unknown

	last    glance
	err     error // of the last look; what the one before saw stays
	changes []change
}

// update takes in a look. The newest change comes first.
func (v *view) update(l glance) {
	if v.err = l.err; l.err != nil {
		return
	}
	if v.last.apps != nil {
		v.changes = append(changes(byKey(v.last.apps), byKey(l.apps), l.at), v.changes...)
		v.changes = v.changes[:min(len(v.changes), recentChanges)]
	}
	v.last = l
}

// text returns the text of the screen.
func (v view) text() string {
	if v.last.apps == nil {
		return v.headline("asking " + strings.Join(v.shownServers(), ", "))
	}
	apps := v.last.apps
	parts := []string{v.headline(fmt.Sprintf("%s of %s, hash %s", instancesIn(apps), count(len(apps.Apps), "application", "applications"), orDash(apps.Hash)))}
	parts = append(parts, v.section(func(o *printer) error { return o.apps(apps) }))
	if len(v.last.peers) > 0 {
		parts = append(parts, "", v.section(func(o *printer) error { return o.peers(v.last.peers) }))
	}
	if len(v.changes) > 0 {
		parts = append(parts, "", "CHANGES")
		for _, c := range v.changes {
			parts = append(parts, v.out.changeLine(c))
		}
	}
	return v.fit(strings.Join(parts, "\n"))
}

// shownServers are the servers without credentials.
func (v view) shownServers() []string {
	list := make([]string, len(v.servers))
	for i, s := range v.servers {
		list[i] = outbound.Hide(s)
	}
	return list
}

func (v view) headline(text string) string {
	line := v.out.styled(ansi.NewStyle().Bold(), "heureka") + "  " + text
	if !v.last.at.IsZero() {
		line += "  " + v.last.at.Format(time.TimeOnly)
	}
	if v.err != nil {
		line += "\n" + v.out.good(false, "out of date: "+printable(oneLine(v.err.Error())))
	}
	return line + "\n"
}

// section is what a printer writes, as text.
func (v view) section(write func(*printer) error) string {
	var b strings.Builder
	_ = write(&printer{w: &b, format: "table", colour: v.out.colour}) // a Builder does not fail
	return strings.TrimSuffix(b.String(), "\n")
}

// fit cuts what is beyond the screen.
func (v view) fit(text string) string {
	lines := strings.Split(text, "\n")
	if v.height > 0 && len(lines) > v.height {
		lines = lines[:v.height]
	}
	if v.width > 0 {
		for i := range lines {
			lines[i] = ansi.Truncate(lines[i], v.width, "")
		}
	}
	return strings.Join(lines, "\n")
}
