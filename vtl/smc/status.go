package smc

import (
	"context"
	"encoding/binary"

	"calypso/tape/scsi"
	"calypso/vtl/spc"
)

const (
	volumeIDLength  = 32
	volumeTagLength = 36 // volume identifier, 2 reserved, sequence number
	reportHeader    = 8
	pageHeader      = 8
	fixedPart       = 12 // of a descriptor, before the volume tag
	deviceIDHeader  = 4
)

// reportRequest is what READ ELEMENT STATUS asks for.
type reportRequest struct {
	kind       Type
	start      uint16
	count      int
	volumeTags bool
	deviceIDs  bool
	allocation int
}

// readElementStatus is READ ELEMENT STATUS (SMC-3). CURDATA, which forbids to move the robot for it,
// is always kept.
func (s *Server) readElementStatus(_ context.Context, c *spc.Call) error {
	r := reportRequest{
		kind:       Type(c.CDB[1] & 0x0F),
		start:      c.U16(2),
		count:      int(c.U16(4)),
		volumeTags: c.Bit(1, 0x10),
		deviceIDs:  c.Bit(6, 0x01),
		allocation: c.U24(7),
	}
	if r.kind > Drive {
		return spc.BadCDB(1, 3)
	}
	elements, err := s.selectElements(r)
	if err != nil {
		return err
	}
	return c.Reply(r.report(elements), r.allocation)
}

// selectElements gives the elements to report, in order of address.
func (s *Server) selectElements(r reportRequest) ([]Element, error) {
	var selected []Element
	ofKind := 0
	for _, e := range s.inventory.Elements {
		if r.kind != AllTypes && e.Type != r.kind {
			continue
		}
		ofKind++
		if e.Address >= r.start && len(selected) < r.count {
			e.NoAccess = !s.accessible(e)
			selected = append(selected, e)
		}
	}
	if len(selected) == 0 && ofKind > 0 && r.count > 0 {
		return nil, spc.Refuse(scsi.IllegalRequest, spc.InvalidElementAddress)
	}
	return selected, nil
}

// report encodes the report. Its header and the page headers count all that there is; only as many whole
// descriptors follow as the allocation length has room for (SMC-3, READ ELEMENT STATUS).
func (r reportRequest) report(elements []Element) []byte {
	b := make([]byte, reportHeader)
	if len(elements) > 0 {
		binary.BigEndian.PutUint16(b, elements[0].Address)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(elements)))
	total, room := 0, r.allocation
	for len(elements) > 0 {
		n := runLength(elements)
		length := r.descriptorLength(elements[:n])
		total += pageHeader + n*length
		b, room = r.appendPage(b, elements[:n], length, room)
		elements = elements[n:]
	}
	putU24(b[5:], total)
	return b
}

// runLength is how many elements at the beginning have the same type.
func runLength(elements []Element) int {
	n := 1
	for n < len(elements) && elements[n].Type == elements[0].Type {
		n++
	}
	return n
}

// appendPage adds the page of one type as far as there is room. Once something did not fit, nothing
// may follow: the room that is given back is 0 then.
func (r reportRequest) appendPage(b []byte, elements []Element, length, room int) ([]byte, int) {
	if len(b)+pageHeader > room {
		return b, 0
	}
	head := []byte{byte(elements[0].Type), 0, byte(length >> 8), byte(length), 0, 0, 0, 0}
	if r.volumeTags {
		head[1] = 0x80 // PVOLTAG
	}
	putU24(head[5:], len(elements)*length)
	b = append(b, head...)
	for _, e := range elements {
		if len(b)+length > room {
			return b, 0
		}
		b = append(b, r.descriptor(e, length)...)
	}
	return b, room
}

// descriptorLength is the same for all descriptors of a page: the longest device identifier rules. The
// 4 bytes of the identifier's header are there also without one, as on real libraries.
func (r reportRequest) descriptorLength(elements []Element) int {
	n := fixedPart + deviceIDHeader
	if r.volumeTags {
		n += volumeTagLength
	}
	longest := 0
	for _, e := range elements {
		longest = max(longest, len(r.deviceID(e)))
	}
	return n + longest
}

// deviceID is the T10 vendor ID designator of a drive, when it was asked for.
func (r reportRequest) deviceID(e Element) []byte {
	if !r.deviceIDs || e.Type != Drive || e.Device.Serial == "" {
		return nil
	}
	return e.Device.T10ID()
}

// descriptor encodes one element descriptor.
func (r reportRequest) descriptor(e Element, length int) []byte {
	b := make([]byte, length)
	binary.BigEndian.PutUint16(b, e.Address)
	b[2] = e.flags()
	binary.BigEndian.PutUint16(b[4:], e.Exception)
	if e.Full {
		b[9] = byte(e.Medium)
		if e.Source != 0 {
			b[9] |= 0x80 // SVALID
			binary.BigEndian.PutUint16(b[10:], e.Source)
		}
	}
	at := fixedPart
	if r.volumeTags {
		if e.Full && e.Barcode != "" {
			copy(b[at:], spc.PadASCII(e.Barcode, volumeIDLength))
		}
		at += volumeTagLength
	}
	if id := r.deviceID(e); id != nil {
		copy(b[at:], []byte{0x02, 0x01, 0x00, byte(len(id))}) // ASCII, T10 vendor ID
		copy(b[at+deviceIDHeader:], id)
	}
	return b
}

// Flags of descriptor byte 2.
const (
	flagFull     = 0x01
	flagImpExp   = 0x02
	flagExcept   = 0x04
	flagAccess   = 0x08
	flagExEnable = 0x10
	flagInEnable = 0x20
)

// flags: the hand has no ACCESS bit, and only mail slots have the import and export bits.
func (e Element) flags() byte {
	var b byte
	if e.Full {
		b |= flagFull
	}
	if e.Exception != 0 {
		b |= flagExcept
	}
	if e.Type != Transport && !e.NoAccess {
		b |= flagAccess
	}
	if e.Type == ImportExport {
		b |= flagExEnable | flagInEnable
		if e.Full && e.ByOperator {
			b |= flagImpExp
		}
	}
	return b
}

func putU24(b []byte, n int) { b[0], b[1], b[2] = byte(n>>16), byte(n>>8), byte(n) }
