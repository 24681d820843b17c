package smc

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"calypso/tape/scsi"
	"calypso/vtl/spc"
)

// Mover carries cartridges from one element to another; the addresses exist. For Move src is full and
// dst is empty. Exchange takes the cartridge of src to first and the one of first to second, which is
// empty or src. When they fail nothing may have moved. An error that Is spc.ErrRemovalPrevented or
// spc.ErrIncompatible is told to the host as such; any other is a HARDWARE ERROR that keeps its cause.
type Mover interface {
	Move(ctx context.Context, src, dst uint16) error
	Exchange(ctx context.Context, src, first, second uint16) error
}

// Config says which library to be.
type Config struct {
	Serial   string // unit serial number
	Vendor   string // up to 8 characters; empty: CALYPSO
	Product  string // up to 16; empty: VTL
	Revision string // up to 4; empty: 0001
	State    *State // from the last run; nil, or one that is dirty, is a power cycle
	Observe  bool   // only look: what would change anything is refused, 7/27/00; there need be no Mover
}

// State is the volatile state of a changer; who keeps it treats Dirty as with ssc.State: it is true
// while the changer is in use, so that a killed process counts as a power cycle.
type State struct {
	Dirty      bool            `json:"dirty"`
	Prevent    bool            `json:"prevent"`
	Attentions []scsi.ASC      `json:"attentions"` // pending unit attentions, oldest first
	Shared     spc.SharedState `json:"shared"`
	DoorOpen   bool            `json:"door_open"` // of the mail slots; a power cycle does not close it
	Alerts     uint64          `json:"tape_alerts,string"`
}

// Server is one changer. Its methods are safe for concurrent use.
type Server struct {
	mu         sync.Mutex
	id         spc.Identity
	inventory  Inventory
	mover      Mover
	observe    bool
	prevent    bool
	attentions spc.AttentionQueues

	reservations spc.Reservations
	clock        spc.Clock
	door         bool   // of the mail slots: open
	alerts       uint64 // TapeAlert flags, flag 1 in the highest bit
}

// New makes a changer with what is in its elements. An inventory with unordered, doubled or scattered
// addresses is an error.
func New(c Config, inventory Inventory, mover Mover) (*Server, error) {
	if err := inventory.check(); err != nil {
		return nil, fmt.Errorf("changer %s: %w", c.Serial, err)
	}
	s := &Server{id: identity(c), inventory: inventory.clone(), mover: mover, observe: c.Observe}
	s.door = c.State != nil && c.State.DoorOpen
	if c.State == nil || c.State.Dirty {
		if c.State != nil {
			s.shared().Restore(c.State.Shared) // whom to tell of the power cycle
		}
		s.shared().PowerOn()
		return s, nil
	}
	s.prevent = c.State.Prevent
	*s.attentions.Of(spc.DefaultNexus) = slices.Clone(c.State.Attentions)
	s.shared().Restore(c.State.Shared)
	s.alerts = c.State.Alerts
	return s, nil
}

// Exec carries out one command of the default nexus; see scsi.Transport. The one *scsi.StatusError it
// returns is RESERVATION CONFLICT, and it never returns a *scsi.TransportError.
func (s *Server) Exec(ctx context.Context, cmd *scsi.Command) error {
	return s.exec(ctx, spc.DefaultNexus, cmd)
}

func (s *Server) exec(ctx context.Context, n spc.Nexus, cmd *scsi.Command) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	cmd.Transferred = 0
	return spc.Finish(cmd.CDB, s.dispatch(ctx, &spc.Call{CDB: cmd.CDB, Cmd: cmd, Nexus: n}))
}

// dispatch checks the operation code, unit attentions and reservations and the CDB, in this order.
func (s *Server) dispatch(ctx context.Context, c *spc.Call) error {
	command, err := commands().Find(c.CDB)
	if err != nil {
		return err
	}
	if err := command.Admit(c, &s.attentions, &s.reservations); err != nil {
		return err
	}
	if err := command.CheckCDB(c.CDB); err != nil {
		return err
	}
	if command.Flags&changes != 0 && s.observe {
		return spc.Refuse(scsi.DataProtect, spc.WriteProtected)
	}
	return command.Run(s, ctx, c)
}

// State gives the state to keep, clean.
func (s *Server) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return State{
		Prevent:    s.prevent,
		Attentions: append([]scsi.ASC{}, *s.attentions.Of(spc.DefaultNexus)...),
		Shared:     s.shared().State(),
		DoorOpen:   s.door,
		Alerts:     s.alerts,
	}
}

// Inventory gives a copy of what is where.
func (s *Server) Inventory() Inventory {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inventory.clone()
}

// Relabel takes over what can be read of the labels of cartridges now.
func (s *Server) Relabel(labels Inventory) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.inventory.Elements {
		e := &s.inventory.Elements[i]
		if now, ok := labels.Element(e.Address); ok && now.Full == e.Full {
			e.Barcode, e.Exception = now.Barcode, now.Exception
		}
	}
}

// PowerOn is a power cycle. The door of the mail slots stays as it is.
func (s *Server) PowerOn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prevent, s.alerts = false, 0
	s.shared().PowerOn()
}

// Attention queues a unit attention for every host, as an event at the library does.
func (s *Server) Attention(asc scsi.ASC) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attentions.Add(asc)
}
