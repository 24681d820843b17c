package cmd

import (
	"context"
	"errors"

	"calypso/sys/errcode"
	"calypso/tape"
)

func libraryExchangeCommand() *command {
	return &command{
		Name: "exchange", Summary: "exchange the cartridge in a drive for another",
		Description: "Puts the cartridge of SOURCE into the drive, and the one of the drive where that was, with one command to the library. The drive is unloaded first.",
		Args:        []arg{libraryArg(), {Name: "SOURCE", Usage: "slot:N, io:N or a barcode"}},
		Flags:       []flag{intFlag("drive", "N", "the drive, from 0").Default("0")},
		Examples:    []example{{"calypso library exchange vtl01 slot:2 --drive 0", "the cartridge of slot 2 for the one in drive 0"}},
		Exits:       moveExits, Mutates: true,
		Run: runLibraryExchange,
	}
}

func runLibraryExchange(ctx context.Context, inv *invocation) (err error) {
	source, err := parseSource(inv.arg("SOURCE"))
	if err != nil {
		return err
	}
	if source.kind == tape.DriveBay && source.barcode == "" {
		return usageErrorf("%q is no place for an exchange: want slot:N, io:N or a barcode", inv.arg("SOURCE"))
	}
	lib, err := inv.findLibrary(inv.arg("LIBRARY"))
	if err != nil {
		return err
	}
	number := inv.integer("drive")
	dev, err := inv.libraryDrive(driveName(lib.Name, int(number)), lib.Name, max(number, 0))
	if code := errcode.Of(err); err != nil && code != errcode.DriveNotFound {
		return err
	}
	if err != nil || number < 0 {
		return errcode.New(errcode.DriveNotFound, lib.Name, "the library has no drive %d", number)
	}
	c, d, err := inv.openChangerWith(ctx, dev)
	if err != nil {
		return err
	}
	defer closeInto(&err, c)
	v, err := c.Inventory(ctx)
	if err != nil {
		return err
	}
	from, err := source.findFor(v, element{kind: tape.DriveBay, number: dev.number})
	if err != nil {
		return err
	}
	bay, err := v.Find(tape.DriveBay, dev.number)
	if err != nil {
		return err
	}
	if from.Address == bay.Address {
		inv.alreadyThere(tape.Moved{Barcode: from.Barcode, From: from, To: bay})
		return inv.emitMoves(c.library.Name, nil)
	}
	return inv.exchange(ctx, c, d, from, bay)
}

func (inv *invocation) exchange(ctx context.Context, c *changer, d *drive, from, bay tape.Element) error {
	if err := c.CheckExchange(from, bay); err != nil {
		return err
	}
	if err := c.library.checkBay(bay); err != nil {
		return err
	}
	moves := []tape.Moved{{Barcode: from.Barcode, From: from, To: bay}, {Barcode: bay.Barcode, From: bay, To: from}}
	if !inv.dryRun {
		if err := d.letGo(ctx); err != nil {
			return err
		}
		var err error
		if moves, err = c.Exchange(ctx, from, bay); err == nil {
			err = inv.moved(ctx, c, moves...)
		} else {
			err = inv.notMoved(ctx, c, inv.notMoved(ctx, c, err, from, bay), bay, from)
		}
		if err != nil {
			var e *errcode.Error
			if errors.As(err, &e) && e.State == "" {
				e.State = "the drive was unloaded"
			}
			return err
		}
	}
	return inv.emitMoves(c.library.Name, moves)
}
