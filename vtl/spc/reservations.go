package spc

import (
	"maps"
	"slices"
)

// ReservationType is the TYPE of a persistent reservation (SPC-5); 0: none.
type ReservationType byte

// The types of persistent reservations.
const (
	WriteExclusive             ReservationType = 1
	ExclusiveAccess            ReservationType = 3
	WriteExclusiveRegistrants  ReservationType = 5
	ExclusiveAccessRegistrants ReservationType = 6
	WriteExclusiveAll          ReservationType = 7
	ExclusiveAccessAll         ReservationType = 8
)

func (t ReservationType) valid() bool {
	return t == WriteExclusive || t == ExclusiveAccess || t >= WriteExclusiveRegistrants && t <= ExclusiveAccessAll
}

// exclusive: reading is shut out too.
func (t ReservationType) exclusive() bool {
	return t == ExclusiveAccess || t == ExclusiveAccessRegistrants || t == ExclusiveAccessAll
}

// registrants: every registered nexus has access. all: every one holds the reservation.
func (t ReservationType) registrants() bool { return t >= WriteExclusiveRegistrants }
func (t ReservationType) all() bool         { return t >= WriteExclusiveAll }

// Registration is a nexus with its reservation key, which is not zero.
type Registration struct {
	Nexus Nexus  `json:"nexus"`
	Key   uint64 `json:"key,string"`
}

// Reservations are who may use the logical unit: persistent reservations, and the older ones of
// RESERVE. A power cycle clears them: PTPL is not supported. The zero value is nobody's.
type Reservations struct {
	Generation    uint32          `json:"generation"`
	Registrations []Registration  `json:"registrations"` // in order of time
	Type          ReservationType `json:"type"`
	Holder        Nexus           `json:"holder"`      // of a type with one holder
	Reserved      *Nexus          `json:"reserved_by"` // by RESERVE; nil: nobody
}

// key is the reservation key of a nexus, 0 when it is not registered.
func (r *Reservations) key(n Nexus) uint64 {
	for _, g := range r.Registrations {
		if g.Nexus == n {
			return g.Key
		}
	}
	return 0
}

func (r *Reservations) registered(n Nexus) bool { return r.key(n) != 0 }

// holds says whether n is a persistent reservation holder.
func (r *Reservations) holds(n Nexus) bool {
	if r.Type.all() {
		return r.registered(n)
	}
	return r.Type != 0 && r.Holder == n
}

// HeldBy says whether n holds a reservation of either kind.
func (r *Reservations) HeldBy(n Nexus) bool {
	return r.Reserved != nil && *r.Reserved == n || r.holds(n)
}

// establish makes a reservation; release takes it away.
func (r *Reservations) establish(t ReservationType, n Nexus) {
	r.Type, r.Holder = t, n
	if t.all() {
		r.Holder = DefaultNexus
	}
}

func (r *Reservations) release() { r.Type, r.Holder = 0, DefaultNexus }

// setKey registers, or changes a key.
func (r *Reservations) setKey(n Nexus, key uint64) {
	for i := range r.Registrations {
		if r.Registrations[i].Nexus == n {
			r.Registrations[i].Key = key
			return
		}
	}
	r.Registrations = append(r.Registrations, Registration{n, key})
}

// remove takes the registrations away that match and gives their nexuses. A reservation of all
// registrants ends with the last of them.
func (r *Reservations) remove(match func(Registration) bool) []Nexus {
	var gone []Nexus
	r.Registrations = slices.DeleteFunc(r.Registrations, func(g Registration) bool {
		if match(g) {
			gone = append(gone, g.Nexus)
			return true
		}
		return false
	})
	if r.Type.all() && len(r.Registrations) == 0 {
		r.release()
	}
	return gone
}

// clone is a copy to keep.
func (r *Reservations) clone() Reservations {
	c := *r
	c.Registrations = append([]Registration{}, r.Registrations...)
	if r.Reserved != nil {
		n := *r.Reserved
		c.Reserved = &n
	}
	return c
}

// sound says whether kept reservations could have come about.
func (r *Reservations) sound() bool {
	keys := make(map[Nexus]uint64)
	for _, g := range r.Registrations {
		keys[g.Nexus] = g.Key
	}
	distinct := len(keys) == len(r.Registrations) && !slices.Contains(slices.Collect(maps.Values(keys)), 0)
	switch {
	case !distinct:
		return false
	case r.Reserved != nil: // neither kind is granted beside the other
		return len(keys) == 0 && r.Type == 0
	case r.Type == 0:
		return r.Holder == DefaultNexus
	case r.Type.all():
		return len(keys) > 0 && r.Holder == DefaultNexus && r.Type.valid()
	}
	return r.Type.valid() && r.registered(r.Holder)
}
