package main

import (
	"cmp"
	"slices"
	"strings"
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
		far := distance(a, b)
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

// distance is how many letters must be added, removed or replaced to make a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
