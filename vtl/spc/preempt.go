package spc

// preempt is PREEMPT and PREEMPT AND ABORT (SPC-5). The service action reservation key says whose
// registrations go; with the key of the holder, or 0 for a reservation of all registrants, the
// reservation passes to this nexus.
func (o *reserveOut) preempt() error {
	if !o.isRegistrant() {
		return ErrConflict
	}
	switch {
	case o.actionKey == 0 && !o.Type.all():
		return BadParameter(8, -1)
	case o.actionKey == 0:
		return o.takeOver(func(Registration) bool { return true })
	case o.Type != 0 && !o.Type.all() && o.Reservations.key(o.Holder) == o.actionKey:
		return o.takeOver(o.isTarget)
	}
	gone := o.remove(o.isTarget)
	if len(gone) == 0 {
		return ErrConflict
	}
	o.tellGone(gone)
	o.Generation++
	return nil
}

func (o *reserveOut) isTarget(g Registration) bool { return g.Key == o.actionKey }

// takeOver removes the registrations that match, but never its own, and makes the new reservation. When
// that is of another type, those that stay are told.
func (o *reserveOut) takeOver(match func(Registration) bool) error {
	if err := o.checkType(); err != nil {
		return err
	}
	was := o.Type
	gone := o.remove(func(g Registration) bool { return g.Nexus != o.nexus && match(g) })
	o.establish(o.kind, o.nexus)
	o.tellGone(gone)
	if was != o.kind {
		o.tell(ReservationsReleased)
	}
	o.Generation++
	return nil
}

// tellGone tells nexuses that they are no longer registered.
func (o *reserveOut) tellGone(gone []Nexus) {
	for _, n := range gone {
		if n != o.nexus {
			o.attentions.Of(n).Add(RegistrationsPreempted)
		}
	}
}
