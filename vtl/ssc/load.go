package ssc

import (
	"context"
	"fmt"

	"calypso/tape/scsi"
	"calypso/vtl/spc"
)

// place puts a cartridge into the drive without loading it.
func (s *Server) place(m Medium) {
	s.medium, s.memory, s.format, s.barcode = m, Meta{}, generation{}, ""
	s.loaded, s.held, s.unfit, s.unsynced = false, false, false, false
	s.traffic = Traffic{}
	if m == nil {
		s.thread()
		return
	}
	s.memory = m.Meta()
	s.barcode = s.memory.Barcode
	format, known := lookupGeneration(s.memory.Generation)
	s.format = format
	s.unfit = !known || !s.drive.canRead(format)
	s.thread()
}

// Insert is the robot's hand: it puts a cartridge into the empty drive, which loads it. barcode is
// what the library read off the cartridge; it goes into the cartridge memory (attribute 0806h) when
// there is none yet. A cartridge of a generation that the drive cannot read stays in the drive, not
// ready: the error is spc.ErrIncompatible then, else it is what kept the cartridge memory from being
// written, with the cartridge loaded nevertheless.
func (s *Server) Insert(m Medium, barcode string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.medium != nil {
		return fmt.Errorf("insert %s: drive %s holds %s", barcode, s.id.Serial, s.barcode)
	}
	s.place(m)
	s.attentions.Add(spc.MediumChanged)
	if s.memory.Cleaning {
		return s.clean()
	}
	if err := s.checkCleaning(barcode); err != nil {
		return fmt.Errorf("insert %s: %w", barcode, err)
	}
	if s.unfit {
		s.rejected()
		return fmt.Errorf("insert %s: %s drive, %s cartridge: %w",
			barcode, s.drive.name, s.memory.Generation, spc.ErrIncompatible)
	}
	return s.load(barcode)
}

// load threads the cartridge and books the load in its memory. Where the host has no room for that the load is not
// booked: what is on a tape must be there to be read when the disk is full.
func (s *Server) load(barcode string) error {
	s.loaded, s.held = true, false
	s.traffic = Traffic{}
	s.thread()
	s.beginLoad()
	err := s.setMemory(func(m *Meta) {
		if m.LoadCount == 0 && barcode != "" {
			putAttribute(m, Attribute{ID: barcodeID, Format: formatASCII, Value: spc.PadASCII(barcode, 32)})
		}
		m.LoadCount++
		recordDrive(m, s.id)
	})
	if isHostFull(err) {
		return nil
	}
	return err
}

// setMemory changes the cartridge memory and the drive's copy of it.
func (s *Server) setMemory(change func(*Meta)) error {
	err := s.medium.SetMeta(change)
	s.memory = s.medium.Meta()
	return err
}

// unload takes the tape off the heads: all that was written becomes durable.
func (s *Server) unload() error {
	if !s.loaded {
		return nil
	}
	if err := s.flush(); err != nil {
		return err
	}
	s.bookLoad()
	s.loaded = false
	s.demountKeys()
	s.thread()
	return nil
}

// Remove is the robot taking the cartridge out; the drive unloads it first. The error Is
// spc.ErrRemovalPrevented when a host has it locked, ErrEmpty when there is none, else what kept data from
// becoming durable; the cartridge is still in the drive then.
func (s *Server) Remove() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.medium == nil:
		return fmt.Errorf("remove from drive %s: %w", s.id.Serial, ErrEmpty)
	case s.prevent && s.loaded:
		s.refused(spc.RemovalPrevented)
		return fmt.Errorf("remove %s from drive %s: %w", s.barcode, s.id.Serial, spc.ErrRemovalPrevented)
	}
	if err := s.unload(); err != nil {
		return fmt.Errorf("remove %s from drive %s: %w", s.barcode, s.id.Serial, cause(err))
	}
	s.place(nil)
	s.lower(alertCleaningMedia)
	return nil
}

// loadUnload is LOAD UNLOAD (SSC-5). RETEN has no meaning for LTO and is accepted; EOT is not
// known, as on LTO drives.
func (s *Server) loadUnload(_ context.Context, c *spc.Call) error {
	if s.medium == nil {
		return spc.Refuse(scsi.NotReady, spc.MediumNotPresent)
	}
	if c.Bit(4, 0x01) {
		return s.loadCommand()
	}
	if s.prevent && s.loaded {
		return spc.Refuse(scsi.IllegalRequest, spc.RemovalPrevented)
	}
	if err := s.unload(); err != nil {
		return err
	}
	s.held = c.Bit(4, 0x08)
	return nil
}

// loadCommand rewinds a tape that is loaded already (SSC-5). The host that asked needs no unit
// attention to know that the medium is ready now, as the others do.
func (s *Server) loadCommand() error {
	switch {
	case s.memory.Cleaning:
		return s.cleaningSense()
	case s.unfit:
		return spc.Refuse(scsi.NotReady, spc.IncompatibleMedium)
	case s.loaded:
		if err := s.flush(); err != nil {
			return err
		}
		s.enter(0)
		return nil
	}
	s.attentions.AddOthers(s.call.Nexus, spc.MediumChanged)
	if err := s.load(s.barcode); err != nil {
		return spc.Refuse(scsi.MediumError, spc.AuxiliaryMemory).Because(err)
	}
	return nil
}

// preventAllow is PREVENT ALLOW MEDIUM REMOVAL (SPC-5), for a cartridge now or later in the drive.
func (s *Server) preventAllow(_ context.Context, c *spc.Call) error {
	s.prevent = c.Bit(4, 0x01)
	return nil
}
