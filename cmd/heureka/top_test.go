package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"heureka"
)

func newTop() topModel {
	var out strings.Builder
	return topModel{remote: &remote{servers: []string{"http://me:geheim@h:1/eureka/"}, out: newPrinter(&out, "table")}, ctx: nil, interval: time.Hour}
}

func send(t *testing.T, m topModel, msg tea.Msg) (topModel, tea.Cmd) {
	t.Helper()
	next, cmd := m.Update(msg)
	return next.(topModel), cmd
}

func TestTopShowsChangesNewestFirst(t *testing.T) {
	a := &heureka.Instance{App: "A", ID: "i", Status: heureka.StatusUp}
	down := a.Clone()
	down.Status = heureka.StatusDown
	m := newTop()
	if v := m.View(); !strings.Contains(v, "asking http://h:1/eureka/") {
		t.Errorf("first view = %q", v)
	}
	for i, in := range []*heureka.Instance{a, down, a} {
		var cmd tea.Cmd
		if m, cmd = send(t, m, glance{at: time.Unix(int64(i), 0), apps: registryOf(in)}); cmd == nil {
			t.Fatal("no next look is planned")
		}
	}
	view := m.View()
	back, away := strings.Index(view, "status: DOWN -> UP"), strings.Index(view, "status: UP -> DOWN")
	if back < 0 || away < back {
		t.Errorf("changes are missing or in the wrong order:\n%s", view)
	}
	if !strings.Contains(view, "1 instance of 1 application, hash UP_1_") {
		t.Errorf("no headline:\n%s", view)
	}
}

func TestTopKeepsTheLastViewWhenServersFail(t *testing.T) {
	m, _ := send(t, newTop(), glance{apps: registryOf(&heureka.Instance{App: "A", ID: "i"})})
	m, cmd := send(t, m, glance{err: errors.New("boom")})
	if v := m.View(); !strings.Contains(v, "out of date: boom") || !strings.Contains(v, "1 instance of 1 application") {
		t.Errorf("view = %q", v)
	}
	if cmd == nil {
		t.Error("gave up")
	}
	if m, _ = send(t, m, glance{apps: registryOf()}); strings.Contains(m.View(), "boom") {
		t.Error("the error outlives a success")
	}
}

func TestTopKeysAndSize(t *testing.T) {
	m, _ := send(t, newTop(), glance{apps: registryOf(&heureka.Instance{App: strings.Repeat("A", 200), ID: "i"})})
	m, _ = send(t, m, tea.WindowSizeMsg{Width: 40, Height: 3})
	lines := strings.Split(m.View(), "\n")
	if len(lines) > 3 {
		t.Errorf("%d lines on a screen of 3", len(lines))
	}
	for _, l := range lines {
		if len(l) > 40 {
			t.Errorf("line of %d columns on a screen of 40: %q", len(l), l)
		}
	}
	for _, key := range []tea.KeyMsg{{Type: tea.KeyRunes, Runes: []rune("q")}, {Type: tea.KeyCtrlC}, {Type: tea.KeyEsc}} {
		_, cmd := send(t, m, key)
		if cmd == nil || cmd() != tea.Quit() {
			t.Errorf("%v does not quit", key)
		}
	}
	if _, cmd := send(t, m, tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("x")}); cmd != nil {
		t.Error("x does something")
	}
}

func TestTopForgetsOldChanges(t *testing.T) {
	m := newTop()
	for i := range 3 * recentChanges {
		in := &heureka.Instance{App: "A", ID: "i", Status: heureka.Status(1 + i%2)}
		m, _ = send(t, m, glance{apps: registryOf(in)})
	}
	if len(m.changes) != recentChanges {
		t.Errorf("%d changes are kept, want %d", len(m.changes), recentChanges)
	}
}
