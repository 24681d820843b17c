package scsi

import "encoding/binary"

// A CDB builder returns an array: its length is the command's length, and a caller on the data path
// can build one without allocating. Numbers are cut to the width of their field; callers check.

// CDB6, CDB10, CDB12 and CDB16 are command descriptor blocks.
type (
	CDB6  [6]byte
	CDB10 [10]byte
	CDB12 [12]byte
	CDB16 [16]byte
)

func bit(on bool, mask byte) byte {
	if on {
		return mask
	}
	return 0
}

// TestUnitReady is TEST UNIT READY (SPC-5 6.49).
func TestUnitReady() CDB6 { return CDB6{OpTestUnitReady} }

// RequestSense is REQUEST SENSE in fixed format (SPC-5 6.40).
func RequestSense(alloc byte) CDB6 { return CDB6{OpRequestSense, 0, 0, 0, alloc} }

// Inquiry is INQUIRY for the standard data (SPC-5 6.7).
func Inquiry(alloc uint16) CDB6 {
	return CDB6{OpInquiry, 0, 0, byte(alloc >> 8), byte(alloc)}
}

// InquiryVPD is INQUIRY for a vital product data page.
func InquiryVPD(page byte, alloc uint16) CDB6 {
	return CDB6{OpInquiry, 0x01, page, byte(alloc >> 8), byte(alloc)}
}

// ReportLUNs is REPORT LUNS for all logical units (SPC-5 6.33).
func ReportLUNs(alloc uint32) CDB12 {
	c := CDB12{OpReportLUNs}
	binary.BigEndian.PutUint32(c[6:], alloc)
	return c
}

// Rewind is REWIND (SSC-5 7.10).
func Rewind(immediate bool) CDB6 { return CDB6{OpRewind, bit(immediate, 0x01)} }

// ReadBlockLimits is READ BLOCK LIMITS (SSC-5 7.6); the answer has 6 bytes.
func ReadBlockLimits() CDB6 { return CDB6{OpReadBlockLimits} }

// Read6 is READ(6) (SSC-5 5.4). length counts bytes, or blocks when fixed; 24 bits. sili suppresses
// the report of a block whose length differs.
func Read6(fixed, sili bool, length uint32) CDB6 {
	c := CDB6{OpRead6, bit(fixed, 0x01) | bit(sili, 0x02)}
	putUint24(c[2:], length)
	return c
}

// Write6 is WRITE(6) (SSC-5 5.6). length counts bytes, or blocks when fixed; 24 bits.
func Write6(fixed bool, length uint32) CDB6 {
	c := CDB6{OpWrite6, bit(fixed, 0x01)}
	putUint24(c[2:], length)
	return c
}

// WriteFilemarks6 is WRITE FILEMARKS(6) (SSC-5 5.8); count has 24 bits, 0 flushes the buffer.
func WriteFilemarks6(immediate bool, count uint32) CDB6 {
	c := CDB6{OpWriteFilemarks6, bit(immediate, 0x01)}
	putUint24(c[2:], count)
	return c
}

// SpaceCode is what SPACE counts (SSC-5 7.14).
type SpaceCode byte

// The codes of SPACE. SpaceToEOD ignores the count.
const (
	SpaceBlocks    SpaceCode = 0
	SpaceFilemarks SpaceCode = 1
	SpaceToEOD     SpaceCode = 3
)

// Space6 is SPACE(6); count is signed and has 24 bits.
func Space6(code SpaceCode, count int32) CDB6 {
	c := CDB6{OpSpace6, byte(code)}
	putUint24(c[2:], uint32(count))
	return c
}

// Space16 is SPACE(16) (SSC-5 5.5).
func Space16(code SpaceCode, count int64) CDB16 {
	c := CDB16{OpSpace16, byte(code)}
	binary.BigEndian.PutUint64(c[4:], uint64(count))
	return c
}

// Locate10 is LOCATE(10) to a logical object of the current partition (SSC-5 7.3).
func Locate10(block uint32) CDB10 {
	c := CDB10{OpLocate10}
	binary.BigEndian.PutUint32(c[3:], block)
	return c
}

// LocateDest is what LOCATE(16) goes to (SSC-5 table 56).
type LocateDest byte

// The destinations of LOCATE(16). LocateEOD ignores the identifier.
const (
	LocateObject LocateDest = 0
	LocateFile   LocateDest = 1
	LocateEOD    LocateDest = 3
)

// Locate16 is LOCATE(16) in the current partition (SSC-5 7.4).
func Locate16(dest LocateDest, id uint64) CDB16 {
	c := CDB16{OpLocate16, byte(dest) << 3}
	binary.BigEndian.PutUint64(c[4:], id)
	return c
}

// ReadPositionShort is READ POSITION, short form (SSC-5 7.7); the answer has 20 bytes and the CDB
// must not give an allocation length.
func ReadPositionShort() CDB10 { return CDB10{OpReadPosition} }

// ReadPositionLong is READ POSITION, long form; the answer has 32 bytes.
func ReadPositionLong() CDB10 { return CDB10{OpReadPosition, 0x06} }

// Erase6 is ERASE(6) from the current position to the end of the partition (SSC-5 5.2). long writes
// an erase pattern over the medium; without it only an end of data is written.
func Erase6(long, immediate bool) CDB6 {
	return CDB6{OpErase6, bit(long, 0x01) | bit(immediate, 0x02)}
}

// LoadUnload is LOAD UNLOAD (SSC-5 7.2).
func LoadUnload(load, immediate bool) CDB6 {
	return CDB6{OpLoadUnload, bit(immediate, 0x01), 0, 0, bit(load, 0x01)}
}

// PreventAllow is PREVENT ALLOW MEDIUM REMOVAL (SPC-5 6.14).
func PreventAllow(prevent bool) CDB6 {
	return CDB6{OpPreventAllow, 0, 0, 0, bit(prevent, 0x01)}
}
