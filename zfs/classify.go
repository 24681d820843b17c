package zfs

import (
	"errors"
	"strings"

	"calypso/sys/errcode"
	"calypso/sys/proc"
	"calypso/sys/run"
)

// rule is what the tools say (libzfs_util.c, zpool_main.c, zfs_main.c) and what it means. The first that fits
// counts, so the special stands before the general.
type rule struct {
	said string
	code errcode.Code
}

var rules = []rule{
	{"initialize the libzfs library", errcode.ModuleMissing},
	{"The ZFS modules are not loaded", errcode.ModuleMissing},
	{"The ZFS modules cannot be auto-loaded", errcode.ModuleMissing},
	{"/dev/zfs and /proc/self/mounts are required", errcode.ModuleMissing},

	{"pool I/O is currently suspended", errcode.PoolSuspended},
	{"permission denied", errcode.PermissionDenied},
	{"Permission denied", errcode.PermissionDenied},
	{"Operation not permitted", errcode.PermissionDenied},

	{"encryption key not loaded", errcode.KeyNeeded},
	{"key must be loaded", errcode.KeyNeeded}, // zfs send
	{"Incorrect key provided", errcode.KeyWrong},
	{"Passphrase too short", errcode.PropertyInvalid},

	// A volume that is too small for a change, before "no space" in general.
	{"out of space", errcode.DiskFull},
	{"quota exceeded", errcode.DiskFull},
	{"No space left on device", errcode.DiskFull},
	{"size is greater than available space", errcode.DiskFull},
	{"size is less than current used or reserved space", errcode.StorageRefused},

	{"incomplete stream", errcode.StreamDamaged}, // with "checksum mismatch or" under -s
	{"checksum mismatch", errcode.StreamDamaged},
	{"invalid stream", errcode.StreamDamaged},
	{"failed to read from stream", errcode.StreamDamaged},
	{"invalid backup stream", errcode.StreamDamaged},

	{"currently unavailable", errcode.DeviceError},
	{"I/O error", errcode.DeviceError},

	{"pool already exists", errcode.PoolExists},
	{"pool with that name already exists", errcode.PoolExists},
	{"dataset already exists", errcode.DatasetExists},
	{"bookmark exists", errcode.DatasetExists},
	{"tag already exists", errcode.DatasetExists},
	{"' exists\n", errcode.DatasetExists},
	{"must specify -F to overwrite it", errcode.DatasetExists},

	{"no such device in pool", errcode.DeviceNotFound},
	{"no such device in /dev", errcode.DeviceNotFound},
	{"cannot resolve path", errcode.DeviceNotFound},
	{"no such pool or dataset", errcode.PoolNotFound},
	{"no such pool", errcode.PoolNotFound},
	{"no pools available", errcode.PoolNotFound},
	{"dataset does not exist", errcode.DatasetNotFound},
	{"parent does not exist", errcode.DatasetNotFound},
	{"could not find any snapshots", errcode.DatasetNotFound},
	{"no such tag on this dataset", errcode.DatasetNotFound},
	{"recursively: snapshot", errcode.DatasetNotFound}, // "snapshot tank/data/q@s3 does not exist"

	{"currently scrubbing", errcode.PoolBusy},
	{"currently resilvering", errcode.PoolBusy},
	{"scrub is paused", errcode.PoolBusy},
	{"Pool busy", errcode.PoolBusy},
	{"is in use and contains", errcode.DeviceBusy},
	{"is part of active pool", errcode.DeviceBusy},
	{"is a member (ACTIVE)", errcode.DeviceBusy},
	{"part of an active md or lvm device", errcode.DeviceBusy}, // it may also be one device named twice
	{"being held", errcode.DatasetBusy},
	{"could not unmount datasets", errcode.DatasetBusy},
	{"is busy", errcode.DatasetBusy},

	{"name must begin with a letter", errcode.NameInvalid},
	{"name is reserved", errcode.NameInvalid},
	{"name is too long", errcode.NameInvalid},
	{"' in pool name", errcode.NameInvalid},
	{"' in name", errcode.NameInvalid},
	{"trailing slash in name", errcode.NameInvalid},
	{"leading slash in name", errcode.NameInvalid},
	{"empty component", errcode.NameInvalid},
	{"delimiter", errcode.NameInvalid},
	{"is found in name", errcode.NameInvalid},

	{"invalid property", errcode.PropertyInvalid},
	{"property is read-only", errcode.PropertyInvalid},
	{"' property: ", errcode.PropertyInvalid},
	{"is not a valid", errcode.PropertyInvalid},
	{"is readonly", errcode.PropertyInvalid},
	{"' must be ", errcode.PropertyInvalid},
	{"volume size cannot be zero", errcode.PropertyInvalid},

	{"not supported", errcode.StorageUnsupported},
	{"invalid option", errcode.StorageUnsupported},
	{"unrecognized command", errcode.StorageUnsupported},

	{"invalid vdev specification", errcode.StorageRefused},
	{"minimum size", errcode.StorageRefused},
	{"device is too small", errcode.StorageRefused},
	{"no valid replicas", errcode.StorageRefused},
	{"only applicable to mirror", errcode.StorageRefused},
	{"exists and is not empty", errcode.StorageRefused},
	{"directory is not empty", errcode.StorageRefused},
	{"has children", errcode.StorageRefused},
	{"has dependent clones", errcode.StorageRefused},
	{"clones of previous snapshots exist", errcode.StorageRefused},
	{"legacy mountpoint", errcode.StorageRefused},
	{"more recent snapshots or bookmarks exist", errcode.StorageRefused},
	{"destination has snapshots", errcode.StorageRefused},
	{"has been modified", errcode.StorageRefused},
	{"does not\nmatch incremental source", errcode.StorageRefused},
	{"ot an earlier snapshot", errcode.StorageRefused},
	{"checkpoint exists", errcode.StorageRefused},
	{"checkpoint does not exist", errcode.StorageRefused},
	{"there is no active scrub", errcode.StorageRefused},
	{"pool is read-only", errcode.StorageRefused},
	{"in use from another system", errcode.StorageRefused},
	{"more than one matching pool", errcode.StorageRefused},
	{"does not apply to pools", errcode.StorageRefused},
	{"source and target pools differ", errcode.StorageRefused},
	{"must be within same pool", errcode.StorageRefused},
	{"not a cloned filesystem", errcode.StorageRefused},
	{"already mounted", errcode.StorageRefused},
	{"not currently mounted", errcode.StorageRefused},
	{"not applicable to datasets of this type", errcode.StorageRefused},
	{"Key already", errcode.StorageRefused},
	{"resumable receive state", errcode.StorageRefused},
}

