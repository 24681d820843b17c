package tape

import (
	"context"
	"errors"
	"fmt"
	"math"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// Position is where the tape is. Block, File and Partition are -1 when the drive does not know.
type Position struct {
	BOP, EOP     bool // at the beginning; between early warning and the end
	EarlyWarning bool // beyond the programmable early warning
	Partition    int
	Block        int64 // number of the next logical object; filemarks count too
	File         int64 // filemarks before the position: what mt fsf counts
}

// Position asks the drive where the tape is. Drives without the long form of READ POSITION give no
// file number. It does not make a lost position known again.
func (d *Drive) Position(ctx context.Context) (Position, error) {
	if !d.shortPosition {
		long := scsi.ReadPositionLong()
		p, err := d.readPosition(ctx, long[:], 32, scsi.ParsePositionLong)
		if !refused(err) {
			return p, err
		}
		d.shortPosition = true
	}
	short := scsi.ReadPositionShort()
	return d.readPosition(ctx, short[:], 20, scsi.ParsePositionShort)
}

func (d *Drive) readPosition(ctx context.Context, cdb []byte, length int, parse func([]byte) (scsi.PositionData, error)) (Position, error) {
	const op = "read position"
	data := make([]byte, length)
	n, err := d.repeat(ctx, op, cdb, nil, data)
	if err != nil {
		return Position{}, err
	}
	p, err := parse(data[:n])
	if err != nil {
		return Position{}, d.garbled(op, err)
	}
	return Position{BOP: p.BOP, EOP: p.EOP, EarlyWarning: p.EarlyWarning,
		Partition: int(p.Partition), Block: p.Block, File: p.File}, nil
}

// SpaceEOD goes behind the last object on the tape.
func (d *Drive) SpaceEOD(ctx context.Context) error {
	cdb := scsi.Space6(scsi.SpaceToEOD, 0)
	return d.establish(ctx, "space to end of data", cdb[:])
}

// SpaceFilemarks passes n filemarks, backwards when n is negative: it ends behind the last one
// passed, seen in the direction of travel. *Stopped says that the tape ended before.
func (d *Drive) SpaceFilemarks(ctx context.Context, n int64) error {
	return d.space(ctx, "space filemarks", scsi.SpaceFilemarks, n)
}

// SpaceBlocks passes n blocks, backwards when n is negative. *Stopped with ErrFilemark says that it
// met a filemark, and is behind it.
func (d *Drive) SpaceBlocks(ctx context.Context, n int64) error {
	return d.space(ctx, "space blocks", scsi.SpaceBlocks, n)
}

func (d *Drive) space(ctx context.Context, op string, code scsi.SpaceCode, n int64) error {
	cdb := spaceCDB(code, n)
	if err := d.ready(ctx, op, cdb); err != nil || n == 0 {
		return err
	}
	_, err := d.send(ctx, cdb, nil, nil)
	if err == nil {
		return nil
	}
	return d.spaceOutcome(ctx, op, err)
}

// spaceCDB is SPACE(6) where the count fits: older drives know nothing else.
func spaceCDB(code scsi.SpaceCode, n int64) []byte {
	if n >= -1<<23 && n < 1<<23 {
		c := scsi.Space6(code, int32(n))
		return c[:]
	}
	c := scsi.Space16(code, n)
	return c[:]
}

// spaceOutcome reads why a spacing ended early (SSC-5 7.14).
func (d *Drive) spaceOutcome(ctx context.Context, op string, err error) error {
	s, answered := scsi.SenseOf(err)
	if !answered || s.Deferred {
		return d.dataFailure(ctx, op, err)
	}
	left := int64(-1)
	if s.InfoValid && s.Info != math.MinInt64 {
		left = max(s.Info, -s.Info) // some drives count down from a negative count
	}
	switch soft := s.Key <= scsi.RecoveredError; {
	case meansEndOfData(s):
		return &Stopped{Left: left, Err: ErrEndOfData}
	case soft && (s.Filemark || s.ASC == scsi.ASCFilemark):
		return &Stopped{Left: left, Err: ErrFilemark}
	case soft && (s.ASC == scsi.ASCBeginningOfMedium || s.EOM && left != 0):
		return &Stopped{Left: left, Err: ErrBeginningOfTape}
	case soft:
		return nil
	}
	return d.dataFailure(ctx, op, err)
}

// LocateBlock goes to a logical object number, as Position counts them, and checks that it got there.
func (d *Drive) LocateBlock(ctx context.Context, block int64) error {
	op := fmt.Sprintf("locate block %d", block)
	if block < 0 {
		return fmt.Errorf("%s: no such block", opObject(op, d.Name))
	}
	if err := d.locate(ctx, op, block); err != nil {
		return d.beyondData(op, err)
	}
	d.lost = nil
	p, err := d.Position(ctx)
	if err != nil {
		return err
	}
	if p.Block != block {
		return d.misplaced(op, p)
	}
	return nil
}

// locate is LOCATE(16), or LOCATE(10) on drives before LTO-3 and behind bridges that refuse it.
func (d *Drive) locate(ctx context.Context, op string, block int64) error {
	long := scsi.Locate16(scsi.LocateObject, uint64(block))
	_, err := d.repeat(ctx, op, long[:], nil, nil)
	if !refused(err) || block > math.MaxUint32 {
		return err
	}
	short := scsi.Locate10(uint32(block))
	_, err = d.repeat(ctx, op, short[:], nil, nil)
	return err
}

// beyondData makes a LOCATE that met the end of data say so.
func (d *Drive) beyondData(op string, err error) error {
	if s, ok := scsi.SenseOf(err); !ok || !meansEndOfData(s) {
		return err
	}
	return &errcode.Error{Code: errcode.TapeFileNotFound, Op: op, Object: d.Name,
		Msg: "the tape ends before it", Err: errors.Join(ErrEndOfData, err)}
}

// misplaced marks the position as lost: the drive says that it is not where it was sent.
func (d *Drive) misplaced(op string, p Position) error {
	e := errcode.New(errcode.TapePosition, d.Name, "the drive stopped at block %d, file %d", p.Block, p.File).WithOp(op)
	d.lost = e
	return e
}
