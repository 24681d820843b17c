package smc

import (
	"context"
	"errors"
	"fmt"

	"calypso/tape/scsi"
	"calypso/vtl/spc"
)

// moveMedium is MOVE MEDIUM (SMC-3).
func (s *Server) moveMedium(ctx context.Context, c *spc.Call) error {
	if c.Bit(10, 0x01) {
		return spc.BadCDB(10, 0)
	}
	if err := s.checkTransport(c.U16(2)); err != nil {
		return err
	}
	src, err := s.place(c.U16(4), 4)
	if err != nil {
		return err
	}
	dst, err := s.place(c.U16(6), 6)
	if err != nil {
		return err
	}
	return s.move(ctx, src, dst)
}

// checkTransport: address 0 is the default transport element.
func (s *Server) checkTransport(address uint16) error {
	if e, ok := s.inventory.Element(address); address != 0 && (!ok || e.Type != Transport) {
		return badAddress(2)
	}
	return nil
}

// place finds an element that a cartridge can stay in.
func (s *Server) place(address uint16, at int) (*Element, error) {
	e, ok := s.inventory.Element(address)
	if !ok || e.Type == Transport {
		return nil, badAddress(at)
	}
	return e, nil
}

// badAddress is INVALID ELEMENT ADDRESS, pointing to the CDB field.
func badAddress(at int) *spc.Check {
	return &spc.Check{Key: scsi.IllegalRequest, ASC: spc.InvalidElementAddress, Field: &spc.Field{Byte: at, Bit: -1}}
}

// move refuses what cannot be and lets the Mover do the rest; only then the inventory changes.
func (s *Server) move(ctx context.Context, src, dst *Element) error {
	switch {
	case !src.Full:
		return spc.Refuse(scsi.IllegalRequest, spc.SourceEmpty)
	case src == dst:
		return nil
	case dst.Full:
		return spc.Refuse(scsi.IllegalRequest, spc.DestinationFull)
	case !s.accessible(*src):
		return pointing(notAccessible, 4)
	case !s.accessible(*dst):
		return pointing(notAccessible, 6)
	}
	if err := s.mover.Move(ctx, src.Address, dst.Address); err != nil {
		return s.moveFailure(err)
	}
	dst.place(*src)
	src.clear()
	return nil
}

func (s *Server) moveFailure(err error) *spc.Check {
	switch {
	case errors.Is(err, spc.ErrRemovalPrevented):
		return spc.Refuse(scsi.IllegalRequest, spc.RemovalPrevented).Because(err)
	case errors.Is(err, spc.ErrIncompatible):
		return spc.Refuse(scsi.IllegalRequest, spc.IncompatibleMedium).Because(err)
	}
	s.raise(AlertHardware)
	return spc.Refuse(scsi.HardwareError, spc.MechanicalPositioning).Because(err)
}

// What keeps the operator from a mail slot.
var (
	ErrNotMailSlot = errors.New("not a mail slot")
	ErrFull        = errors.New("holds a cartridge")
	ErrEmpty       = errors.New("is empty")
)

// Put is the operator's hand: a cartridge into a mail slot. The host learns of it by a unit
// attention. Errors: ErrNotMailSlot, ErrFull, spc.ErrRemovalPrevented while a host has the mail slots
// locked.
func (s *Server) Put(address uint16, barcode string, medium MediumType) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.mailSlot("put a cartridge into", address)
	if err != nil {
		return err
	}
	if e.Full {
		return fmt.Errorf("put a cartridge into element %d: %w", address, ErrFull)
	}
	if len(barcode) > volumeIDLength {
		return fmt.Errorf("put a cartridge into element %d: barcode %q: longer than %d", address, barcode, volumeIDLength)
	}
	e.Full, e.Barcode, e.Medium, e.ByOperator = true, barcode, medium, true
	s.accessed()
	return nil
}

// Take is the operator taking the cartridge out of a mail slot; errors as of Put, and ErrEmpty.
func (s *Server) Take(address uint16) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.mailSlot("take a cartridge from", address)
	if err != nil {
		return err
	}
	if !e.Full {
		return fmt.Errorf("take a cartridge from element %d: %w", address, ErrEmpty)
	}
	e.clear()
	s.accessed()
	return nil
}

// accessed tells the host of the operator's hand. While the door is open that waits until it is closed.
func (s *Server) accessed() {
	if !s.door {
		s.attentions.Add(spc.ImportExportAccessed)
	}
}

func (s *Server) mailSlot(op string, address uint16) (*Element, error) {
	e, ok := s.inventory.Element(address)
	if !ok || e.Type != ImportExport {
		return nil, fmt.Errorf("%s element %d: %w", op, address, ErrNotMailSlot)
	}
	if s.prevent && !s.door {
		return nil, fmt.Errorf("%s element %d: %w", op, address, spc.ErrRemovalPrevented)
	}
	return e, nil
}
