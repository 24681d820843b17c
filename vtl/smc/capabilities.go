package smc

import (
	"calypso/vtl/spc"
)

// modes are the mode pages of the changer (SMC-3). They are made from the inventory; nothing in them can
// be changed.
func (s *Server) modes() *spc.Modes {
	page := func(code byte, body []byte) spc.ModePage {
		return spc.ModePage{Code: code, Default: body, Changeable: make([]byte, len(body))}
	}
	return spc.NewModes(
		spc.DisconnectPage(), spc.ControlPage(false), spc.ControlExtensionPage(), spc.PowerPage(), spc.ExceptionsPage(),
		page(0x1D, s.assignment()), page(0x1E, s.geometry()), page(0x1F, s.capabilities()))
}

// geometry is mode page 1Eh: for each hand whether it can turn a cartridge over, and its number in the
// set. Ours cannot.
func (s *Server) geometry() []byte {
	_, hands := s.inventory.rangeOf(Transport)
	b := make([]byte, 2*hands)
	for i := range hands {
		b[2*i+1] = byte(i)
	}
	return b
}

// Bits of mode page 1Fh, byte 3: it is complete as of SMC-2, and labels are read.
const (
	capableSMC2   = 0x01
	capableLabels = 0x02
)

// capabilities is mode page 1Fh: where cartridges can stay, and from where to where they can be moved and
// exchanged. Byte offsets are those of the page less its 2-byte header.
func (s *Server) capabilities() []byte {
	b := make([]byte, 18)
	stores := s.storing()
	b[0] = stores
	b[1] = capableSMC2 | capableLabels
	for i, from := range []Type{Transport, Storage, ImportExport, Drive} {
		if stores&from.mask() != 0 {
			b[2+i], b[10+i] = stores, stores
		}
	}
	return b
}

// storing is the kinds of element in which a cartridge can stay, of those that the library has: all but
// the hand.
func (s *Server) storing() byte {
	var b byte
	for _, t := range []Type{Storage, ImportExport, Drive} {
		if _, n := s.inventory.rangeOf(t); n > 0 {
			b |= t.mask()
		}
	}
	return b
}

// mask is the bit of an element type in mode page 1Fh: transport 0, storage 1, import/export 2, drive 3.
func (t Type) mask() byte { return 1 << (t - Transport) }
