package cmd

import (
	"context"
	"errors"
	"strings"
	"time"

	"calypso/sys/errcode"
	"calypso/zfs"
	"calypso/zfs/pool"
	"calypso/zfs/vdev"
)

func poolScrubCommand() *command {
	return &command{
		Name: "scrub", Summary: "read all data of a pool and repair what is damaged",
		Description: `Begins a scrub, or goes on with one that was paused, and ends at once; --wait stays until it has ended. 'calypso pool status' shows how far it is and what it found.

A pool that resilvers cannot be scrubbed: status 11.`,
		Args: []arg{poolArg()},
		Flags: []flag{
			boolFlag("pause", "pause the scrub; it goes on where it was, after a reboot too"),
			boolFlag("stop", "end the scrub"),
			boolFlag("wait", "stay until it has ended; --timeout limits that, the work goes on"),
		},
		Examples: []example{
			{"calypso pool scrub tank", "begin a scrub, or go on with one"},
			{"calypso pool scrub tank --wait --detach", "a task that ends with the scrub"},
			{"calypso pool scrub tank --pause", "give the disks a rest"},
		},
		Exits: poolExits, Mutates: true,
		Run: runPoolScrub,
	}
}

func runPoolScrub(ctx context.Context, inv *invocation) (err error) {
	if countSet(inv, "pause", "stop", "wait") > 1 {
		return usageErrorf("--pause, --stop and --wait exclude each other")
	}
	name, release, err := inv.startChange(ctx)
	if err != nil {
		return err
	}
	s, err := poolStatusNow(ctx, name)
	if err != nil {
		return errors.Join(err, release.Close())
	}
	change, did, would := scrubChange(inv, name)
	if already := scrubAlready(inv, s.Scan); already != "" {
		did, would = already, "do nothing: "+already
	} else if !inv.dryRun {
		_, err = change.Do(ctx, zfsTools())
	}
	if err = errors.Join(err, release.Close()); err != nil {
		return err
	}
	if inv.flag("wait") && !inv.dryRun {
		if err := vdev.Wait(ctx, zfsTools(), name, "scrub"); err != nil {
			return err
		}
		did = "the scrub of " + name + " has ended; see 'calypso pool status'"
	}
	return inv.emitChange(change, "", did, would)
}

func scrubChange(inv *invocation, name string) (c vdev.Change, did, would string) {
	switch {
	case inv.flag("pause"):
		return vdev.Scrub(name, "-p"), "the scrub of " + name + " is paused", "pause the scrub"
	case inv.flag("stop"):
		return vdev.Scrub(name, "-s"), "the scrub of " + name + " is stopped", "stop the scrub"
	}
	return vdev.Scrub(name, ""), "scrubbing " + name, "begin or go on with a scrub"
}

// scrubAlready says that the scrub is already as it was asked to be. zpool gives an error for some of these, and
// nothing for others.
func scrubAlready(inv *invocation, scan *pool.Work) string {
	state := ""
	if scan != nil && scan.Kind == pool.Scrub {
		state = scan.State
	}
	switch {
	case inv.flag("pause") && state == pool.Paused:
		return "the scrub is paused already"
	case inv.flag("pause") && state != pool.Running, inv.flag("stop") && state != pool.Running && state != pool.Paused:
		return "no scrub is at work"
	case !inv.flag("pause") && !inv.flag("stop") && state == pool.Running:
		return "a scrub is at work already"
	}
	return ""
}

func poolStatusNow(ctx context.Context, name string) (*pool.Status, error) {
	t := zfsTools()
	v, err := t.Version(ctx)
	if err != nil {
		return nil, err
	}
	return pool.AskStatus(ctx, t, v, name, time.Now())
}

func poolTrimCommand() *command {
	return &command{
		Name: "trim", Summary: "tell the solid-state disks of a pool which space is free",
		Description: "Begins to trim all disks of the pool that can be, and ends at once; --wait stays until it has ended. A pool with the property autotrim does so all the time, for what becomes free; a trim from time to time finds the rest.",
		Args:        []arg{poolArg()},
		Flags: []flag{
			boolFlag("cancel", "stop it"),
			boolFlag("wait", "stay until it has ended; --timeout limits that, the work goes on"),
		},
		Examples: []example{{"calypso pool trim tank", "begin to trim"}, {"calypso pool trim tank --cancel", "stop it"}},
		Exits:    poolExits, Mutates: true,
		Run: runPoolTrim,
	}
}

func runPoolTrim(ctx context.Context, inv *invocation) (err error) {
	if countSet(inv, "cancel", "wait") > 1 {
		return usageErrorf("--cancel and --wait exclude each other")
	}
	name, release, err := inv.startChange(ctx)
	if err != nil {
		return err
	}
	change, did, would := vdev.Trim(name, ""), "trimming "+name, "begin to trim"
	if inv.flag("cancel") {
		change, did, would = vdev.Trim(name, "-c"), "the trim of "+name+" is stopped", "stop the trim"
	}
	if !inv.dryRun {
		_, err = change.Do(ctx, zfsTools())
	}
	if err = errors.Join(err, release.Close()); err != nil {
		return err
	}
	if inv.flag("wait") && !inv.dryRun {
		if err := vdev.Wait(ctx, zfsTools(), name, "trim"); err != nil {
			return err
		}
		did = "the trim of " + name + " has ended"
	}
	return inv.emitChange(change, "", did, would)
}

func poolClearCommand() *command {
	return &command{
		Name: "clear", Summary: "forget the errors of a pool, or let a suspended one go on",
		Description: `Sets the error counters of the pool, or of one device, to zero. A pool that was suspended because it lost its devices goes on when they are back.

This is the one command that is tried on a suspended pool. When its devices are not back it may wait in the kernel where nothing can end it: after a minute it is left behind, and the status is 14.`,
		Args:     []arg{poolArg(), {Name: "DEVICE", Usage: "only this device", Optional: true}},
		Examples: []example{{"calypso pool clear tank", "after the cable is in again"}},
		Exits:    poolExits, Mutates: true,
		Run: runPoolClear,
	}
}

func runPoolClear(ctx context.Context, inv *invocation) (err error) {
	name := inv.arg("POOL")
	if err := isImported(name); err != nil {
		return err
	}
	release, err := inv.lockAll(ctx, zfs.LockPool(name))
	if err != nil {
		return err
	}
	defer closeInto(&err, release)
	device := inv.arg("DEVICE")
	if strings.HasPrefix(device, "-") { // -F would take a suspended pool back to an older state
		return errcode.New(errcode.DeviceNotFound, device, "no device has this name; nothing was touched")
	}
	if device != "" && zfsTools().NotSuspended(name) == nil {
		if _, device, err = locate(ctx, name, device); err != nil {
			return err
		}
	}
	change := vdev.Clear(name, device)
	if !inv.dryRun {
		if _, err := change.Do(ctx, zfsTools()); err != nil {
			return err
		}
		if err := zfsTools().NotSuspended(name); err != nil {
			return errcode.New(errcode.PoolSuspended, name, "still suspended after zpool clear: its devices are not back").
				WithHint("bring them back, then try again; the kernel log says what was lost")
		}
	}
	return inv.emitChange(change, device, "cleared the errors of "+name, "clear the errors")
}

func countSet(inv *invocation, names ...string) int {
	n := 0
	for _, name := range names {
		if inv.flag(name) {
			n++
		}
	}
	return n
}
