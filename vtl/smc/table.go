package smc

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"calypso/vtl/spc"
)

type command = spc.Command[*Server]

// changes marks what an observer may not do.
const changes = spc.FirstDeviceFlag

// commands is the command set. Usage is the CDB usage bitmap: bits that are zero there are refused.
// A subject of its own has its commands beside its handlers.
var commands = sync.OnceValue(func() *spc.Table[*Server] {
	return spc.NewTable(slices.Concat(
		basicCommands(),
		sharedCommands(),
		exchangeCommands(),
		positionCommands(),
		doorCommands(),
		logCommands(),
	)...).Describe(profile)
})

func basicCommands() []command {
	return []command{
		{Name: "TEST UNIT READY", Action: spc.NoAction, Usage: "00 00 00 00 00 00", Run: (*Server).testUnitReady},
		{Name: "REQUEST SENSE", Action: spc.NoAction, Usage: "03 01 00 00 FF 00", Flags: spc.WithAttention, Run: (*Server).requestSense},
		{Name: "INITIALIZE ELEMENT STATUS", Action: spc.NoAction, Usage: "07 00 00 00 00 00", Run: (*Server).initialize},
		{Name: "INQUIRY", Action: spc.NoAction, Usage: "12 01 FF FF FF 00", Flags: spc.WithAttention, Run: (*Server).inquiry},
		{Name: "MODE SENSE(6)", Action: spc.NoAction, Usage: "1A 08 FF FF FF 00", Run: (*Server).modeSense},
		{Name: "PREVENT ALLOW MEDIUM REMOVAL", Action: spc.NoAction, Usage: "1E 00 00 00 01 00", Flags: changes, Run: (*Server).preventAllow},
		{Name: "MODE SENSE(10)", Action: spc.NoAction, Usage: "5A 18 FF FF 00 00 00 FF FF 00", Run: (*Server).modeSense},
		{Name: "REPORT LUNS", Action: spc.NoAction, Usage: "A0 00 FF 00 00 00 FF FF FF FF 00 00", Flags: spc.WithAttention, Run: (*Server).reportLUNs},
		{Name: "MOVE MEDIUM", Action: spc.NoAction, Usage: "A5 00 FF FF FF FF FF FF 00 00 01 00", Flags: changes, Run: (*Server).moveMedium},
		{Name: "READ ELEMENT STATUS", Action: spc.NoAction, Usage: "B8 1F FF FF FF FF 03 FF FF FF 00 00", Run: (*Server).readElementStatus},
	}
}

const changerDevice = 0x08

// Version descriptors (SPC-5, INQUIRY): what the changer claims to follow.
var standards = [8]uint16{0x00C0, 0x05C0, 0x0480} // SAM-6, SPC-5, SMC-3

// vpdPages are the pages of vital product data in ascending order.
var vpdPages = spc.BasicVPD()

func identity(c Config) spc.Identity {
	return spc.Identity{
		DeviceType: changerDevice,
		Vendor:     cmp.Or(c.Vendor, "CALYPSO"),
		Product:    cmp.Or(c.Product, "VTL"),
		Revision:   cmp.Or(c.Revision, "0001"),
		Serial:     c.Serial,
		Standards:  standards,
	}
}

func (s *Server) inquiry(_ context.Context, c *spc.Call) error {
	return spc.Inquiry(c, s.id, vpdPages)
}

func (s *Server) reportLUNs(_ context.Context, c *spc.Call) error { return spc.ReportLUNs(c) }

func (s *Server) requestSense(_ context.Context, c *spc.Call) error {
	return s.attentions.Of(c.Nexus).RequestSense(c, nil)
}

// testUnitReady: a virtual library is always ready.
func (s *Server) testUnitReady(context.Context, *spc.Call) error { return nil }

// initialize has nothing to look for: the inventory is always true. Labels that cannot be read raise
// their TapeAlert flag.
func (s *Server) initialize(context.Context, *spc.Call) error {
	for _, e := range s.inventory.Elements {
		if e.Full && e.Barcode == "" {
			s.raise(AlertBarcode)
		}
	}
	return nil
}

func (s *Server) preventAllow(_ context.Context, c *spc.Call) error {
	s.prevent = c.Bit(4, 0x01)
	return nil
}

// modeSense is MODE SENSE(6) and (10).
func (s *Server) modeSense(_ context.Context, c *spc.Call) error {
	return s.modes().Sense(c, spc.ModeHeader{})
}

// assignment is mode page 1Dh: first address and number of elements for each type (SMC-3).
func (s *Server) assignment() []byte {
	var b []byte
	for _, t := range []Type{Transport, Storage, ImportExport, Drive} {
		first, n := s.inventory.rangeOf(t)
		b = append(b, byte(first>>8), byte(first), byte(n>>8), byte(n))
	}
	return append(b, 0, 0)
}
