package cmd

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/olekukonko/tablewriter"
)

// page is an answer for people, rendered whole before it is written.
type page struct {
	b     bytes.Buffer
	empty []string // notes for the person at the terminal about lists with nothing in them
}

// line adds one line.
func (p *page) line(format string, args ...any) {
	p.b.WriteString(printable(fmt.Sprintf(format, args...)))
	p.b.WriteByte('\n')
}

// blank adds an empty line between sections.
func (p *page) blank() { p.b.WriteByte('\n') }

// raw adds text as it is: generated scripts and manual pages.
func (p *page) raw(text string) { p.b.WriteString(text) }

// table adds a table. One without rows prints nothing; whenEmpty ("no drives") then goes to
// standard error if a person looks.
func (p *page) table(t *table, whenEmpty string) {
	if len(t.rows) == 0 {
		p.empty = append(p.empty, whenEmpty)
		return
	}
	t.render(&p.b)
}

// pairs adds a listing of "name  value" lines, two strings or values a pair.
func (p *page) pairs(namesAndValues ...any) {
	t := newTable("", "")
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		t.row(namesAndValues[i], namesAndValues[i+1])
	}
	t.render(&p.b)
}

// table is rows under headers: no borders, no wrapping, one record a line, the same in a pipe.
type table struct {
	headers []string
	right   []bool
	rows    [][]string
}

// newTable makes a table; a header that begins with '>' is of a column of numbers, set to the right.
func newTable(headers ...string) *table {
	t := &table{right: make([]bool, len(headers))}
	for i, h := range headers {
		name, right := strings.CutPrefix(h, ">")
		t.headers = append(t.headers, strings.ToUpper(name))
		t.right[i] = right
	}
	return t
}

// row adds a record. nil, nil pointers, "" and the zero time show as "-".
func (t *table) row(cells ...any) {
	texts := make([]string, len(cells))
	for i, c := range cells {
		texts[i] = cell(c)
	}
	t.rows = append(t.rows, texts)
}

func (t *table) render(b *bytes.Buffer) {
	var padded bytes.Buffer
	w := tablewriter.NewWriter(&padded)
	w.SetAutoFormatHeaders(false)
	w.SetAutoWrapText(false)
	w.SetBorder(false)
	w.SetHeaderLine(false)
	w.SetCenterSeparator("")
	w.SetColumnSeparator("")
	w.SetRowSeparator("")
	w.SetTablePadding("  ")
	w.SetNoWhiteSpace(true)
	align := make([]int, len(t.right))
	for i, right := range t.right {
		align[i] = tablewriter.ALIGN_LEFT
		if right {
			align[i] = tablewriter.ALIGN_RIGHT
		}
	}
	w.SetColumnAlignment(align)
	w.AppendBulk(append(t.headerRow(), t.rows...)) // as rows, so that headers align like their columns
	w.Render()
	for line := range strings.Lines(padded.String()) {
		b.WriteString(strings.TrimRight(line, " \n"))
		b.WriteByte('\n')
	}
}

// headerRow is the headers as the first row; none for a listing of pairs.
func (t *table) headerRow() [][]string {
	if strings.Join(t.headers, "") == "" {
		return nil
	}
	return [][]string{t.headers}
}

// cell renders one value for a table.
func cell(v any) string {
	s := ""
	switch x := v.(type) {
	case nil:
	case string:
		s = printable(x)
	case *string:
		if x != nil {
			s = printable(*x)
		}
	case *int64:
		if x != nil {
			s = fmt.Sprint(*x)
		}
	case *int:
		if x != nil {
			s = fmt.Sprint(*x)
		}
	case *bool:
		if x != nil {
			return cell(*x)
		}
	case bool:
		s = map[bool]string{true: "yes", false: "no"}[x]
	case time.Time:
		if !x.IsZero() {
			s = x.UTC().Format("2006-01-02T15:04:05Z")
		}
	case *time.Time:
		if x != nil {
			return cell(*x)
		}
	default:
		s = printable(fmt.Sprint(x))
	}
	if s == "" {
		return "-"
	}
	return s
}

// counted is a number of things: "1 slot", "2 slots".
func counted[N int | int64](n N, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// bytesText is a number of bytes for people, in powers of 1000 as capacities of tapes are: "12TB".
func bytesText(n int64) string {
	if n < 0 {
		return "-"
	}
	return strings.ReplaceAll(humanize.Bytes(uint64(n)), " ", "")
}

// printable replaces what would act on a terminal (escape sequences in a volume name) or break a
// line in two.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if actsOnTerminal(r) {
			return '?'
		}
		return r
	}, s)
}

// actsOnTerminal is for control characters, line separators and what changes the direction of text.
func actsOnTerminal(r rune) bool {
	return r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}
