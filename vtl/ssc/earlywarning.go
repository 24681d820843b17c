package ssc

import (
	"encoding/binary"

	"calypso/vtl/spc"
)

const configExtensionPage = 0x01 // subpage of the device configuration page

// configExtension is the device configuration extension mode page (SSC-5).
func configExtension() spc.ModePage {
	return spc.ModePage{
		Code: configPage, Subpage: configExtensionPage,
		Savable: true,
		Default: []byte{
			0x00,       // TARPF, TASER, TARPC, TAPLSD
			0x02,       // write mode: overwriting allowed; short erase mode: it records end of data
			0x00, 0x00, // PEWS
			0x00, // VCELBRE
			27:   0,
		},
		Changeable: []byte{1: 0x10, 2: 0xFF, 3: 0xFF, 27: 0},
	}
}

// appendOnly says whether WRITE MODE is append-only.
func (s *Server) appendOnly() bool {
	return s.modes.Current(configPage, configExtensionPage)[1]>>4 == 1
}

// programmableBytes is the size of the programmable early warning zone; PEWS is in units of 10^6 bytes.
func (s *Server) programmableBytes() int64 {
	return int64(binary.BigEndian.Uint16(s.modes.Current(configPage, configExtensionPage)[2:])) * 1e6
}

// pastProgrammable says whether the position is in the programmable early warning zone, which lies in
// front of early warning, or behind it (SSC-5). A zone of no size begins at early warning. As with
// pastEarlyWarning the answer is no in the middle of the data.
func (s *Server) pastProgrammable() bool {
	return s.position == s.tape.Objects() && s.tape.UsedBytes() >= s.tape.EarlyWarningBytes()-s.programmableBytes()
}

// synchronizesEarly is the SEW bit: behind early warning nothing stays in the buffer.
func (s *Server) synchronizesEarly() bool { return s.modes.Current(configPage, 0)[8]&0x08 != 0 }
