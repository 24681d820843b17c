package dataset

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxRow bounds a line of zfs: a name has at most 255 bytes, a property at most 8191, clones are many names.
const maxRow = 64 << 20

// rows is a writer that parts what `zfs … -H` prints into lines and fields, as it comes. Only the last column
// may hold text that users choose freely: it keeps its tabs, and with freeText a line that has too few columns
// goes on with the text of the line before.
type rows struct {
	columns  int
	freeText bool
	each     func(fields []string) error

	rest    []byte   // the beginning of a line
	pending []string // a row that may go on
	fields  []string // used again for each line
	err     error
}

// Write implements io.Writer. After an error it takes no more.
func (r *rows) Write(p []byte) (int, error) {
	n := len(p)
	for r.err == nil {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			r.keep(p)
			break
		}
		line := p[:end]
		if len(r.rest) > 0 {
			line = append(r.rest, line...)
			r.rest = r.rest[:0]
		}
		r.err = r.line(string(line))
		p = p[end+1:]
	}
	if r.err != nil {
		return 0, r.err
	}
	return n, nil
}

func (r *rows) keep(p []byte) {
	if len(r.rest)+len(p) > maxRow {
		r.err = fmt.Errorf("zfs printed a line of more than %d bytes", maxRow)
		return
	}
	r.rest = append(r.rest, p...)
}

func (r *rows) line(line string) error {
	r.fields = r.fields[:0]
	rest := line
	for len(r.fields) < r.columns-1 {
		field, more, found := strings.Cut(rest, "\t")
		if !found {
			return r.short(line)
		}
		r.fields, rest = append(r.fields, field), more
	}
	r.fields = append(r.fields, rest)
	if !r.freeText {
		return r.each(r.fields)
	}
	err := r.flush()
	r.pending = append(r.pending[:0], r.fields...)
	return err
}

// short takes a line that has too few columns.
func (r *rows) short(line string) error {
	if !r.freeText || len(r.pending) == 0 {
		return fmt.Errorf("zfs printed %q, which has not %d columns", line, r.columns)
	}
	r.pending[r.columns-1] += "\n" + line
	return nil
}

func (r *rows) flush() error {
	if len(r.pending) == 0 {
		return nil
	}
	err := r.each(r.pending)
	r.pending = r.pending[:0]
	return err
}

// Close takes the last row and tells whether the output was whole.
func (r *rows) Close() error {
	if r.err == nil {
		r.err = r.flush()
	}
	if r.err == nil && len(r.rest) > 0 {
		r.err = fmt.Errorf("the output of zfs ends within a line: %q", r.rest)
	}
	return r.err
}

// number reads a column of bytes or of a count; "-" and "none" are nil: there is no such value here.
func number(text string) (*int64, error) {
	if text == "-" || text == "none" {
		return nil, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > 1<<63-1 {
		return nil, fmt.Errorf("zfs printed %q for a number", text)
	}
	signed := int64(n)
	return &signed, nil
}

// count is a number that is always there.
func count(text string) (int64, error) {
	n, err := number(text)
	if err != nil || n == nil {
		return 0, fmt.Errorf("zfs printed %q for a number", text)
	}
	return *n, nil
}

// moment reads seconds since 1970.
func moment(text string) (time.Time, error) {
	n, err := number(text)
	if err != nil || n == nil {
		return time.Time{}, err
	}
	return time.Unix(*n, 0).UTC(), nil
}

// none is "" for the "-" that stands for no value.
func none(text string) string {
	if text == "-" {
		return ""
	}
	return text
}
