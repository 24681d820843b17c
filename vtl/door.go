package vtl

import (
	"context"
	"errors"

	"calypso/sys/errcode"
	"calypso/vtl/smc"
	"calypso/vtl/spc"
)

// Door opens or closes the door of a library's mail slots as an operator does; the caller holds the
// changer's lock. While it is open the robot cannot reach them. Errors: those of OpenChanger,
// errcode.SlotNotFound without mail slots, RemovalPrevented while a host has the door locked.
func (s *Store) Door(ctx context.Context, library string, open bool) (err error) {
	if err := s.NotServed(library); err != nil {
		return err
	}
	c, err := s.changerOf(ctx, library, false)
	if err != nil {
		return err
	}
	if n := len(c.server.Inventory().Of(smc.ImportExport)); n == 0 {
		return errcode.New(errcode.SlotNotFound, library, "the library has no I/O slots, so no door to them")
	}
	if !open {
		c.server.CloseDoor()
		return c.save(false)
	}
	if err := c.server.OpenDoor(); err != nil {
		return prevented(library, err)
	}
	return c.save(false)
}

// DoorOpen says whether the door of a library's mail slots is open.
func (s *Store) DoorOpen(library string) bool {
	state := readVolatile[smc.State](s.changerFile(library))
	return state != nil && state.DoorOpen
}

// reachable refuses the operator's hand in a mail slot while a host has the door locked.
func (s *Store) reachable(library string, p Place) error {
	state := readVolatile[smc.State](s.changerFile(library))
	if p.Kind == MailSlot && state != nil && !state.Dirty && state.Prevent && !state.DoorOpen {
		return prevented(library, spc.ErrRemovalPrevented)
	}
	return nil
}

func prevented(library string, err error) error {
	if !errors.Is(err, spc.ErrRemovalPrevented) {
		return err
	}
	return errcode.New(errcode.RemovalPrevented, library, "a host keeps the door of the I/O slots locked: %w", err)
}