// classify gives an error of the tools a code of ours, with their words as the cause. The exit status is no
// help: 1 and 255 are anything, and 2 is said for a dataset that does not exist too, with the usage after it.
func classify(object string, err error) error {
	var exit *run.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	said := words(string(exit.Result.Stderr))
	code := codeOf(said)
	switch {
	case code == errcode.ModuleMissing:
		return moduleMissing(err)
	case code == errcode.PoolNotFound && strings.Contains(string(exit.Result.Stdout), "a backup source"):
		code = errcode.DeviceError // zpool import: the pool was found, and is lost
	}
	e := &errcode.Error{Code: code, Object: object, Msg: oneLine(said), Err: err}
	if said == "" {
		e.Msg = exit.Error()
	}
	if code == errcode.NameInvalid {
		e.Hint = "choose another name"
	}
	return e
}

func codeOf(said string) errcode.Code {
	for _, r := range rules {
		if strings.Contains(said+"\n", r.said) {
			return r.code
		}
	}
	return errcode.Failed
}

// words is what a tool said, without the usage that it adds.
func words(stderr string) string {
	var lines []string
	for line := range strings.Lines(stderr) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "usage:") {
			break
		}
		if strings.TrimSpace(line) != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// oneLine joins lines for a message. A sentence that the tool wrapped goes on with a small letter after a
// line that ends in no full stop: those that do are few and known.
func oneLine(said string) string {
	var b strings.Builder
	for i, line := range strings.Split(said, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case i == 0:
		case strings.HasSuffix(b.String(), ":"), wrapped(line):
			b.WriteByte(' ')
		default:
			b.WriteString("; ")
		}
		b.WriteString(line)
	}
	return shorten(strings.TrimSuffix(b.String(), "."))
}

func wrapped(line string) bool {
	for _, start := range []string{"the devices is part of", "since most recent snapshot", "match incremental source"} {
		if strings.HasPrefix(line, start) {
			return true
		}
	}
	return false
}

func shorten(text string) string { return proc.Shorten(text, 1000) }
