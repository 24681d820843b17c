package ssc

import (
	"encoding/binary"

	"calypso/vtl/spc"
)

const (
	exceptionsMode = 0x1C
	mediumMode     = 0x1D
)

// recoveryPage is the read-write error recovery mode page: a virtual drive neither retries nor corrects.
var recoveryPage = spc.ModePage{Code: 0x01, Default: make([]byte, 10), Changeable: make([]byte, 10)}

// exceptionsPage is the informational exceptions control mode page of tape drives (SSC-5). A host can
// set TEST and the test flag number, to see what it does about a TapeAlert flag.
var exceptionsPage = spc.ExceptionsPage(testBit, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF)

const testBit = 0x04

// mediumPage is the medium configuration mode page (SSC-5) with what LTO drives say: WORMM is that of the
// cartridge; labels of some formats may not be overwritten (01h), of the filemarks before end of data any
// but the one closest to the beginning of the partition may (02h).
var mediumPage = spc.ModePage{Code: mediumMode, Default: []byte{2: 0x01, 3: 0x02, 29: 0}, Changeable: make([]byte, 30)}

// showMedium brings the medium configuration page up to date.
func (s *Server) showMedium() {
	page := s.modes.Current(mediumMode, 0)
	page[0] &^= 0x01
	if s.loaded && s.memory.WORM {
		page[0] |= 0x01
	}
}

// The test flag numbers that are none of one flag.
const (
	lastFlag = 64
	allFlags = 32767
)

// testAlerts carries out the TEST of the informational exceptions page and takes it back: a flag number
// sets the flag, a negative one clears it, 32767 sets all (SSC-5). Unknown numbers do nothing.
func (s *Server) testAlerts() {
	page := s.modes.Current(exceptionsMode, 0)
	if page[0]&testBit == 0 {
		return
	}
	n := int(int32(binary.BigEndian.Uint32(page[6:])))
	page[0] &^= testBit
	clear(page[6:])
	switch {
	case n == allFlags:
		for flag := range lastFlag {
			s.raise(flag + 1)
		}
	case n >= 1 && n <= lastFlag:
		s.raise(n)
	case n <= -1 && n >= -lastFlag:
		s.lower(-n)
	}
}
