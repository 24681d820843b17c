package lvm

import (
	"context"
	"errors"
	"strings"

	"calypso/sys/errcode"
	"calypso/sys/run"
)

// Tools runs lvm(8) and its commands.
type Tools struct{ Runner run.Runner }

// LockGroup is the lock of every change of a volume group.
func LockGroup(name string) string { return "vg-" + name }

// run runs a command of LVM; an error has a code of ours and names object.
func (t Tools) run(ctx context.Context, object, command string, args ...string) ([]byte, error) {
	r, err := t.Runner.Run(ctx, run.Cmd{Name: command, Args: args, Package: "lvm2", Whole: true,
		// Descriptors that this process inherited are none of LVM's business.
		Env: []string{"LVM_SUPPRESS_FD_WARNINGS=1"}})
	if err != nil {
		return r.Stdout, classify(object, err)
	}
	return r.Stdout, nil
}

// What LVM says, and what it means. Its status is 5 for all of them (lvm(8): codes may change).
var rules = []struct {
	said string
	code errcode.Code
}{
	{"Permission denied", errcode.PermissionDenied},
	{"insufficient free space", errcode.DiskFull},
	{"Insufficient free space", errcode.DiskFull},
	{"already exists", errcode.VolumeExists},
	{"contains a filesystem in use", errcode.VolumeBusy},
	{" in use", errcode.VolumeBusy}, // the full stop is gone by now
	{"is used by another device", errcode.VolumeBusy},
	{"not found", errcode.VolumeNotFound},
	{"Failed to find", errcode.VolumeNotFound},
	{"not larger than existing size", errcode.StorageRefused},
	{"missing PVs", errcode.DeviceError},
	{"is invalid", errcode.NameInvalid},
	{"are reserved", errcode.NameInvalid},
}

func classify(object string, err error) error {
	var exit *run.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	said := words(exit.Result)
	for _, r := range rules {
		if strings.Contains(said, r.said) {
			return &errcode.Error{Code: r.code, Object: object, Msg: said, Err: err}
		}
	}
	return errcode.New(errcode.Failed, object, "%w", err)
}

// words are what LVM said, in one line, warnings aside; with a report it says so in there.
func words(r run.Result) string {
	text := string(r.Stderr)
	if i := strings.Index(string(r.Stdout), `"log_message":"`); i >= 0 {
		message, _, _ := strings.Cut(string(r.Stdout)[i+len(`"log_message":"`):], `"`)
		text += message + "\n"
	}
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "WARNING:") && !strings.HasPrefix(line, "Run `") {
			lines = append(lines, strings.TrimSuffix(line, "."))
		}
	}
	return strings.Join(lines, "; ")
}
