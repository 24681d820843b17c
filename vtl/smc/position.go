package smc

import (
	"context"

	"calypso/vtl/spc"
)

// vendorInitialize is the operation code that libraries gave INITIALIZE ELEMENT STATUS WITH RANGE before
// SMC-2 had 37h for it; mtx and old programs still send it.
const vendorInitialize = "E7"

// positionCommands are those of this file.
func positionCommands() []command {
	const inRange = " 03 FF FF 00 00 FF FF 00 00"
	return []command{
		{Name: "POSITION TO ELEMENT", Action: spc.NoAction, Usage: "2B 00 FF FF FF FF 00 00 01 00", Flags: changes, Run: (*Server).positionToElement},
		{Name: "INITIALIZE ELEMENT STATUS WITH RANGE", Action: spc.NoAction, Usage: "37" + inRange, Run: (*Server).initializeRange},
		{Name: "INITIALIZE ELEMENT STATUS WITH RANGE (vendor specific)", Action: spc.NoAction, Usage: vendorInitialize + inRange, Run: (*Server).initializeRange},
	}
}

// positionToElement is POSITION TO ELEMENT (SMC-3): the hand goes before an element, to be there when
// the next move comes. It cannot be turned over.
func (s *Server) positionToElement(_ context.Context, c *spc.Call) error {
	if c.Bit(8, 0x01) {
		return spc.BadCDB(8, 0)
	}
	if err := s.checkTransport(c.U16(2)); err != nil {
		return err
	}
	e, err := s.place(c.U16(4), 4)
	if err != nil {
		return err
	}
	if !s.accessible(*e) {
		return pointing(notAccessible, 4)
	}
	return nil
}

// initializeRange is INITIALIZE ELEMENT STATUS WITH RANGE (SMC-3). As with initialize there is nothing to
// look for, but with RANGE the first address must be an element. FAST is as good as slow.
func (s *Server) initializeRange(ctx context.Context, c *spc.Call) error {
	if _, ok := s.inventory.Element(c.U16(2)); c.Bit(1, 0x01) && !ok {
		return badAddress(2)
	}
	return s.initialize(ctx, c)
}
