package cmd

import (
	"io"
	"os"

	"github.com/mattn/go-isatty"
	"golang.org/x/term"
)

// streams are the three standard streams and what is known about them.
type streams struct {
	In  io.Reader
	Out *checkedWriter // the answer; every failed write makes the run fail
	Err io.Writer

	InTTY, OutTTY, ErrTTY bool
	Width                 int // columns of the terminal on Err, 80 when there is none
}

func newStreams(in io.Reader, out, err io.Writer) streams {
	s := streams{In: in, Out: &checkedWriter{w: out}, Err: err, InTTY: isTTY(in), OutTTY: isTTY(out), ErrTTY: isTTY(err), Width: 80}
	if f, ok := err.(*os.File); ok && s.ErrTTY {
		if w, _, e := term.GetSize(int(f.Fd())); e == nil && w > 0 {
			s.Width = w
		}
	}
	return s
}

func isTTY(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// checkedWriter remembers the first failed write: an answer that was not delivered is no success.
type checkedWriter struct {
	w   io.Writer
	err error
}

func (c *checkedWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if err != nil && c.err == nil {
		c.err = err
	}
	return n, err
}
