package spc

import (
	"errors"
	"slices"

	"calypso/tape/scsi"
)

// ErrConflict is what a command comes to that another nexus's reservation forbids: status RESERVATION
// CONFLICT.
var ErrConflict = errors.New("reservation conflict")

// Access is what the standards' tables of the commands that are allowed in the presence of various
// reservations say of a command from a nexus that the reservation shuts out (SPC-5, SSC-5, SMC-3).
type Access uint8

// The kinds of access.
const (
	Conflicts Access = iota // in the presence of any reservation
	Reads                   // allowed while the reservation is one for writing
	Harmless                // always allowed
	Decides                 // the command looks at the reservation by itself
)

// accessKey is an operation code with its service action, or NoAction.
type accessKey struct {
	opcode byte
	action int
}

// commonAccess is SPC-5's table. What is not in it conflicts.
var commonAccess = map[accessKey]Access{
	{scsi.OpTestUnitReady, NoAction}: Harmless,
	{scsi.OpRequestSense, NoAction}:  Harmless,
	{scsi.OpInquiry, NoAction}:       Harmless,
	{scsi.OpReportLUNs, NoAction}:    Harmless,
	{opLogSense, NoAction}:           Harmless,
	{opMaintenanceIn, 0x0F}:          Harmless, // REPORT TIMESTAMP

	{scsi.OpModeSense6, NoAction}:   Reads,
	{scsi.OpModeSense10, NoAction}:  Reads,
	{scsi.OpReadAttribute, 0x00}:    Reads,
	{scsi.OpReadAttribute, 0x01}:    Reads,
	{scsi.OpReadAttribute, 0x02}:    Reads,
	{scsi.OpReadAttribute, 0x03}:    Reads,
	{scsi.OpReadAttribute, 0x05}:    Reads,
	{opReceiveDiagnostic, NoAction}: Reads,
	{opReadBuffer, NoAction}:        Reads,
	{opSecurityIn, NoAction}:        Reads,
	{opMaintenanceIn, 0x0C}:         Reads, // REPORT SUPPORTED OPERATION CODES
	{opMaintenanceIn, 0x0D}:         Reads, // REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS

	{opReserveIn, 0x00}:     Decides,
	{opReserveIn, 0x01}:     Decides,
	{opReserveIn, 0x02}:     Decides,
	{opReserveIn, 0x03}:     Decides,
	{opReserveOut, 0x00}:    Decides,
	{opReserveOut, 0x01}:    Decides,
	{opReserveOut, 0x02}:    Decides,
	{opReserveOut, 0x03}:    Decides,
	{opReserveOut, 0x04}:    Decides,
	{opReserveOut, 0x05}:    Decides,
	{opReserveOut, 0x06}:    Decides,
	{opReserve6, NoAction}:  Decides,
	{opRelease6, NoAction}:  Decides,
	{opReserve10, NoAction}: Decides,
	{opRelease10, NoAction}: Decides,
}

// Operation codes of commands that have no name in tape/scsi.
const (
	opReserve6          = 0x16
	opRelease6          = 0x17
	opReceiveDiagnostic = 0x1C
	opSendDiagnostic    = 0x1D
	opReadBuffer        = 0x3C
	opLogSense          = 0x4D
	opReserve10         = 0x56
	opRelease10         = 0x57
	opReserveIn         = 0x5E
	opReserveOut        = 0x5F
	opSecurityIn        = 0xA2
	opMaintenanceIn     = 0xA3
	opMaintenanceOut    = 0xA4
)

// Profile is what the standard of a device type, or the device, has to say of commands beyond their
// entries, by operation code.
type Profile struct {
	Access map[byte]Access
	Time   map[byte]Timeout
	Other  Timeout // of commands that Time does not list
}

// Describe completes the table's entries.
func (t *Table[S]) Describe(p Profile) *Table[S] {
	for _, c := range slices.Concat(t.byOpcode[:]...) {
		if a, ok := p.Access[c.mask[0]]; ok {
			c.access = a
		}
		c.time = p.Other
		if d, ok := p.Time[c.mask[0]]; ok {
			c.time = d
		}
	}
	return t
}

// Admit says whether the nexus may have this command now. A power on is told before a reservation, any
// other unit attention after it (SAM-6, status precedence).
func (c *Command[S]) Admit(call *Call, q *AttentionQueues, r *Reservations) error {
	told := c.Flags&WithAttention == 0
	pending := q.Of(call.Nexus)
	if told && pending.reset() {
		return pending.Take()
	}
	if !r.permit(call, c.access) {
		return ErrConflict
	}
	if !told {
		return nil
	}
	if k := pending.Take(); k != nil {
		return k
	}
	return nil
}

// permit says whether the reservations let a command of this access through.
func (r *Reservations) permit(c *Call, a Access) bool {
	if a == Decides || r.Type == 0 && r.Reserved == nil {
		return true
	}
	a = a.of(c.CDB)
	if r.Reserved != nil { // SPC-2 is stricter with TEST UNIT READY
		return *r.Reserved == c.Nexus || a == Harmless && c.CDB[0] != scsi.OpTestUnitReady
	}
	if r.holds(c.Nexus) || r.Type.registrants() && r.registered(c.Nexus) {
		return true
	}
	return a == Harmless || a == Reads && !r.Type.exclusive()
}

// of makes a command harmless that is only so with some field: PREVENT ALLOW MEDIUM REMOVAL that
// allows (SPC-5), READ ELEMENT STATUS with CURDATA (SMC-3).
func (a Access) of(cdb []byte) Access {
	switch {
	case cdb[0] == scsi.OpPreventAllow && len(cdb) > 4 && cdb[4]&0x03 == 0,
		cdb[0] == scsi.OpReadElementStatus && len(cdb) > 6 && cdb[6]&0x02 != 0:
		return Harmless
	}
	return a
}
