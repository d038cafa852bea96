package main

import (
	"context"
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
		Long: `Watch the registry live: applications with their instances by status, those in trouble first, peers, recent changes. Heureka nodes
tell of changes as they happen; others are asked at each interval.

The arrow keys and Page Up and Down scroll, / filters by name, Escape ends the filter, q quits.`,
		Args: cobra.NoArgs,
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
	offset, page  int // the first application that is shown, and how many are
	filter        string
	typing        bool // the filter is being typed

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

// shownServers are the servers without credentials.
func (v *view) shownServers() []string {
	list := make([]string, len(v.servers))
	for i, s := range v.servers {
		list[i] = outbound.Hide(s)
	}
	return list
}

func (v *view) headline(text string) string {
	line := v.out.styled(ansi.NewStyle().Bold(), "heureka") + "  " + text
	if !v.last.at.IsZero() {
		line += "  " + v.last.at.Format(time.TimeOnly)
	}
	if v.err != nil {
		line += "\n" + v.out.good(false, "out of date: "+printable(oneLine(v.err.Error())))
	}
	return line + "\n"
}

// fit cuts what is beyond the screen.
func (v *view) fit(text string) string {
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
