package tape

import (
	"context"
	"errors"
	"strings"
	"time"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

const cleaningPrefix = "CLN" // of the barcodes of cleaning cartridges

// IsCleaning says whether the place holds a cleaning cartridge, by its barcode or by what the library
// says of it: not every library fills in the medium type.
func (e Element) IsCleaning() bool {
	return e.Full && (e.Cleaning || strings.HasPrefix(strings.ToUpper(e.Barcode), cleaningPrefix))
}

// CleaningCartridges lists the places with a cleaning cartridge that the robot can reach, slots first.
func (v Inventory) CleaningCartridges() []Element {
	var list []Element
	for _, e := range append(v.Of(Slot), v.Of(IO)...) {
		if e.IsCleaning() && e.Accessible && !e.Disabled {
			list = append(list, e)
		}
	}
	return list
}

// Cleaned is what came of a cleaning.
type Cleaned struct {
	Loaded  bool    // the cartridge was in the drive: a use of it, unless Expired
	Expired bool    // the drive found that it has no cleanings left
	Place   Element // where the cartridge is now
	Asks    *bool   // whether the drive still asks to be cleaned; nil: it does not tell
}

// How long a drive may clean: minutes. A drive that has not ended then never will.
const cleaningLimit = 15 * time.Minute

// Clean takes the cleaning cartridge of a place to the drive in bay, waits until it has cleaned, and takes
// the cartridge back, also when anything fails and when ctx ends: then as soon as the drive lets go.
// Errors: errcode.CleaningExpired, CleaningFailed, those of Transfer; their state says where the
// cartridge is.
func Clean(ctx context.Context, c *Changer, d *Drive, from, bay Element) (Cleaned, error) {
	moved, err := c.Transfer(ctx, from, bay)
	if err != nil && !c.holds(ctx, bay) {
		return Cleaned{Place: from}, err
	}
	d.settled = false // another cartridge raises unit attentions
	res := Cleaned{Loaded: true, Place: moved.To}
	if err == nil {
		err = d.waitCleaned(ctx, c, bay)
		res.Expired = errcode.Of(err) == errcode.CleaningExpired
	}
	after := context.WithoutCancel(ctx)
	res.Asks, err = d.judgeCleaning(after, err)
	place, backErr := c.takeBack(after, d, from, bay)
	res.Place = place
	return res, withPlace(errors.Join(err, backErr), orUnread(from.Barcode), place)
}

// holds says whether a drive has a cartridge, after a move whose outcome is not sure.
func (c *Changer) holds(ctx context.Context, bay Element) bool {
	e, ok, err := c.element(context.WithoutCancel(ctx), bay.Kind, bay.Address)
	return err == nil && ok && e.Full
}

// withPlace says in an error where the cartridge is.
func withPlace(err error, cartridge string, e Element) error {
	var known *errcode.Error
	if errors.As(err, &known) && known.State == "" {
		known.State = cartridge + " is in " + e.String()
	}
	return err
}

// judgeCleaning asks a drive that ended without an error whether it still wants to be cleaned.
func (d *Drive) judgeCleaning(ctx context.Context, err error) (*bool, error) {
	asked, told := d.CleaningAsked(ctx)
	if !told {
		return nil, err
	}
	if err == nil && asked {
		err = errcode.New(errcode.CleaningFailed, d.Name, "the drive took the cartridge and still asks to be cleaned").WithOp("clean")
	}
	return &asked, err
}

// CleaningAsked says whether the drive asks to be cleaned; told is false when it does not say.
func (d *Drive) CleaningAsked(ctx context.Context) (asked, told bool) {
	page, err := d.LogPage(ctx, scsi.LogDeviceStatus, 0)
	if err != nil || page == nil {
		return false, false
	}
	s := page.DeviceStatus()
	if s == nil {
		return false, false
	}
	return s.CleaningRequested || s.CleaningRequired, true
}

// waitCleaned waits until the drive has cleaned. It tells that in one of two ways: the cartridge is out (no
// medium, as drives that eject it say), or it is in and the library may take it (ACCESS).
func (d *Drive) waitCleaned(ctx context.Context, c *Changer, bay Element) error {
	for waited := time.Duration(0); ; {
		r, err := d.Ready(ctx)
		if err != nil {
			return d.cleaningStopped(ctx, err)
		}
		done, err := d.cleaningDone(ctx, r)
		if done || err != nil {
			return err
		}
		if r.State != BecomingReady && c.mayTake(ctx, bay) {
			return nil
		}
		if waited >= cleaningLimit {
			return errcode.New(errcode.CleaningFailed, d.Name, "the drive did not end within %s: %s", cleaningLimit, r.Sense).WithOp("clean")
		}
		pause := pollPause(waited)
		if err := d.sleep(ctx, pause); err != nil {
			return d.cleaningStopped(ctx, err)
		}
		waited += pause
	}
}

// cleaningStopped makes an error of the end of ctx one that can carry a state.
func (d *Drive) cleaningStopped(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return &errcode.Error{Code: errcode.Of(ctx.Err()), Op: "clean", Object: d.Name, Msg: ctx.Err().Error(), Err: ctx.Err()}
}

// cleaningDone reads the answer of TEST UNIT READY while a cleaning cartridge is in the drive.
func (d *Drive) cleaningDone(ctx context.Context, r Readiness) (bool, error) {
	failed := func(code errcode.Code, why string) (bool, error) {
		e := errcode.New(code, d.Name, "%s", why).WithOp("clean")
		e.Err = &scsi.SenseError{CDB: []byte{scsi.OpTestUnitReady, 0, 0, 0, 0, 0}, Sense: r.Sense}
		return false, e
	}
	switch {
	case r.State == Empty, r.State == NeedsLoad:
		return true, nil
	case r.State == Ready:
		return false, errcode.New(errcode.CleaningFailed, d.Name, "the drive loaded the cartridge as a tape: it is no cleaning cartridge").WithOp("clean")
	case r.State == BecomingReady, r.Sense.ASC == scsi.ASCCleaningCartridge:
		return false, nil
	case r.Sense.ASC == scsi.ASCCleaningFailure && d.cleaningExpired(ctx):
		return failed(errcode.CleaningExpired, "the cartridge is used up and the drive did not clean: "+r.Sense.String())
	}
	return failed(errcode.CleaningFailed, r.Sense.String())
}

// expiredCleaningMedia is the TapeAlert flag of a cleaning cartridge that is used up (SSC-5).
const expiredCleaningMedia = 22

// cleaningExpired asks why a cleaning failed. A drive that does not tell means that the cartridge has
// expired, by far the most frequent reason.
func (d *Drive) cleaningExpired(ctx context.Context) bool {
	page, err := d.LogPage(ctx, scsi.LogTapeAlertResponse, 0)
	if err != nil || page == nil {
		return true
	}
	flags, told := page.TapeAlertResponse()
	return flags.Has(expiredCleaningMedia) || !told
}

// mayTake says whether the library can take the cartridge out of the drive.
func (c *Changer) mayTake(ctx context.Context, bay Element) bool {
	e, ok, err := c.element(ctx, bay.Kind, bay.Address)
	return err == nil && ok && e.Full && e.Accessible
}

// takeBack moves the cartridge to where it came from, or to a free slot. A drive that is still cleaning
// does not let go: that is waited for.
func (c *Changer) takeBack(ctx context.Context, d *Drive, home, bay Element) (Element, error) {
	for waited := time.Duration(0); ; {
		moved, err := c.putHome(ctx, home, bay)
		if err == nil {
			return moved.To, nil
		}
		if !c.holds(ctx, bay) {
			return moved.To, err
		}
		switch errcode.Of(err) {
		case errcode.RemovalPrevented, errcode.CommandRefused, errcode.DeviceBusy, errcode.TapeNotReady:
		default:
			return bay, err
		}
		if waited >= cleaningLimit {
			return bay, err
		}
		_ = d.Unload(ctx) // drives eject a cleaning cartridge by themselves; one that does not may do it now
		pause := pollPause(waited)
		if err := d.sleep(ctx, pause); err != nil {
			return bay, d.fail("clean", err)
		}
		waited += pause
	}
}

// putHome moves the cartridge home, or to a free slot when another cartridge is there.
func (c *Changer) putHome(ctx context.Context, home, bay Element) (Moved, error) {
	v, err := c.Inventory(ctx)
	if err != nil {
		return Moved{}, err
	}
	from, err := v.Find(DriveBay, bay.Number)
	if err != nil {
		return Moved{}, err
	}
	to, ok := v.ByAddress(home.Address)
	if !ok || to.Full {
		if to, err = v.Free(); err != nil {
			return Moved{}, c.named(err)
		}
	}
	return c.Transfer(ctx, from, to)
}
