package cmd

import (
	"context"
	"errors"
	"fmt"

	"calypso/sys/errcode"
	"calypso/zfs"
	"calypso/zfs/pool"
	"calypso/zfs/vdev"
)

func poolDeviceArg() arg {
	return arg{Name: "DEVICE", Usage: "a device of the pool, as 'calypso pool status' shows it, or by path or by-id name"}
}

func newDiskArg(optional bool) arg {
	return arg{Name: "NEW", Usage: "the disk to take in, as for 'calypso pool create'", Optional: optional}
}

const newDiskProse = "A disk that something uses is refused and its user named; one that holds something is overwritten only with --confirm DISK. The pool resilvers then: --wait stays until that has ended."

func waitResilverFlag() flag {
	return boolFlag("wait", "stay until it has ended; --timeout limits that, the work goes on")
}

func poolAttachCommand() *command {
	return &command{
		Name: "attach", Summary: "add a disk to a mirror, or make a mirror of a disk",
		Description: "NEW becomes a further copy of DEVICE. With the name of a raidz group as DEVICE the group becomes wider by one disk (OpenZFS 2.3); --wait stays until that has ended then.\n\n" + newDiskProse,
		Args:        []arg{poolArg(), poolDeviceArg(), newDiskArg(false)},
		Flags:       []flag{waitResilverFlag()},
		Examples:    []example{{"calypso pool attach tank wwn-0x5000c5a1 wwn-0x5000c5a2", "a copy of the first disk on the second"}},
		Exits:       poolExits, Danger: severe, Mutates: true,
		Run: runPoolAttach,
	}
}

func runPoolAttach(ctx context.Context, inv *invocation) error {
	return inv.takeIn(ctx, vdev.Attach, "attached %s to %s", "attach %s to %s")
}

func poolReplaceCommand() *command {
	return &command{
		Name: "replace", Summary: "put a disk in the place of another one",
		Description: "The data of DEVICE is made anew on NEW, from the rest of its group or from DEVICE itself while it lives; then DEVICE leaves the pool. Without NEW the new disk is where the old one was, under the same name.\n\n" + newDiskProse,
		Args:        []arg{poolArg(), poolDeviceArg(), newDiskArg(true)},
		Flags:       []flag{waitResilverFlag()},
		Examples: []example{
			{"calypso pool replace tank wwn-0x5000c5a1 wwn-0x5000c5a2 --wait", "a new disk for an old one"},
			{"calypso pool replace tank 12154984863639843185 wwn-0x5000c5a2", "for one that is gone, by its number in the status"},
		},
		Exits: poolExits, Danger: severe, Mutates: true,
		Run: runPoolReplace,
	}
}

func runPoolReplace(ctx context.Context, inv *invocation) error {
	return inv.takeIn(ctx, vdev.Replace, "%s takes the place of %s", "put %s in the place of %s")
}

type joining func(pool, device, added string, force bool) vdev.Change

// takeIn is attach and replace: a disk that was not in the pool becomes part of it.
func (inv *invocation) takeIn(ctx context.Context, change joining, did, would string) error {
	name, release, err := inv.startChange(ctx, zfs.LockDisks)
	if err != nil {
		return err
	}
	c, device, words, err := inv.takeInLocked(ctx, name, change)
	if err = errors.Join(err, release.Close()); err != nil {
		return err
	}
	did, would = fmt.Sprintf(did, words, device), fmt.Sprintf(would, words, device)
	if inv.flag("wait") && !inv.dryRun {
		if err := vdev.Wait(ctx, zfsTools(), name, c.Work); err != nil {
			return err
		}
		did += map[string]string{"resilver": "; it has resilvered", "raidz_expand": "; the group is wider"}[c.Work]
	}
	return inv.emitChange(c, device, did, would)
}

func (inv *invocation) takeInLocked(ctx context.Context, name string, change joining) (c vdev.Change, device, added string, err error) {
	place, device, err := locate(ctx, name, inv.arg("DEVICE"))
	if err != nil {
		return c, "", "", err
	}
	layout, found, err := inv.newDisk(ctx, place)
	if err != nil {
		return c, "", "", err
	}
	m := layout.Members()[0]
	if err := vdev.InUse(layout, found); err != nil {
		return c, "", "", err
	}
	lost := overwritten(layout, found)
	if err := inv.confirmEach(ctx, lost); err != nil {
		return c, "", "", err
	}
	path := m.Path
	if inv.arg("NEW") == "" {
		path = ""
	}
	c = change(name, device, path, len(lost) > 0)
	if !inv.dryRun {
		_, err = c.Do(ctx, zfsTools())
	}
	return c, device, m.Name(), err
}

// newDisk looks at NEW, or at what is now where the device of the pool was.
func (inv *invocation) newDisk(ctx context.Context, place vdev.Place) (vdev.Layout, []vdev.Found, error) {
	word := inv.arg("NEW")
	if word == "" {
		word = place.Device.Path
		if word == "" {
			word = place.Device.Was
		}
		if word == "" {
			return vdev.Layout{}, nil, usageErrorf("where %s was is not known: name the NEW disk", place.Device.Name)
		}
	}
	layout, err := vdev.ParseLayout([]string{word})
	if err != nil {
		return layout, nil, err
	}
	found, err := layout.Look(ctx, hostDisks())
	return layout, found, err
}

