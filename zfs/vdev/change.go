package vdev

import (
	"context"
	"strings"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/proc"
	"calypso/sys/run"
	"calypso/zfs"
)

// Change is one command of zpool that changes a pool.
type Change struct {
	Pool string
	Args []string
	// AnyState lets it be tried on a suspended pool, which may leave a process behind that nothing can end.
	AnyState bool
	Work     string // what zpool-wait(8) calls the work that it begins, of what begins any
}

// String is the command line, for people.
func (c Change) String() string { return proc.CommandLine(append([]string{"zpool"}, c.Args...)) }

// Do carries it out. What zpool says besides errors comes back.
func (c Change) Do(ctx context.Context, t zfs.Tools) (said string, err error) {
	timeout := patience
	if c.AnyState {
		timeout = time.Minute
	} else if err := t.NotSuspended(c.Pool); err != nil {
		return "", err
	}
	r, err := t.Cmd(ctx, c.Pool, run.Cmd{Name: "zpool", Args: c.Args, Timeout: timeout})
	return strings.TrimSpace(string(r.Stdout)), err
}

// Wait ends when an activity of the pool (zpool-wait(8): scrub, resilver, raidz_expand, trim) has.
func Wait(ctx context.Context, t zfs.Tools, pool, activity string) error {
	const long = 365 * 24 * time.Hour // a scrub takes days; --timeout is the user's
	_, err := t.Cmd(ctx, pool, run.Cmd{Name: "zpool", Args: []string{"wait", "-t", activity, pool}, Timeout: long})
	return err
}

// Destroy and Export. Ask disk.Host.PoolHolders before: a volume that is open can make an export wait for ever.
func Destroy(pool string) Change { return Change{Pool: pool, Args: []string{"destroy", pool}} }
func Export(pool string) Change  { return Change{Pool: pool, Args: []string{"export", pool}} }

// Scrub begins a scrub, or goes on with one that was paused; flag is "" or what zpool-scrub(8) knows: -p pauses,
// -s stops.
func Scrub(pool, flag string) Change { return Change{Pool: pool, Args: withFlag("scrub", flag, pool)} }

// Trim tells the disks which space is free; flag is "" or -c to stop.
func Trim(pool, flag string) Change { return Change{Pool: pool, Args: withFlag("trim", flag, pool)} }

// Attach makes a mirror of a device, or widens a mirror or a raidz; force passes over what is on the new disk.
func Attach(pool, device, added string, force bool) Change {
	work := "resilver"
	if strings.HasPrefix(device, "raidz") { // the name of a group: it is not resilvered but written anew, wider
		work = "raidz_expand"
	}
	return Change{Pool: pool, Args: withFlag("attach", forced(force), pool, device, added), Work: work}
}

// Replace puts a disk in the place of another one; without added the new disk is where the old one was.
func Replace(pool, old, added string, force bool) Change {
	words := withFlag("replace", forced(force), pool, old)
	if added != "" {
		words = append(words, added)
	}
	return Change{Pool: pool, Args: words, Work: "resilver"}
}

func Detach(pool, device string) Change {
	return Change{Pool: pool, Args: []string{"detach", pool, device}}
}

// Online brings a device back; flag is "" or -e to use the space of a larger one.
func Online(pool, device, flag string) Change {
	return Change{Pool: pool, Args: withFlag("online", flag, pool, device)}
}

// Offline takes a device out of use; flag is "" or -t for until the next reboot.
func Offline(pool, device, flag string) Change {
	return Change{Pool: pool, Args: withFlag("offline", flag, pool, device)}
}

// Clear forgets errors, and lets a suspended pool whose devices are back go on; device may be "".
func Clear(pool, device string) Change {
	c := Change{Pool: pool, Args: []string{"clear", pool}, AnyState: true}
	if device != "" {
		c.Args = append(c.Args, device)
	}
	return c
}

func forced(force bool) string {
	if force {
		return "-f"
	}
	return ""
}

func withFlag(verb, flag string, words ...string) []string {
	list := []string{verb}
	if flag != "" {
		list = append(list, flag)
	}
	return append(list, words...)
}

// StillFaulted is an error when `zpool online` did not bring the device back: it says so on standard output and
// ends with 0.
func StillFaulted(device, said string) error {
	if !strings.Contains(said, "remains in faulted state") {
		return nil
	}
	return errcode.New(errcode.DeviceError, device, "the device is told to be online, and is not there or cannot be used").
		WithHint("look at the disk and its cable, or 'calypso pool replace'")
}
