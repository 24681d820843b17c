package ssc

import (
	"context"

	"calypso/vtl/spc"
)

func verifyCommands() []command {
	return []command{
		{Name: "VERIFY(6)", Action: spc.NoAction, Usage: "13 05 FF FF FF 00", Flags: moves, Run: (*Server).verify6},
	}
}

// verify6 is VERIFY(6) (SSC-5): it reads as READ(6) does, checksums and all, and sends nothing. BYTCMP
// and the verification of block protection are refused; IMMED changes nothing.
func (s *Server) verify6(_ context.Context, c *spc.Call) error {
	t, err := s.transferOf(c)
	if err != nil || t.bytes() == 0 {
		return err
	}
	for done := range t.blocks {
		if k := s.verifyOne(t, done); k != nil {
			return k
		}
	}
	return nil
}

func (s *Server) verifyOne(t transfer, done int) *spc.Check {
	length, k := s.readObject(nil)
	if k != nil {
		return k.Residual(t.residual(done))
	}
	s.didRead(-length, 0) // the host got nothing
	switch {
	case length == t.length:
		return nil
	case t.fixed:
		return (&spc.Check{ILI: true}).Residual(t.residual(done))
	}
	return (&spc.Check{ILI: true}).Residual(int64(t.length) - int64(length))
}
