package scsi

import "encoding/binary"

// PageControl chooses which values MODE SENSE returns (SPC-5 6.14.1).
type PageControl byte

// The page controls.
const (
	CurrentValues    PageControl = 0
	ChangeableValues PageControl = 1
	DefaultValues    PageControl = 2
	SavedValues      PageControl = 3
)

// The mode pages that calypso uses.
const (
	PageCompression         = 0x0F // SSC-5 8.5.2
	PageDeviceConfiguration = 0x10 // SSC-5 8.5.3
	PageMediumConfiguration = 0x1D // of a drive: SSC-5 8.5.6
	PageElementAddress      = 0x1D // of a changer: SMC-3 7.3.3
)

// ModeSense6 is MODE SENSE(6) (SPC-5 6.14). noDescriptor leaves the block descriptor out.
func ModeSense6(noDescriptor bool, pc PageControl, page, subpage, alloc byte) CDB6 {
	return CDB6{OpModeSense6, bit(noDescriptor, 0x08), byte(pc)<<6 | page&0x3F, subpage, alloc}
}

// ModeSense10 is MODE SENSE(10) (SPC-5 6.15).
func ModeSense10(noDescriptor bool, pc PageControl, page, subpage byte, alloc uint16) CDB10 {
	c := CDB10{OpModeSense10, bit(noDescriptor, 0x08), byte(pc)<<6 | page&0x3F, subpage}
	binary.BigEndian.PutUint16(c[7:], alloc)
	return c
}

// ModeSelect6 is MODE SELECT(6) of standard pages (PF) that are not saved (SPC-5 6.12).
func ModeSelect6(length byte) CDB6 { return CDB6{OpModeSelect6, 0x10, 0, 0, length} }

// ModeSelect10 is MODE SELECT(10) of standard pages that are not saved (SPC-5 6.13).
func ModeSelect10(length uint16) CDB10 {
	c := CDB10{OpModeSelect10, 0x10}
	binary.BigEndian.PutUint16(c[7:], length)
	return c
}

// AttributeAction is a service action of READ ATTRIBUTE (SPC-5 table 262).
type AttributeAction byte

// The service actions: values with ids, or ids alone; of attributes that there are, or that the drive
// knows.
const (
	AttributeValues     AttributeAction = 0
	AttributeList       AttributeAction = 1
	SupportedAttributes AttributeAction = 5
)

// ReadAttribute is READ ATTRIBUTE for partition 0 from attribute id first on (SPC-5 6.20).
func ReadAttribute(action AttributeAction, first uint16, alloc uint32) CDB16 {
	c := CDB16{OpReadAttribute, byte(action) & 0x1F}
	binary.BigEndian.PutUint16(c[8:], first)
	binary.BigEndian.PutUint32(c[10:], alloc)
	return c
}

// WriteAttribute is WRITE ATTRIBUTE for partition 0 (SPC-5 6.50). length counts the whole parameter
// list, its header included. through asks for the values to be on the medium before the answer.
func WriteAttribute(through bool, length uint32) CDB16 {
	c := CDB16{OpWriteAttribute, bit(through, 0x01)}
	binary.BigEndian.PutUint32(c[10:], length)
	return c
}

// ElementType is a kind of place in a changer (SMC-3 table 8).
type ElementType byte

// The element types; AnyElement asks for all of them.
const (
	AnyElement       ElementType = 0
	TransportElement ElementType = 1 // the robot's hand
	StorageElement   ElementType = 2
	ImportElement    ElementType = 3 // import/export: the mail slot
	DriveElement     ElementType = 4 // data transfer
)

// ElementQuery is what READ ELEMENT STATUS is to return.
type ElementQuery struct {
	Type        ElementType
	Start       uint16 // lowest element address
	Count       uint16
	VolumeTags  bool
	DeviceIDs   bool // of drives (DVCID)
	CurrentData bool // no motion to find out (CURDATA)
	Alloc       uint32
}

// ReadElementStatus is READ ELEMENT STATUS (SMC-3 6.10); Alloc has 24 bits.
func ReadElementStatus(q ElementQuery) CDB12 {
	c := CDB12{OpReadElementStatus, byte(q.Type)&0x0F | bit(q.VolumeTags, 0x10)}
	binary.BigEndian.PutUint16(c[2:], q.Start)
	binary.BigEndian.PutUint16(c[4:], q.Count)
	c[6] = bit(q.DeviceIDs, 0x01) | bit(q.CurrentData, 0x02)
	putUint24(c[7:], q.Alloc)
	return c
}

// MoveMedium is MOVE MEDIUM (SMC-3 6.4). Transport 0 is the default one.
func MoveMedium(transport, source, destination uint16) CDB12 {
	c := CDB12{OpMoveMedium}
	binary.BigEndian.PutUint16(c[2:], transport)
	binary.BigEndian.PutUint16(c[4:], source)
	binary.BigEndian.PutUint16(c[6:], destination)
	return c
}

// ExchangeMedium is EXCHANGE MEDIUM (SMC-3 6.3): source to first, what is in first to second, which may be
// the source.
func ExchangeMedium(transport, source, first, second uint16) CDB12 {
	c := CDB12{OpExchangeMedium}
	binary.BigEndian.PutUint16(c[2:], transport)
	binary.BigEndian.PutUint16(c[4:], source)
	binary.BigEndian.PutUint16(c[6:], first)
	binary.BigEndian.PutUint16(c[8:], second)
	return c
}

// InitializeElementStatus is INITIALIZE ELEMENT STATUS: scan every element (SMC-3 6.2).
func InitializeElementStatus() CDB6 { return CDB6{OpInitializeElementStatus} }
