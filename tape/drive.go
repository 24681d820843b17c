// Package tape drives tape drives and medium changers as a host does: it speaks SSC-5 and SMC-3
// over any scsi.Transport, knows what the answers mean, and turns them into the error codes that
// users act upon.
//
// A Drive or Changer is for one goroutine at a time. Nothing here opens devices, takes locks or
// prints. After a unit attention or a lost answer a Drive refuses to read, write or space from where
// it is (errcode.TapePosition) until Rewind, LocateBlock, LocateFile or SpaceEOD has established a
// position: a reset rewinds tapes, and writing on would destroy the first archive. After a unit attention it
// refuses to write until Rewind, since the cartridge may have been changed.
//
// Limits: partition 0 alone, blocks of variable length alone.
package tape

import (
	"context"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// Drive is a tape drive.
type Drive struct {
	Unit
	limits        scsi.BlockLimits
	limitsKnown   bool
	shortPosition bool // the long form of READ POSITION was refused
	noLocate16    bool
	modeSix       bool // MODE SENSE(10) was refused
}

// NewDrive makes a Drive of the transport. It sends nothing yet. Set Name for better errors.
func NewDrive(t scsi.Transport) *Drive { return &Drive{Unit: newUnit(t)} }

// Limits gives the smallest and largest block that the drive takes, in bytes. A drive that states
// no maximum gives what the CDB can carry.
func (d *Drive) Limits(ctx context.Context) (smallest, largest int, err error) {
	if !d.limitsKnown {
		if err := d.readLimits(ctx); err != nil {
			return 0, 0, err
		}
	}
	return d.limits.Min, d.limits.Max, nil
}

func (d *Drive) readLimits(ctx context.Context) error {
	const op = "read block limits"
	cdb := scsi.ReadBlockLimits()
	data := make([]byte, 6)
	n, err := d.repeat(ctx, op, cdb[:], nil, data)
	if err != nil {
		return err
	}
	limits, err := scsi.ParseBlockLimits(data[:n])
	if err != nil {
		return d.garbled(op, err)
	}
	if limits.Max == 0 || limits.Max > maxTransfer {
		limits.Max = maxTransfer
	}
	limits.Max = min(limits.Max, d.carried())
	d.limits, d.limitsKnown = limits, true
	return nil
}

// carried is the most bytes that one command carries on the way to the drive: a host adapter may do with
// less than the drive.
func (d *Drive) carried() int {
	if t, ok := d.t.(interface{ MaxTransfer() int }); ok && t.MaxTransfer() > 0 {
		return min(maxTransfer, t.MaxTransfer())
	}
	return maxTransfer
}

// garbled is the error of an answer that cannot be decoded.
func (u *Unit) garbled(op string, err error) error {
	return (&errcode.Error{Code: errcode.DeviceError, Op: op, Object: u.Name,
		Msg: "the answer makes no sense: " + err.Error(), Err: err}).
		WithHint("record a transcript and report it")
}

// Rewind goes to the beginning of the tape and waits for it. From there everything is looked at anew: what was
// in doubt before is not any more, unless the rewind itself met a unit attention.
func (d *Drive) Rewind(ctx context.Context) error {
	const op = "rewind"
	if err := d.settle(ctx, op); err != nil {
		return err
	}
	d.doubt = nil
	cdb := scsi.Rewind(false)
	return d.establish(ctx, op, cdb[:])
}

// establish carries out a command after which the position is known.
func (d *Drive) establish(ctx context.Context, op string, cdb []byte) error {
	if _, err := d.repeat(ctx, op, cdb, nil, nil); err != nil {
		return err
	}
	d.lost = nil
	return nil
}

// Load threads the cartridge in the drive's mouth and waits until it is at its beginning.
func (d *Drive) Load(ctx context.Context) error { return d.loadUnload(ctx, "load", true) }

// Unload rewinds and puts the cartridge where it can be taken. A changer needs this before a move.
func (d *Drive) Unload(ctx context.Context) error { return d.loadUnload(ctx, "unload", false) }

func (d *Drive) loadUnload(ctx context.Context, op string, load bool) error {
	cdb := scsi.LoadUnload(load, false)
	err := d.establish(ctx, op, cdb[:])
	d.settled, d.limitsKnown = false, false // a change of medium raises unit attentions
	return err
}

// Prevent keeps the cartridge in the drive, or lets it go again.
func (d *Drive) Prevent(ctx context.Context, prevent bool) error {
	op := "allow removal"
	if prevent {
		op = "prevent removal"
	}
	cdb := scsi.PreventAllow(prevent)
	_, err := d.repeat(ctx, op, cdb[:], nil, nil)
	return err
}

// Erase makes the tape end at the current position; long overwrites the rest of it, which takes
// hours and cannot be stopped.
func (d *Drive) Erase(ctx context.Context, long bool) error {
	cdb := scsi.Erase6(long, false)
	if err := d.readyToWrite(ctx, "erase", cdb[:]); err != nil {
		return err
	}
	if _, err := d.send(ctx, cdb[:], nil, nil); !completed(err) {
		return d.dataFailure(ctx, "erase", err)
	}
	return nil
}
