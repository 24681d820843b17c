package ssc

import (
	"slices"
	"sync"

	"calypso/vtl/spc"
)

// What the gate checks before a handler runs.
const (
	needsMedium  = spc.FirstDeviceFlag << iota // a loaded cartridge
	flushesFirst                               // what was written before becomes durable first
	changes                                    // cartridge or drive are not the same afterwards: refused to an observer
	needsMemory                                // a loaded cartridge, or one that cleans: it has a memory and no tape
)

// moves are the commands that take the tape somewhere else than the next write would.
const moves = needsMedium | flushesFirst

// commands is the command set. Usage is the CDB usage bitmap: bits that are zero there are refused.
// A subject of its own has its commands beside its handlers.
var commands = sync.OnceValue(func() *spc.Table[*Server] {
	return spc.NewTable(slices.Concat(
		basicCommands(),
		sharedCommands(),
		logCommands(),
		densityCommands(),
		attributeCommands(),
		partitionCommands(),
		verifyCommands(),
		securityCommands(),
	)...).Describe(profile)
})

func basicCommands() []command {
	return []command{
		{Name: "TEST UNIT READY", Action: spc.NoAction, Usage: "00 00 00 00 00 00", Flags: needsMedium, Run: (*Server).testUnitReady},
		{Name: "REWIND", Action: spc.NoAction, Usage: "01 01 00 00 00 00", Flags: moves, Run: (*Server).rewind},
		{Name: "REQUEST SENSE", Action: spc.NoAction, Usage: "03 01 00 00 FF 00", Flags: spc.WithAttention, Run: (*Server).requestSense},
		{Name: "READ BLOCK LIMITS", Action: spc.NoAction, Usage: "05 00 00 00 00 00", Run: (*Server).readBlockLimits},
		{Name: "READ(6)", Action: spc.NoAction, Usage: "08 03 FF FF FF 00", Flags: moves, Run: (*Server).read6},
		{Name: "WRITE(6)", Action: spc.NoAction, Usage: "0A 01 FF FF FF 00", Flags: needsMedium | changes, Run: (*Server).write6},
		{Name: "WRITE FILEMARKS(6)", Action: spc.NoAction, Usage: "10 01 FF FF FF 00", Flags: needsMedium, Run: (*Server).writeFilemarks6},
		{Name: "SPACE(6)", Action: spc.NoAction, Usage: "11 0F FF FF FF 00", Flags: moves, Run: (*Server).space6},
		{Name: "INQUIRY", Action: spc.NoAction, Usage: "12 01 FF FF FF 00", Flags: spc.WithAttention, Run: (*Server).inquiry},
		{Name: "MODE SELECT(6)", Action: spc.NoAction, Usage: "15 11 00 00 FF 00", Flags: changes, Run: (*Server).modeSelect},
		{Name: "ERASE(6)", Action: spc.NoAction, Usage: "19 03 00 00 00 00", Flags: moves | changes, Run: (*Server).erase6},
		{Name: "MODE SENSE(6)", Action: spc.NoAction, Usage: "1A 08 FF FF FF 00", Run: (*Server).modeSense},
		{Name: "LOAD UNLOAD", Action: spc.NoAction, Usage: "1B 01 00 00 0B 00", Flags: changes, Run: (*Server).loadUnload},
		{Name: "PREVENT ALLOW MEDIUM REMOVAL", Action: spc.NoAction, Usage: "1E 00 00 00 01 00", Flags: changes, Run: (*Server).preventAllow},
		{Name: "LOCATE(10)", Action: spc.NoAction, Usage: "2B 07 00 FF FF FF FF 00 FF 00", Flags: moves, Run: (*Server).locate10},
		{Name: "READ POSITION, short form", Action: 0x00, Usage: "34 1F 00 00 00 00 00 00 00 00", Flags: needsMedium, Run: (*Server).readPositionShort},
		// Vendor specific in SSC-5. Linux' st asks for it before it believes in logical addresses (mt tell); LTO
		// drives know no other addresses and answer with the short form.
		{Name: "READ POSITION, short form, vendor-specific", Action: 0x01, Usage: "34 1F 00 00 00 00 00 00 00 00", Flags: needsMedium, Run: (*Server).readPositionShort},
		{Name: "READ POSITION, long form", Action: 0x06, Usage: "34 1F 00 00 00 00 00 00 00 00", Flags: needsMedium, Run: (*Server).readPositionLong},
		{Name: "MODE SELECT(10)", Action: spc.NoAction, Usage: "55 11 00 00 00 00 00 FF FF 00", Flags: changes, Run: (*Server).modeSelect},
		{Name: "MODE SENSE(10)", Action: spc.NoAction, Usage: "5A 18 FF FF 00 00 00 FF FF 00", Run: (*Server).modeSense},
		{Name: "READ ATTRIBUTE, values", Action: 0x00, Usage: readAttributeUsage, Flags: needsMemory, Run: (*Server).readAttributeValues},
		{Name: "READ ATTRIBUTE, list", Action: 0x01, Usage: readAttributeUsage, Flags: needsMemory, Run: (*Server).readAttributeList},
		{Name: "WRITE ATTRIBUTE", Action: spc.NoAction, Usage: "8D 01 00 00 00 00 00 00 00 00 FF FF FF FF 00 00", Flags: needsMedium | changes, Run: (*Server).writeAttribute},
		{Name: "SPACE(16)", Action: spc.NoAction, Usage: "91 0F 00 00 FF FF FF FF FF FF FF FF 00 00 00 00", Flags: moves, Run: (*Server).space16},
		{Name: "LOCATE(16)", Action: spc.NoAction, Usage: "92 3B 00 FF FF FF FF FF FF FF FF FF 00 00 00 00", Flags: moves, Run: (*Server).locate16},
		{Name: "REPORT LUNS", Action: spc.NoAction, Usage: "A0 00 FF 00 00 00 FF FF FF FF 00 00", Flags: spc.WithAttention, Run: (*Server).reportLUNs},
	}
}

type command = spc.Command[*Server]
