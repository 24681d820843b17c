package vtl

import (
	"context"
	"errors"
	"fmt"
)

// Exchange is smc.Mover: the cartridge of src goes to first, the one of first to second, or both stay
// where they are. See Move.
func (r robot) Exchange(ctx context.Context, src, first, second uint16) error {
	l, err := r.store.Get(r.library)
	if err != nil {
		return err
	}
	legs := make([]leg, 0, 2)
	for _, way := range [][2]uint16{{src, first}, {first, second}} {
		from, to := placeOf(way[0]), placeOf(way[1])
		c, ok := l.At(from)
		if !ok {
			return fmt.Errorf("library %s: %s is empty", l.Name, from)
		}
		if err := l.fits(c.Barcode, to); err != nil {
			return err
		}
		legs = append(legs, leg{c.Barcode, from, to})
	}
	return r.carry(ctx, l, legs...)
}

// leg is the way of one cartridge.
type leg struct {
	barcode  string
	from, to Place
}

// move is one cartridge on its way, or two that are exchanged.
type move struct {
	store    *Store
	library  *Library
	legs     []leg
	drives   map[int]*Drive
	borrowed []func() error
	undo     []func() error // of what the drives did, the last first
}

func (r robot) carry(ctx context.Context, l *Library, legs ...leg) error {
	m := move{store: r.store, library: l, legs: legs, drives: map[int]*Drive{}}
	err := m.hands()
	if err == nil {
		step("carried")
		err = m.commit(ctx)
	}
	if err != nil {
		err = errors.Join(err, m.putBack())
	} else {
		step("moved")
	}
	return errors.Join(err, m.giveBack())
}

// hands takes the cartridges out of the drives they leave, then puts them into those they go to.
func (m *move) hands() error {
	if err := m.borrow(); err != nil {
		return err
	}
	for _, l := range m.legs {
		if d := m.drive(l.from); d != nil {
			if err := d.remove(m.library, l.barcode); err != nil {
				return err
			}
			m.undo = append(m.undo, func() error { return d.insert(m.library, l.barcode) })
		}
	}
	for _, l := range m.legs {
		if d := m.drive(l.to); d != nil {
			if err := d.insert(m.library, l.barcode); err != nil {
				return err
			}
			m.undo = append(m.undo, func() error { return d.remove(m.library, l.barcode) })
		}
	}
	return nil
}

// borrow takes each drive of the move once: in an exchange one drive gives and takes.
func (m *move) borrow() error {
	for _, l := range m.legs {
		for _, p := range []Place{l.from, l.to} {
			if p.Kind != InDrive || m.drives[p.Number] != nil {
				continue
			}
			d, giveBack, err := m.store.borrow(m.library, p.Number)
			if err != nil {
				return err
			}
			m.drives[p.Number] = d
			m.borrowed = append(m.borrowed, giveBack)
		}
	}
	return nil
}

// drive is the drive of a place; nil for one that is no drive.
func (m *move) drive(p Place) *Drive {
	if p.Kind != InDrive {
		return nil
	}
	return m.drives[p.Number]
}

func (m *move) giveBack() error {
	var failed []error
	for _, f := range m.borrowed {
		failed = append(failed, f())
	}
	return errors.Join(failed...)
}

func (m *move) putBack() error {
	var failed []error
	for i := len(m.undo) - 1; i >= 0; i-- {
		failed = append(failed, m.undo[i]())
	}
	return errors.Join(failed...)
}

// commit writes the library's file durably. The move counts from here on.
func (m *move) commit(ctx context.Context) error {
	return m.store.update(ctx, m.library.Name, func(l *Library) error {
		carried := make([]*Cartridge, len(m.legs))
		for i, leg := range m.legs {
			c, ok := l.Find(leg.barcode)
			if !ok || c.At != leg.from {
				return fmt.Errorf("library %s: %s is no longer at %s", l.Name, leg.barcode, leg.from)
			}
			carried[i] = c
		}
		for i, leg := range m.legs {
			if leg.from.Kind != InDrive {
				carried[i].Home = leg.from
			}
			carried[i].At = leg.to
		}
		return nil
	})
}
