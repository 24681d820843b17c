package scsi

import "encoding/binary"

// cumulative is the page control of log commands that chooses what was counted so far, and not the
// thresholds or defaults (SPC-5 table 221).
const cumulative = 0x01 << 6

// LogSense is LOG SENSE for the cumulative values of a page from its first parameter on (SPC-5 6.9).
func LogSense(page, subpage byte, alloc uint16) CDB10 {
	c := CDB10{OpLogSense, 0, cumulative | page&0x3F, subpage}
	binary.BigEndian.PutUint16(c[7:], alloc)
	return c
}

// LogSelect is LOG SELECT of the cumulative values (SPC-5 6.8). reset sets the page's counters to
// their start without a parameter list (PCR), for all pages when page and subpage are 0; length is
// that of the parameter list, and must be 0 with reset.
func LogSelect(reset bool, page, subpage byte, length uint16) CDB10 {
	c := CDB10{OpLogSelect, bit(reset, 0x02), cumulative | page&0x3F, subpage}
	binary.BigEndian.PutUint16(c[7:], length)
	return c
}

// ReportDensitySupport is REPORT DENSITY SUPPORT (SSC-5 7.12). medium asks for the densities of the
// loaded cartridge in place of those of the drive.
func ReportDensitySupport(medium bool, alloc uint16) CDB10 {
	c := CDB10{OpReportDensitySupport, bit(medium, 0x01)}
	binary.BigEndian.PutUint16(c[7:], alloc)
	return c
}
