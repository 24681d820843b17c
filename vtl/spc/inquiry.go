package spc

import "encoding/binary"

// Identity is what a device tells of itself.
type Identity struct {
	DeviceType byte      // peripheral device type: 01h tape, 08h changer
	Vendor     string    // up to 8 ASCII characters
	Product    string    // up to 16
	Revision   string    // up to 4
	Serial     string    // unit serial number, of the device's own length
	Standards  [8]uint16 // version descriptors (SPC-5); 0: none
}

// VPDPage is one page of vital product data; Body gives what follows its 4-byte header.
type VPDPage struct {
	Code byte
	Body func(Identity) []byte
}

// BasicVPD are the pages every device has but for the list itself: 80h, 83h, 86h, 87h and 88h.
func BasicVPD() []VPDPage {
	return []VPDPage{
		{0x80, unitSerialNumber}, {0x83, deviceIdentification}, {0x86, extendedInquiry},
		{0x87, modePagePolicy}, {0x88, scsiPorts},
	}
}

// Inquiry answers INQUIRY. pages must be in ascending order; page 00h, the list, is made from them.
func Inquiry(c *Call, id Identity, pages []VPDPage) error {
	allocation := int(c.U16(3))
	code := c.CDB[2]
	if !c.Bit(1, 0x01) {
		if code != 0 {
			return BadCDB(2, -1)
		}
		return c.Reply(id.standard(), allocation)
	}
	if code == 0 {
		return c.Reply(id.vpd(0, pageList(pages)), allocation)
	}
	for _, p := range pages {
		if p.Code == code {
			return c.Reply(id.vpd(code, p.Body(id)), allocation)
		}
	}
	return BadCDB(2, -1)
}

const (
	standardLength = 96
	versionSPC5    = 0x07
)

// standard is the standard INQUIRY data (SPC-5).
func (id Identity) standard() []byte {
	b := make([]byte, standardLength)
	b[0] = id.DeviceType
	b[1] = 0x80 // RMB: set by tape drives and changers alike
	b[2] = versionSPC5
	b[3] = 0x02 // response data format
	b[4] = standardLength - 5
	b[7] = 0x02 // CMDQUE
	putASCII(b[8:16], id.Vendor)
	putASCII(b[16:32], id.Product)
	putASCII(b[32:36], id.Revision)
	for i, standard := range id.Standards {
		binary.BigEndian.PutUint16(b[58+2*i:], standard)
	}
	return b
}

// vpd puts the header before a page.
func (id Identity) vpd(code byte, body []byte) []byte {
	b := []byte{id.DeviceType, code, byte(len(body) >> 8), byte(len(body))}
	return append(b, body...)
}

func pageList(pages []VPDPage) []byte {
	list := []byte{0x00}
	for _, p := range pages {
		list = append(list, p.Code)
	}
	return list
}

func unitSerialNumber(id Identity) []byte { return []byte(id.Serial) }

// deviceIdentification lists the designators of the logical unit, its T10 vendor ID and its name, and
// those of the target port (SPC-5).
func deviceIdentification(id Identity) []byte {
	t10 := id.T10ID()
	b := append([]byte{0x02, 0x01, 0x00, byte(len(t10))}, t10...)
	name := id.NAA()
	b = append(append(b, 0x01, 0x03, 0x00, byte(len(name))), name...)
	return append(b, id.portDesignators()...)
}

// T10ID is the T10 vendor ID based designator: vendor (8), product (16) and serial number, the form
// that libraries report of their drives with DVCID.
func (id Identity) T10ID() []byte {
	b := make([]byte, 24, 24+len(id.Serial))
	putASCII(b[:8], id.Vendor)
	putASCII(b[8:], id.Product)
	return append(b, id.Serial...)
}

// NAA is a locally assigned name (SPC-5) made from vendor, product and serial number: there
// is no registered company behind a virtual device, and the name must be the same every time.
func (id Identity) NAA() []byte { return localName(id.T10ID()) }

// putASCII writes s left-aligned and padded with spaces.
func putASCII(b []byte, s string) {
	for i := copy(b, s); i < len(b); i++ {
		b[i] = ' '
	}
}

// PadASCII is s in n bytes: cut, or padded with spaces at the right.
func PadASCII(s string, n int) []byte {
	b := make([]byte, n)
	putASCII(b, s)
	return b
}

// ReportLUNs answers REPORT LUNS of a target with LUN 0 alone and no well known logical units
// (SPC-5).
func ReportLUNs(c *Call) error {
	allocation := int(c.U32(6))
	switch c.CDB[2] {
	case 0x00, 0x02:
		return c.Reply([]byte{3: 8, 15: 0}, allocation)
	case 0x01:
		return c.Reply(make([]byte, 8), allocation)
	}
	return BadCDB(2, -1)
}
