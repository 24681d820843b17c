package spc

import (
	"context"
	"encoding/binary"
	"slices"
)

// Timeout is how long a command takes, in seconds (SPC-5, command timeouts descriptor); 0: not said.
type Timeout struct {
	Nominal     uint32
	Recommended uint32 // how long a host should wait
}

// reportCommand is REPORT SUPPORTED OPERATION CODES of the table that it is in.
func (t *Table[S]) reportCommand() Command[S] {
	return Command[S]{
		Name: "REPORT SUPPORTED OPERATION CODES", Action: 0x0C, Usage: "A3 1F 87 FF FF FF FF FF FF FF 00 00",
		Run: func(_ S, _ context.Context, c *Call) error { return t.report(c) },
	}
}

// The reporting options of REPORT SUPPORTED OPERATION CODES.
const (
	reportAll       = 0
	reportOpcode    = 1 // one that has no service actions
	reportAction    = 2 // one with a service action
	reportEither    = 3 // the service action only counts where there are any
	timeoutsLength  = 12
	supportMissing  = 0x01
	supportStandard = 0x03
)

func (t *Table[S]) report(c *Call) error {
	timeouts, allocation := c.Bit(2, 0x80), int(c.U32(6))
	option := c.CDB[2] & 0x07
	if option == reportAll {
		return c.Reply(t.all(timeouts), allocation)
	}
	if option > reportEither {
		return BadCDB(2, 2)
	}
	entries := t.byOpcode[c.CDB[3]]
	actions := len(entries) > 0 && entries[0].Action != NoAction
	if option == reportOpcode && actions || option == reportAction && len(entries) > 0 && !actions {
		return BadCDB(2, 2)
	}
	for _, e := range entries {
		if !actions || e.Action == int(c.U16(4)) {
			return c.Reply(e.one(timeouts), allocation)
		}
	}
	return c.Reply([]byte{0, supportMissing, 0, 0}, allocation)
}

// all lists the commands in order of operation code and service action.
func (t *Table[S]) all(timeouts bool) []byte {
	b := make([]byte, 4)
	for _, entries := range t.byOpcode {
		entries = slices.Clone(entries)
		slices.SortFunc(entries, func(x, y *Command[S]) int { return x.Action - y.Action })
		for _, e := range entries {
			b = append(b, e.descriptor(timeouts)...)
		}
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// descriptor is a command descriptor: CTDP and SERVACTV, the length of the CDB.
func (c *Command[S]) descriptor(timeouts bool) []byte {
	b := []byte{c.mask[0], 0, 0, 0, 0, bit(timeouts, 0x02), 0, byte(len(c.mask))}
	if c.Action != NoAction {
		b[3] = byte(c.Action)
		b[5] |= 0x01
	}
	return c.appendTimeouts(b, timeouts)
}

// one is the answer about one command: how it is supported and the CDB usage data.
func (c *Command[S]) one(timeouts bool) []byte {
	b := []byte{0, supportStandard | bit(timeouts, 0x80), 0, byte(len(c.mask))}
	return c.appendTimeouts(append(b, c.usage()...), timeouts)
}

// usage is the CDB usage bitmap: the operation code and the service action stand there as they are.
func (c *Command[S]) usage() []byte {
	b := slices.Clone(c.mask)
	if c.Action != NoAction {
		b[1] = b[1]&^0x1F | byte(c.Action)
	}
	return b
}

func (c *Command[S]) appendTimeouts(b []byte, wanted bool) []byte {
	if !wanted {
		return b
	}
	b = append(b, 0, timeoutsLength-2, 0, 0)
	b = binary.BigEndian.AppendUint32(b, c.time.Nominal)
	return binary.BigEndian.AppendUint32(b, c.time.Recommended)
}

// reportTaskManagement is REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS: ABORT TASK and ABORT TASK SET,
// which never find a command waiting here, and LOGICAL UNIT RESET. REPD adds a block that says that their
// timeouts are not known.
func reportTaskManagement(_ Shared, c *Call) error {
	b := []byte{0xC8, 0, 0, 0}
	if c.Bit(2, 0x80) {
		b = append(b, make([]byte, 12)...)
		b[3] = 12
	}
	return c.Reply(b, int(c.U32(6)))
}
