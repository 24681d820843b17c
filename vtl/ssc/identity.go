package ssc

import (
	"cmp"
	"context"

	"calypso/vtl/spc"
)

const tapeDevice = 0x01

// Version descriptors (SPC-5, INQUIRY): what the drive claims to follow.
var standards = [8]uint16{0x00C0, 0x05C0, 0x05A0} // SAM-6, SPC-5, SSC-5

func identity(c Config, drive generation) spc.Identity {
	return spc.Identity{
		DeviceType: tapeDevice,
		Vendor:     cmp.Or(c.Vendor, "CALYPSO"),
		Product:    cmp.Or(c.Product, drive.product()),
		Revision:   cmp.Or(c.Revision, "0001"),
		Serial:     c.Serial,
		Standards:  standards,
	}
}

func (s *Server) inquiry(_ context.Context, c *spc.Call) error {
	return spc.Inquiry(c, s.id, s.vpd)
}

// Identity is what INQUIRY tells: a changer reports it of its drives (DVCID).
func (s *Server) Identity() spc.Identity { return s.id }

func (s *Server) reportLUNs(_ context.Context, c *spc.Call) error { return spc.ReportLUNs(c) }

func (s *Server) requestSense(_ context.Context, c *spc.Call) error {
	return s.attentions.Of(c.Nexus).RequestSense(c, s.notReady())
}

// testUnitReady has nothing to do that the gate has not done.
func (s *Server) testUnitReady(context.Context, *spc.Call) error { return nil }
