package vtl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
	"calypso/vtl/image"
	"calypso/vtl/spc"
)

// TapeSpec says what cartridge to add to a library.
type TapeSpec struct {
	Barcode       string
	CapacityBytes int64 // 0: the native capacity
	Cleanings     *int  // left of a cleaning cartridge; nil: that of a new one
	Slot          int   // 0: the first empty one
	IOSlot        int   // a mail slot instead; 0: none
	DryRun        bool  // check everything, write nothing
}

// AddTape makes a new cartridge in an empty slot or mail slot. Its generation is that of its barcode.
// The caller holds the changer's lock. Errors: errcode.BarcodeInvalid, BarcodeExists, SlotNotFound,
// SlotFull, NoFreeSlot, RemovalPrevented while a host has the mail slots locked, Usage for the size
// and the cleanings.
func (s *Store) AddTape(ctx context.Context, library string, spec TapeSpec) (TapeInfo, error) {
	generation, worm, err := CheckBarcode(spec.Barcode)
	if err != nil {
		return TapeInfo{}, err
	}
	if err := spec.check(generation); err != nil {
		return TapeInfo{}, err
	}
	info := TapeInfo{Barcode: spec.Barcode, Generation: generation.Name, WORM: worm, CapacityBytes: spec.CapacityBytes}
	spec.describeCleaning(&info)
	if info.CapacityBytes == 0 {
		info.CapacityBytes = generation.CapacityBytes
	}
	add := func(l *Library) error {
		if err := s.checkNew(l, spec.Barcode); err != nil {
			return err
		}
		at, err := l.placeFor(spec)
		if err != nil {
			return err
		}
		if err := s.reachable(library, at); err != nil {
			return err
		}
		info.setPlace(library, at, at)
		if spec.DryRun {
			return nil
		}
		return s.addTape(ctx, l, Cartridge{Barcode: spec.Barcode, At: at, Home: at}, spec)
	}
	attention := spc.MediumChanged
	if spec.IOSlot != 0 {
		attention = spc.ImportExportAccessed
	}
	if !spec.DryRun {
		err := s.changeTapes(ctx, library, attention, add)
		return info, err
	}
	l, err := s.Get(library)
	if err != nil {
		return info, err
	}
	err = add(l)
	return info, err
}

// changeTapes lets do change the cartridges of a library, after a removal that was interrupted is
// finished, and tells the changer's host.
func (s *Store) changeTapes(ctx context.Context, library string, attention scsi.ASC, do func(*Library) error) error {
	if err := CheckName(library); err != nil {
		return err
	}
	return s.exclusive(ctx, func() error {
		l, err := s.Get(library)
		if err == nil {
			err = s.NotServed(library)
		}
		if err != nil {
			return err
		}
		if err := s.finishRemoving(ctx, l); err != nil {
			return err
		}
		if err := do(l); err != nil {
			return err
		}
		return s.alertChanger(library, attention)
	})
}

