package scsi

import "encoding/binary"

// headerLength is that of what Header gives: 2 bytes of the header and a short block descriptor.
const headerLength = 10

// Header is the mode parameter header and block descriptor in the layout of the page "buffering":
// medium type, device-specific parameter, and the descriptor, which is missing when the drive gave
// none.
func (m ModeData) Header() []byte {
	b := []byte{m.MediumType, m.DeviceSpecific}
	if m.HasDescriptor {
		b = append(b, m.descriptor()...)
	}
	return b
}

// SetHeader takes what Header gave, changed.
func (m *ModeData) SetHeader(b []byte) {
	if len(b) >= 2 {
		m.MediumType, m.DeviceSpecific = b[0], b[1]
	}
	if len(b) >= headerLength && m.HasDescriptor {
		m.Density, m.Blocks, m.BlockLength = b[2], uint24(b[3:]), uint24(b[7:])
	}
}

func (m ModeData) descriptor() []byte {
	d := make([]byte, 8)
	d[0] = m.Density
	putUint24(d[1:], m.Blocks)
	putUint24(d[5:], m.BlockLength)
	return d
}

// SelectList10 is SelectList6 for MODE SELECT(10) (SPC-5 6.13, 7.5.5).
func (m ModeData) SelectList10(page []byte) []byte {
	list := []byte{0, 0, 0, m.DeviceSpecific & 0x7F, 0, 0, 0, 0}
	if m.HasDescriptor {
		list[7] = 8
		list = append(list, m.descriptor()...)
	}
	start := len(list)
	list = append(list, page...)
	if len(page) > 0 {
		list[start] &= 0x7F
	}
	return list
}

// ModeSelect is MODE SELECT(10), or with six MODE SELECT(6), of standard pages; save asks the drive to
// keep all savable pages over a power cycle (SP).
func ModeSelect(six, save bool, length int) []byte {
	if six {
		c := ModeSelect6(byte(length))
		c[1] |= bit(save, 0x01)
		return c[:]
	}
	c := ModeSelect10(uint16(length))
	c[1] |= bit(save, 0x01)
	return c[:]
}

// ModeSense is MODE SENSE(10), or with six MODE SENSE(6), with the block descriptor.
func ModeSense(six bool, pc PageControl, page, subpage byte, alloc int) []byte {
	if six {
		c := ModeSense6(false, pc, page, subpage, byte(min(alloc, 0xFF)))
		return c[:]
	}
	c := ModeSense10(false, pc, page, subpage, 0)
	binary.BigEndian.PutUint16(c[7:], uint16(min(alloc, 0xFFFF)))
	return c[:]
}

// AllModePages and AllSubpages ask for everything (SPC-5 6.14).
const (
	AllModePages = 0x3F
	AllSubpages  = 0xFF
)
