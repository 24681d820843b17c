package ssc

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"

	"calypso/tape/scsi"
	"calypso/vtl/spc"
)

// partitionCommands are those that came with partitions.
func partitionCommands() []command {
	return []command{
		{Name: "FORMAT MEDIUM", Action: spc.NoAction, Usage: "04 03 0F FF FF 00", Flags: moves | changes, Run: (*Server).formatMedium},
		{Name: "READ POSITION, extended form", Action: 0x08, Usage: "34 1F 00 00 00 00 00 FF FF 00", Flags: needsMedium, Run: (*Server).readPositionExtended},
		{Name: "ALLOW OVERWRITE", Action: spc.NoAction, Usage: "82 00 0F FF FF FF FF FF FF FF FF FF 00 00 00 00", Flags: needsMedium | changes, Run: (*Server).allowOverwrite},
	}
}

const partitionPageCode = 0x11

// Bytes of the body of the medium partition mode page (SSC-5).
const (
	atMaximum    = 0 // maximum additional partitions
	atAdditional = 1 // additional partitions defined
	atMethod     = 2 // FDP, SDP, IDP, PSUM, POFM
	atUnits      = 4 // partition units: the exponent of 10 when PSUM says so
	atSizes      = 6 // a u16 for each partition
)

const (
	fixedPartitions  = 0x80 // FDP: of the drive's choice
	selectPartitions = 0x40 // SDP: as many as the host says, of the drive's size
	ownPartitions    = 0x20 // IDP: of the sizes that the host says
	anyPartitions    = fixedPartitions | selectPartitions | ownPartitions
	unitExponent     = 0x18           // PSUM: units of 10 to the partition units bytes
	onFormat         = 0x04           // POFM: MODE SELECT alone divides nothing
	theRest          = math.MaxUint16 // a size: what the others leave
)

// partitionPage is the medium partition mode page. It shows the partitions of the cartridge after a load
// and a format, and what a host selected between the two.
func partitionPage(drive generation) spc.ModePage {
	sizes := 2 * (1 + drive.additionalPartitions())
	p := spc.ModePage{
		Code:       partitionPageCode,
		Default:    make([]byte, atSizes+sizes),
		Changeable: bytes.Repeat([]byte{0xFF}, atSizes+sizes),
		Status:     []byte{atMaximum: 0xFF},
	}
	copy(p.Default, []byte{
		byte(drive.additionalPartitions()), 0,
		unitExponent | onFormat,
		0x03, // medium format recognition: the drive knows format and partitions
		0x09, // units of 10^9 bytes
		0x00,
	})
	copy(p.Changeable, []byte{0, 0xFF, anyPartitions | 0x18, 0, 0x0F, 0})
	return p
}

// additionalPartitions is how many partitions a cartridge of this generation takes besides the first.
func (g generation) additionalPartitions() int {
	switch {
	case g.number >= 6:
		return 3
	case g.number == 5:
		return 1
	}
	return 0
}

// wraps are those of a generation's tape; a partition is made of pairs of them, there and back.
var wraps = map[string]int64{
	"LTO-5": 80, "LTO-6": 136, "LTO-7": 112, "LTO-7M": 168, "LTO-8": 208, "LTO-9": 280, "LTO-10": 472,
}

// leastPartition is the capacity of the smallest partition of the cartridge in the drive.
func (s *Server) leastPartition() int64 {
	return max(s.memory.CapacityBytes/max(wraps[s.format.name]/2, 1), 1)
}

// mostAdditional is how many partitions the cartridge can have besides the first: none when it can be
// written only once.
func (s *Server) mostAdditional() int {
	switch most := s.drive.additionalPartitions(); {
	case s.medium == nil:
		return most
	case s.memory.WORM:
		return 0
	default:
		return min(most, s.format.additionalPartitions())
	}
}

// describePartitions puts the partitions of the cartridge, or of none, into the mode page.
func (s *Server) describePartitions() {
	page := s.modes.Current(partitionPageCode, 0)
	clear(page[atSizes:])
	page[atMaximum], page[atAdditional] = byte(s.mostAdditional()), 0
	page[atMethod], page[atUnits] = unitExponent|onFormat, 9
	if s.medium == nil {
		return
	}
	exponent, unit := sizeUnit(s.memory.CapacityBytes)
	page[atUnits] = exponent
	n := min(s.medium.Partitions(), (len(page)-atSizes)/2)
	if n > 1 {
		page[atAdditional], page[atMethod] = byte(n-1), page[atMethod]|ownPartitions
	}
	for i := range n {
		binary.BigEndian.PutUint16(page[atSizes+2*i:], uint16(s.medium.Partition(i).CapacityBytes()/unit))
	}
}

// sizeUnit is the unit in which a capacity and its parts are told in 16 bits: GB for a real tape, less
// for one made small.
func sizeUnit(capacity int64) (exponent byte, unit int64) {
	exponent, unit = 9, 1e9
	for unit > 1 && capacity < 1000*unit {
		exponent, unit = exponent-1, unit/10
	}
	return exponent, unit
}