func (s *Store) checkNew(l *Library, barcode string) error {
	owners, err := s.barcodes()
	if err != nil {
		return err
	}
	if owner, taken := owners[barcode]; taken {
		return errcode.New(errcode.BarcodeExists, barcode, "already in library %s", owner)
	}
	// A directory without data is what an AddTape left that was killed. One with data is nobody's.
	n, err := image.UsedBytes(l.tapeDir(barcode))
	if n > 0 {
		return errcode.New(errcode.BarcodeExists, l.tapeDir(barcode), "the directory holds data of a cartridge that is in no library").
			WithHint("move it away, or choose another barcode")
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// placeFor is where a new cartridge goes, if that place is empty.
func (l *Library) placeFor(spec TapeSpec) (Place, error) {
	p := Place{Slot, spec.Slot}
	switch {
	case spec.Slot != 0 && spec.IOSlot != 0:
		return p, errcode.New(errcode.Usage, l.Name, "a tape cannot go into a slot and a mail slot")
	case spec.IOSlot != 0:
		p = Place{MailSlot, spec.IOSlot}
	case spec.Slot == 0:
		if p, ok := l.freeSlot(); ok {
			return p, nil
		}
		return p, errcode.New(errcode.NoFreeSlot, l.Name, "all %d slots are full", l.Slots)
	}
	if err := l.Has(p); err != nil {
		return p, err
	}
	if c, full := l.At(p); full {
		return p, errcode.New(errcode.SlotFull, l.Name, "%s holds %s", p.Words(l.Name), c.Barcode)
	}
	return p, nil
}

func (s *Store) addTape(ctx context.Context, l *Library, c Cartridge, spec TapeSpec) error {
	if err := os.MkdirAll(l.tapesDir(), 0o750); err != nil {
		return err
	}
	// What checkNew found to be a blank leftover.
	if err := os.RemoveAll(l.tapeDir(c.Barcode)); err != nil {
		return err
	}
	if err := createImage(l, c.Barcode, spec.CapacityBytes); err != nil {
		return err
	}
	if err := spec.useUp(l); err != nil {
		return errors.Join(err, os.RemoveAll(l.tapeDir(c.Barcode)))
	}
	step("tape image")
	err := syncFileSystem(l.dir())
	if err == nil {
		err = s.update(ctx, l.Name, func(l *Library) error {
			l.Cartridges = append(l.Cartridges, c)
			return nil
		})
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(l.tapeDir(c.Barcode)))
	}
	return nil
}

// RemoveTape destroys a cartridge that is not in a drive; one that was ever written needs confirmed.
// The caller holds the changer's lock. Errors: errcode.BarcodeNotFound, DeviceBusy, ConfirmRequired.
func (s *Store) RemoveTape(ctx context.Context, library, barcode string, confirmed bool) error {
	return s.changeTapes(ctx, library, spc.MediumChanged, func(l *Library) error {
		c, err := l.outside(barcode)
		if err != nil {
			return err
		}
		if err := s.reachable(library, c.At); err != nil {
			return err
		}
		if n, err := image.UsedBytes(l.tapeDir(barcode)); (n > 0 || err != nil) && !confirmed {
			return errcode.New(errcode.ConfirmRequired, barcode, "has been written").
				WithHint("remove it with its data by --confirm %s", barcode)
		}
		err = s.update(ctx, library, func(l *Library) error {
			l.Cartridges = slices.DeleteFunc(l.Cartridges, func(c Cartridge) bool { return c.Barcode == barcode })
			l.Removing = append(l.Removing, barcode)
			return nil
		})
		if err != nil {
			return err
		}
		step("tape out of library")
		l.Removing = append(l.Removing, barcode)
		return s.finishRemoving(ctx, l)
	})
}

// finishRemoving removes the images of cartridges that are no longer in the library.
func (s *Store) finishRemoving(ctx context.Context, l *Library) error {
	if len(l.Removing) == 0 {
		return nil
	}
	for _, code := range l.Removing {
		if err := os.RemoveAll(l.tapeDir(code)); err != nil {
			return fmt.Errorf("remove cartridge %s: %w", code, err)
		}
	}
	step("tape image removed")
	l.Removing = []string{}
	return s.update(ctx, l.Name, func(l *Library) error {
		l.Removing = []string{}
		return nil
	})
}

// Protect moves the write-protect switch of a cartridge, which cannot be reached in a drive. The caller
// holds the changer's lock. Errors: errcode.BarcodeNotFound, DeviceBusy, ImageDamaged.
func (s *Store) Protect(ctx context.Context, library, barcode string, on bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l, err := s.Get(library)
	if err == nil {
		err = s.NotServed(library)
	}
	if err != nil {
		return err
	}
	if _, err := l.outside(barcode); err != nil {
		return err
	}
	return image.UpdateMeta(l.tapeDir(barcode), func(m *image.Meta) { m.WriteProtect = on })
}

// Removable says why a cartridge cannot be removed, as RemoveTape would: it is in a drive, or there is none.
func (s *Store) Removable(library, barcode string) error {
	l, err := s.Get(library)
	if err != nil {
		return err
	}
	_, err = l.outside(barcode)
	return err
}

// outside finds a cartridge that is in no drive.
func (l *Library) outside(barcode string) (*Cartridge, error) {
	c, ok := l.Find(barcode)
	if !ok {
		return nil, errcode.New(errcode.BarcodeNotFound, shorten(barcode), "not in library %s", l.Name)
	}
	if c.At.Kind == InDrive {
		return nil, errcode.New(errcode.DeviceBusy, barcode, "is in drive %s", c.At.Words(l.Name)).
			WithHint("unload it first with 'calypso library unload %s --drive %d'", l.Name, c.At.Number)
	}
	return c, nil
}
