package spc

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/bits"
	"strings"

	"calypso/tape/scsi"
)

// Flags say what has to hold before a command's handler runs. Device types add their own from
// FirstDeviceFlag on and check them themselves.
type Flags uint32

const (
	// WithAttention: the command runs although a unit attention is pending and leaves it pending
	// (SAM-6: INQUIRY, REPORT LUNS, REQUEST SENSE).
	WithAttention Flags = 1 << iota
	// FirstDeviceFlag is the first flag that is free for a device type.
	FirstDeviceFlag
)

// NoAction marks a command whose operation code has no service actions.
const NoAction = -1

// Command is one entry of a device server's command table.
type Command[S any] struct {
	Name   string
	Action int    // service action in byte 1 bits 4..0, or NoAction
	Usage  string // the CDB usage bitmap in hexadecimal: the operation code, then a 1 for each bit that may be set
	Flags  Flags
	Run    func(S, context.Context, *Call) error

	mask   []byte
	access Access
	time   Timeout
}

// Table finds commands by operation code and service action.
type Table[S any] struct {
	byOpcode [256][]*Command[S]
}

// NewTable indexes the commands. A malformed entry is a mistake of the programmer: panic. The table
// itself answers REPORT SUPPORTED OPERATION CODES.
func NewTable[S any](commands ...Command[S]) *Table[S] {
	t := new(Table[S])
	for _, c := range commands {
		t.add(c)
	}
	t.add(t.reportCommand())
	return t
}

func (t *Table[S]) add(c Command[S]) {
	mask, err := hex.DecodeString(strings.ReplaceAll(c.Usage, " ", ""))
	if err != nil || len(mask) != Length(mask) {
		panic(fmt.Sprintf("spc: usage bitmap of %s: %q", c.Name, c.Usage))
	}
	c.mask = mask
	c.access = commonAccess[accessKey{mask[0], c.Action}]
	t.byOpcode[mask[0]] = append(t.byOpcode[mask[0]], &c)
}

// Length is the length of the CDB by its operation code's group (SPC-5), 0 where the
// group does not tell.
func Length(cdb []byte) int {
	if len(cdb) == 0 {
		return 0
	}
	switch cdb[0] >> 5 {
	case 0:
		return 6
	case 1, 2:
		return 10
	case 4:
		return 16
	case 5:
		return 12
	case 7:
		if cdb[0] == 0xE7 { // vendor specific, but the same on all changers: 37h of before SMC-2
			return 10
		}
	}
	return 0
}

// Find gives the entry for cdb, or the Check that refuses an unknown operation code or service
// action.
func (t *Table[S]) Find(cdb []byte) (*Command[S], error) {
	if len(cdb) == 0 {
		return nil, Refuse(scsi.IllegalRequest, InvalidOpcode)
	}
	entries := t.byOpcode[cdb[0]]
	if len(entries) == 0 {
		return nil, &Check{Key: scsi.IllegalRequest, ASC: InvalidOpcode, Field: &Field{Bit: -1}}
	}
	for _, c := range entries {
		if c.Action == NoAction || len(cdb) > 1 && c.Action == int(cdb[1]&0x1F) {
			return c, nil
		}
	}
	return nil, BadCDB(1, 4)
}

// CheckCDB refuses a CDB of the wrong length and reserved bits that are set, pointing to the highest
// of them.
func (c *Command[S]) CheckCDB(cdb []byte) error {
	if len(cdb) != len(c.mask) {
		return BadCDB(min(len(cdb), len(c.mask)), -1)
	}
	for i := 1; i < len(cdb); i++ {
		if extra := cdb[i] &^ c.mask[i]; extra != 0 {
			return BadCDB(i, bits.Len8(extra)-1)
		}
	}
	return nil
}
