package scsi

import (
	"encoding/binary"
	"time"
)

// ReportSupportedOpcodes is REPORT SUPPORTED OPERATION CODES for all commands of the device (SPC-5 6.35), with
// the command timeouts descriptors when timeouts is set.
func ReportSupportedOpcodes(timeouts bool, alloc uint32) CDB12 {
	c := CDB12{OpMaintenanceIn, 0x0C, bit(timeouts, 0x80)}
	binary.BigEndian.PutUint32(c[6:], alloc)
	return c
}

// NoAction stands for the service action of a command that has none.
const NoAction = -1

// SupportedCommand is a command that a device says it knows. Nominal is how long it may run before the host
// asks what is the matter, Recommended how long before it gives it up; 0: the device does not say.
type SupportedCommand struct {
	Opcode      byte
	Action      int // service action or NoAction
	Length      int // of the CDB in bytes
	Nominal     time.Duration
	Recommended time.Duration
}

// ParseSupportedOpcodes decodes the list of all commands. A descriptor that was cut is left out.
func ParseSupportedOpcodes(data []byte) ([]SupportedCommand, error) {
	if len(data) < 4 {
		return nil, shortData("supported commands", len(data), 4)
	}
	var list []SupportedCommand
	for b := extent(data, 4, uint64(uint32At(data, 0)))[4:]; len(b) >= 8; {
		c := SupportedCommand{Opcode: b[0], Action: NoAction, Length: int(uint16At(b, 6))}
		if b[5]&0x01 != 0 { // SERVACTV
			c.Action = int(uint16At(b, 2))
		}
		withTimeouts := b[5]&0x02 != 0 // CTDP
		if b = b[8:]; withTimeouts {
			if len(b) < 2 {
				break
			}
			size := 2 + int(uint16At(b, 0))
			if size > len(b) {
				break
			}
			c.timeouts(b[:size])
			b = b[size:]
		}
		list = append(list, c)
	}
	return list, nil
}

// timeouts takes the command timeouts descriptor (SPC-5 6.35.4).
func (c *SupportedCommand) timeouts(d []byte) {
	if len(d) >= 12 {
		c.Nominal = time.Duration(uint32At(d, 4)) * time.Second
		c.Recommended = time.Duration(uint32At(d, 8)) * time.Second
	}
}
