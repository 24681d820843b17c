package tape

import (
	"context"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// Moved says what a move did.
type Moved struct {
	Barcode  string // of the cartridge; "" when the library cannot read it
	From, To Element
}

// Load puts the cartridge of a slot into a drive.
func (c *Changer) Load(ctx context.Context, slot, drive int) (Moved, error) {
	return c.between(ctx, Slot, slot, DriveBay, drive)
}

// Import puts the cartridge of an io slot into a slot; slot 0 is the first free one.
func (c *Changer) Import(ctx context.Context, io, slot int) (Moved, error) {
	return c.between(ctx, IO, io, Slot, slot)
}

// Export puts the cartridge of a slot into an io slot.
func (c *Changer) Export(ctx context.Context, slot, io int) (Moved, error) {
	return c.between(ctx, Slot, slot, IO, io)
}

// Unload puts the cartridge of a drive into a slot. Slot 0 is where it came from, or the first free
// one when that is not known or taken. Real drives must have unloaded the cartridge before
// (Drive.Unload), or the library refuses.
func (c *Changer) Unload(ctx context.Context, drive, slot int) (Moved, error) {
	return c.between(ctx, DriveBay, drive, Slot, slot)
}

func (c *Changer) between(ctx context.Context, fromKind Kind, from int, toKind Kind, to int) (Moved, error) {
	v, err := c.Inventory(ctx)
	if err != nil {
		return Moved{}, err
	}
	source, err := v.Find(fromKind, from)
	if err != nil {
		return Moved{}, c.named(err)
	}
	target, err := v.destination(source, toKind, to)
	if err != nil {
		return Moved{}, c.named(err)
	}
	return c.Transfer(ctx, source, target)
}

// destination finds where to: a place by its number, or with slot 0 home or a free slot.
func (v Inventory) destination(source Element, k Kind, number int) (Element, error) {
	if k != Slot || number != 0 {
		return v.Find(k, number)
	}
	if source.Source >= 0 {
		if home, ok := v.ByAddress(uint16(source.Source)); ok && home.Kind == Slot && !home.Full {
			return home, nil
		}
	}
	return v.Free()
}

// named adds the library's name to an error made from the inventory.
func (c *Changer) named(err error) error { return errcode.Named(err, c.Name) }

// Transfer moves a cartridge between two places of an inventory, after checking that the first is
// full and the second empty, and checks afterwards that it arrived.
func (c *Changer) Transfer(ctx context.Context, from, to Element) (Moved, error) {
	if err := c.CheckTransfer(from, to); err != nil {
		return Moved{}, err
	}
	moved, err := c.Move(ctx, from.Address, to.Address)
	if err != nil {
		return moved, err
	}
	if from.Barcode != "" && moved.Barcode != "" && moved.Barcode != from.Barcode {
		return moved, errcode.New(errcode.DeviceError, c.Name,
			"%s was to receive %s and holds %s", to, from.Barcode, moved.Barcode).WithOp("move")
	}
	if moved.Barcode == "" {
		moved.Barcode = from.Barcode // not every library reads labels again at once
	}
	return moved, nil
}

// CheckTransfer says why a cartridge cannot go from one place to another, as far as an inventory tells.
func (c *Changer) CheckTransfer(from, to Element) error {
	if !from.Full {
		return c.placeError(from, "holds no cartridge", errcode.SlotEmpty, errcode.DriveEmpty)
	}
	if to.Full {
		return c.placeError(to, "holds "+orUnread(to.Barcode), errcode.SlotFull, errcode.DriveFull)
	}
	return nil
}

func orUnread(barcode string) string {
	if barcode == "" {
		return "a cartridge"
	}
	return "cartridge " + barcode
}

// placeError says what is wrong with a place, with the code for its kind.
func (c *Changer) placeError(e Element, what string, slot, drive errcode.Code) *errcode.Error {
	code := slot
	if e.Kind == DriveBay {
		code = drive
	}
	return errcode.New(code, c.Name, "%s %s", e, what).WithOp("move")
}

// Move moves the cartridge at one element address to another and checks that it arrived. A refused
// move moved nothing. When the answer is lost (errcode.DeviceUnknown) look at the inventory: the
// robot may have done it.
func (c *Changer) Move(ctx context.Context, source, destination uint16) (Moved, error) {
	const op = "move"
	a, err := c.Assignment(ctx)
	if err != nil {
		return Moved{}, err
	}
	from, to := c.placeAt(a, source), c.placeAt(a, destination)
	cdb := scsi.MoveMedium(0, source, destination)
	if err := c.settle(ctx, op); err != nil {
		return Moved{}, err
	}
	if err := c.askTimeouts(ctx, cdb[:]); err != nil {
		return Moved{From: from, To: to}, c.moveError(op, from, to, err)
	}
	if _, err := c.send(ctx, cdb[:], nil, nil); !completed(err) {
		return Moved{From: from, To: to}, c.moveError(op, from, to, err)
	}
	return c.arrived(ctx, op, from, to)
}

// placeAt names an element address; one outside the library is a slot of number -1.
func (c *Changer) placeAt(a scsi.ElementAssignment, address uint16) Element {
	for _, k := range []Kind{DriveBay, Slot, IO, Transport} {
		if elementRange(a, k).Contains(address) {
			return c.place(k, scsi.ElementStatus{Address: address})
		}
	}
	return Element{Kind: Slot, Number: -1, Address: address, Source: -1}
}

// moveError says which of the two places a refusal is about (SMC-3 6.4).
func (c *Changer) moveError(op string, from, to Element, err error) error {
	s, answered := scsi.SenseOf(err)
	if !answered {
		return c.fail(op, err)
	}
	var e *errcode.Error
	switch {
	case s.Key == scsi.UnitAttention:
		e = errcode.New(errcode.DeviceBusy, c.Name, "the library changed meanwhile, nothing was moved: %s", s.ASC).WithOp(op)
	case s.ASC == scsi.ASCSourceEmpty:
		e = c.placeError(from, "holds no cartridge", errcode.SlotEmpty, errcode.DriveEmpty)
	case s.ASC == scsi.ASCDestinationFull:
		e = c.placeError(to, "holds a cartridge", errcode.SlotFull, errcode.DriveFull)
	case s.ASC == scsi.ASCInvalidElement:
		e = c.noElement(s, from, to)
	case s.ASC == scsi.ASCNoAccess:
		e = errcode.New(errcode.DeviceBusy, c.Name, "the library cannot reach %s or %s now, nothing was moved: %s", from, to, s.ASC).
			WithOp(op).WithHint("close the door of the library or of its I/O slots")
	default:
		return c.fail(op, err)
	}
	e.Err = err
	return e
}

// noElement names the address that the library does not take: the one that the sense points to
// (CDB bytes 4 and 6), else one that is outside of the library.
func (c *Changer) noElement(s scsi.Sense, from, to Element) *errcode.Error {
	wrong, way := to, "to"
	f, told := s.FieldPointer()
	if told && f.InCDB && f.Byte < 6 || !told && from.Number < 0 {
		wrong, way = from, "from"
	}
	code := errcode.SlotNotFound
	if wrong.Kind == DriveBay {
		code = errcode.DriveNotFound
	}
	return errcode.New(code, c.Name, "the library moves nothing %s element address %d", way, wrong.Address).WithOp("move")
}

// arrived checks the two places after a move. A library that reports the source full or the
// destination empty did something else than it says.
func (c *Changer) arrived(ctx context.Context, op string, from, to Element) (Moved, error) {
	after := context.WithoutCancel(ctx) // the move is done: it must not go unreported
	now, ok, err := c.element(after, to.Kind, to.Address)
	if err != nil {
		return Moved{From: from, To: to}, c.unverified(op, err)
	}
	left, leftOK, err := c.element(after, from.Kind, from.Address)
	if err != nil {
		return Moved{From: from, To: to}, c.unverified(op, err)
	}
	if !ok {
		now = to
	}
	if !leftOK {
		left = from
	}
	if now.Full && (!left.Full || from.Address == to.Address) {
		return Moved{Barcode: now.Barcode, From: left, To: now}, nil
	}
	return Moved{From: left, To: now}, errcode.New(errcode.DeviceError, c.Name,
		"the library reported success, but %s is %s and %s is %s", from, fullness(left), to, fullness(now)).WithOp(op)
}

// unverified is the error of a move that the library reported as made and does not show then. Why it does not show
// it is no reason to say that nothing was moved.
func (c *Changer) unverified(op string, err error) error {
	return &errcode.Error{Code: errcode.DeviceUnknown, Op: op, Object: c.Name, Err: err,
		Msg: "the library reported success, but does not tell what is where: " + err.Error()}
}

func fullness(e Element) string {
	if e.Full {
		return "full"
	}
	return "empty"
}
