package policy

import (
	"fmt"
	"slices"
	"strings"
)

// nearest returns the candidate that a mistyped word most likely stands for, "" when none is near.
func nearest(word string, candidates []string) string {
	plain := func(s string) string {
		return strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(strings.TrimSpace(s)))
	}
	w := plain(word)
	best, bestDistance := "", max(1, min(3, len([]rune(w))/3))+1
	for _, c := range candidates {
		if d := distance(w, plain(c)); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	if best != "" || w == "" {
		return best
	}
	// A part of the right word: "work" for phone.work, "mailbox" for mailbox_to_crm. Only when it tells one from the others.
	var holding []string
	for _, c := range candidates {
		if len(w) >= 3 && strings.Contains(plain(c), w) {
			holding = append(holding, c)
		}
	}
	if len(holding) == 1 {
		return holding[0]
	}
	return ""
}

// instead is the remedy for a word that is none of the candidates.
func instead(word string, candidates []string) string {
	if near := nearest(word, candidates); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	if len(candidates) == 1 {
		return "write " + candidates[0]
	}
	last := len(candidates) - 1
	return fmt.Sprintf("use one of %s or %s", strings.Join(candidates[:last], ", "), candidates[last])
}

// distance is the number of letters to insert, drop, replace or swap with the next to get from a to b. Long words, which
// are no misspelling of any key, count as far away.
func distance(a, b string) int {
	const tooLong = 64
	x, y := []rune(a), []rune(b)
	if len(x) > tooLong || len(y) > tooLong {
		return tooLong
	}
	before, row := make([]int, len(y)+1), make([]int, len(y)+1)
	var earlier []int
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(x); i++ {
		earlier, before, row = before, row, make([]int, len(y)+1)
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(before[j]+1, row[j-1]+1, before[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], earlier[j-2]+1)
			}
		}
	}
	return row[len(y)]
}

// elsewhere finds a key of this name in another place of the table: direction is a key of contacts.
func elsewhere(name string) string {
	var found []string
	var walk func(k *key, path string)
	walk = func(k *key, path string) {
		for _, c := range k.keys {
			p := join(path, c.name)
			if c.name == name {
				found = append(found, p)
			}
			walk(c, p)
		}
	}
	walk(document, "")
	// The first in the table, which is contacts' before events'; the shortest among those.
	slices.SortStableFunc(found, func(a, b string) int { return strings.Count(a, ".") - strings.Count(b, ".") })
	if len(found) == 0 {
		return ""
	}
	return found[0]
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
