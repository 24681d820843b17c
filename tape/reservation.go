package tape

import (
	"context"
	"errors"
	"fmt"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// Persistent reservations keep other hosts off a device (SPC-4 5.13): the locks of this host do not reach
// them. A device knows a host by its initiator port, so all processes of a host that come the same way are one
// to it.
//
// Exclusive access is what is taken, of drives and changers. Beside a write-exclusive reservation other hosts
// may still rewind, space and locate (SSC-5, commands allowed in the presence of reservations), which moves
// the tape below a reader or writer; and Linux as a target lets every command without data pass then, MOVE
// MEDIUM too.

// Conflict is the error of a command that a reservation shut out, in place of the *scsi.StatusError that it
// wraps.
type Conflict struct {
	Status *scsi.StatusError
	Holder *scsi.Reservation // nil: nobody holds one, or it cannot be told
	Untold error             // why the holder cannot be told
}

func (c *Conflict) Unwrap() error { return c.Status }

func (c *Conflict) Error() string {
	head := scsi.OpcodeName(c.Status.CDB) + ": "
	switch {
	case isConflict(c.Untold):
		return head + "another host has reserved the device with RESERVE, which tells no key"
	case c.Untold != nil:
		return head + c.Status.Error() + "; the holder cannot be told: " + c.Untold.Error()
	case c.Holder == nil:
		return head + "reservation conflict, though nobody holds a reservation now"
	}
	return fmt.Sprintf("%sreserved (%s) with key %s: %s", head, c.Holder.Type, KeyText(c.Holder.Key), OwnerOf(c.Holder.Key))
}

func isConflict(err error) bool {
	var s *scsi.StatusError
	return errors.As(err, &s) && s.Status == scsi.StatusReservationConflict
}

// conflict asks who shuts the command out, which is always allowed. Any other error it gives back.
func (u *Unit) conflict(ctx context.Context, err error) error {
	status, ok := err.(*scsi.StatusError)
	if !ok || status.Status != scsi.StatusReservationConflict || len(status.CDB) == 0 || status.CDB[0] == scsi.OpPersistentReserveIn {
		return err
	}
	c := &Conflict{Status: status}
	data, err := u.readReserve(context.WithoutCancel(ctx), scsi.ReadReservation)
	if err == nil {
		c.Holder, err = scsi.ParseReservation(data)
	}
	c.Untold = err
	return c
}

// readReserve carries out PERSISTENT RESERVE IN and asks again where the answer did not fit. Its errors are
// the transport's own.
func (u *Unit) readReserve(ctx context.Context, action scsi.ReserveInAction) ([]byte, error) {
	for room := 512; ; {
		cdb, data := scsi.PersistentReserveIn(action, uint16(room)), make([]byte, room)
		n, err := u.again(ctx, cdb[:], nil, data)
		if !completed(err) {
			return nil, err
		}
		whole := scsi.ReservationLength(data[:n])
		if action == scsi.ReportCapabilities || whole <= room {
			return data[:n], nil
		}
		room = whole
	}
}

// Reservations are who registered with a device, and who holds it.
type Reservations struct {
	Generation    uint32 // counts the changes of registrations
	Holder        *scsi.Reservation
	Registrations []scsi.Registration
	Told          bool // the device told the initiators; else Registrations has the keys alone
	Capabilities  *scsi.ReserveCapabilities
}

// Reservations asks for all of them; errcode.DeviceUnsupported for a device that knows none. Devices that
// do not know READ FULL STATUS are asked for the keys.
func (u *Unit) Reservations(ctx context.Context) (Reservations, error) {
	const op = "read reservations"
	var r Reservations
	data, err := u.readReserve(ctx, scsi.ReadReservation)
	if err != nil {
		return r, u.reserveFailure(op, err)
	}
	if r.Holder, err = scsi.ParseReservation(data); err != nil {
		return r, u.garbled(op, err)
	}
	data, err = u.readReserve(ctx, scsi.ReadFullStatus)
	switch {
	case err == nil:
		r.Told = true
		r.Generation, r.Registrations, err = scsi.ParseFullStatus(data)
	case refused(err):
		r.Generation, r.Registrations, err = u.registeredKeys(ctx, r.Holder)
	default:
		return r, u.reserveFailure(op, err)
	}
	if err != nil {
		return r, u.garbled(op, err)
	}
	return r, u.askCapabilities(ctx, &r)
}

// registeredKeys are the registrations as far as READ KEYS tells them.
func (u *Unit) registeredKeys(ctx context.Context, holder *scsi.Reservation) (uint32, []scsi.Registration, error) {
	data, err := u.readReserve(ctx, scsi.ReadKeys)
	if err != nil {
		return 0, nil, err
	}
	generation, keys, err := scsi.ParseReservationKeys(data)
	var list []scsi.Registration
	for _, k := range keys {
		g := scsi.Registration{Key: k}
		if holder != nil && holder.Key == k {
			g.Holder, g.Type = true, holder.Type
		}
		list = append(list, g)
	}
	return generation, list, err
}

func (u *Unit) askCapabilities(ctx context.Context, r *Reservations) error {
	data, err := u.readReserve(ctx, scsi.ReportCapabilities)
	if err != nil {
		return ignoreRefused(err)
	}
	c, err := scsi.ParseReserveCapabilities(data)
	if err != nil {
		return u.garbled("read reservations", err)
	}
	r.Capabilities = &c
	return nil
}

// Reservation is who holds the device; nil: nobody does, or the device knows no persistent reservations.
func (u *Unit) Reservation(ctx context.Context) (*scsi.Reservation, error) {
	const op = "read reservation"
	data, err := u.readReserve(ctx, scsi.ReadReservation)
	if refused(err) {
		return nil, nil
	}
	if err != nil {
		return nil, u.fail(op, err)
	}
	r, err := scsi.ParseReservation(data)
	if err != nil {
		return nil, u.garbled(op, err)
	}
	return r, nil
}

// reserveFailure is fail for the commands of reservations, which a device need not know.
func (u *Unit) reserveFailure(op string, err error) error {
	if refused(err) {
		return (&errcode.Error{Code: errcode.DeviceUnsupported, Op: op, Object: u.Name, Msg: "the device knows no persistent reservations", Err: err}).
			WithHint("leave --reserve out, and let one host at a time use it")
	}
	return u.fail(op, err)
}

// reserveOut carries out PERSISTENT RESERVE OUT.
func (u *Unit) reserveOut(ctx context.Context, op string, action scsi.ReserveOutAction, t scsi.ReservationType, key, actionKey uint64) error {
	cdb, list := scsi.PersistentReserveOut(action, t), scsi.ReserveOutList(key, actionKey)
	if err := u.settle(ctx, op); err != nil {
		return err
	}
	if _, err := u.again(ctx, cdb[:], list[:], nil); !completed(err) {
		return u.reserveFailure(op, err)
	}
	return nil
}

// Register registers a key for this host, in place of the one that it has: was, 0 for none. Key 0 ends the
// registration, and with it the reservation of its holder. A key that the host does not have is a conflict:
// errcode.ReservedElsewhere, nothing was changed.
func (u *Unit) Register(ctx context.Context, was, key uint64) error {
	return u.reserveOut(ctx, "register", scsi.RegisterKey, 0, was, key)
}

// RegisterAnyway registers a key for this host, whatever other it has.
func (u *Unit) RegisterAnyway(ctx context.Context, key uint64) error {
	return u.reserveOut(ctx, "register", scsi.RegisterAndIgnore, 0, 0, key)
}

// Reserve reserves the device for this host, which registered key; errcode.ReservedElsewhere.
func (u *Unit) Reserve(ctx context.Context, key uint64) error {
	return u.reserveOut(ctx, "reserve", scsi.Reserve, scsi.ExclusiveAccess, key, 0)
}

// Release ends the reservation of Reserve. It is no error when this host holds none.
func (u *Unit) Release(ctx context.Context, key uint64) error {
	return u.reserveOut(ctx, "release", scsi.Release, scsi.ExclusiveAccess, key, 0)
}

// Preempt takes the registrations of victim away, and its reservation for this host, which registered key.
// abort ends its commands too. errcode.ReservedElsewhere when nobody has the key.
func (u *Unit) Preempt(ctx context.Context, key, victim uint64, abort bool) error {
	action := scsi.Preempt
	if abort {
		action = scsi.PreemptAndAbort
	}
	return u.reserveOut(ctx, "preempt", action, scsi.ExclusiveAccess, key, victim)
}

// ClearReservations takes every registration away, and the reservation.
func (u *Unit) ClearReservations(ctx context.Context, key uint64) error {
	return u.reserveOut(ctx, "clear reservations", scsi.ClearReservations, 0, key, 0)
}
