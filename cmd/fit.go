package cmd

import (
	"strings"
	"unicode/utf8"
)

// textWidth is how wide an answer may be: that of the smallest terminal, and the same in a pipe. A single
// word that is longer stays whole.
const textWidth = 80

// fitPairs is pairs with values that are broken at spaces, the rest below.
func (p *page) fitPairs(namesAndValues ...any) {
	t := newTable("", "")
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		t.row(namesAndValues[i], namesAndValues[i+1])
	}
	p.fitRows(t.rows, t.right)
}

// fitTable is table with a last column that is broken at spaces, the rest below it.
func (p *page) fitTable(t *table, whenEmpty string) {
	if len(t.rows) == 0 {
		p.empty = append(p.empty, whenEmpty)
		return
	}
	p.fitRows(append(t.headerRow(), t.rows...), t.right)
}

func (p *page) fitRows(rows [][]string, right []bool) {
	widths := make([]int, len(right))
	for _, row := range rows {
		for i, c := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		last := len(row) - 1
		for i, c := range row[:last] {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
			if right[i] {
				line.WriteString(pad + c + "  ")
			} else {
				line.WriteString(c + pad + "  ")
			}
		}
		p.fitLine(line.String(), row[last])
	}
}

// fitLine adds text behind what it is to be beside; what is too long goes below, as far to the right.
func (p *page) fitLine(beside, text string) {
	beside, text = printable(beside), printable(text)
	column := utf8.RuneCountInString(beside)
	if column+utf8.RuneCountInString(text) > textWidth {
		text = strings.TrimSuffix(wrap(text, column, textWidth)[column:], "\n")
	}
	p.raw(strings.TrimRight(beside+text, " ") + "\n")
}

// hexWords parts the digits of bytes, so that they can be broken into lines: 16 bytes a word.
func hexWords(digits string) string {
	const word = 32
	var words []string
	for len(digits) > word {
		words, digits = append(words, digits[:word]), digits[word:]
	}
	return strings.Join(append(words, digits), " ")
}
