package tape

import (
	"context"
	"fmt"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// maxTransfer is the largest block that READ(6) and WRITE(6) can name.
const maxTransfer = 1<<24 - 1

// ready clears pending unit attentions and checks that the position is known for a command that works there.
func (u *Unit) ready(ctx context.Context, op string, cdb []byte) error {
	if !u.settled {
		if err := u.settle(ctx, op); err != nil {
			return err
		}
	}
	_ = u.askTimeouts(ctx, cdb) // an attention is noted: the position is lost
	return u.known(op)
}

// readyToWrite is ready for a command that changes the tape.
func (u *Unit) readyToWrite(ctx context.Context, op string, cdb []byte) error {
	if err := u.ready(ctx, op, cdb); err != nil {
		return err
	}
	return u.undoubted(op)
}

// Write writes p as one block. earlyWarning says that the end of the medium is near; the block is
// on the tape all the same. At the end itself the error has code errcode.TapeFull and the block is
// not on the tape. A block is never written twice: after a unit attention or a lost answer the
// error is errcode.TapePosition or errcode.DeviceUnknown, and the position must be established.
func (d *Drive) Write(ctx context.Context, p []byte) (earlyWarning bool, err error) {
	const op = "write"
	if len(p) == 0 || len(p) > maxTransfer {
		return false, d.blockSize(op, len(p), maxTransfer)
	}
	cdb := scsi.Write6(false, uint32(len(p)))
	if err := d.readyToWrite(ctx, op, cdb[:]); err != nil {
		return false, err
	}
	if _, err = d.send(ctx, cdb[:], p, nil); err == nil {
		return false, nil
	}
	return d.writeOutcome(ctx, op, err, len(p))
}

func (d *Drive) blockSize(op string, length, limit int) error {
	return errcode.New(errcode.TapeBlockTooLarge, d.Name,
		"a block has 1 to %d bytes, not %d", limit, length).WithOp(op)
}

// WriteFilemarks writes n filemarks at the current position. Unless immediate it returns when
// everything written so far is on the medium.
func (d *Drive) WriteFilemarks(ctx context.Context, n int, immediate bool) (earlyWarning bool, err error) {
	const op = "write filemarks"
	if n < 0 || n > maxTransfer {
		return false, fmt.Errorf("%s: count %d is not in 0 to %d", opObject(op, d.Name), n, maxTransfer)
	}
	cdb := scsi.WriteFilemarks6(immediate, uint32(n))
	if err := d.readyToWrite(ctx, op, cdb[:]); err != nil {
		return false, err
	}
	if _, err = d.send(ctx, cdb[:], nil, nil); err == nil {
		return false, nil
	}
	return d.writeOutcome(ctx, op, err, 0)
}

// Flush returns when everything written is on the medium: WRITE FILEMARKS with count 0 is the only
// command that promises this (SSC-5 5.8).
func (d *Drive) Flush(ctx context.Context) error {
	_, err := d.WriteFilemarks(ctx, 0, false)
	return err
}

// writeOutcome tells early warning from failure (SSC-5 4.2.4).
func (d *Drive) writeOutcome(ctx context.Context, op string, err error, length int) (bool, error) {
	s, answered := scsi.SenseOf(err)
	if !answered || s.Deferred || s.Key > scsi.RecoveredError {
		if d.tooLarge(ctx, s, length) {
			return false, d.blockSize(op, length, d.limits.Max)
		}
		return false, d.dataFailure(ctx, op, err)
	}
	if s.InfoValid && s.Info != 0 { // a residue: the drive stopped before the block was complete
		return false, &errcode.Error{Code: errcode.TapeFull, Op: op, Object: d.Name,
			Msg: fmt.Sprintf("%d bytes or filemarks were not written: %s", s.Info, s), Err: err}
	}
	return s.EOM, nil
}

// tooLarge recognises a WRITE that was refused for its length.
func (d *Drive) tooLarge(ctx context.Context, s scsi.Sense, length int) bool {
	if length == 0 || s.Key != scsi.IllegalRequest || s.ASC != scsi.ASCInvalidField {
		return false
	}
	_, largest, err := d.Limits(ctx)
	return err == nil && length > largest
}

// dataFailure makes the error of a command that works at the current position out of the
// transport's. After a unit attention, a deferred error or a command that the drive gave up that position is
// lost; after a medium error it is worth telling.
func (d *Drive) dataFailure(ctx context.Context, op string, err error) error {
	s, answered := scsi.SenseOf(err)
	if answered && s.Key == scsi.UnitAttention {
		return d.positionLost(op, err)
	}
	if _, hosts := systemCode(err); answered && s.Key == scsi.AbortedCommand && !hosts {
		d.lost = err // how far it came nobody says
		return d.positionLost(op, err)
	}
	failure := d.fail(op, err)
	if e, ok := failure.(*errcode.Error); ok && e.Code == errcode.TapeMediumError {
		d.tellBlock(ctx, e)
	}
	return failure
}

// tellBlock adds where the tape is, if the drive still says.
func (d *Drive) tellBlock(ctx context.Context, e *errcode.Error) {
	p, err := d.Position(context.WithoutCancel(ctx))
	if err != nil || p.Block < 0 {
		return
	}
	e.State = fmt.Sprintf("the tape is at block %d", p.Block)
	if p.File >= 0 {
		e.State += fmt.Sprintf(", file %d", p.File)
	}
}

// Read reads the next block into buf and gives its length. A block shorter than buf is normal.
// ErrFilemark and ErrEndOfData come as they are, *BlockTooLong when buf is too small.
//
// SILI is not used: with it a drive in variable mode cuts a block that is too long without a word
// (SSC-5 5.4), and the length of a short one would rest on the host adapter's residual, which USB
// bridges make up.
func (d *Drive) Read(ctx context.Context, buf []byte) (n int, err error) {
	const op = "read"
	if len(buf) == 0 || len(buf) > maxTransfer {
		return 0, d.blockSize(op, len(buf), maxTransfer)
	}
	buf = buf[:min(len(buf), d.carried())]
	cdb := scsi.Read6(false, false, uint32(len(buf)))
	if err := d.ready(ctx, op, cdb[:]); err != nil {
		return 0, err
	}
	n, err = d.send(ctx, cdb[:], nil, buf)
	if err != nil {
		return d.readOutcome(ctx, op, err, len(buf), n)
	}
	if n < len(buf) { // GOOD says that the block fills the buffer
		return 0, d.cutShort(op, n, len(buf))
	}
	return n, nil
}

// cutShort is the error of a read whose data did not all arrive.
func (d *Drive) cutShort(op string, got, want int) error {
	e := errcode.New(errcode.DeviceUnknown, d.Name, "%d bytes of a block of %d arrived", got, want).WithOp(op)
	d.lost = e
	return e
}

// readOutcome sorts out what CHECK CONDITION means for a read (SSC-5 5.4 and 4.2.21).
func (d *Drive) readOutcome(ctx context.Context, op string, err error, want, got int) (int, error) {
	s, answered := scsi.SenseOf(err)
	switch {
	case !answered || s.Deferred:
		return 0, d.dataFailure(ctx, op, err)
	case s.Key <= scsi.RecoveredError && (s.Filemark || s.ASC == scsi.ASCFilemark):
		return 0, ErrFilemark
	case meansEndOfData(s):
		return 0, ErrEndOfData
	case s.Key <= scsi.RecoveredError && s.ILI:
		return d.otherLength(op, s, want, got)
	case s.Key <= scsi.RecoveredError:
		return d.wholeBlock(op, want, got)
	}
	return 0, d.tellKey(ctx, d.dataFailure(ctx, op, err))
}

func (d *Drive) wholeBlock(op string, want, got int) (int, error) {
	if got < want {
		return 0, d.cutShort(op, got, want)
	}
	return want, nil
}

// otherLength handles ILI: INFORMATION is the requested length less the block's.
func (d *Drive) otherLength(op string, s scsi.Sense, want, got int) (int, error) {
	if !s.InfoValid {
		return got, nil // all that is left is to believe the transport
	}
	actual := int64(want) - s.Info
	switch {
	case actual > int64(want):
		return want, &BlockTooLong{Actual: int(actual), Buffer: want}
	case actual < 0 || int64(got) < actual:
		return 0, d.cutShort(op, got, int(actual))
	}
	return int(actual), nil
}
