package cmd

import (
	"context"
	"errors"

	"calypso/sys/errcode"
	"calypso/tape"
)

// reserveFlag keeps other hosts off a device for as long as the verb runs. The locks keep off the other
// processes of this host.
func reserveFlag() flag {
	return boolFlag("reserve", "keep other hosts off meanwhile: a SCSI persistent reservation")
}

// reserving says whether the user asked for it. A dry run changes nothing, and so reserves nothing.
func (inv *invocation) reserving() bool {
	v, declared := inv.values["reserve"]
	return declared && v.String() == "true" && !inv.dryRun
}

// reserve reserves an open device whose lock is held, if that was asked for. It is released when the device
// is closed, however the verb ended.
func (inv *invocation) reserve(ctx context.Context, u *tape.Unit, c *closers) error {
	if !inv.reserving() {
		return nil
	}
	key := tape.OwnKey()
	if err := u.Claim(ctx, key); err != nil {
		return err
	}
	*c = append(*c, func() error { return u.Disclaim(context.WithoutCancel(ctx), key) })
	return nil
}

// reserveRobot reserves a changer, and drives between which and the slots it will move cartridges: a host that
// was about to use one would find another cartridge in it. A bay whose drive is not known is left to the
// changer, as is a drive that only this process plays.
func (inv *invocation) reserveRobot(ctx context.Context, c *changer, drives []int) error {
	if err := inv.reserve(ctx, &c.Changer.Unit, &c.closers); err != nil || !inv.reserving() || !c.library.throughKernel() {
		return err
	}
	for _, n := range drives {
		dev, err := inv.libraryDrive(driveName(c.library.Name, n), c.library.Name, int64(n))
		if errcode.Of(err) == errcode.DriveNotFound {
			continue
		}
		if err != nil {
			return err
		}
		if err := inv.reserveBay(ctx, c, dev); err != nil {
			return err
		}
	}
	return nil
}

// reserveBay reserves a drive beside the changer. It is not held off other programs: unloadFirst does that.
func (inv *invocation) reserveBay(ctx context.Context, c *changer, dev device) error {
	t, err := inv.driveTransport(ctx, dev, true)
	if err != nil {
		return err
	}
	d := &drive{device: dev}
	d.attach(t)
	if err := inv.reserve(ctx, &d.Drive.Unit, &d.closers); err != nil {
		return errors.Join(err, d.Close())
	}
	c.closers = append(c.closers, d.Close)
	return nil
}