func poolDetachCommand() *command {
	return &command{
		Name: "detach", Summary: "take a disk out of a mirror for good",
		Description: "DEVICE leaves the pool and holds no copy any more. Of a disk that is being replaced it ends the replacement; of a failed disk whose spare is in use it makes the spare stay.",
		Args:        []arg{poolArg(), poolDeviceArg()},
		Examples:    []example{{"calypso pool detach tank wwn-0x5000c5a2", "one copy less"}},
		Exits:       poolExits, Danger: moderate, Mutates: true,
		Run: runPoolDetach,
	}
}

func runPoolDetach(ctx context.Context, inv *invocation) error {
	return inv.withdraw(ctx, vdev.Detach, "detach", "detached", true)
}

func poolOfflineCommand() *command {
	return &command{
		Name: "offline", Summary: "take a disk of a pool out of use",
		Description: "The disk stays a part of the pool, and can be brought back with 'calypso pool online'. It is refused when the pool cannot do without the disk, and asks when its group could lose no other disk after that.",
		Args:        []arg{poolArg(), poolDeviceArg()},
		Flags:       []flag{boolFlag("temporary", "until the next reboot")},
		Examples:    []example{{"calypso pool offline tank wwn-0x5000c5a2 --yes", "before the disk is pulled"}},
		Exits:       poolExits, Danger: moderate, Mutates: true,
		Run: runPoolOffline,
	}
}

func runPoolOffline(ctx context.Context, inv *invocation) error {
	option := ""
	if inv.flag("temporary") {
		option = "-t"
	}
	return inv.withdraw(ctx, func(pool, device string) vdev.Change { return vdev.Offline(pool, device, option) }, "take offline", "took offline", false)
}

// withdraw is detach and offline: a pool has to do without a disk.
func (inv *invocation) withdraw(ctx context.Context, change func(pool, device string) vdev.Change, verb, did string, forGood bool) (err error) {
	name, release, err := inv.startChange(ctx, zfs.LockDisks)
	if err != nil {
		return err
	}
	defer closeInto(&err, release)
	place, device, err := locate(ctx, name, inv.arg("DEVICE"))
	if err != nil {
		return err
	}
	what, ask, err := withdrawal(name, place, verb)
	if err != nil {
		return err
	}
	if ask || forGood {
		if err := inv.confirm(ctx, what); err != nil {
			return err
		}
	}
	c := change(name, device)
	if !inv.dryRun {
		if _, err := c.Do(ctx, zfsTools()); err != nil {
			return err
		}
	}
	return inv.emitChange(c, device, did+" "+device, what)
}

// withdrawal judges what a group is without a device: it is refused when the pool would be lost, and asked for
// when nothing more could be lost after it.
func withdrawal(name string, p vdev.Place, verb string) (what string, ask bool, err error) {
	what = verb + " " + p.Device.Name + " of pool " + name
	if p.Device.Class == pool.Cache || p.Device.Class == pool.Spare {
		return what, false, nil
	}
	before, after := vdev.Bears(p.Group, ""), vdev.Bears(p.Group, p.Device.Name)
	switch {
	case after < 0 && p.Device.Class == pool.Log:
		return what + ", its only log", true, nil
	case after < 0:
		return what, false, errcode.New(errcode.StorageRefused, p.Device.Name, "the pool cannot do without it: %s would have too few disks that work", p.Group.Name).
			WithState("nothing was touched").WithHint("bring the other disks back or replace them first")
	case after == 0 && before > 0:
		return fmt.Sprintf("%s; %s can lose no other disk then", what, p.Group.Name), true, nil
	}
	return what, false, nil
}

func poolOnlineCommand() *command {
	return &command{
		Name: "online", Summary: "bring a disk of a pool back into use",
		Description: "The pool resilvers what was written meanwhile. A disk that is not there is an error (16), though zpool itself is content.",
		Args:        []arg{poolArg(), poolDeviceArg()},
		Flags:       []flag{boolFlag("expand", "use all the space of a disk that became larger")},
		Examples:    []example{{"calypso pool online tank wwn-0x5000c5a2", "the disk is in again"}},
		Exits:       poolExits, Mutates: true,
		Run: runPoolOnline,
	}
}

func runPoolOnline(ctx context.Context, inv *invocation) (err error) {
	name, release, err := inv.startChange(ctx, zfs.LockDisks)
	if err != nil {
		return err
	}
	defer closeInto(&err, release)
	_, device, err := locate(ctx, name, inv.arg("DEVICE"))
	if err != nil {
		return err
	}
	option := ""
	if inv.flag("expand") {
		option = "-e"
	}
	c := vdev.Online(name, device, option)
	if !inv.dryRun {
		said, err := c.Do(ctx, zfsTools())
		if err == nil {
			err = vdev.StillFaulted(device, said)
		}
		if err != nil {
			return err
		}
	}
	return inv.emitChange(c, device, device+" is online", "bring "+device+" online")
}

// locate finds a device of a pool, and how zpool is told of it.
func locate(ctx context.Context, name, word string) (vdev.Place, string, error) {
	s, err := poolStatusNow(ctx, name)
	if err != nil {
		return vdev.Place{}, "", err
	}
	p, err := vdev.Locate(hostDisks(), s, word)
	return p, p.Arg(s), err
}
