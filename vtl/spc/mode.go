package spc

import (
	"bytes"
	"encoding/binary"

	"calypso/tape/scsi"
)

// ModePage describes one mode page or subpage.
type ModePage struct {
	Code, Subpage byte
	Savable       bool   // the PS bit: MODE SELECT with SP keeps it over a power cycle
	Default       []byte // what follows the page header
	Changeable    []byte // a 1 for each bit that MODE SELECT may change; same length as Default
	Status        []byte // a 1 for each bit that the device sets by itself: neither saved nor reset; nil: none
}

// Modes are the mode pages of a device with their values.
type Modes struct {
	pages   []ModePage // in ascending order of code and subpage
	current [][]byte
	saved   [][]byte // nil: never saved
}

// ModeValue is the value of one page as it is kept between two runs, in hexadecimal.
type ModeValue struct {
	Code    byte   `json:"code"`
	Subpage byte   `json:"subpage"`
	Current string `json:"current"`
	Saved   string `json:"saved"` // empty: never saved
}

// NewModes starts with the default values.
func NewModes(pages ...ModePage) *Modes {
	m := &Modes{pages: pages, current: make([][]byte, len(pages)), saved: make([][]byte, len(pages))}
	m.Reset()
	return m
}

// Reset is what a power cycle does: saved values where there are any, else the defaults.
func (m *Modes) Reset() {
	for i := range m.pages {
		m.current[i] = m.pages[i].withStatus(m.stored(i), m.current[i])
	}
}

// stored is the value a power cycle would bring back.
func (m *Modes) stored(i int) []byte {
	if m.saved[i] != nil {
		return m.saved[i]
	}
	return m.pages[i].Default
}

// Current gives the body of a page for reading or changing in place; nil when there is no such page.
func (m *Modes) Current(code, subpage byte) []byte {
	if i := m.index(code, subpage); i >= 0 {
		return m.current[i]
	}
	return nil
}

func (m *Modes) index(code, subpage byte) int {
	for i, p := range m.pages {
		if p.Code == code && p.Subpage == subpage {
			return i
		}
	}
	return -1
}

// withStatus is a copy of value with the status bits of from, which may be nil.
func (p ModePage) withStatus(value, from []byte) []byte {
	b := bytes.Clone(value)
	for i := range min(len(p.Status), len(from)) {
		b[i] = b[i]&^p.Status[i] | from[i]&p.Status[i]
	}
	return b
}

func (m *Modes) savable() bool {
	for _, p := range m.pages {
		if p.Savable {
			return true
		}
	}
	return false
}

// save keeps all savable pages (SPC-5: SP).
func (m *Modes) save() {
	for i, p := range m.pages {
		if p.Savable {
			m.saved[i] = p.withStatus(m.current[i], p.Default)
		}
	}
}

// PageControl is which values MODE SENSE wants (SPC-5).
type PageControl byte

// The page controls.
const (
	CurrentValues PageControl = iota
	ChangeableValues
	DefaultValues
	SavedValues
)

// ModeHeader is what stands before the mode pages and belongs to the device type.
type ModeHeader struct {
	MediumType     byte
	DeviceSpecific byte
	Descriptor     []byte // block descriptor: nil or 8 bytes
}

// SenseControl gives the page control of a MODE SENSE.
func SenseControl(c *Call) PageControl { return PageControl(c.CDB[2] >> 6) }

// Sense answers MODE SENSE(6) and (10) with the header and the pages asked for.
func (m *Modes) Sense(c *Call, h ModeHeader) error {
	control := SenseControl(c)
	if control == SavedValues && !m.savable() {
		return Refuse(scsi.IllegalRequest, SavingNotSupported)
	}
	pages := m.collect(control, c.CDB[2]&0x3F, c.CDB[3])
	if pages == nil && !headerOnly(c) {
		return BadCDB(2, 5)
	}
	if c.Bit(1, 0x08) { // DBD
		h.Descriptor = nil
	}
	if c.CDB[0] == scsi.OpModeSense6 {
		return c.Reply(h.encode6(pages), int(c.CDB[4]))
	}
	return c.Reply(h.encode10(pages), int(c.U16(7)))
}

// headerOnly says whether MODE SENSE asks for page 00h, which is the vendor's (SPC-5). Drives answer it
// with the header and the block descriptor and no page: Linux' st driver reads density, block length and
// write protection with it, and shows none of them when it is refused.
func headerOnly(c *Call) bool { return c.CDB[2]&0x3F == 0 && c.CDB[3] == 0 }

func (h ModeHeader) encode6(pages []byte) []byte {
	b := []byte{0, h.MediumType, h.DeviceSpecific, byte(len(h.Descriptor))}
	b = append(append(b, h.Descriptor...), pages...)
	b[0] = byte(min(len(b)-1, 0xFF)) // there is no more room for it, nor for more data
	return b
}

func (h ModeHeader) encode10(pages []byte) []byte {
	b := []byte{0, 0, h.MediumType, h.DeviceSpecific, 0, 0, 0, byte(len(h.Descriptor))}
	b = append(append(b, h.Descriptor...), pages...)
	binary.BigEndian.PutUint16(b, uint16(len(b)-2))
	return b
}

// collect encodes the pages that match; 3Fh and subpage FFh are wildcards (SPC-5).
func (m *Modes) collect(control PageControl, code, subpage byte) []byte {
	var b []byte
	for i, p := range m.pages {
		if (code == 0x3F || code == p.Code) && (subpage == 0xFF || subpage == p.Subpage) {
			b = append(b, p.encode(m.value(i, control))...)
		}
	}
	return b
}

func (m *Modes) value(i int, control PageControl) []byte {
	switch control {
	case ChangeableValues:
		return m.pages[i].Changeable
	case DefaultValues:
		return m.pages[i].Default
	case SavedValues:
		return m.stored(i)
	}
	return m.current[i]
}

func (p ModePage) encode(body []byte) []byte {
	if p.Subpage != 0 {
		b := []byte{bit(p.Savable, 0x80) | 0x40 | p.Code, p.Subpage, byte(len(body) >> 8), byte(len(body))}
		return append(b, body...)
	}
	return append([]byte{bit(p.Savable, 0x80) | p.Code, byte(len(body))}, body...)
}
