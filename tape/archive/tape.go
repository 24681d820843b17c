package archive

import (
	"context"
	"errors"
	"fmt"
	"io"

	"calypso/sys/errcode"
	"calypso/tape"
	"calypso/tape/label"
)

// Tape is what this package needs of a *tape.Drive in variable block mode. Reads of a filemark give
// tape.ErrFilemark and leave the position behind it; reads at the end of data tape.ErrEndOfData.
type Tape interface {
	label.Reader
	Write(ctx context.Context, p []byte) (earlyWarning bool, err error)
	WriteFilemarks(ctx context.Context, n int, immediate bool) (earlyWarning bool, err error)
	Position(ctx context.Context) (tape.Position, error)
	LocateBlock(ctx context.Context, lba int64) error
	LocateFile(ctx context.Context, n int64) error
	SpaceEOD(ctx context.Context) error
	SpaceFilemarks(ctx context.Context, n int64) error
}

// fileReader reads one tape file as a stream, from where the tape stands to the next filemark.
type fileReader struct {
	ctx    context.Context
	tape   Tape
	buf    []byte // room for the longest block
	rest   []byte
	blocks int64
	end    error // io.EOF behind the filemark
}

func newFileReader(ctx context.Context, d Tape, buf []byte) *fileReader {
	return &fileReader{ctx: ctx, tape: d, buf: buf}
}

// fill reads one block when none is left. The end of data without a filemark is
// io.ErrUnexpectedEOF: the file was cut.
func (f *fileReader) fill() error {
	if len(f.rest) > 0 || f.end != nil {
		return f.end
	}
	n, err := f.tape.Read(f.ctx, f.buf)
	switch {
	case errors.Is(err, tape.ErrFilemark):
		f.end = io.EOF
	case errors.Is(err, tape.ErrEndOfData):
		f.end = io.ErrUnexpectedEOF
	case err != nil:
		f.end = err
	default:
		f.rest = f.buf[:n]
		f.blocks++
	}
	return f.end
}

func (f *fileReader) Read(p []byte) (int, error) {
	if err := f.fill(); err != nil && len(f.rest) == 0 {
		return 0, err
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// skip passes over the rest of the file, also where it could not be read.
func (f *fileReader) skip() error {
	if errors.Is(f.end, io.EOF) {
		return nil
	}
	f.rest = nil
	return skipFile(f.ctx, f.tape)
}

// skipFile goes behind the next filemark. The end of data is not an error: the file was cut there.
func skipFile(ctx context.Context, d Tape) error {
	err := d.SpaceFilemarks(ctx, 1)
	if errors.Is(err, tape.ErrEndOfData) {
		return nil
	}
	return err
}

// locate goes to a block and makes sure that the drive is there, in the file that is expected.
func locate(ctx context.Context, d Tape, block, file int64) error {
	if err := d.LocateBlock(ctx, block); err != nil {
		return err
	}
	at, err := d.Position(ctx)
	if err != nil {
		return err
	}
	if at.Block != block {
		return errcode.New(errcode.TapePosition, "", "the drive is at block %d, not at block %d", at.Block, block)
	}
	if at.File != file {
		return errcode.New(errcode.MediaCatalogMismatch, "", "block %d is in tape file %d, not in tape file %d", block, at.File, file)
	}
	return nil
}

func tapeFile(n int64) string { return fmt.Sprintf("tape file %d", n) }
