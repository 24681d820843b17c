package ssc

import (
	"context"

	"calypso/tape/scsi"
	"calypso/vtl/spc"
)

// Nexus gives the drive as one more host sees it: with unit attentions, registrations and reservations
// of its own. The name is the host's, the same every time; "" is the host of Exec.
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

func sharedCommands() []command {
	return watchReservations(spc.SharedCommands((*Server).shared, changes))
}

// profile is what SSC-5 says of the drive's commands in the presence of reservations, and how long they
// take. The seconds are those of LTO drives: an ERASE of a whole tape, the media optimisation of LTO-9
// at its first load or FORMAT MEDIUM, the recovery of a lost end of data while an attribute or a log page
// is read.
var profile = spc.Profile{
	Access: map[byte]spc.Access{
		scsi.OpReadBlockLimits: spc.Harmless,
		0x44:                   spc.Harmless, // REPORT DENSITY SUPPORT
		scsi.OpRewind:          spc.Reads,
		scsi.OpRead6:           spc.Reads,
		scsi.OpSpace6:          spc.Reads,
		0x13:                   spc.Reads, // VERIFY(6)
		scsi.OpLocate10:        spc.Reads,
		scsi.OpReadPosition:    spc.Reads,
		scsi.OpSpace16:         spc.Reads,
		scsi.OpLocate16:        spc.Reads,
	},
	Time: map[byte]spc.Timeout{
		scsi.OpRewind:          {Nominal: 60, Recommended: 600},
		0x04:                   {Nominal: 3600, Recommended: 9000}, // FORMAT MEDIUM
		scsi.OpRead6:           {Nominal: 20, Recommended: 1500},
		scsi.OpWrite6:          {Nominal: 20, Recommended: 1500},
		0x0B:                   {Nominal: 60, Recommended: 1000}, // SET CAPACITY
		scsi.OpWriteFilemarks6: {Nominal: 20, Recommended: 1500},
		scsi.OpSpace6:          {Nominal: 60, Recommended: 2000},
		0x13:                   {Nominal: 20, Recommended: 20000}, // VERIFY(6)
		scsi.OpErase6:          {Nominal: 20000, Recommended: 48000},
		scsi.OpLoadUnload:      {Nominal: 60, Recommended: 9000},
		0x1D:                   {Nominal: 60, Recommended: 1800}, // SEND DIAGNOSTIC
		scsi.OpLocate10:        {Nominal: 60, Recommended: 2000},
		0x44:                   {Nominal: 1, Recommended: 180},   // REPORT DENSITY SUPPORT
		0x4C:                   {Nominal: 1, Recommended: 180},   // LOG SELECT
		0x4D:                   {Nominal: 1, Recommended: 180},   // LOG SENSE
		0x80:                   {Nominal: 20, Recommended: 1500}, // WRITE FILEMARKS(16)
		scsi.OpReadAttribute:   {Nominal: 1, Recommended: 180},
		scsi.OpWriteAttribute:  {Nominal: 1, Recommended: 180},
		scsi.OpSpace16:         {Nominal: 60, Recommended: 2000},
		scsi.OpLocate16:        {Nominal: 60, Recommended: 2000},
	},
	Other: spc.Timeout{Nominal: 1, Recommended: 60},
}
