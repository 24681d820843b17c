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

// readable is the inventory without the labels that the robot cannot read.
func (l *Library) readable(hidden []fault.Fault) (smc.Inventory, error) {
	inventory, err := l.inventory()
	if err != nil {
		return inventory, err
	}
	for _, f := range hidden {
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
	return inventory, nil
}

// relabel follows the faults of labels, and the cartridges and slots that have them, while the changer is open. When
// the library's file cannot be read the labels stay as they are.
func (c *Changer) relabel() {
	c.faults.Refresh()
	hidden := c.faults.Of(fault.UnreadableBarcode)
	if len(hidden) == 0 && len(c.hidden) == 0 {
		return
	}
	l, err := c.store.Get(c.library)
	if err != nil {
		return
	}
	if labels, err := l.readable(hidden); err == nil {
		c.server.Relabel(labels)
		c.hidden = hidden
	}
}
