package tape

import (
	"context"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// Exchange puts the cartridge of one place of an inventory into another, and the cartridge that is there
// into the first, with one command (SMC-3, EXCHANGE MEDIUM), and checks afterwards that both arrived. Real
// drives must have unloaded before. Errors are those of Transfer; errcode.DeviceUnsupported when the
// library cannot exchange.
func (c *Changer) Exchange(ctx context.Context, from, at Element) ([]Moved, error) {
	const op = "exchange"
	if err := c.CheckExchange(from, at); err != nil {
		return nil, err
	}
	if err := c.settle(ctx, op); err != nil {
		return nil, err
	}
	cdb := scsi.ExchangeMedium(0, from.Address, at.Address, from.Address)
	if err := c.askTimeouts(ctx, cdb[:]); err != nil {
		return nil, c.exchangeError(op, from, at, err)
	}
	if _, err := c.send(ctx, cdb[:], nil, nil); !completed(err) {
		return nil, c.exchangeError(op, from, at, err)
	}
	return c.exchanged(ctx, op, from, at)
}

// CheckExchange says why two places cannot exchange their cartridges, as far as an inventory tells.
func (c *Changer) CheckExchange(from, at Element) error {
	for _, e := range []Element{from, at} {
		if !e.Full {
			return c.placeError(e, "holds no cartridge", errcode.SlotEmpty, errcode.DriveEmpty).WithOp("exchange")
		}
	}
	if from.Kind != DriveBay && !from.Accessible { // said before the drive is unloaded in vain
		return errcode.New(errcode.DeviceBusy, c.Name, "the library cannot reach %s now, nothing was moved", from).WithOp("exchange").
			WithHint("close the door of the library or of its I/O slots")
	}
	return nil
}

// exchangeError says which of the two places a refusal is about, if the library points to it.
func (c *Changer) exchangeError(op string, from, at Element, err error) error {
	s, answered := scsi.SenseOf(err)
	if answered && s.Key == scsi.IllegalRequest && s.ASC == scsi.ASCInvalidOpcode {
		return &errcode.Error{Code: errcode.DeviceUnsupported, Op: op, Object: c.Name, Err: err,
			Msg: "the library cannot exchange cartridges", Hint: "unload the drive, then load it"}
	}
	if f, told := s.FieldPointer(); told && f.InCDB && f.Byte >= 6 && f.Byte < 8 {
		from = at // as its source, the first destination is what is wrong
	}
	moved := c.moveError(op, from, at, err)
	if e, ok := moved.(*errcode.Error); ok {
		e.Op = op
	}
	return moved
}

// exchanged checks that each cartridge is where the other was, as far as their barcodes are read.
func (c *Changer) exchanged(ctx context.Context, op string, from, at Element) ([]Moved, error) {
	after := context.WithoutCancel(ctx) // it is done: it must not go unreported
	list := []Moved{{Barcode: from.Barcode, From: from, To: at}, {Barcode: at.Barcode, From: at, To: from}}
	for i := range list {
		m := &list[i]
		now, ok, err := c.element(after, m.To.Kind, m.To.Address)
		if err != nil {
			return list, c.unverified(op, err)
		}
		if !ok || !now.Full || m.Barcode != "" && now.Barcode != "" && now.Barcode != m.Barcode {
			return list, errcode.New(errcode.DeviceError, c.Name, "the library reported success, but %s does not hold %s",
				m.To, orUnread(m.Barcode)).WithOp(op)
		}
	}
	return list, nil
}
