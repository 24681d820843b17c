package archive

import (
	"context"
	"errors"
	"io"
	"os"

	"calypso/sys/errcode"
	"calypso/sys/pipe"
	"calypso/tape/archive/pax"
)

// Source is what an archive is made of.
type Source struct {
	Name      string        // name of the archive, see CheckName
	Kind      string        // KindTar: Selection is archived; KindStream: Stream is copied
	Stream    io.Reader     // read to its end, in reads of a block
	Selection pax.Selection // what goes into the tar
}

func (s Source) check() error {
	switch {
	case s.Kind == KindStream && s.Stream == nil, s.Kind != KindStream && s.Kind != KindTar:
		return errcode.New(errcode.Internal, s.Name, "a source of kind %q without a source", s.Kind)
	}
	return CheckName(s.Name)
}

// errRingClosed ends a stage that outlived its pipeline.
var errRingClosed = errors.New("the pipeline was closed")

func widenPipe(v any) {
	if f, ok := v.(*os.File); ok {
		pipe.Widen(f)
	}
}

// isPipe tells whether a stream ends when a program does.
func isPipe(v any) bool {
	f, ok := v.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0 // some shells and sshd connect by socketpair(2)
}

// fillFromStream reads the stream straight into the ring's blocks.
func fillFromStream(r *ring, stream io.Reader) {
	for {
		block, err := r.acquire()
		if err != nil {
			return
		}
		n, err := readFull(stream, block)
		if n > 0 {
			r.publish(0, n)
		}
		if err != nil {
			r.finish(notEOF(err))
			return
		}
	}
}

// readFull is io.ReadFull but keeps the reader's own error: io.ErrUnexpectedEOF may be the source's
// way of saying that it broke.
func readFull(r io.Reader, p []byte) (int, error) {
	n := 0
	for idle := 0; n < len(p); {
		m, err := r.Read(p[n:])
		n += m
		if err != nil {
			return n, err
		}
		if idle++; m > 0 {
			idle = 0
		} else if idle > 100 {
			return n, io.ErrNoProgress
		}
	}
	return n, nil
}

func notEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// fillFromTree encodes the selection into the ring and its members into the spool.
func fillFromTree(ctx context.Context, r *ring, sel pax.Selection, add func(pax.Member) error) pax.Report {
	w := &ringWriter{ring: r}
	report, err := pax.Encode(ctx, w, sel, add)
	w.flush()
	r.finish(err)
	return report
}

// ringWriter is the filler of a ring as an io.Writer.
type ringWriter struct {
	ring  *ring
	block []byte
	used  int
}

func (w *ringWriter) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		if w.block == nil {
			block, err := w.ring.acquire()
			if err != nil {
				return written - len(p), err
			}
			w.block, w.used = block, 0
		}
		n := copy(w.block[w.used:], p)
		w.used += n
		p = p[n:]
		if w.used == len(w.block) {
			w.flush()
		}
	}
	return written, nil
}

// flush hands the block on, full or not.
func (w *ringWriter) flush() {
	if w.used > 0 {
		w.ring.publish(0, w.used)
	}
	w.block, w.used = nil, 0
}
