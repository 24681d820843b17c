package ssc

import (
	"context"
	"encoding/binary"
	"slices"

	"calypso/vtl/spc"
)

// Formats of attributes (SPC-5).
const (
	formatBinary = 0
	formatASCII  = 1
	formatText   = 2
)

const (
	barcodeID    = 0x0806
	lastDriveID  = 0x020A // device vendor and serial number at the last load; 020B to 020D: the loads before
	oldestDriver = 0x020D

	mebibyte    = 1 << 20
	memoryBytes = 16352 // of an LTO-8 cartridge memory
)

// deviceAttribute is an attribute that the drive makes from what it knows.
type deviceAttribute struct {
	id     uint16
	format byte
	value  func(*Server, Meta) []byte
}

// deviceAttributes are the read-only attributes in ascending order (SPC-5).
// Capacities are in MiB of the partition.
var deviceAttributes = []deviceAttribute{
	{0x0000, formatBinary, func(s *Server, _ Meta) []byte { return u64(s.remainingBytes() / mebibyte) }},
	{0x0001, formatBinary, func(s *Server, _ Meta) []byte { return u64(s.tape.CapacityBytes() / mebibyte) }},
	{0x0002, formatBinary, func(*Server, Meta) []byte { return u64(0) }}, // no TapeAlert flag was ever set
	{0x0003, formatBinary, func(_ *Server, m Meta) []byte { return u64(m.LoadCount) }},
	{0x0004, formatBinary, func(_ *Server, m Meta) []byte { return u64(memoryLeft(m)) }},
	{0x0005, formatASCII, func(*Server, Meta) []byte { return spc.PadASCII("LTO-CVE", 8) }},
	{0x0006, formatBinary, func(s *Server, _ Meta) []byte { return []byte{s.format.density} }},
	{0x0007, formatBinary, func(*Server, Meta) []byte { return []byte{0, 1} }},
	{0x0220, formatBinary, func(_ *Server, m Meta) []byte { return u64(m.LifetimeWrittenBytes / mebibyte) }},
	{0x0221, formatBinary, func(_ *Server, m Meta) []byte { return u64(m.LifetimeReadBytes / mebibyte) }},
	{0x0222, formatBinary, func(s *Server, _ Meta) []byte { return u64(s.traffic.MediumWrittenBytes / mebibyte) }},
	{0x0223, formatBinary, func(s *Server, _ Meta) []byte { return u64(s.traffic.MediumReadBytes / mebibyte) }},
	{0x0400, formatASCII, func(_ *Server, m Meta) []byte { return spc.PadASCII(m.Manufacturer, 8) }},
	{0x0401, formatASCII, func(_ *Server, m Meta) []byte { return spc.PadASCII(m.MediumSerial, 32) }},
	{0x0404, formatASCII, func(*Server, Meta) []byte { return spc.PadASCII("LTO-CVE", 8) }},
	{0x0405, formatBinary, func(s *Server, _ Meta) []byte { return []byte{s.format.density} }},
	{0x0406, formatASCII, func(_ *Server, m Meta) []byte { return spc.PadASCII(m.ManufactureDate, 8) }},
	{0x0407, formatBinary, func(*Server, Meta) []byte { return u64(memoryBytes) }},
	{0x0408, formatBinary, func(_ *Server, m Meta) []byte { return []byte{mediumKind(m)} }},
	{0x0409, formatBinary, func(_ *Server, m Meta) []byte { return mediumInformation(m) }},
}

// hostAttribute is an attribute that a host may write (SPC-5).
type hostAttribute struct {
	format byte
	length int
	exact  bool // a shorter value is refused
}

var hostAttributes = map[uint16]hostAttribute{
	0x0800:    {formatASCII, 8, false},     // application vendor
	0x0801:    {formatASCII, 32, false},    // application name
	0x0802:    {formatASCII, 8, false},     // application version
	0x0803:    {formatText, 160, false},    // user medium text label
	0x0804:    {formatASCII, 12, false},    // date and time last written
	0x0805:    {formatBinary, 1, true},     // text localization identifier
	barcodeID: {formatASCII, 32, false},    // barcode
	0x0807:    {formatText, 80, false},     // owning host textual name
	0x0808:    {formatText, 160, false},    // media pool
	0x0809:    {formatASCII, 16, false},    // partition user text label
	0x080A:    {formatBinary, 1, true},     // load/unload at partition
	0x080B:    {formatASCII, 16, false},    // application format version
	0x080C:    {formatBinary, 1024, false}, // volume coherency information
	0x0820:    {formatBinary, 36, true},    // medium GUID
	0x0821:    {formatBinary, 36, true},    // media pool GUID
	0x1623:    {formatBinary, 1, true},     // LTFS volume lock (vendor specific, host)
}

