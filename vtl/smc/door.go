package smc

import (
	"context"
	"fmt"

	"calypso/tape/scsi"
	"calypso/vtl/spc"
)

// notAccessible is MEDIUM MAGAZINE NOT ACCESSIBLE (SPC-5), for a place that the robot cannot reach now.
const notAccessible scsi.ASC = 0x3B11

// doorCommands are those of this file.
func doorCommands() []command {
	return []command{
		{Name: "OPEN/CLOSE IMPORT/EXPORT ELEMENT", Action: spc.NoAction, Usage: "1B 00 FF FF 1F 00", Flags: changes, Run: (*Server).openClose},
	}
}

// openClose is OPEN/CLOSE IMPORT/EXPORT ELEMENT (SMC-3): action 0 opens, 1 closes. All mail slots are
// behind one door.
func (s *Server) openClose(_ context.Context, c *spc.Call) error {
	if e, ok := s.inventory.Element(c.U16(2)); !ok || e.Type != ImportExport {
		return badAddress(2)
	}
	switch c.CDB[4] {
	case 0:
		if s.openDoor() != nil {
			return spc.Refuse(scsi.IllegalRequest, spc.RemovalPrevented)
		}
	case 1:
		s.closeDoor()
	default:
		return spc.BadCDB(4, 4)
	}
	return nil
}

// OpenDoor is the operator opening the door of the mail slots: the robot cannot reach them until it is
// closed. The error Is spc.ErrRemovalPrevented while a host has it locked.
func (s *Server) OpenDoor() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.openDoor()
}

func (s *Server) openDoor() error {
	if s.prevent && !s.door {
		return fmt.Errorf("open the door of the mail slots: %w", spc.ErrRemovalPrevented)
	}
	s.door = true
	return nil
}

// CloseDoor closes it. Nobody can know what was done behind an open door, so the host is told that the
// mail slots were accessed.
func (s *Server) CloseDoor() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeDoor()
}

func (s *Server) closeDoor() {
	if s.door {
		s.door = false
		s.attentions.Add(spc.ImportExportAccessed)
	}
}

// DoorOpen says whether it is open.
func (s *Server) DoorOpen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.door
}

// accessible says whether the robot can reach an element, which its ACCESS bit tells the host.
func (s *Server) accessible(e Element) bool {
	return !e.NoAccess && !(s.door && e.Type == ImportExport)
}
