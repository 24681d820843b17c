package ssc

import (
	"context"

	"calypso/vtl/spc"
)

// watchReservations has commands that may end a reservation clear the keys that go with it.
func watchReservations(list []command) []command {
	for i := range list {
		run := list[i].Run
		list[i].Run = func(s *Server, ctx context.Context, c *spc.Call) error {
			bound := s.boundKeys()
			err := run(s, ctx, c)
			s.clearBoundKeys(bound, c)
			return err
		}
	}
	return list
}

// boundKeys are the nexuses whose keys end with the reservation that they hold.
func (s *Server) boundKeys() (bound []spc.Nexus) {
	for n, p := range s.protections() {
		if (p.clearsOnPreempt() || p.clearsOnReservation()) && s.reservations.HeldBy(n) {
			bound = append(bound, n)
		}
	}
	return bound
}

// clearBoundKeys is for nexuses that held a reservation before a command: who does not any more has lost it,
// or was preempted by another one (SPC-5: PREEMPT, PREEMPT AND ABORT).
func (s *Server) clearBoundKeys(bound []spc.Nexus, c *spc.Call) {
	preempts := c.CDB[0] == 0x5F && (c.CDB[1]&0x1F == 0x04 || c.CDB[1]&0x1F == 0x05)
	for _, n := range bound {
		if !s.reservations.HeldBy(n) {
			s.reservationLost(n, c.Nexus, preempts && n != c.Nexus)
		}
	}
}

// reservationLost is the end of a reservation of nexus n by a command of another, or of its own (SSC-5: CKORL,
// CKORP).
func (s *Server) reservationLost(n, by spc.Nexus, preempted bool) {
	p := s.nexusProtection(n)
	if preempted && !p.clearsOnPreempt() || !preempted && !p.clearsOnReservation() {
		return
	}
	shared := p == s.sharer
	s.release(p)
	s.tellAffected(n, by, shared)
}
