package ssc

import (
	"context"
	"encoding/binary"
	"math"

	"calypso/vtl/spc"
)

// rewind is REWIND (SSC-5).
func (s *Server) rewind(context.Context, *spc.Call) error {
	s.position = 0
	return nil
}

// locate10 is LOCATE(10) (SSC-5). BT asks for a device specific address, which on LTO drives is
// the logical object number all the same: the Linux st driver sets it by default.
func (s *Server) locate10(_ context.Context, c *spc.Call) error {
	if err := s.changePartition(c, 8); err != nil {
		return err
	}
	return s.locateObject(uint64(c.U32(3)))
}

// locate16 is LOCATE(16) (SSC-5).
func (s *Server) locate16(_ context.Context, c *spc.Call) error {
	if kind := c.CDB[1] >> 3; kind == 2 || kind > 3 {
		return spc.BadCDB(1, 5)
	}
	if err := s.changePartition(c, 3); err != nil {
		return err
	}
	switch c.CDB[1] >> 3 {
	case 0:
		return s.locateObject(c.U64(4))
	case 1:
		return s.locateFile(c.U64(4))
	case 3:
		if k := s.toEndOfData(); k != nil {
			return k
		}
		return nil
	}
	return spc.BadCDB(1, 5)
}

func (s *Server) locateObject(n uint64) error {
	end := s.tape.Objects()
	if n > uint64(end) {
		return s.reachEnd()
	}
	s.position = int64(n)
	return nil
}

// locateFile goes to the first object of a logical file, which is behind as many filemarks.
func (s *Server) locateFile(n uint64) error {
	if n == 0 {
		s.position = 0
		return nil
	}
	if n > uint64(s.tape.Filemarks()) {
		return s.reachEnd()
	}
	mark, k := s.filemark(int64(n) - 1)
	if k != nil {
		return k
	}
	s.position = mark + 1
	return nil
}

// Flags of READ POSITION, which have the same places in the short and the long form.
const (
	atBeginning  = 0x80 // BOP
	atEnd        = 0x40 // EOP: between early warning and the end of the partition
	beyondPEW    = 0x01 // BPEW: in the programmable early warning zone or behind it
	positionLost = 0x02 // PERR: the position does not fit in the short form
)

func (s *Server) positionFlags() byte {
	var b byte
	if s.position == 0 {
		b |= atBeginning
	}
	if s.pastEarlyWarning() {
		b |= atEnd
	}
	if s.pastProgrammable() {
		b |= beyondPEW
	}
	return b
}

// readPositionShort is READ POSITION, short form (SSC-5): 20 bytes. Nothing is ever left in a
// buffer, so the first and the last location are the same.
func (s *Server) readPositionShort(_ context.Context, c *spc.Call) error {
	b := make([]byte, 20)
	b[0], b[1] = s.positionFlags(), byte(s.heads.Partition)
	if s.position > math.MaxUint32 {
		b[0] |= positionLost
	} else {
		binary.BigEndian.PutUint32(b[4:], uint32(s.position))
		binary.BigEndian.PutUint32(b[8:], uint32(s.position))
	}
	return c.Reply(b, len(b))
}

// readPositionLong is READ POSITION, long form (SSC-5): 32 bytes.
func (s *Server) readPositionLong(_ context.Context, c *spc.Call) error {
	b := make([]byte, 32)
	b[0] = s.positionFlags()
	binary.BigEndian.PutUint32(b[4:], uint32(s.heads.Partition))
	binary.BigEndian.PutUint64(b[8:], uint64(s.position))
	binary.BigEndian.PutUint64(b[16:], uint64(s.tape.FileNumber(s.position)))
	return c.Reply(b, len(b))
}
