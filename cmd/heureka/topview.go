package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/outbound"
)

// How many lines of the screen peers and changes take from the applications, without their headings.
const (
	mostPeers   = 3
	mostChanges = 5
)

// text returns the text of the screen: applications, as many as there is room for, above peers and changes.
func (v *view) text() string {
	if v.last.apps == nil {
		return v.headline("asking " + strings.Join(v.shownServers(), ", "))
	}
	apps := v.last.apps
	head := v.headline(fmt.Sprintf("%s of %s, hash %s", instancesIn(apps), count(len(apps.Apps), "application", "applications"), orDash(apps.Hash)))
	below := slices.Concat(v.peerLines(), v.changeLines())
	lines := append(strings.Split(head, "\n"), v.appLines(v.height-strings.Count(head, "\n")-1-len(below))...)
	return v.fit(strings.Join(append(lines, below...), "\n"))
}

// appLines are the applications in room for so many lines, those in trouble first.
func (v *view) appLines(room int) []string {
	shown := v.filtered()
	rows := len(shown)
	if v.height > 0 {
		rows = max(min(rows, room-1), 1)
	}
	v.page = rows
	v.offset = max(min(v.offset, len(shown)-rows), 0)
	part := shown[v.offset:min(v.offset+rows, len(shown))]
	head := "APP"
	if len(part) < len(v.last.apps.Apps) {
		head += fmt.Sprintf(" (%d-%d of %d)", v.offset+min(1, len(part)), v.offset+len(part), len(shown))
	}
	if v.filter != "" || v.typing {
		head += " /" + printable(v.filter)
	}
	table := [][]string{{head, "INSTANCES", "STATUS"}}
	for _, a := range part {
		table = append(table, []string{printable(a.Name), strconv.Itoa(len(a.Instances)), v.out.counts(a)})
	}
	return v.columns(table, 0)
}

// filtered are the applications whose names have what was typed, those first that most likely need somebody.
func (v *view) filtered() []*heureka.Application {
	var list []*heureka.Application
	trouble := map[*heureka.Application]int{}
	for _, a := range v.last.apps.Apps {
		if !strings.Contains(strings.ToLower(a.Name), strings.ToLower(v.filter)) {
			continue
		}
		list = append(list, a)
		for _, in := range a.Instances {
			if in.Status != heureka.StatusUp {
				trouble[a]++
			}
		}
		if n := len(a.Instances); trouble[a] == n {
			trouble[a] += 1 << 30 // nobody can call it
		}
	}
	slices.SortStableFunc(list, func(a, b *heureka.Application) int {
		return cmp.Or(cmp.Compare(trouble[b], trouble[a]), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// peerLines are the peers, those first that are not available.
func (v *view) peerLines() []string {
	if len(v.last.peers) == 0 {
		return nil
	}
	peers := slices.Clone(v.last.peers)
	slices.SortStableFunc(peers, func(a, b peerState) int { return -cmp.Compare(a.State, b.State) }) // unavailable, available
	head := "SERVER"
	if more := len(peers) - len(v.limited(len(peers), mostPeers)); more > 0 {
		head += fmt.Sprintf(" (%d more)", more)
	}
	table := [][]string{{head, "PEER", "STATE", "PENDING", "LAG"}}
	for _, s := range v.limited(len(peers), mostPeers) {
		p := peers[s]
		table = append(table, []string{v.host(p.Server), printable(v.host(p.Peer)), v.out.good(p.State == "available", p.State), orDash(p.detail("pending")), orDash(p.detail("lag"))})
	}
	return append([]string{""}, v.columns(table, 0, 1)...)
}

// host leaves out what the URLs of all nodes have alike, on a screen that is not wide.
func (v *view) host(url string) string {
	if u, err := outbound.ParseURL(url); err == nil && v.width > 0 && v.width < 132 {
		return u.Host
	}
	return url
}

// changeLines are the last changes.
func (v *view) changeLines() []string {
	if len(v.changes) == 0 && v.height == 0 {
		return nil
	}
	lines := []string{"", "CHANGES"}
	for _, i := range v.limited(len(v.changes), mostChanges) {
		c := v.changes[i]
		if v.width > 0 {
			c.App, c.ID = middle(c.App, v.width/4), middle(c.ID, v.width/3)
		}
		lines = append(lines, v.out.changeLine(c))
	}
	return lines
}

// limited are the first of n lines, at most so many if the screen has an end.
func (v *view) limited(n, most int) []int {
	if v.height > 0 {
		n = min(n, most)
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// columns are the lines of a table. Cells of the columns that may be cut lose their middles if the screen is too narrow.
func (v *view) columns(table [][]string, cut ...int) []string {
	w := widths(table)
	total := 2 * (len(w) - 1)
	for _, n := range w {
		total += n
	}
	if v.width > 0 && total > v.width {
		room := v.width - total
		for _, c := range cut {
			room += w[c]
		}
		for _, c := range cut {
			w[c] = min(w[c], max(room/len(cut), 8))
			for i := range table {
				table[i][c] = middle(table[i][c], w[c])
			}
		}
	}
	lines := make([]string, len(table))
	for i, row := range table {
		lines[i] = strings.TrimRight(line(row, w), " ")
	}
	return lines
}

// middle cuts what is longer than n columns in its middle: names often differ at their ends.
func middle(s string, n int) string {
	total := ansi.StringWidth(s)
	if total <= n || n < 3 {
		return s
	}
	return ansi.Truncate(s, n/2, "") + "…" + ansi.TruncateLeft(s, total-(n-1-n/2), "")
}

// The keys that move.
var moves = map[string]func(v *view){
	"\x1b[A": func(v *view) { v.offset-- }, "k": func(v *view) { v.offset-- },
	"\x1b[B": func(v *view) { v.offset++ }, "j": func(v *view) { v.offset++ },
	"\x1b[5~": func(v *view) { v.offset -= v.page }, "\x1b[6~": func(v *view) { v.offset += v.page }, " ": func(v *view) { v.offset += v.page },
	"\x1b[H": func(v *view) { v.offset = 0 }, "g": func(v *view) { v.offset = 0 },
	"\x1b[F": func(v *view) { v.offset = 1 << 30 }, "G": func(v *view) { v.offset = 1 << 30 },
}

// press takes in a key. It reports whether that ends top: q, Ctrl-C, which is no signal on a raw terminal, and Escape, unless
// that ends the filter.
func (v *view) press(key string) (quits bool) {
	switch {
	case key == "\x03":
		return true
	case key == "\x1b" && (v.typing || v.filter != ""):
		v.typing, v.filter = false, ""
	case v.typing:
		v.spell(key)
	case key == "q" || key == "Q" || key == "\x1b":
		return true
	case key == "/":
		v.typing = true
	case moves[key] != nil:
		moves[key](v)
	}
	return false
}

// spell adds to the filter.
func (v *view) spell(key string) {
	switch {
	case key == "\r" || key == "\n":
		v.typing = false
	case key == "\x7f" || key == "\b":
		_, size := utf8.DecodeLastRuneInString(v.filter)
		v.filter = v.filter[:len(v.filter)-size]
	case moves[key] != nil && strings.HasPrefix(key, "\x1b"):
		moves[key](v)
	case printable(key) == key:
		v.filter, v.offset = v.filter+key, 0
	}
}
