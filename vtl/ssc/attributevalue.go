package ssc

import (
	"context"
	"slices"

	"calypso/vtl/spc"
)

// view is what the values of device attributes are made from: the drive and one partition of the
// cartridge in it.
type view struct {
	s         *Server
	memory    Meta
	number    int
	partition Partition
}

// deviceAttribute is an attribute that the drive makes from what it knows.
type deviceAttribute struct {
	id     uint16
	format byte
	value  func(view) []byte
}

// deviceAttributes are the read-only attributes in ascending order (SPC-5, SSC-5). Amounts of data are in
// MiB; capacities are those of the partition.
var deviceAttributes = []deviceAttribute{
	{0x0000, formatBinary, func(v view) []byte { return u64(remaining(v.partition) / mebibyte) }},
	{0x0001, formatBinary, func(v view) []byte { return u64(v.partition.CapacityBytes() / mebibyte) }},
	{0x0002, formatBinary, func(v view) []byte { return u64(int64(v.memory.Usage.TapeAlerts)) }}, // of the last load
	{0x0003, formatBinary, func(v view) []byte { return u64(v.memory.LoadCount) }},
	{0x0004, formatBinary, func(v view) []byte { return u64(memoryLeft(v.memory)) }},
	{0x0005, formatASCII, func(view) []byte { return spc.PadASCII(organization, 8) }},
	{0x0006, formatBinary, func(v view) []byte { return []byte{v.s.format.density} }},
	{0x0007, formatBinary, func(v view) []byte { return number(max(v.memory.Usage.Formats, 1), 2) }},
	{0x0008, formatASCII, func(v view) []byte { return spc.PadASCII(v.memory.Barcode, 32) }},
	{0x0009, formatBinary, func(v view) []byte { return number(v.s.usage(v.memory).WriteMounts, 4) }},
	{0x0220, formatBinary, func(v view) []byte { return u64(v.memory.LifetimeWrittenBytes / mebibyte) }},
	{0x0221, formatBinary, func(v view) []byte { return u64(v.memory.LifetimeReadBytes / mebibyte) }},
	{0x0222, formatBinary, func(v view) []byte { return u64(v.s.traffic.MediumWrittenBytes / mebibyte) }},
	{0x0223, formatBinary, func(v view) []byte { return u64(v.s.traffic.MediumReadBytes / mebibyte) }},
	{0x0224, formatBinary, func(view) []byte { return unknown(8) }}, // no encrypted object is known of
	{0x0225, formatBinary, func(view) []byte { return unknown(8) }},
	{0x0340, formatBinary, func(v view) []byte { return v.history(6) }},
	{0x0341, formatBinary, func(v view) []byte { return v.history(4) }},
	{0x0400, formatASCII, func(v view) []byte { return spc.PadASCII(v.memory.Manufacturer, 8) }},
	{0x0401, formatASCII, func(v view) []byte { return spc.PadASCII(v.memory.MediumSerial, 32) }},
	{0x0402, formatBinary, func(v view) []byte { return number(formatOf(v.s.format.density).lengthM, 4) }},
	{0x0403, formatBinary, func(view) []byte { return number(tapeWidth, 4) }},
	{0x0404, formatASCII, func(view) []byte { return spc.PadASCII(organization, 8) }},
	{0x0405, formatBinary, func(v view) []byte { return []byte{v.s.format.density} }},
	{0x0406, formatASCII, func(v view) []byte { return spc.PadASCII(v.memory.ManufactureDate, 8) }},
	{0x0407, formatBinary, func(view) []byte { return u64(memoryBytes) }},
	{0x0408, formatBinary, func(v view) []byte { return []byte{mediumKind(v.memory)} }},
	{0x0409, formatBinary, func(v view) []byte { return mediumInformation(v.memory) }},
	{0x040B, formatBinary, func(v view) []byte { return append([]byte{v.s.format.density}, make([]byte, 9)...) }},
}

// history is the medium or the partition usage history (SPC-5, 0340h and 0341h): 15 numbers of a size. A
// cartridge books for all of its partitions together.
func (v view) history(size int) []byte {
	m, t, u := v.memory, v.s.traffic, v.s.usage(v.memory)
	var b []byte
	for _, n := range []int64{
		t.MediumWrittenBytes / mebibyte, 0, t.MediumReadBytes / mebibyte, 0, // in this load, with retries
		u.LastMediumWrittenBytes / mebibyte, 0, u.LastMediumReadBytes / mebibyte, 0, // in the one before
		m.LifetimeWrittenBytes / mebibyte, u.WriteRetries, m.LifetimeReadBytes / mebibyte, u.ReadRetries,
		m.LoadCount,
		0,                 // changes of the partition
		max(u.Formats, 1), // initializations
	} {
		b = append(b, number(n, size)...)
	}
	return b
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

const readAttributeUsage = "8C 1F 00 00 00 00 00 FF FF FF FF FF FF FF 01 00"

func attributeCommands() []command {
	return []command{
		{Name: "READ ATTRIBUTE, logical volumes", Action: 0x02, Usage: readAttributeUsage, Flags: needsMedium, Run: (*Server).readVolumeList},
		{Name: "READ ATTRIBUTE, partitions", Action: 0x03, Usage: readAttributeUsage, Flags: needsMedium, Run: (*Server).readPartitionList},
		{Name: "READ ATTRIBUTE, supported", Action: 0x05, Usage: readAttributeUsage, Flags: needsMedium, Run: (*Server).readSupported},
	}
}

// readVolumeList is service action LOGICAL VOLUME LIST (SPC-5): a cartridge is one volume, number 0.
func (s *Server) readVolumeList(_ context.Context, c *spc.Call) error {
	return c.Reply([]byte{0, 2, 0, 1}, int(c.U32(10)))
}

// readPartitionList is service action PARTITION LIST (SPC-5): the first number and how many there are.
func (s *Server) readPartitionList(_ context.Context, c *spc.Call) error {
	return c.Reply([]byte{0, 2, 0, byte(s.medium.Partitions())}, int(c.U32(10)))
}

// readSupported is service action SUPPORTED ATTRIBUTES (SPC-5): what there is and what a host may write.
func (s *Server) readSupported(_ context.Context, c *spc.Call) error {
	if int(c.CDB[7]) >= s.medium.Partitions() {
		return spc.BadCDB(7, -1)
	}
	attributes, err := startsAt(c, supportedAttributes())
	if err != nil {
		return err
	}
	return replyCounted(c, appendIDs(make([]byte, 4), attributes))
}

func supportedAttributes() []Attribute {
	var all []Attribute
	for _, d := range deviceAttributes {
		all = append(all, Attribute{ID: d.id})
	}
	for id := uint16(lastDriveID); id <= oldestDriver; id++ {
		all = append(all, Attribute{ID: id})
	}
	for id := range hostAttributes {
		all = append(all, Attribute{ID: id})
	}
	slices.SortFunc(all, func(a, b Attribute) int { return int(a.ID) - int(b.ID) })
	return all
}
