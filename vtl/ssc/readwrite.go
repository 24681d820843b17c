package ssc

import (
	"context"
	"errors"

	"calypso/tape/scsi"
	"calypso/vtl/spc"
)

// The block lengths the drive takes: READ BLOCK LIMITS.
const (
	minBlock = 1
	maxBlock = 0x800000 // 8 MiB, as LTO drives
)

// readBlockLimits answers READ BLOCK LIMITS (SSC-5), which needs no medium.
func (s *Server) readBlockLimits(_ context.Context, c *spc.Call) error {
	return c.Reply([]byte{0, maxBlock >> 16, maxBlock >> 8 & 0xFF, maxBlock & 0xFF, minBlock >> 8, minBlock}, 6)
}

// transfer is what READ(6) and WRITE(6) ask for: so many blocks of so many bytes.
type transfer struct {
	fixed  bool
	blocks int
	length int
}

// transferOf decodes the FIXED bit and the transfer length; fixed transfers need a block length that
// MODE SELECT has set.
func (s *Server) transferOf(c *spc.Call) (transfer, error) {
	n := c.U24(2)
	switch {
	case !c.Bit(1, 0x01):
		return transfer{blocks: 1, length: n}, nil
	case s.blockLength == 0:
		return transfer{}, spc.BadCDB(1, 0)
	}
	return transfer{fixed: true, blocks: n, length: s.blockLength}, nil
}

func (t transfer) bytes() int { return t.blocks * t.length }

// residual is the INFORMATION field after so many blocks were done.
func (t transfer) residual(done int) int64 {
	if t.fixed {
		return int64(t.blocks - done)
	}
	return int64(t.length * (1 - done))
}

// read6 is READ(6) (SSC-5).
func (s *Server) read6(_ context.Context, c *spc.Call) error {
	sili := c.Bit(1, 0x02)
	if sili && c.Bit(1, 0x01) {
		return spc.BadCDB(1, 1)
	}
	t, err := s.transferOf(c)
	if err != nil || t.bytes() == 0 {
		return err
	}
	if len(c.Cmd.DataIn) < t.bytes() {
		return spc.Refuse(scsi.AbortedCommand, spc.DataPhaseError)
	}
	for done := range t.blocks {
		if k := s.readOne(c.Cmd, t, done, sili); k != nil {
			return k
		}
	}
	return nil
}

// readOne reads one block of a transfer of which some are done; nil: go on.
func (s *Server) readOne(cmd *scsi.Command, t transfer, done int, sili bool) *spc.Check {
	at := done * t.length
	length, k := s.readObject(cmd.DataIn[at : at+t.length])
	if k != nil {
		return k.Residual(t.residual(done))
	}
	if !t.fixed || length == t.length {
		cmd.Transferred += min(length, t.length)
	}
	if length == t.length || sili && s.suppressesILI(length, t.length) {
		return nil
	}
	k = &spc.Check{ILI: true}
	if t.fixed {
		return k.Residual(t.residual(done))
	}
	return k.Residual(int64(t.length) - int64(length))
}

// suppressesILI says whether SILI keeps an incorrect length from being reported: always when the block
// was shorter, and when it was longer only while no block length is set (SSC-5).
func (s *Server) suppressesILI(length, wanted int) bool {
	return length < wanted || s.blockLength == 0
}

// readObject reads the next object into buf and moves behind it. It returns the length of the block,
// or a Check for what was met instead, with the residual still to be filled in.
func (s *Server) readObject(buf []byte) (int, *spc.Check) {
	if s.position >= s.tape.Objects() {
		return 0, s.endOfData()
	}
	object, err := s.tape.At(s.position)
	if err == nil && object.Envelope {
		return s.getEnvelope(buf, object.Length)
	}
	if err == nil && !object.Filemark {
		if k := s.refusesPlain(); k != nil {
			return 0, k
		}
		var n int
		if n, err = s.tape.ReadBlock(s.position, buf); err == nil {
			s.position++
			s.didRead(n, n)
			return n, nil
		}
	}
	s.position++
	if err != nil {
		return 0, spc.Refuse(scsi.MediumError, spc.UnrecoveredRead).Because(err)
	}
	return 0, &spc.Check{ASC: spc.FilemarkDetected, Filemark: true}
}

// endOfData is the answer to running into the end of what was written; EOM is set when that is behind
// early warning (SSC-5).
func (s *Server) endOfData() *spc.Check {
	return &spc.Check{Key: scsi.BlankCheck, ASC: spc.EndOfData, EOM: s.pastEarlyWarning()}
}

// pastEarlyWarning says whether the position is in the last stretch of the tape. What a block in the
// middle of the data took of the capacity is not known, so the answer is no there.
func (s *Server) pastEarlyWarning() bool {
	return s.position == s.tape.Objects() && s.tape.UsedBytes() >= s.tape.EarlyWarningBytes()
}

