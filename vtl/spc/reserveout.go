package spc

import (
	"encoding/binary"
	"math/bits"

	"calypso/tape/scsi"
)

// reserveOutCommands is PERSISTENT RESERVE OUT by service action (SPC-5). REGISTER AND MOVE and REPLACE
// LOST RESERVATION are not known.
var reserveOutCommands = []struct {
	name   string
	action int
	run    func(*reserveOut) error
}{
	{"REGISTER", 0x00, (*reserveOut).register},
	{"RESERVE", 0x01, (*reserveOut).reserve},
	{"RELEASE", 0x02, (*reserveOut).release},
	{"CLEAR", 0x03, (*reserveOut).clear},
	{"PREEMPT", 0x04, (*reserveOut).preempt},
	{"PREEMPT AND ABORT", 0x05, (*reserveOut).preempt}, // no command is ever waiting here
	{"REGISTER AND IGNORE EXISTING KEY", 0x06, (*reserveOut).registerIgnoring},
}

// reserveOut is one PERSISTENT RESERVE OUT.
type reserveOut struct {
	*Reservations
	attentions *AttentionQueues
	nexus      Nexus
	key        uint64 // RESERVATION KEY
	actionKey  uint64 // SERVICE ACTION RESERVATION KEY
	flags      byte
	scope      byte
	kind       ReservationType
}

const (
	reserveOutLength = 24
	specifyInitiator = 0x08 // SPEC_I_PT
	allTargetPorts   = 0x04 // ALL_TG_PT
	activatePersist  = 0x01 // APTPL
)

// decodeReserveOut reads the parameter list. While RESERVE holds the device, persistent reservations
// conflict, whoever asks (SPC-2).
func decodeReserveOut(c *Call, s Shared) (*reserveOut, error) {
	if s.Reservations.Reserved != nil {
		return nil, ErrConflict
	}
	if c.U32(5) != reserveOutLength {
		return nil, Refuse(scsi.IllegalRequest, ParameterListLength)
	}
	list, err := c.Parameters(reserveOutLength)
	if err != nil {
		return nil, err
	}
	if wrong := list[20] &^ (allTargetPorts | activatePersist); wrong != 0 { // SPEC_I_PT is not supported
		return nil, BadParameter(20, bits.Len8(wrong)-1)
	}
	if list[21] != 0 {
		return nil, BadParameter(21, bits.Len8(list[21])-1)
	}
	return &reserveOut{
		Reservations: s.Reservations, attentions: s.Attentions, nexus: c.Nexus,
		key: binary.BigEndian.Uint64(list), actionKey: binary.BigEndian.Uint64(list[8:]),
		flags: list[20], scope: c.CDB[2] >> 4, kind: ReservationType(c.CDB[2] & 0x0F),
	}, nil
}

// register is REGISTER: the key of the list has to be the one the nexus has, 0 for none.
func (o *reserveOut) register() error {
	if o.key != o.Reservations.key(o.nexus) {
		return ErrConflict
	}
	return o.registerIgnoring()
}

// registerIgnoring is REGISTER AND IGNORE EXISTING KEY.
func (o *reserveOut) registerIgnoring() error {
	if o.flags != 0 { // neither ALL_TG_PT nor APTPL are supported
		return BadParameter(20, bits.Len8(o.flags)-1)
	}
	registered := o.registered(o.nexus)
	switch {
	case o.actionKey != 0:
		o.setKey(o.nexus, o.actionKey)
	case registered:
		o.unregister()
	default:
		return nil
	}
	o.Generation++
	return nil
}

// unregister ends the reservation too that only this nexus holds; of registrants only the others are
// told (SPC-5, unregistering).
func (o *reserveOut) unregister() {
	held, t := o.holds(o.nexus), o.Type
	o.remove(func(g Registration) bool { return g.Nexus == o.nexus })
	if !held || t.all() {
		return
	}
	o.Reservations.release()
	if t.registrants() {
		o.tell(ReservationsReleased)
	}
}

// tell raises a unit attention for every other registered nexus.
func (o *reserveOut) tell(asc scsi.ASC) {
	for _, g := range o.Registrations {
		if g.Nexus != o.nexus {
			o.attentions.Of(g.Nexus).Add(asc)
		}
	}
}

// isRegistrant checks what all but the registrations need: a registered nexus that knows its key.
func (o *reserveOut) isRegistrant() bool {
	return o.registered(o.nexus) && o.key == o.Reservations.key(o.nexus)
}

// checkType refuses what cannot be reserved: the scope is the logical unit, 0.
func (o *reserveOut) checkType() error {
	if o.scope != 0 {
		return BadCDB(2, 7)
	}
	if !o.kind.valid() {
		return BadCDB(2, 3)
	}
	return nil
}

func (o *reserveOut) reserve() error {
	if !o.isRegistrant() {
		return ErrConflict
	}
	if err := o.checkType(); err != nil {
		return err
	}
	if o.Type == 0 {
		o.establish(o.kind, o.nexus)
		return nil
	}
	if o.holds(o.nexus) && o.Type == o.kind {
		return nil
	}
	return ErrConflict
}

// release is no error for a nexus that holds nothing.
func (o *reserveOut) release() error {
	if !o.isRegistrant() {
		return ErrConflict
	}
	if !o.holds(o.nexus) {
		return nil
	}
	if o.scope != 0 || o.kind != o.Type {
		return Refuse(scsi.IllegalRequest, InvalidRelease)
	}
	o.Reservations.release()
	if o.kind.registrants() {
		o.tell(ReservationsReleased)
	}
	return nil
}

func (o *reserveOut) clear() error {
	if !o.isRegistrant() {
		return ErrConflict
	}
	o.tell(ReservationsPreempted)
	o.Reservations.release()
	o.Registrations = nil
	o.Generation++
	return nil
}
