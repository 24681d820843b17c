package cmd

import (
	"context"
	"errors"
	"fmt"

	"calypso/sys/errcode"
	"calypso/tape"
)

func driveName(library string, number int) string { return fmt.Sprintf("%s:%d", library, number) }

// carry moves a cartridge between two places, after checking that both are what they were taken for. The
// drive that gives it away is unloaded first.
func (inv *invocation) carry(ctx context.Context, c *changer, from, to tape.Element) (tape.Moved, error) {
	if err := c.mayCarry(from, to); err != nil {
		return tape.Moved{}, err
	}
	if err := inv.unloadFirst(ctx, c, from); err != nil {
		return tape.Moved{}, inv.notMoved(ctx, c, err, from, to)
	}
	m, err := c.Transfer(ctx, from, to)
	if err == nil {
		return m, inv.moved(ctx, c, m)
	}
	err = inv.notMoved(ctx, c, err, from, to)
	var e *errcode.Error
	if from.Kind == tape.DriveBay && c.library.throughKernel() && errors.As(err, &e) && e.State == "" {
		e.State = "the drive was unloaded"
	}
	return m, err
}

// mayCarry is the check of both places.
func (c *changer) mayCarry(from, to tape.Element) error {
	if err := c.CheckTransfer(from, to); err != nil {
		return err
	}
	if err := c.library.checkBay(from); err != nil {
		return err
	}
	return c.library.checkBay(to)
}

// checkBay refuses a bay that now holds another drive than the one that is remembered: what was locked and
// would be unloaded is not what the robot would serve.
func (l *library) checkBay(e tape.Element) error {
	if e.Kind != tape.DriveBay || l.hardware == nil {
		return nil
	}
	name := driveName(l.Name, e.Number)
	serial, err := l.driveSerial(name, int64(e.Number))
	if err != nil {
		return err
	}
	if l.hardware.Same(e, serial) {
		return nil
	}
	return errcode.New(errcode.LibraryNotRemembered, name, "the bay holds drive %s, not %s that is remembered; nothing was moved", e.DriveSerial, serial).
		WithHint("'calypso library discover --write' makes the change known")
}
