package smc

import (
	"context"

	"calypso/vtl/spc"
)

// logCommands are those of this file.
func logCommands() []command {
	return []command{
		{Name: "LOG SENSE", Action: spc.NoAction, Usage: spc.LogSenseUsage, Run: (*Server).logSense},
	}
}

// TapeAlert flags of a medium changer (SMC-3): the page is 2Eh as for a drive, the meanings are others.
const (
	AlertHardware = 3  // the library has a hardware fault: a move failed
	AlertBarcode  = 32 // a bar code label cannot be read
)

const alertFlags = 64

// Raise sets a TapeAlert flag of 1 to 64, as an event in the library does.
func (s *Server) Raise(flag int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.raise(flag)
}

func (s *Server) raise(flag int) { s.alerts |= 1 << (alertFlags - flag) }

func (s *Server) logSense(_ context.Context, c *spc.Call) error {
	return spc.Logs{{Code: 0x2E, Parameters: s.alertPage, Sent: s.clearAlerts}}.Sense(c)
}

// alertPage is one parameter a flag, with the control byte that real libraries have.
func (s *Server) alertPage() []spc.LogParameter {
	all := make([]spc.LogParameter, alertFlags)
	for i := range all {
		raised := byte(s.alerts >> (alertFlags - 1 - i) & 1)
		all[i] = spc.LogParameter{Code: uint16(i + 1), Control: spc.LogFrozen, Value: []byte{raised}}
	}
	return all
}

// clearAlerts is what reading the page does; an observer clears none.
func (s *Server) clearAlerts() {
	if !s.observe {
		s.alerts = 0
	}
}
