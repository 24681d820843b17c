package smc

import (
	"context"

	"calypso/tape/scsi"
	"calypso/vtl/spc"
)

// exchangeCommands are those of this file.
func exchangeCommands() []command {
	return []command{
		{Name: "EXCHANGE MEDIUM", Action: spc.NoAction, Usage: "A6 00 FF FF FF FF FF FF FF FF 03 00", Flags: changes, Run: (*Server).exchangeMedium},
	}
}

// exchangeMedium is EXCHANGE MEDIUM (SMC-3): the cartridge of the source goes to the first destination,
// the one that is there to the second. The second destination may be the source.
func (s *Server) exchangeMedium(ctx context.Context, c *spc.Call) error {
	for bit := 1; bit >= 0; bit-- { // INV1, INV2
		if c.Bit(10, 1<<bit) {
			return spc.BadCDB(10, bit)
		}
	}
	if err := s.checkTransport(c.U16(2)); err != nil {
		return err
	}
	var places [3]*Element
	for i := range places {
		e, err := s.place(c.U16(4+2*i), 4+2*i)
		if err != nil {
			return err
		}
		places[i] = e
	}
	return s.exchange(ctx, places[0], places[1], places[2])
}

// exchange refuses what cannot be and lets the Mover do the rest; only then the inventory changes.
func (s *Server) exchange(ctx context.Context, src, first, second *Element) error {
	if err := s.checkExchange(src, first, second); err != nil {
		return err
	}
	if err := s.mover.Exchange(ctx, src.Address, first.Address, second.Address); err != nil {
		return s.moveFailure(err)
	}
	coming, going := *src, *first
	src.clear()
	first.place(coming)
	second.place(going)
	return nil
}

// checkExchange points to the address that is wrong: the sense code alone does not tell which of the
// three it is. An element is not exchanged with itself, and one that is to hold both cartridges is full.
func (s *Server) checkExchange(src, first, second *Element) error {
	switch {
	case src == first:
		return badAddress(6)
	case !src.Full:
		return pointing(spc.SourceEmpty, 4)
	case !first.Full:
		return pointing(spc.SourceEmpty, 6)
	case second != src && second.Full: // the first destination too, which is full
		return pointing(spc.DestinationFull, 8)
	}
	for i, e := range []*Element{src, first, second} {
		if !s.accessible(*e) {
			return pointing(notAccessible, 4+2*i)
		}
	}
	return nil
}

// pointing is an ILLEGAL REQUEST with a pointer to a CDB field.
func pointing(asc scsi.ASC, at int) *spc.Check {
	return &spc.Check{Key: scsi.IllegalRequest, ASC: asc, Field: &spc.Field{Byte: at, Bit: -1}}
}
