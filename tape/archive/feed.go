package archive

import (
	"context"
	"errors"
	"fmt"
	"io"

	"calypso/sys/errcode"
	"calypso/tape"
)

// errCut says that the tape ends where an archive goes on.
var errCut = errors.New("the tape ends within the archive")

// stretch is a run of archive bytes to read; one of length -1 is the whole archive.
type stretch struct {
	offset, length int64
}

// feeder reads stretches of an archive from the tape into a ring.
type feeder struct {
	tape       Tape
	ring       *ring
	file       int64
	firstBlock int64
	blockSize  int64
	passed     func(bytes int64)

	blocks int64 // read
	bytes  int64 // of them
	at     int64 // index in the archive of the block that the tape stands before; -1: not known
	odd    error // a block that is shorter than those of an archive and not the last
	behind bool  // the filemark behind the archive was read

	// For stretches that are not the whole archive: the block before the tape, because the next
	// stretch may begin in it, and the writer that packs what is wanted into the ring.
	block []byte
	out   *ringWriter
}

// skipBytes is a gap that is read rather than located over: a drive reads this much in less time
// than it needs to stop and start.
const skipBytes = 32 << 20

// feed fills the ring and ends it.
func (f *feeder) feed(ctx context.Context, stretches []stretch) {
	if len(stretches) == 1 && stretches[0].length < 0 {
		f.ring.finish(f.whole(ctx))
		return
	}
	f.out = &ringWriter{ring: f.ring}
	var err error
	for _, s := range stretches {
		if err = f.part(ctx, s); err != nil {
			break
		}
	}
	f.out.flush()
	f.ring.finish(err)
}

// whole reads the archive up to its filemark, straight into the ring.
func (f *feeder) whole(ctx context.Context) error {
	if err := f.goTo(ctx, 0); err != nil {
		return err
	}
	for {
		block, err := f.ring.acquire()
		if err != nil {
			return err
		}
		n, err := f.read(ctx, block)
		if err != nil {
			return notEOF(err)
		}
		f.ring.publish(0, n)
	}
}

// part reads one stretch.
func (f *feeder) part(ctx context.Context, s stretch) error {
	for at, end := s.offset, s.offset+s.length; at < end; {
		index := at / f.blockSize
		if err := f.have(ctx, index); err != nil {
			return err
		}
		begin := index * f.blockSize
		n := min(end, begin+int64(len(f.block)))
		if n <= at {
			return errcode.New(errcode.ArchiveDamaged, tapeFile(f.file), "block %d of the archive has %d bytes, not %d", index, len(f.block), f.blockSize)
		}
		if _, err := f.out.Write(f.block[at-begin : n-begin]); err != nil {
			return err
		}
		at = n
	}
	return nil
}

// have makes f.block the block of that index.
func (f *feeder) have(ctx context.Context, index int64) error {
	if f.block != nil && index == f.at-1 {
		return nil
	}
	if f.block == nil {
		f.block = make([]byte, f.blockSize)
	}
	if err := f.goTo(ctx, index); err != nil {
		return err
	}
	return f.readPart(ctx)
}

// readPart reads the next block into f.block. The end of the archive is not where a part ends.
func (f *feeder) readPart(ctx context.Context) error {
	f.block = f.block[:cap(f.block)]
	n, err := f.read(ctx, f.block)
	f.block = f.block[:n]
	if errors.Is(err, io.EOF) {
		return errCut
	}
	return err
}

// goTo brings the tape before a block of the archive. A short gap is read.
func (f *feeder) goTo(ctx context.Context, index int64) error {
	gap := (index - f.at) * f.blockSize
	if f.at < 0 || gap < 0 || gap > skipBytes {
		if err := locate(ctx, f.tape, f.firstBlock+index, f.file); err != nil {
			return err
		}
		f.at = index
		return nil
	}
	for f.at < index {
		if err := f.readPart(ctx); err != nil {
			return err
		}
	}
	return nil
}

// read reads the next block of the archive: io.EOF at its filemark, errCut where the tape ends.
func (f *feeder) read(ctx context.Context, block []byte) (int, error) {
	n, err := f.tape.Read(ctx, block)
	switch {
	case errors.Is(err, tape.ErrFilemark):
		f.behind = true
		return 0, io.EOF
	case errors.Is(err, tape.ErrEndOfData):
		return 0, errCut
	case err != nil:
		return 0, f.failed(err)
	}
	if f.out == nil && f.odd == nil && f.bytes != f.blocks*f.blockSize {
		f.odd = fmt.Errorf("block %d is shorter than %d bytes and not the last", f.blocks-1, f.blockSize)
	}
	f.blocks++
	f.bytes += int64(n)
	f.at++
	f.passed(int64(n))
	return n, nil
}

func (f *feeder) failed(err error) error {
	var long *tape.BlockTooLong
	if errors.As(err, &long) {
		return errcode.New(errcode.ArchiveDamaged, tapeFile(f.file), "block %d has %d bytes, more than the %d of the archive's blocks", f.blocks, long.Actual, f.blockSize)
	}
	return err
}

// ringReader is the taker of a ring as an io.Reader.
type ringReader struct {
	ring *ring
	data []byte
	held bool
	end  error
}

func (r *ringReader) Read(p []byte) (int, error) {
	for len(r.data) == 0 {
		if err := r.turn(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.data)
	r.data = r.data[n:]
	return n, nil
}

// turn gives a block back and takes the next.
func (r *ringReader) turn() error {
	if r.held {
		r.ring.release()
		r.held = false
	}
	if r.end != nil {
		return r.end
	}
	r.data, _, r.end = r.ring.next()
	r.held = r.end == nil
	return r.end
}

// atEnd tells whether all of the archive was read, as far as it goes.
func (r *ringReader) atEnd() bool { return errors.Is(r.end, io.EOF) || errors.Is(r.end, errCut) }

// WriteTo hands whole blocks on without copying them.
func (r *ringReader) WriteTo(w io.Writer) (int64, error) {
	var written int64
	for {
		for len(r.data) > 0 {
			n, err := w.Write(r.data)
			written += int64(n)
			r.data = r.data[n:]
			if err != nil {
				return written, &outputError{err}
			}
		}
		if err := r.turn(); err != nil {
			return written, notEOF(err)
		}
	}
}

// outputError marks a failure of where the data go.
type outputError struct{ err error }

func (e *outputError) Error() string { return e.err.Error() }
func (e *outputError) Unwrap() error { return e.err }

// drain takes what is left, so that the hash covers it.
func (r *ringReader) drain() error {
	for {
		r.data = nil
		if err := r.turn(); err != nil {
			return notEOF(err)
		}
	}
}
