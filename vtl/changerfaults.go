package vtl

import (
	"context"

	"calypso/tape/scsi"
	"calypso/vtl/fault"
	"calypso/vtl/smc"
	"calypso/vtl/spc"
)

// faultyMover is a robot that can be made to be stuck.
type faultyMover struct {
	smc.Mover
	faults *fault.Live
}

func (m faultyMover) Move(ctx context.Context, src, dst uint16) error {
	if err := m.stuck(); err != nil {
		return err
	}
	return m.Mover.Move(ctx, src, dst)
}

func (m faultyMover) Exchange(ctx context.Context, src, first, second uint16) error {
	if err := m.stuck(); err != nil {
		return err
	}
	return m.Mover.Exchange(ctx, src, first, second)
}

func (m faultyMover) stuck() error {
	m.faults.Refresh()
	if f, stuck := m.faults.Hit(fault.RobotStuck, func(fault.Fault) bool { return true }); stuck {
		return f.Err(scsi.HardwareError, spc.MechanicalPositioning)
	}
	return nil
}

// labelUnreadable is the exception of an element whose cartridge has a label that the robot cannot
// read. The standard has no code for it; this is the one of IBM's and Quantum's libraries.
const labelUnreadable = 0x8300

// hideBarcodes takes the volume tags away that the robot cannot read.
func hideBarcodes(l *Library, inventory smc.Inventory, faults *fault.Live) {
	for _, f := range faults.Of(fault.UnreadableBarcode) {
		at := Place{Slot, f.Slot}
		if c, there := l.Find(f.Barcode); there {
			at = c.At
		} else if f.Slot == 0 {
			continue
		}
		if e, ok := inventory.Element(at.address()); ok && e.Full {
			e.Barcode, e.Exception = "", labelUnreadable
		}
	}
}
