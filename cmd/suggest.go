package cmd

import (
	"strings"

	"calypso/sys/errcode"
)

func unknownCommand(req *request, word string) error {
	var names []string
	for _, sub := range req.cmd.visible() {
		names = append(names, sub.Name)
	}
	return withSuggestion(usageErrorf("unknown command %q", word), nearest(word, names), req)
}

func unknownFlag(req *request, shown string) error {
	var names []string
	for _, f := range append(flagsOf(req.cmd), helpFlag) {
		names = append(names, "--"+f.name)
	}
	err := usageErrorf("unknown flag %s", shown)
	if shown > "-0" && shown <= "-9" {
		return err.WithHint("a negative number or a name that begins with '-' goes after '--'")
	}
	return withSuggestion(err, nearest(shown, names), req)
}

func missingCommand(req *request) error {
	return withSuggestion(usageErrorf("a command is missing"), "", req)
}

// withSuggestion hints at what was probably meant, else at the help.
func withSuggestion(err *errcode.Error, meant string, req *request) error {
	if meant != "" {
		return err.WithHint("did you mean %s?", meant)
	}
	return err.WithHint("see '%s --help'", strings.Join(append([]string{"calypso"}, req.path...), " "))
}

// nearest is the candidate that word begins, or that differs from it in the fewest letters; "" when
// none is near.
func nearest(word string, candidates []string) string {
	length := len(strings.TrimLeft(word, "-"))
	best, least := "", 2+length/3
	for _, c := range candidates {
		if length >= 2 && strings.HasPrefix(c, word) {
			return c
		}
		if d := distance(word, c); d < least && length > 1 {
			best, least = c, d
		}
	}
	return best
}

// distance counts the letters to insert, delete or replace to come from a to b (Levenshtein).
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
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
