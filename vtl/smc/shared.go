package smc

import (
	"context"

	"calypso/tape/scsi"
	"calypso/vtl/spc"
)

// Nexus gives the changer as one more host sees it: with unit attentions, registrations and
// reservations of its own. The name is the host's, the same every time; "" is the host of Exec.
func (s *Server) Nexus(name string) scsi.Transport { return nexus{s, spc.Nexus(name)} }

type nexus struct {
	server *Server
	name   spc.Nexus
}

func (n nexus) Exec(ctx context.Context, cmd *scsi.Command) error {
	return n.server.exec(ctx, n.name, cmd)
}

func (s *Server) shared() spc.Shared {
	return spc.Shared{Attentions: &s.attentions, Reservations: &s.reservations, Clock: &s.clock}
}

func sharedCommands() []command { return spc.SharedCommands((*Server).shared, changes) }

// profile is how long the changer's commands take. SMC-3 has none that a reservation of another host
// lets through, but for READ ELEMENT STATUS with CURDATA, which package spc knows.
var profile = spc.Profile{
	Time: map[byte]spc.Timeout{
		scsi.OpInitializeElementStatus: {Nominal: 60, Recommended: 1800},
		0x1D:                           {Nominal: 60, Recommended: 1800}, // SEND DIAGNOSTIC
		scsi.OpLocate10:                {Nominal: 10, Recommended: 300},  // POSITION TO ELEMENT
		0x37:                           {Nominal: 60, Recommended: 1800}, // INITIALIZE ELEMENT STATUS WITH RANGE
		scsi.OpMoveMedium:              {Nominal: 30, Recommended: 900},
		0xA6:                           {Nominal: 60, Recommended: 1800}, // EXCHANGE MEDIUM
		scsi.OpReadElementStatus:       {Nominal: 1, Recommended: 300},
	},
	Other: spc.Timeout{Nominal: 1, Recommended: 60},
}
