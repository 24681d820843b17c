package spc

import (
	"encoding/binary"

	"calypso/tape/scsi"
)

// Call is a command under execution.
type Call struct {
	CDB   []byte
	Cmd   *scsi.Command
	Nexus Nexus // whose command it is
}

// U16 is the big-endian number at CDB byte i; U24, U32 and U64 likewise.
func (c *Call) U16(i int) uint16 { return binary.BigEndian.Uint16(c.CDB[i:]) }

// U24 reads three bytes.
func (c *Call) U24(i int) int {
	return int(c.CDB[i])<<16 | int(c.CDB[i+1])<<8 | int(c.CDB[i+2])
}

// U32 reads four bytes.
func (c *Call) U32(i int) uint32 { return binary.BigEndian.Uint32(c.CDB[i:]) }

// U64 reads eight bytes.
func (c *Call) U64(i int) uint64 { return binary.BigEndian.Uint64(c.CDB[i:]) }

// Bit says whether any bit of mask is set in CDB byte i.
func (c *Call) Bit(i int, mask byte) bool { return c.CDB[i]&mask != 0 }

// Reply sends data, cut to the CDB's allocation length, which is no error (SPC-5), and to
// the room the host gave, as a host adapter does.
func (c *Call) Reply(data []byte, allocation int) error {
	c.Cmd.Transferred = copy(c.Cmd.DataIn, data[:min(len(data), allocation)])
	return nil
}

// Parameters gives the n bytes that the CDB announced, or ABORTED COMMAND when the host sent fewer.
func (c *Call) Parameters(n int) ([]byte, error) {
	if len(c.Cmd.DataOut) < n {
		return nil, Refuse(scsi.AbortedCommand, DataPhaseError)
	}
	c.Cmd.Transferred = n
	return c.Cmd.DataOut[:n], nil
}
