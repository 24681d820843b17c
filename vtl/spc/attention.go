package spc

import (
	"slices"

	"calypso/tape/scsi"
)

// Attentions is the queue of unit attention conditions of the one I_T nexus, oldest first
// (SAM-6).
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

// RequestSense answers REQUEST SENSE: a pending unit attention, which that clears, else what stands in
// the way of readiness, else NO SENSE; always with status GOOD (SPC-5). notReady may be nil.
func (a *Attentions) RequestSense(c *Call, notReady *Check) error {
	k := a.Take()
	if k == nil {
		k = notReady
	}
	if k == nil {
		k = new(Check)
	}
	return c.Reply(k.Raw(), int(c.CDB[4]))
}
