package scsi

import "encoding/binary"

// PositionData is what READ POSITION returns (SSC-5 7.7). Block and File are -1 when the device
// does not know them or the form does not carry them.
type PositionData struct {
	BOP, EOP     bool
	EarlyWarning bool // beyond programmable early warning (BPEW)
	Overflow     bool // short form: the numbers do not fit (PERR)
	Partition    int64
	Block        int64 // logical object number of the next object
	File         int64 // filemarks before the position
	Buffered     int64 // objects in the drive's buffer, -1 unknown
}

// ParsePositionShort decodes the 20-byte short form. It has no file number.
func ParsePositionShort(data []byte) (PositionData, error) {
	if len(data) < 20 {
		return PositionData{}, shortData("position", len(data), 20)
	}
	flags := data[0]
	p := PositionData{
		BOP: flags&0x80 != 0, EOP: flags&0x40 != 0,
		EarlyWarning: flags&0x01 != 0, Overflow: flags&0x02 != 0,
		Partition: int64(data[1]), Block: int64(uint32At(data, 4)), File: -1,
		Buffered: int64(uint24(data[13:])),
	}
	if flags&0x04 != 0 || p.Overflow { // LOLU: the logical object location is unknown
		p.Block = -1
	}
	if flags&0x20 != 0 { // LOCU: the count of buffered objects is unknown
		p.Buffered = -1
	}
	return p, nil
}

// ParsePositionLong decodes the 32-byte long form.
func ParsePositionLong(data []byte) (PositionData, error) {
	if len(data) < 32 {
		return PositionData{}, shortData("position", len(data), 32)
	}
	flags := data[0]
	p := PositionData{
		BOP: flags&0x80 != 0, EOP: flags&0x40 != 0, EarlyWarning: flags&0x01 != 0,
		Partition: int64(uint32At(data, 4)),
		Block:     int64(binary.BigEndian.Uint64(data[8:])),
		File:      int64(binary.BigEndian.Uint64(data[16:])),
		Buffered:  -1,
	}
	if flags&0x04 != 0 || p.Block < 0 { // LONU: the logical object number is unknown
		p.Block, p.Partition = -1, -1
	}
	if flags&0x08 != 0 || p.File < 0 { // MPU: the mark position is unknown
		p.File = -1
	}
	return p, nil
}
