// Package spc is the part of a virtual device server that SPC-5 prescribes to every device type: the
// command table and its CDB checks, sense data, unit attentions, INQUIRY with its vital product data,
// REQUEST SENSE, REPORT LUNS and the mode pages. vtl/ssc (tape drive) and vtl/smc (medium changer)
// build on it.
//
// It encodes answers and decodes CDBs; the host's side of the same bytes is in tape/scsi and shares
// nothing with this package but the operation code constants, Command and the sense types, so that a
// wrong constant on one side shows as a disagreement of the two.
//
// Comments cite the standards by the name of the command, page or field: clause numbers differ between
// their drafts.
//
// Limits: one logical unit (LUN 0), one I_T nexus, fixed format sense only (D_SENSE is zero), no
// autocontingent allegiance (NACA must be zero), parameter pages of up to 255 bytes.
package spc
