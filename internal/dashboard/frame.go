package dashboard

import (
	"path"
	"strings"
)

// A Frame is what all pages have around them.
type Frame struct {
	Paths       Paths
	Node        string // how the node is called
	Zone        string // "" if it has none
	Environment string
	State       State
	Faults      int    // registrations that will give trouble
	Done        string // what the action did that has led here; "" if none has
}

// A State is the condition of the node in one sentence: with its numbers, since when, why, and what ends it.
type State struct {
	Kind StateKind
	Text string
}

// StateKind is the word in front of the sentence.
type StateKind string

// The conditions of a node.
const (
	Healthy    StateKind = "healthy"
	Impaired   StateKind = "impaired" // serves, but not all is well
	Protecting StateKind = "protecting"
	Syncing    StateKind = "syncing" // reads are refused
	Stopping   StateKind = "stopping"
)

// Paths are what links are made of. The links of a page are relative to it, so that they are right behind a proxy that
// strips a prefix, which no server can know.
type Paths struct {
	Page, Instances, Instance, Peers, Renewals, Warnings, LastN, Act string
	API, V1, Style, Script                                           string
}

// NewPaths returns the links of the page that was asked for as from, where the first page is at page and the API and
// heureka's own at the other two.
func NewPaths(from, page, api, v1 string) Paths {
	to := func(name string) string { return relative(from, path.Join(page, name)) }
	return Paths{
		Page: relative(from, page), Instances: to("instances"), Instance: to("instance"), Peers: to("peers"), Renewals: to("renewals"),
		Warnings: to("warnings"), LastN: to("lastn"), Act: to("act"), API: relative(from, api), V1: relative(from, v1),
		Style: to(StyleName), Script: to(ScriptName),
	}
}

// relative returns how the page at from links to a path of the same server: up only as far as it must.
func relative(from, to string) string {
	dir := from[:strings.LastIndexByte(from, '/')+1]
	common := 0
	for i := 0; i < min(len(dir), len(to)) && dir[i] == to[i]; i++ {
		if dir[i] == '/' {
			common = i + 1
		}
	}
	if link := strings.Repeat("../", strings.Count(dir[common:], "/")) + to[common:]; link != "" {
		return link
	}
	return "./"
}

// Title is what the page of this name is called in a browser's tab.
func (f Frame) Title(name string) string {
	title := f.Node
	if f.Zone != "" {
		title += " (" + f.Zone + ")"
	}
	return strings.TrimPrefix(title+" · "+name, " · ")
}