func u64(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

func (s *Server) remainingBytes() int64 {
	return max(s.tape.CapacityBytes()-s.tape.UsedBytes(), 0)
}

// mediumKind is MEDIUM TYPE of attribute 0408h.
func mediumKind(m Meta) byte {
	switch {
	case m.Cleaning:
		return cleaningKind
	case m.WORM:
		return 0x80
	}
	return 0x00
}

// memoryLeft is what hosts can still put into the cartridge memory.
func memoryLeft(m Meta) int64 {
	left := int64(memoryBytes)
	for _, a := range m.Attributes {
		left -= int64(5 + len(a.Value))
	}
	return max(left, 0)
}

// putAttribute adds or replaces an attribute, keeping the order; an empty value removes it.
func putAttribute(m *Meta, a Attribute) {
	m.Attributes = slices.DeleteFunc(m.Attributes, func(old Attribute) bool { return old.ID == a.ID })
	if len(a.Value) == 0 {
		return
	}
	at, _ := slices.BinarySearchFunc(m.Attributes, a.ID, func(old Attribute, id uint16) int {
		return int(old.ID) - int(id)
	})
	m.Attributes = slices.Insert(m.Attributes, at, a)
}

// recordDrive books this drive as the last one that loaded the cartridge and moves the others on.
func recordDrive(m *Meta, id spc.Identity) {
	next := append(spc.PadASCII(id.Vendor, 8), spc.PadASCII(id.Serial, 32)...)
	for n := uint16(lastDriveID); n <= oldestDriver && next != nil; n++ {
		var was []byte
		for _, a := range m.Attributes {
			if a.ID == n {
				was = a.Value
			}
		}
		putAttribute(m, Attribute{ID: n, Format: formatASCII, ReadOnly: true, Value: next})
		next = was
	}
}

// attributes are all attributes of the loaded cartridge, ascending.
func (s *Server) attributes() []Attribute {
	m := s.medium.Meta()
	all := slices.Clone(m.Attributes)
	for _, d := range deviceAttributes {
		all = append(all, Attribute{ID: d.id, Format: d.format, ReadOnly: true, Value: d.value(s, m)})
	}
	slices.SortStableFunc(all, func(a, b Attribute) int { return int(a.ID) - int(b.ID) })
	return all
}

// attributesFrom are those from the CDB's first attribute identifier on, which must exist
// (SPC-5).
func (s *Server) attributesFrom(c *spc.Call) ([]Attribute, error) {
	all := s.attributes()
	first := c.U16(8)
	for i, a := range all {
		if a.ID == first {
			return all[i:], nil
		}
	}
	return nil, spc.BadCDB(8, -1)
}

// readAttributeValues is READ ATTRIBUTE, service action ATTRIBUTE VALUES (SPC-5).
func (s *Server) readAttributeValues(_ context.Context, c *spc.Call) error {
	attributes, err := s.attributesFrom(c)
	if err != nil {
		return err
	}
	b := make([]byte, 4)
	for _, a := range attributes {
		b = appendAttribute(b, a)
	}
	return replyCounted(c, b)
}

// readAttributeList is READ ATTRIBUTE, service action ATTRIBUTE LIST (SPC-5).
func (s *Server) readAttributeList(_ context.Context, c *spc.Call) error {
	attributes, err := s.attributesFrom(c)
	if err != nil {
		return err
	}
	b := make([]byte, 4)
	for _, a := range attributes {
		b = binary.BigEndian.AppendUint16(b, a.ID)
	}
	return replyCounted(c, b)
}

// replyCounted fills in the 4-byte length of what follows it and replies.
func replyCounted(c *spc.Call, b []byte) error {
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return c.Reply(b, int(c.U32(10)))
}

// appendAttribute encodes an attribute (SPC-5).
func appendAttribute(b []byte, a Attribute) []byte {
	flags := a.Format
	if a.ReadOnly {
		flags |= 0x80
	}
	b = binary.BigEndian.AppendUint16(b, a.ID)
	b = append(b, flags)
	b = binary.BigEndian.AppendUint16(b, uint16(len(a.Value)))
	return append(b, a.Value...)
}
