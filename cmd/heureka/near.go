package main

import (
	"cmp"
	"slices"
	"strings"

	"heureka.internal/heureka/internal/config"
)

// nearest returns up to three names that one may have meant by name: those that differ by the fewest letters, if that is
// few, or contain it.
func nearest(name string, names []string) []string {
	type candidate struct {
		name string
		far  int
	}
	var found []candidate
	for _, n := range names {
		a, b := strings.ToUpper(name), strings.ToUpper(n)
		far := config.Distance(a, b, len(a)+len(b)+1)
		switch {
		case far <= max(2, len(a)/4):
		case len(a) >= 3 && strings.Contains(b, a):
			far = len(b) - len(a)
		default:
			continue
		}
		found = append(found, candidate{n, far})
	}
	slices.SortFunc(found, func(a, b candidate) int { return cmp.Or(cmp.Compare(a.far, b.far), cmp.Compare(a.name, b.name)) })
	var near []string
	for _, c := range found[:min(3, len(found))] {
		if c.far == found[0].far {
			near = append(near, c.name)
		}
	}
	return near
}
