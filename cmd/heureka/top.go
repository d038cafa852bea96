package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/spf13/cobra"

	"heureka"
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
		m := topModel{remote: r, ctx: ctx, interval: interval}
		_, err := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(r.stdin), tea.WithOutput(r.stdout), tea.WithAltScreen(), tea.WithoutSignalHandler()).Run()
		if ctx.Err() != nil || errors.Is(err, tea.ErrProgramKilled) {
			return nil // a signal is a way to quit
		}
		return r.failed(err)
	})
	cmd.Flags().BoolVar(&once, "once", false, "print a single frame and end")
	cmd.Flags().DurationVar(&interval, "interval", 2*time.Second, "pause between two looks at the registry")
	return cmd
}

func (r *remote) topOnce(ctx context.Context) error {
	l := r.glance(ctx)
	if l.err != nil {
		return r.failed(l.err)
	}
	m := topModel{remote: r}
	m.see(l)
	return r.out.say("%s", m.View())
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

// A topModel is what top shows, in the way of bubbletea: Update returns the next model, View its text.
type topModel struct {
	*remote
	ctx           context.Context
	interval      time.Duration
	width, height int // of the terminal; 0: unknown

	last    glance
	err     error // of the last look; what the one before saw stays
	changes []change
}

type tickMsg time.Time

// Init asks for the first look.
func (m topModel) Init() tea.Cmd { return m.askNow }

func (m topModel) askNow() tea.Msg { return m.glance(m.ctx) }

// Update takes in a key, a new size, or what was seen.
func (m topModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.KeyMsg:
		switch msg.String() {
		case "q", "esc", "ctrl+c":
			return m, tea.Quit
		}
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tickMsg:
		return m, m.askNow
	case glance:
		m.see(msg)
		return m, tea.Tick(m.interval, func(t time.Time) tea.Msg { return tickMsg(t) })
	}
	return m, nil
}

// see takes in a look. The newest change comes first.
func (m *topModel) see(l glance) {
	if m.err = l.err; l.err != nil {
		return
	}
	if m.last.apps != nil {
		m.changes = append(changes(byKey(m.last.apps), byKey(l.apps), l.at), m.changes...)
		m.changes = m.changes[:min(len(m.changes), recentChanges)]
	}
	m.last = l
}

// View returns the text of the screen.
func (m topModel) View() string {
	if m.last.apps == nil {
		return m.headline("asking " + strings.Join(m.shownServers(), ", "))
	}
	apps := m.last.apps
	parts := []string{m.headline(fmt.Sprintf("%s of %s, hash %s", instancesIn(apps), count(len(apps.Apps), "application", "applications"), orDash(apps.Hash)))}
	parts = append(parts, m.section(func(o *printer) error { return o.apps(apps) }))
	if len(m.last.peers) > 0 {
		parts = append(parts, "", m.section(func(o *printer) error { return o.peers(m.last.peers) }))
	}
	if len(m.changes) > 0 {
		parts = append(parts, "", "CHANGES")
		for _, c := range m.changes {
			parts = append(parts, m.out.changeLine(c))
		}
	}
	return m.fit(strings.Join(parts, "\n"))
}

// shownServers are the servers without credentials.
func (m topModel) shownServers() []string {
	list := make([]string, len(m.servers))
	for i, s := range m.servers {
		list[i] = withoutUser(s)
	}
	return list
}

func (m topModel) headline(text string) string {
	line := m.out.styles.NewStyle().Bold(true).Render("heureka") + "  " + text
	if !m.last.at.IsZero() {
		line += "  " + m.last.at.Format(time.TimeOnly)
	}
	if m.err != nil {
		line += "\n" + m.out.good(false, "out of date: "+printable(oneLine(m.err.Error())))
	}
	return line + "\n"
}

// section is what a printer writes, as text.
func (m topModel) section(write func(*printer) error) string {
	var b strings.Builder
	_ = write(&printer{w: &b, format: "table", styles: m.out.styles}) // a Builder does not fail
	return strings.TrimSuffix(b.String(), "\n")
}

// fit cuts what is beyond the screen.
func (m topModel) fit(text string) string {
	style := m.out.styles.NewStyle()
	if m.width > 0 {
		style = style.MaxWidth(m.width)
	}
	if m.height > 0 {
		style = style.MaxHeight(m.height)
	}
	return style.Render(text)
}
