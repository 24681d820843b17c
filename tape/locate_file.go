package tape

import (
	"context"
	"errors"
	"fmt"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// LocateFile goes to the beginning of tape file n: behind the n-th filemark, where mt fsf n arrives
// from the beginning of the tape. File 0 is the beginning. A tape that has no such file gives
// errcode.TapeFileNotFound with how many files it has.
//
// Where LOCATE(16) to a filemark stops is up to the vendor: IBM's drives stop before the filemark,
// HP's behind it, and their counts differ by one. So LOCATE only brings the tape near; READ
// POSITION then says how far it is off and SPACE, whose end is defined exactly, does the rest.
func (d *Drive) LocateFile(ctx context.Context, n int64) error {
	if n < 0 {
		return errcode.New(errcode.TapeFileNotFound, d.Name, "file %d: files count from 0", n).WithOp("locate")
	}
	if n == 0 {
		return d.Rewind(ctx)
	}
	p, err := d.nearFile(ctx, n)
	if err != nil {
		return err
	}
	if p.File < 0 {
		return d.fileFromStart(ctx, n)
	}
	if err := d.toFileStart(ctx, n, p.File); err != nil {
		return d.noSuchFile(ctx, n, err)
	}
	return d.verifyFile(ctx, n)
}

// nearFile goes to or near file n; the end of data counts as near. A File of -1 says that the drive
// cannot do this.
func (d *Drive) nearFile(ctx context.Context, n int64) (Position, error) {
	op := fmt.Sprintf("locate file %d", n)
	if d.noLocate16 {
		return Position{File: -1}, nil
	}
	cdb := scsi.Locate16(scsi.LocateFile, uint64(n))
	_, err := d.repeat(ctx, op, cdb[:], nil, nil)
	if refused(err) {
		d.noLocate16 = true
		return Position{File: -1}, nil
	}
	if s, ok := scsi.SenseOf(err); err != nil && !(ok && meansEndOfData(s)) {
		return Position{}, err
	}
	d.lost = nil
	return d.Position(ctx)
}

// toFileStart goes from anywhere in file at to the beginning of file n. Going back it crosses the
// filemark before file n and returns over it: from inside file n that alone tells its beginning
// from its end.
func (d *Drive) toFileStart(ctx context.Context, n, at int64) error {
	if at < n {
		return d.SpaceFilemarks(ctx, n-at)
	}
	if err := d.SpaceFilemarks(ctx, -(at - n + 1)); err != nil {
		return err
	}
	return d.SpaceFilemarks(ctx, 1)
}

// fileFromStart is for drives without LOCATE to filemarks or without file numbers: filemarks are counted from
// the beginning.
func (d *Drive) fileFromStart(ctx context.Context, n int64) error {
	if err := d.Rewind(ctx); err != nil {
		return err
	}
	if err := d.SpaceFilemarks(ctx, n); err != nil {
		return d.noSuchFile(ctx, n, err)
	}
	return d.verifyFile(ctx, n)
}

func (d *Drive) verifyFile(ctx context.Context, n int64) error {
	p, err := d.Position(ctx)
	if err != nil {
		return err
	}
	if p.File >= 0 && p.File != n {
		return d.misplaced(fmt.Sprintf("locate file %d", n), p)
	}
	return nil
}

// noSuchFile turns a spacing that met the end of data into the answer to the question.
func (d *Drive) noSuchFile(ctx context.Context, n int64, err error) error {
	var stopped *Stopped
	if !errors.As(err, &stopped) || stopped.Err != ErrEndOfData {
		return err
	}
	e := &errcode.Error{Code: errcode.TapeFileNotFound, Op: fmt.Sprintf("locate file %d", n), Object: d.Name, Err: err}
	switch files, countErr := d.filesBeforeEnd(ctx, n-stopped.Left); {
	case countErr != nil:
		e.Msg = "the tape ends before it"
	case files == 0:
		e.Msg = "the tape is blank"
	case files == 1:
		e.Msg = "the tape has 1 file, number 0"
	default:
		e.Msg = fmt.Sprintf("the tape has %d files, 0 to %d", files, files-1)
	}
	return e
}

// filesBeforeEnd counts the files of a tape that is at its end of data with this many filemarks
// before it. What lies behind the last filemark is a file only if there is something.
func (d *Drive) filesBeforeEnd(ctx context.Context, filemarks int64) (int64, error) {
	if p, err := d.Position(ctx); err == nil && p.File >= 0 {
		filemarks = p.File
	}
	err := d.SpaceBlocks(ctx, -1)
	switch {
	case err == nil:
		return filemarks + 1, nil
	case errors.Is(err, ErrFilemark), errors.Is(err, ErrBeginningOfTape):
		return filemarks, nil
	}
	return 0, err
}
