package run

import (
	"io"
	"os"
	"os/exec"
)

// input gives a tool what it reads. os/exec would wait for the source after the tool was ended: a tape that
// stalls, or a terminal, would hold up an interrupt.
type input struct {
	from   io.Reader
	pipe   io.WriteCloser
	failed chan error
}

// openInput connects the input of cmd. A file is given to the tool itself; nil is /dev/null.
func openInput(cmd *exec.Cmd, from io.Reader) (*input, error) {
	if file, ok := from.(*os.File); ok {
		cmd.Stdin = file
		return nil, nil
	}
	if from == nil {
		return nil, nil
	}
	pipe, err := cmd.StdinPipe()
	return &input{from, pipe, make(chan error, 1)}, err
}

// begin copies until the source ends or the tool reads no more.
func (i *input) begin() {
	if i == nil {
		return
	}
	go func() {
		source := &failing{from: i.from}
		_, _ = io.Copy(i.pipe, source) // a tool that does not read all may have what it needs: its status tells
		i.failed <- source.err         // before the tool can see the end
		_ = i.pipe.Close()
	}()
}

// failure is why the source ended before its end: what the tool made of the rest is no success.
func (i *input) failure() error {
	if i == nil {
		return nil
	}
	select {
	case err := <-i.failed:
		return err
	default:
		return nil
	}
}

// failing keeps the error of a reader apart from that of the writer it is copied to.
type failing struct {
	from io.Reader
	err  error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.from.Read(p)
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}
