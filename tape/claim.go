package tape

import (
	"context"
	"errors"

	"calypso/sys/errcode"
)

// Claim reserves the device for this process, until Disclaim. What processes of this host left that died is
// taken away. Who calls it holds the lock of the device, so that no other process of this host is at work.
func (u *Unit) Claim(ctx context.Context, key uint64) error {
	if err := u.enter(ctx, key); err != nil {
		return err
	}
	if err := u.Reserve(ctx, key); err != nil {
		return errors.Join(err, u.Register(context.WithoutCancel(ctx), key, 0))
	}
	return nil
}

// enter registers a key for a host that has none but what its dead processes left.
func (u *Unit) enter(ctx context.Context, key uint64) error {
	err := u.Register(ctx, 0, key)
	if errcode.Of(err) != errcode.ReservedElsewhere {
		return err
	}
	dropped, dropErr := u.DropLeft(ctx)
	switch {
	case dropErr != nil:
		return err
	case len(dropped) == 0:
		return errcode.New(errcode.ReservedElsewhere, u.Name, "another program of this host has registered a reservation key: %w", err)
	}
	return u.Register(ctx, 0, key)
}

// DropLeft ends the registrations that dead processes of this host left, with what they reserved, and gives
// their keys. One that was made over another path than the present one stays: the device takes the two for
// different hosts.
func (u *Unit) DropLeft(ctx context.Context) ([]uint64, error) {
	all, err := u.Reservations(ctx)
	if err != nil {
		return nil, err
	}
	var dropped []uint64
	for _, g := range all.Registrations {
		if !OwnerOf(g.Key).Left() {
			continue
		}
		switch err := u.Register(ctx, g.Key, 0); {
		case err == nil:
			dropped = append(dropped, g.Key)
		case errcode.Of(err) != errcode.ReservedElsewhere:
			return dropped, err
		}
	}
	return dropped, nil
}

// Disclaim ends what Claim began. When another host took the reservation away meanwhile, or a reset of the
// device did, that is an error: what was done with the device may have been disturbed.
func (u *Unit) Disclaim(ctx context.Context, key uint64) error {
	released := u.Release(ctx, key)
	switch err := u.Register(ctx, key, 0); {
	case err == nil: // which ends a reservation too, should RELEASE have failed
		return nil
	case errcode.Of(err) == errcode.ReservedElsewhere:
		return errcode.New(errcode.ReservedElsewhere, u.Name, "the reservation was taken away while the command ran").
			WithHint("check what was done; another host may have used the device meanwhile").
			WithState("this host holds no reservation")
	default:
		return errors.Join(released, err)
	}
}

// Oust takes the key of another host away, and what it reserved, so that the device is free. abort ends the
// commands of that host too.
func (u *Unit) Oust(ctx context.Context, key, victim uint64, abort bool) error {
	if u.Register(ctx, victim, 0) == nil {
		return nil // it was this host's own, and was given back in order
	}
	if err := u.enter(ctx, key); err != nil {
		return err
	}
	return errors.Join(u.Preempt(ctx, key, victim, abort), u.Register(context.WithoutCancel(ctx), key, 0))
}

// OustAll takes every key away, this host's too.
func (u *Unit) OustAll(ctx context.Context, key uint64) error {
	if err := u.RegisterAnyway(ctx, key); err != nil {
		return err
	}
	if err := u.ClearReservations(ctx, key); err != nil {
		return errors.Join(err, u.Register(context.WithoutCancel(ctx), key, 0))
	}
	return nil
}
