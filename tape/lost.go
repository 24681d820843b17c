package tape

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"calypso/sys/errcode"
)

// MayHaveMoved says whether a move that failed may have been made, in part or in whole: the library or a drive
// failed, or its answer was lost. Other errors moved nothing and say so.
func MayHaveMoved(err error) bool {
	return errcode.ExitOf(err) == errcode.ExitDevice || errcode.Of(err) == errcode.DeviceUnknown
}

// Locate looks for a cartridge after a move that may have been made: where it was to go, where it was, then
// anywhere in the library. ok is false when it is nowhere, or when the library does not tell.
func (c *Changer) Locate(ctx context.Context, from, to Element) (at Element, ok bool, err error) {
	ctx = context.WithoutCancel(ctx)
	for _, e := range []Element{to, from} {
		now, there, err := c.element(ctx, e.Kind, e.Address)
		if err != nil {
			return Element{}, false, err
		}
		if there && now.mayBe(from.Barcode) {
			return now, true, nil
		}
	}
	v, err := c.Inventory(ctx)
	if err != nil {
		return Element{}, false, err
	}
	switch at, err = v.ByBarcode(from.Barcode); errcode.Of(err) {
	case "":
		return at, true, nil
	case errcode.BarcodeAmbiguous:
		return Element{}, false, err
	}
	for _, hand := range v.Of(Transport) {
		if hand.mayBe(from.Barcode) {
			return hand, true, nil
		}
	}
	return Element{}, false, nil
}

// mayBe says whether a place holds a cartridge that is not known to be another one.
func (e Element) mayBe(barcode string) bool {
	return e.Full && (e.Barcode == "" || barcode == "" || strings.EqualFold(e.Barcode, barcode))
}

// TellPlace says in the error of a move that may have been made where the cartridge is now: neither the sense
// data nor the command tells. found is that place, nil when the cartridge was not found or nothing was moved.
func (c *Changer) TellPlace(ctx context.Context, err error, from, to Element) (found *Element, told error) {
	if !MayHaveMoved(err) {
		return nil, err
	}
	at, ok, lookErr := c.Locate(ctx, from, to)
	state := fmt.Sprintf("%s is in %s", orUnread(from.Barcode), at)
	switch {
	case lookErr != nil:
		state = fmt.Sprintf("where %s is is not known, for the library does not tell: %v", orUnread(from.Barcode), lookErr)
	case !ok:
		state = fmt.Sprintf("%s is neither in %s nor in %s nor elsewhere: look into the library", orUnread(from.Barcode), from, to)
	default:
		found = &at
	}
	var known *errcode.Error
	if errors.As(err, &known) {
		known.State = strings.TrimPrefix(known.State+"; "+state, "; ")
	}
	return found, err
}
