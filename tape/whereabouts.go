package tape

import (
	"context"
	"errors"

	"calypso/sys/errcode"
)

// TellPlace says in the error of a move that the library or a drive failed where the cartridge is now: it
// looks, for neither the sense data nor the command tells. Other errors moved nothing and say so.
func (c *Changer) TellPlace(ctx context.Context, err error, from, to Element) error {
	var known *errcode.Error
	if !errors.As(err, &known) || known.State != "" || errcode.ExitOf(err) != errcode.ExitDevice {
		return err
	}
	for _, e := range []Element{to, from} {
		if c.holds(ctx, e) {
			return withPlace(err, orUnread(from.Barcode), e)
		}
	}
	known.State = orUnread(from.Barcode) + " is neither in " + from.String() + " nor in " + to.String() + ": look into the library"
	return err
}
