package smc

import (
	"context"
	"encoding/binary"

	"calypso/vtl/spc"
)

// logCommands are those of this file.
func logCommands() []command {
	return []command{
		{Name: "LOG SENSE", Action: spc.NoAction, Usage: "4D 00 7F FF 00 FF FF FF FF 00", Run: (*Server).logSense},
	}
}

// TapeAlert flags of a medium changer (SMC-3): the page is 2Eh as for a drive, the meanings are others.
const (
	AlertHardware = 3  // the library has a hardware fault: a move failed
	AlertBarcode  = 32 // a bar code label cannot be read
)

const (
	alertFlags  = 64
	alertLength = 5 // of a parameter
)

// Raise sets a TapeAlert flag of 1 to 64, as an event in the library does.
func (s *Server) Raise(flag int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.raise(flag)
}

func (s *Server) raise(flag int) { s.alerts |= 1 << (alertFlags - flag) }

// logSense is LOG SENSE (SPC-5) of the cumulative values of the supported log pages page and of the
// TapeAlert page, whose flags are cleared by being read.
func (s *Server) logSense(_ context.Context, c *spc.Call) error {
	switch {
	case c.CDB[2]>>6 != 1:
		return spc.BadCDB(2, 7)
	case c.CDB[3] != 0:
		return spc.BadCDB(3, -1)
	}
	first, length := c.U16(5), int(c.U16(7))
	switch c.CDB[2] & 0x3F {
	case 0x00:
		if first != 0 {
			return spc.BadCDB(5, -1)
		}
		return c.Reply([]byte{0x00, 0, 0, 2, 0x00, 0x2E}, length)
	case 0x2E:
		return s.alertPage(c, first, length)
	}
	return spc.BadCDB(2, 5)
}

// alertPage sends the flags from parameter first on, and clears those that went out whole: programs ask
// for the header first, to learn the length. An observer clears none.
func (s *Server) alertPage(c *spc.Call, first uint16, length int) error {
	if first > alertFlags {
		return spc.BadCDB(5, -1)
	}
	b := []byte{0x2E, 0, 0, 0}
	for flag := max(int(first), 1); flag <= alertFlags; flag++ {
		raised := byte(s.alerts >> (alertFlags - flag) & 1)
		b = append(b, 0, byte(flag), 0xC0, 1, raised) // parameter control byte as real libraries have it
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-4))
	err := c.Reply(b, length)
	for at := 4; at+alertLength <= c.Cmd.Transferred && !s.observe; at += alertLength {
		s.alerts &^= 1 << (alertFlags - b[at+1])
	}
	return err
}
