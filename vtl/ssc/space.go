package ssc

import (
	"context"
	"math"

	"calypso/tape/scsi"
	"calypso/vtl/spc"
)

// space6 is SPACE(6) (SSC-5); its count is a signed number of 24 bits.
func (s *Server) space6(_ context.Context, c *spc.Call) error {
	return s.space(c.CDB[1]&0x0F, int64(int32(c.U24(2)<<8)>>8))
}

// space16 is SPACE(16) (SSC-5) without a parameter list.
func (s *Server) space16(_ context.Context, c *spc.Call) error {
	// The one number that has no magnitude is as far beyond any tape as its neighbour.
	return s.space(c.CDB[1]&0x0F, max(int64(c.U64(4)), math.MinInt64+1))
}

// The codes of SPACE.
const (
	spaceBlocks    = 0
	spaceFilemarks = 1
	spaceEndOfData = 3
)

func (s *Server) space(code byte, count int64) error {
	var k *spc.Check
	switch {
	case code == spaceEndOfData:
		k = s.toEndOfData()
	case code == spaceBlocks && count >= 0:
		k = s.blocksForward(count)
	case code == spaceBlocks:
		k = s.blocksBack(-count)
	case code == spaceFilemarks && count >= 0:
		k = s.filemarksForward(count)
	case code == spaceFilemarks:
		k = s.filemarksBack(-count)
	default:
		return spc.BadCDB(1, 3)
	}
	if k != nil {
		return k
	}
	return nil
}

// toEndOfData refuses where damage hides the end: a host that appended there would write over what
// may still be read (sense 3/11/00, as for reading the place).
func (s *Server) toEndOfData() *spc.Check {
	if s.tape.Damaged() != nil {
		return s.unreadable()
	}
	s.position = s.tape.Objects()
	return nil
}

// blocksForward passes n blocks; a filemark stops it and is passed.
func (s *Server) blocksForward(n int64) *spc.Check {
	next, end := s.tape.FileNumber(s.position), s.tape.Objects()
	stop := end
	if next < s.tape.Filemarks() {
		mark, k := s.filemark(next)
		if k != nil {
			return k
		}
		stop = mark
	}
	if n <= stop-s.position {
		s.position += n
		return nil
	}
	left := n - (stop - s.position)
	if stop == end {
		return s.reachEnd().Residual(left)
	}
	s.position = stop + 1
	return metFilemark().Residual(left)
}

// blocksBack passes n blocks towards the beginning; a filemark stops it and is passed, so that the
// tape stands at its beginning-of-partition side.
func (s *Server) blocksBack(n int64) *spc.Check {
	before, start := s.tape.FileNumber(s.position), int64(0)
	if before > 0 {
		mark, k := s.filemark(before - 1)
		if k != nil {
			return k
		}
		start = mark + 1
	}
	if n <= s.position-start {
		s.position -= n
		return nil
	}
	left := n - (s.position - start)
	if before == 0 {
		s.position = 0
		return metBeginning().Residual(left)
	}
	s.position = start - 1
	return metFilemark().Residual(left)
}

// filemarksForward passes n filemarks and stands behind the last.
func (s *Server) filemarksForward(n int64) *spc.Check {
	if n == 0 {
		return nil
	}
	before := s.tape.FileNumber(s.position)
	ahead := s.tape.Filemarks() - before
	if n > ahead {
		return s.reachEnd().Residual(n - ahead)
	}
	mark, k := s.filemark(before + n - 1)
	if k != nil {
		return k
	}
	s.position = mark + 1
	return nil
}

// filemarksBack passes n filemarks towards the beginning and stands before the last.
func (s *Server) filemarksBack(n int64) *spc.Check {
	before := s.tape.FileNumber(s.position)
	if n > before {
		s.position = 0
		return metBeginning().Residual(n - before)
	}
	mark, k := s.filemark(before - n)
	if k != nil {
		return k
	}
	s.position = mark
	return nil
}

func metFilemark() *spc.Check { return &spc.Check{ASC: spc.FilemarkDetected, Filemark: true} }

func metBeginning() *spc.Check { return &spc.Check{ASC: spc.BeginningOfPartition, EOM: true} }

// reachEnd goes to the end of data, where there is no more of what was looked for. A damaged tape may
// have more of it, so that is an error, and the position stays.
func (s *Server) reachEnd() *spc.Check {
	if k := s.toEndOfData(); k != nil {
		return k
	}
	return s.endOfData()
}

// filemark gives the address of the n-th filemark, which exists.
func (s *Server) filemark(n int64) (int64, *spc.Check) {
	mark, ok := s.tape.FilemarkAddress(n)
	if !ok {
		return 0, s.unreadable()
	}
	return mark, nil
}

// unreadable is what damage between here and there gives; the position stays.
func (s *Server) unreadable() *spc.Check {
	return spc.Refuse(scsi.MediumError, spc.UnrecoveredRead).Because(s.tape.Damaged())
}
