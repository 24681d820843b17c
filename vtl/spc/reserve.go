package spc

// reserve is RESERVE(6) and RESERVE(10) of SPC-2 for the logical unit. A device with registrations
// grants none: who has access through them is told GOOD, and nothing changes (SPC-5, exceptions to
// SPC-2 RESERVE and RELEASE behaviour: CRH).
func reserve(s Shared, c *Call) error {
	r := s.Reservations
	switch {
	case len(r.Registrations) > 0:
		return r.compatible(c.Nexus)
	case r.Reserved != nil && *r.Reserved != c.Nexus:
		return ErrConflict
	}
	n := c.Nexus
	r.Reserved = &n
	return nil
}

// release is RELEASE(6) and RELEASE(10): no error, and no effect, for who has reserved nothing.
func release(s Shared, c *Call) error {
	r := s.Reservations
	switch {
	case len(r.Registrations) > 0:
		return r.compatible(c.Nexus)
	case r.Reserved != nil && *r.Reserved == c.Nexus:
		r.Reserved = nil
	}
	return nil
}

func (r *Reservations) compatible(n Nexus) error {
	if r.holds(n) || r.Type.registrants() && r.registered(n) {
		return nil
	}
	return ErrConflict
}
