// Package spc is the part of a virtual device server that SPC-5 prescribes to every device type: the
// command table, which knows what it supports, and its CDB checks, sense data, the I_T nexuses with their
// unit attentions and reservations, INQUIRY with its vital product data, REQUEST SENSE, REPORT LUNS, the
// mode pages, timestamps and diagnostics. vtl/ssc (tape drive) and vtl/smc (medium changer) build on it.
//
// It encodes answers and decodes CDBs; the host's side of the same bytes is in tape/scsi and shares
// nothing with this package but the operation code constants, Command and the sense types, so that a
// wrong constant on one side shows as a disagreement of the two.
//
// Comments cite the standards by the name of the command, page or field: clause numbers differ between
// their drafts.
//
// Choices where the standards leave one, or where devices differ:
//   - A nexus that was never seen before learns that the device was switched on.
//   - All nexuses share the mode pages, and the prevention of medium removal.
//   - Reservations do not persist through a power loss: APTPL is refused, and a killed process is one.
//   - PREEMPT AND ABORT is PREEMPT: there is never another command to abort.
//   - The timestamp is kept by the clock of the machine.
//
// Limits: one logical unit (LUN 0) behind one port, no autocontingent allegiance (NACA must be zero),
// parameter pages of up to 255 bytes, no REGISTER AND MOVE, self-tests in the foreground only.
package spc
