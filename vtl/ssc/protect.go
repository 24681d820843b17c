package ssc

import (
	"context"
	"encoding/binary"

	"calypso/tape/scsi"
	"calypso/vtl/spc"
)

// The software write protections in byte 15 of the device configuration page (SSC-5): of the cartridge
// until it leaves the drive, until it is taken back, and for ever.
const (
	associatedWP = 0x04 // ASOCWP
	persistentWP = 0x02 // PERSWP
	permanentWP  = 0x01 // PRMWP
)

// driveWP is the protection of the drive whatever the cartridge, in byte 10: SWP.
const driveWP = 0x04

// protectionOf gives the bits that a cartridge brings along.
func protectionOf(m Meta) byte {
	var b byte
	if m.PersistentProtect {
		b |= persistentWP
	}
	if m.PermanentProtect {
		b |= permanentWP
	}
	return b
}

// softwareProtection is the reason why a host wanted nothing written, the strongest first; 0: there is
// none.
func (s *Server) softwareProtection() scsi.ASC {
	config := s.modes.Current(configPage, 0)
	switch b := config[13]; {
	case b&permanentWP != 0:
		return spc.PermanentWriteProtected
	case b&persistentWP != 0:
		return spc.PersistentWriteProtected
	case b&associatedWP != 0:
		return spc.AssociatedWriteProtected
	case config[8]&driveWP != 0:
		return spc.SoftwareWriteProtected
	}
	return 0
}

// selectMedium checks what a MODE SELECT says about the cartridge, and writes into its memory what is
// to stay with it. It is the last check: the selection is applied then.
func (s *Server) selectMedium(sel *spc.Selection) error {
	if s.modes.Selected(sel, configPage, 0)[13]&0xC0 == 0xC0 { // WTRE, reserved value
		return spc.Refuse(scsi.IllegalRequest, spc.InvalidFieldInParameters)
	}
	if k := s.checkPartitionPage(s.modes.Selected(sel, partitionPageCode, 0)); k != nil {
		return k
	}
	return s.selectProtection(s.modes.Selected(sel, configPage, 0)[13])
}

// selectProtection changes the write protection of the cartridge, at the beginning of the medium only
// and never away from a permanent one (SSC-5).
func (s *Server) selectProtection(next byte) error {
	now := s.modes.Current(configPage, 0)[13]
	changed := (now ^ next) & (associatedWP | persistentWP | permanentWP)
	if changed == 0 {
		return nil
	}
	if k := s.notReady(); k != nil {
		return k
	}
	switch {
	case changed&now&permanentWP != 0:
		return spc.Refuse(scsi.DataProtect, spc.PermanentWriteProtected)
	case !s.atBeginningOfMedium():
		return pastBeginning()
	case changed&(persistentWP|permanentWP) == 0:
		return nil
	}
	err := s.setMemory(func(m *Meta) {
		m.PersistentProtect, m.PermanentProtect = next&persistentWP != 0, next&permanentWP != 0
	})
	if err != nil {
		return spc.Refuse(scsi.MediumError, spc.AuxiliaryMemory).Because(err)
	}
	return nil
}

// refusesOverwrite says why what is behind the position must not be lost; nil: it may, or there is
// nothing. On a WORM cartridge it must not, in append-only mode only after ALLOW OVERWRITE.
func (s *Server) refusesOverwrite() *spc.Check {
	switch {
	case !s.memory.WORM && !s.appendOnly(), s.appends():
		return nil
	case s.memory.WORM:
		s.raise(wormOverwrite)
	case s.heads.Overwrite.allows(s.heads.Partition, s.position):
		return nil
	}
	return spc.Refuse(scsi.DataProtect, spc.WORMOverwrite)
}

// wormOverwrite is TapeAlert flag 3Ch, WORM medium - overwrite attempted.
const wormOverwrite = 60

// appends says whether a write at the position loses nothing: at the end of data, or among the filemarks
// in front of it but for the first of them. That is how LTO drives have it: a host that ended a file
// by two filemarks goes on between them (SSC-5, medium configuration mode page: WORM mode filemarks
// restrictions 02h).
func (s *Server) appends() bool {
	end := s.tape.Objects()
	if s.position >= end {
		return true
	}
	if s.position == 0 || s.tape.Damaged() != nil {
		return false
	}
	before := s.tape.FileNumber(s.position)
	return s.tape.Filemarks()-before == end-s.position && s.tape.FileNumber(s.position-1) == before-1
}

// overwrite is what ALLOW OVERWRITE set (SSC-5): overwriting at one place, or a format.
type overwrite struct {
	Kind      byte  `json:"kind"`
	Partition int   `json:"partition"`
	Object    int64 `json:"object"`
}

// The kinds of overwrite.
const (
	overwriteHere   = 1
	overwriteFormat = 2
)

func (o overwrite) allows(partition int, object int64) bool {
	return o == overwrite{overwriteHere, partition, object}
}

// allowOverwrite is ALLOW OVERWRITE (SSC-5), which holds for one command in append-only mode. To show
// that the host knows where it is, it names the position.
func (s *Server) allowOverwrite(_ context.Context, c *spc.Call) error {
	kind, partition, object := c.CDB[2]&0x0F, int(c.CDB[3]), binary.BigEndian.Uint64(c.CDB[4:])
	s.heads.Overwrite = overwrite{}
	switch kind {
	case 0:
		return nil
	case overwriteHere, overwriteFormat:
	default:
		return spc.BadCDB(2, 3)
	}
	if kind == overwriteHere && (partition != s.heads.Partition || object != uint64(s.position)) {
		return spc.Refuse(scsi.IllegalRequest, spc.SequentialPositioning)
	}
	s.heads.Overwrite = overwrite{kind, s.heads.Partition, s.position}
	return nil
}
