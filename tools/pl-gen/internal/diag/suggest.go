package diag

import (
	"cmp"
	"slices"
	"strings"
)

// Suggest says which of the known names was probably meant, or lists them.
func Suggest(name string, known []string) string {
	best := cmp.Or(nearest(name, known), beginning(name, known))
	switch {
	case best != "":
		return "did you mean " + `"` + best + `"?`
	case len(known) == 0:
		return "remove it; there is nothing that it could name"
	}
	return "use one of " + strings.Join(slices.Sorted(slices.Values(known)), ", ")
}

// Near reports whether the name is probably one of the known names misspelled.
func Near(name string, known []string) bool { return nearest(name, known) != "" }

func nearest(name string, known []string) string {
	best, distance := "", 1+len(name)/4
	for _, k := range known {
		if d := edits(strings.ToLower(name), strings.ToLower(k)); d <= distance {
			best, distance = k, d-1
		}
	}
	return best
}

// beginning returns the first name that begins with the given one.
func beginning(name string, known []string) string {
	i := slices.IndexFunc(known, func(k string) bool { return len(name) > 2 && strings.HasPrefix(k, name) })
	if i < 0 {
		return ""
	}
	return known[i]
}

// edits is the Levenshtein distance of two names.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost = 1 + min(before, row[j], row[j+1])
			}
			before, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