// write6 is WRITE(6) (SSC-5).
func (s *Server) write6(_ context.Context, c *spc.Call) error {
	t, err := s.transferOf(c)
	if err != nil || t.bytes() == 0 {
		return err
	}
	if t.length > maxBlock {
		return spc.BadCDB(2, -1)
	}
	if k := s.refusesWrite(); k != nil {
		return k
	}
	if s.lockBroken() {
		return spc.Refuse(scsi.DataProtect, spc.KeyInstanceChanged)
	}
	data, err := c.Parameters(t.bytes())
	if err != nil {
		return err
	}
	warned := s.pastProgrammable()
	for done := range t.blocks {
		if err := s.writeOne(data[done*t.length : (done+1)*t.length]); err != nil {
			c.Cmd.Transferred = done * t.length
			return writeFailure(err).Residual(t.residual(done))
		}
	}
	return s.wrote(warned)
}

func (s *Server) writeOne(block []byte) error {
	s.unsynced = true
	stored, err := s.put(block)
	if err != nil {
		return err
	}
	s.position++
	s.didWrite(len(block), stored)
	return nil
}

// refusesWrite says why the tape must not be changed at this position; nil: it may.
func (s *Server) refusesWrite() *spc.Check {
	switch {
	case !s.drive.canWrite(s.format):
		return spc.Refuse(scsi.DataProtect, spc.CannotWriteFormat)
	case s.memory.WriteProtect:
		return spc.Refuse(scsi.DataProtect, spc.WriteProtected)
	case s.softwareProtection() != 0:
		return spc.Refuse(scsi.DataProtect, s.softwareProtection())
	}
	return s.refusesOverwrite()
}

// writeFailure is the sense of an object that could not be written: the physical end of the tape, or
// the host that could not take it.
func writeFailure(err error) *spc.Check {
	if errors.Is(err, ErrFull) {
		return &spc.Check{Key: scsi.VolumeOverflow, ASC: spc.EndOfPartition, EOM: true}
	}
	return spc.Refuse(scsi.MediumError, spc.WriteFault).Because(err)
}

// wrote ends a write that succeeded: in unbuffered mode the data has to be on the medium, and behind early
// warning the host is told that the end is near (SSC-5; nothing is left over: residual 0). warned says
// whether the write began behind the programmable early warning.
func (s *Server) wrote(warned bool) error {
	s.heads.Overwrite = overwrite{}
	if !s.buffered || s.pastEarlyWarning() && s.synchronizesEarly() {
		if err := s.flush(); err != nil {
			return err
		}
	}
	if s.pastEarlyWarning() {
		return (&spc.Check{ASC: spc.EndOfPartition, EOM: true}).Residual(0)
	}
	if !warned && s.pastProgrammable() {
		return (&spc.Check{ASC: spc.ProgrammableEarlyWarning, EOM: true}).Residual(0)
	}
	return nil
}

// writeFilemarks6 is WRITE FILEMARKS(6) (SSC-5). Without IMMED all data before is durable when it
// ends; a count of 0 does only that.
func (s *Server) writeFilemarks6(_ context.Context, c *spc.Call) error {
	n := int64(c.U24(2))
	if n == 0 {
		return s.synchronize(c)
	}
	if err := s.gate(changes); err != nil { // a flush is harmless, filemarks are not
		return err
	}
	if k := s.refusesWrite(); k != nil {
		return k
	}
	warned := s.pastProgrammable()
	written, err := s.writeMarks(n)
	if err != nil {
		return writeFailure(err).Residual(n - written)
	}
	if err := s.synchronize(c); err != nil {
		return err
	}
	return s.wrote(warned)
}

func (s *Server) synchronize(c *spc.Call) error {
	if c.Bit(1, 0x01) {
		return nil
	}
	return s.flush()
}

// writeMarks writes n filemarks, or as many as fit: a medium takes all of a number or none.
func (s *Server) writeMarks(n int64) (written int64, err error) {
	s.unsynced = true
	for part := n; written < n; {
		err = s.tape.WriteFilemarks(s.position, part)
		switch {
		case err == nil:
			s.position += part
			written += part
		case errors.Is(err, ErrFull) && part > 1:
			part /= 2
		default:
			return written, err
		}
	}
	return written, nil
}

// erase6 is ERASE(6) (SSC-5). A long erase would overwrite the rest of the tape, a short one
// writes end of data; neither leaves anything to read behind the position, which stays.
func (s *Server) erase6(context.Context, *spc.Call) error {
	if k := s.refusesWrite(); k != nil {
		return k
	}
	s.unsynced = true
	if err := s.tape.Truncate(s.position); err != nil {
		return writeFailure(err)
	}
	return s.flush()
}
