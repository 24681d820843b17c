package spc

import (
	"slices"

	"calypso/tape/scsi"
)

// Attentions is the queue of unit attention conditions of one I_T nexus, oldest first (SAM-6).
type Attentions []scsi.ASC

// Add queues asc once. A power on makes all that happened before it moot.
func (a *Attentions) Add(asc scsi.ASC) {
	switch {
	case asc == PowerOn:
		*a = Attentions{PowerOn}
	case !slices.Contains(*a, asc):
		*a = append(*a, asc)
	}
}

// Take removes the oldest and returns it as a Check, nil when none is pending.
func (a *Attentions) Take() *Check {
	if len(*a) == 0 {
		return nil
	}
	asc := (*a)[0]
	*a = slices.Delete(*a, 0, 1)
	return Refuse(scsi.UnitAttention, asc)
}

// reset says whether the next one to report is a power on or reset, 29h.
func (a *Attentions) reset() bool { return len(*a) > 0 && (*a)[0]>>8 == PowerOn>>8 }

// RequestSense answers REQUEST SENSE: a pending unit attention, which that clears, else what stands in
// the way of readiness, else NO SENSE; always with status GOOD, in the format that DESC asks for
// (SPC-5). notReady may be nil.
func (a *Attentions) RequestSense(c *Call, notReady *Check) error {
	k := a.Take()
	if k == nil {
		k = notReady
	}
	if k == nil {
		k = new(Check)
	}
	if c.Bit(1, 0x01) {
		return c.Reply(k.Descriptors(), int(c.CDB[4]))
	}
	return c.Reply(k.Raw(), int(c.CDB[4]))
}
