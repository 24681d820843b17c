package ssc

import (
	"errors"
	"syscall"

	"calypso/tape/scsi"
	"calypso/vtl/spc"
)

// A cartridge has reached the end of its life when it was threaded so often, or was passed so often from
// end to end in full; near the end is a tenth before it.
const (
	threadsInLife   = 20_000
	fullFillsInLife = 260
)

// usefulLife is what is left of a cartridge's life in percent (SSC-5, volume useful life remaining).
func (s *Server) usefulLife(m Meta) int64 {
	capacity := formatOf(s.format.density).capacityMB * megabyte
	fills := (m.LifetimeWrittenBytes + m.LifetimeReadBytes) / capacity
	used := max(m.LoadCount*100/threadsInLife, fills*100/fullFillsInLife)
	return max(100-used, 0)
}

// alertAtLoad raises what the drive sees when it threads a cartridge (SSC-5).
func (s *Server) alertAtLoad() {
	switch life := s.usefulLife(s.memory); {
	case life == 0:
		s.raise(7)
	case life <= 10:
		s.raise(19)
	}
	if !s.drive.canWrite(s.format) {
		s.raise(17)
	}
	if s.tape.Damaged() != nil {
		s.raise(18)
	}
}

// rejected books a cartridge that the drive cannot read.
func (s *Server) rejected() {
	s.life.IncompatibleLoad = s.life.MotionSeconds
	s.alerts &= drivesOwn
	s.stats.Raised &= uint64(drivesOwn)
	s.raise(12)
}

// accountError raises the alerts that the outcome of a command calls for (SSC-5), and remembers errors of
// the medium and of the hardware (tape diagnostic data). An observer has no part in what happens.
func (s *Server) accountError(c *spc.Call, err error) {
	var k *spc.Check
	if s.observe || !errors.As(err, &k) || isHostFull(k.Cause) {
		return
	}
	switch k.Key {
	case scsi.MediumError:
		s.mediumError(k)
		s.remember(c, k)
	case scsi.HardwareError:
		s.raise(3)
		s.remember(c, k)
	case scsi.DataProtect, scsi.IllegalRequest:
		s.refused(k.ASC)
	}
}

// isHostFull says whether the host that plays the drive has no room for an image: neither the cartridge
// nor the drive is to blame.
func isHostFull(cause error) bool {
	return errors.Is(cause, syscall.ENOSPC) || errors.Is(cause, syscall.EDQUOT)
}

// mediumError books an error on the tape: unrecovered, so a hard error of this tape (3, 4), and of reading
// or of writing (5, 6); or in the chip of the cartridge (15).
func (s *Server) mediumError(k *spc.Check) {
	switch k.ASC >> 8 {
	case spc.AuxiliaryMemory >> 8:
		s.raise(15)
		return
	case spc.WriteFault >> 8:
		s.stats.UnrecoveredWrites++
		s.life.HardWriteErrors++
		s.raise(6)
	default:
		s.stats.UnrecoveredReads++
		s.life.HardReadErrors++
		s.raise(5)
	}
	s.raise(3)
	s.raise(4)
}

// refused raises what an attempt calls for that the drive did not let happen.
func (s *Server) refused(asc scsi.ASC) {
	switch asc {
	case spc.WriteProtected:
		s.raise(9)
	case spc.RemovalPrevented:
		s.raise(10)
	}
}

func (s *Server) remember(c *spc.Call, k *spc.Check) {
	d := Diagnostic{MotionSeconds: s.life.MotionSeconds, Key: k.Key, ASC: k.ASC, Opcode: c.CDB[0],
		SinceCleanSeconds: s.life.sinceCleaning(0), Time: s.now().UTC()}
	if len(c.CDB) >= 12 { // where byte 1 has a service action, if the command has one at all
		d.Action = c.CDB[1] & 0x1F
	}
	if s.medium != nil {
		d.Density, d.MediumType, d.MediumSerial = s.format.density, s.mediumType(), s.memory.MediumSerial
	}
	s.life.remember(d)
	s.stats.NewDiagnostic = true
}
