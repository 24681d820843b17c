package spc

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math/bits"

	"calypso/tape/scsi"
)

// Selection is a checked MODE SELECT that has not been applied yet.
type Selection struct {
	ModeHeader
	HeaderAt ModeHeaderOffsets
	current  [][]byte // the values after it, by page
	save     bool
}

// ModeHeaderOffsets are the places of the header's fields in the parameter list, for field pointers.
type ModeHeaderOffsets struct {
	MediumType, DeviceSpecific, Descriptor int
}

// Select decodes MODE SELECT(6) and (10) and checks everything but the header's values, which
// belong to the device type. It changes nothing: Apply does. A parameter list of no bytes gives nil.
func (m *Modes) Select(c *Call) (*Selection, error) {
	save := c.Bit(1, 0x01)
	if save && !m.savable() {
		return nil, BadCDB(1, 0)
	}
	list, err := c.Parameters(selectLength(c))
	if err != nil || len(list) == 0 {
		return nil, err
	}
	s := &Selection{save: save}
	pages, err := s.decodeHeader(list, c.CDB[0] == scsi.OpModeSelect6)
	if err != nil {
		return nil, err
	}
	s.current = make([][]byte, len(m.pages))
	for i := range m.pages {
		s.current[i] = bytes.Clone(m.current[i])
	}
	return s, m.decodePages(s, list, pages)
}

// Apply makes the selection the current values and reports whether any changed.
func (m *Modes) Apply(s *Selection) (changed bool) {
	for i := range m.current {
		changed = changed || !bytes.Equal(m.current[i], s.current[i])
		copy(m.current[i], s.current[i])
	}
	if s.save {
		m.save()
	}
	return changed
}

// Selected is the body that a page will have after Apply, to be checked first; nil when there is no
// such page.
func (m *Modes) Selected(s *Selection, code, subpage byte) []byte {
	if i := m.index(code, subpage); i >= 0 {
		return s.current[i]
	}
	return nil
}

func selectLength(c *Call) int {
	if c.CDB[0] == scsi.OpModeSelect6 {
		return int(c.CDB[4])
	}
	return int(c.U16(7))
}

// decodeHeader takes the mode parameter header and the block descriptor off the list and returns
// where the pages begin. The mode data length is reserved here (SPC-5): hosts have to zero it.
func (s *Selection) decodeHeader(list []byte, six bool) (pages int, err error) {
	size, lengthBytes := 8, 2
	if six {
		size, lengthBytes = 4, 1
	}
	if len(list) < size {
		return 0, Refuse(scsi.IllegalRequest, ParameterListLength)
	}
	for i, b := range list[:lengthBytes] {
		if b != 0 {
			return 0, BadParameter(i, -1)
		}
	}
	s.MediumType, s.DeviceSpecific = list[lengthBytes], list[lengthBytes+1]
	s.HeaderAt = ModeHeaderOffsets{lengthBytes, lengthBytes + 1, size}
	descriptor, err := descriptorLength(list[:size])
	if err != nil {
		return 0, err
	}
	if len(list) < size+descriptor {
		return 0, Refuse(scsi.IllegalRequest, ParameterListLength)
	}
	s.Descriptor = list[size : size+descriptor]
	return size + descriptor, nil
}

// descriptorLength reads the block descriptor length, which is the header's end: none or one
// short descriptor is known.
func descriptorLength(header []byte) (int, error) {
	n := int(header[len(header)-1])
	if len(header) == 8 {
		if header[4] != 0 { // LONGLBA and reserved
			return 0, BadParameter(4, bits.Len8(header[4])-1)
		}
		n = int(binary.BigEndian.Uint16(header[6:]))
	}
	if n != 0 && n != 8 {
		return 0, BadParameter(len(header)-1, -1)
	}
	return n, nil
}

// decodePages checks the pages from offset at on against the current values.
func (m *Modes) decodePages(s *Selection, list []byte, at int) error {
	for at < len(list) {
		body, length, code, subpage, err := pageAt(list, at)
		if err != nil {
			return err
		}
		i := m.index(code, subpage)
		if i < 0 {
			return BadParameter(at, 5)
		}
		if length != len(s.current[i]) {
			return BadParameter(body-1, -1)
		}
		if len(list) < body+length {
			return Refuse(scsi.IllegalRequest, ParameterListLength)
		}
		if err := m.pages[i].change(s.current[i], list[body:body+length], body); err != nil {
			return err
		}
		at = body + length
	}
	return nil
}

// pageAt reads the page header at an offset: where the body begins and how long it says it is.
func pageAt(list []byte, at int) (body, length int, code, subpage byte, err error) {
	first := list[at]
	if first&0x80 != 0 { // PS is reserved in MODE SELECT
		return 0, 0, 0, 0, BadParameter(at, 7)
	}
	size := 2
	if first&0x40 != 0 { // SPF
		size = 4
	}
	if len(list) < at+size {
		return 0, 0, 0, 0, Refuse(scsi.IllegalRequest, ParameterListLength)
	}
	if size == 2 {
		return at + 2, int(list[at+1]), first & 0x3F, 0, nil
	}
	return at + 4, int(binary.BigEndian.Uint16(list[at+2:])), first & 0x3F, list[at+1], nil
}

// change copies next over value unless a bit that is not changeable differs.
func (p ModePage) change(value, next []byte, at int) error {
	for i := range value {
		if wrong := (value[i] ^ next[i]) &^ p.Changeable[i]; wrong != 0 {
			return BadParameter(at+i, bits.Len8(wrong)-1)
		}
	}
	copy(value, next)
	return nil
}

// Values gives what has to be kept between two runs.
func (m *Modes) Values() []ModeValue {
	values := make([]ModeValue, len(m.pages))
	for i, p := range m.pages {
		values[i] = ModeValue{p.Code, p.Subpage, hex.EncodeToString(m.current[i]), hex.EncodeToString(m.saved[i])}
	}
	return values
}

// Restore takes values that Values gave. What does not fit a page of today (another version wrote
// it) is left at its default.
func (m *Modes) Restore(values []ModeValue) {
	for _, v := range values {
		i := m.index(v.Code, v.Subpage)
		if i < 0 {
			continue
		}
		if b, err := hex.DecodeString(v.Current); err == nil && m.pages[i].fits(b) {
			m.current[i] = b
		}
		if b, err := hex.DecodeString(v.Saved); err == nil && m.pages[i].fits(b) {
			m.saved[i] = b
		}
	}
}

// fits says whether b is a value the page could have come to.
func (p ModePage) fits(b []byte) bool {
	return len(b) == len(p.Default) && p.change(p.withStatus(p.Default, b), b, 0) == nil
}