// partitionPageSet says whether the page holds more than a drive without a cartridge shows.
func (s *Server) partitionPageSet() bool {
	page := s.modes.Current(partitionPageCode, 0)
	return page[atAdditional] != 0 || !bytes.Equal(page[atSizes:], make([]byte, len(page)-atSizes))
}

// checkPartitionPage refuses a selection that no format could carry out.
func (s *Server) checkPartitionPage(next []byte) *spc.Check {
	if bytes.Equal(next, s.modes.Current(partitionPageCode, 0)) {
		return nil
	}
	method := next[atMethod] & anyPartitions
	several := method&(method-1) != 0
	_, fits := s.layout(next)
	if next[atAdditional] > next[atMaximum] || several || s.medium != nil && !fits {
		return spc.Refuse(scsi.IllegalRequest, spc.InvalidFieldInParameters)
	}
	return nil
}

// layout gives the capacities that the page asks for on the cartridge in the drive; false: they do not
// fit. The drive's own choice are equal parts.
func (s *Server) layout(page []byte) ([]int64, bool) {
	n := int64(page[atAdditional]) + 1
	method := page[atMethod] & anyPartitions
	switch {
	case n == 1:
		return nil, true
	case n-1 > int64(s.mostAdditional()) || method == 0:
		return nil, false
	case method != ownPartitions:
		share := s.memory.CapacityBytes / n
		return []int64{share, share, share, share}[:n], share >= s.leastPartition()
	}
	return divide(s.memory.CapacityBytes, s.leastPartition(), ownSizes(page)[:n])
}

// ownSizes are the sizes in the page in bytes; negative: the rest.
func ownSizes(page []byte) []int64 {
	unit := [4]int64{1, 1e3, 1e6, 1}[page[atMethod]>>3&3]
	if page[atMethod]&unitExponent == unitExponent {
		for range page[atUnits] & 0x0F {
			unit *= 10
		}
	}
	sizes := make([]int64, (len(page)-atSizes)/2)
	for i := range sizes {
		sizes[i] = int64(binary.BigEndian.Uint16(page[atSizes+2*i:]))
		if sizes[i] == theRest {
			sizes[i] = -1
			continue
		}
		sizes[i] = min(sizes[i], math.MaxInt64/unit) * unit
	}
	return sizes
}

// divide gives each partition its size, which is least at least, and one what is left. What nobody
// asked for is lost.
func divide(capacity, least int64, sizes []int64) ([]int64, bool) {
	rest := -1
	for i, size := range sizes {
		if size < 0 && rest >= 0 {
			return nil, false
		}
		if size < 0 {
			rest = i
		}
		sizes[i] = max(size, least)
		if sizes[i] > capacity {
			return nil, false
		}
		capacity -= sizes[i]
	}
	if rest >= 0 {
		sizes[rest] += capacity
	}
	return sizes, true
}

// formatMedium is FORMAT MEDIUM (SSC-5): the tape becomes blank, with one partition or as the medium
// partition mode page says. It is over when the command is, with IMMED or without; there is nothing for
// VERIFY to find.
func (s *Server) formatMedium(_ context.Context, c *spc.Call) error {
	format := c.CDB[2] & 0x0F
	switch {
	case format > 2:
		return spc.BadCDB(2, 3)
	case c.U16(3) != 0: // the parameter list is vendor specific
		return spc.BadCDB(3, -1)
	case !s.atBeginningOfMedium():
		return pastBeginning()
	}
	if k := s.refusesFormat(); k != nil {
		return k
	}
	var capacities []int64
	if format != 0 {
		var fits bool
		if capacities, fits = s.layout(s.modes.Current(partitionPageCode, 0)); !fits {
			return spc.BadCDB(2, 3)
		}
	}
	err := s.medium.Format(capacities)
	s.memory, s.unsynced = s.medium.Meta(), false
	s.thread()
	if err != nil {
		return spc.Refuse(scsi.MediumError, spc.FormatFailed).Because(err)
	}
	return nil
}

// refusesFormat: a WORM cartridge is never formatted, not even when it is blank.
func (s *Server) refusesFormat() *spc.Check {
	if s.memory.WORM {
		s.raise(wormOverwrite)
		return spc.Refuse(scsi.DataProtect, spc.WORMOverwrite)
	}
	if s.appendOnly() && s.heads.Overwrite.Kind == overwriteFormat {
		s.heads.Overwrite = overwrite{overwriteHere, s.heads.Partition, s.position}
	}
	return s.refusesWrite()
}

// readPositionExtended is READ POSITION, extended form (SSC-5): 32 bytes. As in the short form the
// first and the last location are the same.
func (s *Server) readPositionExtended(_ context.Context, c *spc.Call) error {
	b := make([]byte, 32)
	b[0], b[1] = s.positionFlags(), byte(s.heads.Partition)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-4))
	binary.BigEndian.PutUint64(b[8:], uint64(s.position))
	binary.BigEndian.PutUint64(b[16:], uint64(s.position))
	return c.Reply(b, int(c.U16(7)))
}
