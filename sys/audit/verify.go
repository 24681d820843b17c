package audit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"calypso/sys/errcode"
)

// Result is what Verify found in a log that is in order.
type Result struct {
	Records  int64
	FirstSeq int64
	LastSeq  int64
	Torn     []int    // lines that a crash cut off, each accounted for by the record after it
	Notes    []string // what is in order but worth knowing
}

// Verify reads the whole log at path and checks the chain and the head. older names logs that were
// moved away by rotation, oldest first: the chain runs through them. A missing log without a head
// has no records and is in order. The error has errcode.AuditBroken and names FILE:LINE of the
// first line that is wrong; a log that this user may not read, or the disk cannot, is another error.
func Verify(path string, older ...string) (Result, error) {
	c := checker{prev: genesis}
	head, headErr := readHead(path)
	c.head = head
	for _, name := range append(older, path) {
		if err := c.file(name, name == path && headErr != nil); err != nil {
			return c.Result, err
		}
	}
	return c.Result, c.end(path, headErr)
}

// checker carries the chain from line to line.
type checker struct {
	Result
	prev     link
	head     link
	headSeen bool
	torn     []byte // the lines just before that are no records, with their newlines
	tornLine int    // where they begin
}

// file checks one file. mayMiss: its absence is fine.
func (c *checker) file(name string, mayMiss bool) error {
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) && mayMiss {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return broken(name, 0, "the log is not there: %w", err)
	}
	if err != nil {
		return unreadable(name, err)
	}
	defer file.Close()
	r := bufio.NewReaderSize(file, 64<<10)
	for n := 1; ; n++ {
		line, err := readLine(r)
		if errors.Is(err, io.EOF) {
			return c.last(name, n, line)
		}
		if errors.Is(err, errLongLine) {
			return broken(name, n, "cannot be a record: %w", err)
		}
		if err != nil {
			return unreadable(name, err)
		}
		if err := c.line(name, n, line); err != nil {
			return err
		}
	}
}

var errLongLine = fmt.Errorf("longer than %d bytes", maxLine)

// readLine gives a line without its newline; io.EOF with what is left after the last one.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxLine {
			return nil, errLongLine
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return line, err
		}
		return line[:len(line)-1], nil
	}
}

// last is the text after the last newline: none, or a line that a crash has just torn.
func (c *checker) last(name string, n int, text []byte) error {
	if len(c.torn) > 0 {
		return c.changed(name)
	}
	if len(text) > 0 {
		c.Notes = append(c.Notes, fmt.Sprintf("%s:%d: a torn last line; the next command accounts for it", name, n))
	}
	return nil
}

func (c *checker) changed(name string) error {
	return broken(name, c.tornLine, "was changed: not a record whose hash fits its content")
}

func (c *checker) line(name string, n int, text []byte) error {
	r, hash, err := open(text)
	if err != nil {
		return c.noRecord(name, n, text)
	}
	if err := c.account(name, n, r); err != nil {
		return err
	}
	if err := c.chain(name, n, r); err != nil {
		return err
	}
	c.count(link{r.Seq, hash})
	return nil
}

// noRecord keeps a line that may be torn until the next record says whether it is.
func (c *checker) noRecord(name string, n int, text []byte) error {
	if len(c.torn) == 0 {
		c.tornLine = n
	}
	c.torn = append(append(c.torn, text...), '\n')
	if len(c.torn) > 2*maxLine {
		return c.changed(name)
	}
	return nil
}

// account checks that torn lines and the record that says so belong together.
func (c *checker) account(name string, n int, r Record) error {
	switch {
	case len(c.torn) == 0 && r.TornSHA256 != "":
		return broken(name, n, "the torn line before it was removed")
	case len(c.torn) == 0:
		return nil
	case r.TornSHA256 != hashOf(c.torn[:len(c.torn)-1]):
		return c.changed(name)
	}
	c.Torn = append(c.Torn, c.tornLine)
	c.torn = nil
	return nil
}

// chain checks that r continues the line before.
func (c *checker) chain(name string, n int, r Record) error {
	switch {
	case r.Seq == c.prev.Seq+1 && r.Prev == c.prev.Hash:
		return nil
	case r.Seq == c.prev.Seq+1:
		return broken(name, n, "does not continue the line before it: one of the two was replaced")
	case r.Seq > c.prev.Seq+1:
		return broken(name, n, "records %d to %d are missing before it", c.prev.Seq+1, r.Seq-1)
	}
	return broken(name, n, "record %d stands after record %d", r.Seq, c.prev.Seq)
}

func (c *checker) count(l link) {
	if c.Records == 0 {
		c.FirstSeq = l.Seq
	}
	c.Records++
	c.LastSeq, c.prev = l.Seq, l
	c.headSeen = c.headSeen || l == c.head
}

// end holds the last record against the head.
func (c *checker) end(path string, headErr error) error {
	switch {
	case errors.Is(headErr, fs.ErrNotExist) && c.Records <= 1:
		// A crash before the first head was written leaves one record at most.
		return nil
	case headErr != nil && !errors.Is(headErr, fs.ErrNotExist) && !errors.Is(headErr, errHeadDamaged):
		return unreadable(headPath(path), headErr)
	case headErr != nil:
		return broken(headPath(path), 0, "cannot be read, so a cut of the end cannot be excluded: %w", headErr)
	case c.head.Seq > c.LastSeq:
		return broken(path, 0, "records %d to %d are missing at the end", c.LastSeq+1, c.head.Seq)
	case !c.headSeen:
		return broken(path, 0, "record %d is not the one that the head file names", c.head.Seq)
	case c.head.Seq < c.LastSeq && c.headStays(path):
		c.Notes = append(c.Notes, fmt.Sprintf("the head file names record %d, the last is %d: a command was killed while it recorded itself, or found the disk full, or is doing it now", c.head.Seq, c.LastSeq))
	}
	return nil
}

// headStays says whether the head file is as it was before the log was read: what other commands appended
// meanwhile is behind a head that has moved on.
func (c *checker) headStays(path string) bool {
	now, err := readHead(path)
	return err != nil || now == c.head
}

// unreadable is no finding about what the log holds.
func unreadable(name string, err error) error {
	return errcode.New(errcode.Of(err), name, "cannot read: %w", err)
}

func broken(name string, line int, format string, args ...any) error {
	if line > 0 {
		name = fmt.Sprintf("%s:%d", name, line)
	}
	return errcode.New(errcode.AuditBroken, name, format, args...)
}
