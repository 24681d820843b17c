package zfs

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"calypso/sys/errcode"
	"calypso/sys/run"
	"calypso/sys/run/transcript"
)

// The codes were given by reading what the tools said in the recorded calls of OpenZFS 2.3.9.
var classified = map[string]errcode.Code{
	"00-nomodule-zfs-version":           errcode.ModuleMissing,
	"00-nomodule-zpool-list":            errcode.ModuleMissing,
	"01-nopool-zfs-list-nosuch-j":       errcode.DatasetNotFound,
	"01-nopool-zfs-list-nosuch":         errcode.DatasetNotFound,
	"01-nopool-zpool-badcmd":            errcode.StorageUnsupported,
	"01-nopool-zpool-import-j":          errcode.StorageUnsupported,
	"01-nopool-zpool-iostat":            errcode.PoolNotFound,
	"01-nopool-zpool-list-badcol":       errcode.PropertyInvalid,
	"01-nopool-zpool-list-badopt":       errcode.StorageUnsupported,
	"01-nopool-zpool-list-nosuch":       errcode.PoolNotFound,
	"01-nopool-zpool-status-nosuch-j":   errcode.PoolNotFound,
	"01-nopool-zpool-status-nosuch":     errcode.PoolNotFound,
	"02-create-bad-ashift":              errcode.PropertyInvalid,
	"02-create-bad-fsprop":              errcode.PropertyInvalid,
	"02-create-bad-prop":                errcode.PropertyInvalid,
	"02-create-badname-char":            errcode.NameInvalid,
	"02-create-badname-digit":           errcode.NameInvalid,
	"02-create-badname-reserved-log":    errcode.NameInvalid,
	"02-create-badname-reserved-mirror": errcode.NameInvalid,
	"02-create-badname-slash":           errcode.NameInvalid,
	"02-create-diff-size":               errcode.StorageRefused,
	"02-create-filevdev-in-use":         errcode.DeviceBusy,
	"02-create-mirror-one-disk":         errcode.StorageRefused,
	"02-create-mismatched2":             errcode.StorageRefused,
	"02-create-mounted-disk-f":          errcode.DeviceBusy,
	"02-create-mounted-disk":            errcode.DeviceBusy,
	"02-create-mountpoint-nonempty":     errcode.StorageRefused,
	"02-create-nosuchdev":               errcode.DeviceNotFound,
	"02-create-nosuchpath":              errcode.DeviceNotFound,
	"02-create-notroot":                 errcode.PermissionDenied,
	"02-create-partitioned-disk":        errcode.StorageRefused,
	"02-create-pool-exists":             errcode.PoolExists,
	"02-create-raidz-too-few":           errcode.StorageRefused,
	"02-create-relfile":                 errcode.DeviceNotFound,
	"02-create-same-dev-twice":          errcode.DeviceBusy,
	"02-create-too-small":               errcode.StorageRefused,
	"02-create-vdev-in-use-f":           errcode.DeviceBusy,
	"02-create-vdev-in-use":             errcode.DeviceBusy,
	"03-healthy-nonroot-zfs-set":        errcode.PermissionDenied,
	"03-healthy-nonroot-zpool-destroy":  errcode.PermissionDenied,
	"03-healthy-nonroot-zpool-events":   errcode.PermissionDenied,
	"03-healthy-zpool-get-badprop":      errcode.PropertyInvalid,
	"03-healthy-zpool-set-badval":       errcode.PropertyInvalid,
	"03-healthy-zpool-set-readonlyprop": errcode.PropertyInvalid,
	"10-fs-bookmark-exists":             errcode.DatasetExists,
	"10-fs-clone-crosspool":             errcode.StorageRefused,
	"10-fs-clone-exists":                errcode.DatasetExists,
	"10-fs-clone-nosnap":                errcode.DatasetNotFound,
	"10-fs-create-badname":              errcode.NameInvalid,
	"10-fs-create-badname2":             errcode.NameInvalid,
	"10-fs-create-badname3":             errcode.NameInvalid,
	"10-fs-create-badname4":             errcode.NameInvalid,
	"10-fs-create-badname5":             errcode.NameInvalid,
	"10-fs-create-badname6":             errcode.NameInvalid,
	"10-fs-create-badname7":             errcode.NameInvalid,
	"10-fs-create-badprop":              errcode.PropertyInvalid,
	"10-fs-create-badrecsize":           errcode.PropertyInvalid,
	"10-fs-create-badval":               errcode.PropertyInvalid,
	"10-fs-create-exists":               errcode.DatasetExists,
	"10-fs-create-namelong":             errcode.NameInvalid,
	"10-fs-create-noparent":             errcode.DatasetNotFound,
	"10-fs-create-nopool":               errcode.PoolNotFound,
	"10-fs-destroy-busy":                errcode.DatasetBusy,
	"10-fs-destroy-busy2":               errcode.DatasetBusy,
	"10-fs-destroy-fs-with-children":    errcode.StorageRefused,
	"10-fs-destroy-fs-with-snaps":       errcode.StorageRefused,
	"10-fs-destroy-held":                errcode.DatasetBusy,
	"10-fs-destroy-nosuch-snap":         errcode.DatasetNotFound,
	"10-fs-destroy-nosuch":              errcode.DatasetNotFound,
	"10-fs-destroy-nvp-snaprange":       errcode.StorageRefused,
	"10-fs-destroy-pool-as-fs":          errcode.StorageRefused,
	"10-fs-destroy-r-with-clone":        errcode.StorageRefused,
	"10-fs-destroy-snap-with-clone":     errcode.StorageRefused,
	"10-fs-destroy-zvol-busy":           errcode.DatasetBusy,
	"10-fs-diff-bad":                    errcode.StorageRefused,
	"10-fs-enc-create-short":            errcode.PropertyInvalid,
	"10-fs-enc-load-again":              errcode.StorageRefused,
	"10-fs-enc-load-wrong":              errcode.KeyWrong,
	"10-fs-enc-mount-nokey":             errcode.KeyNeeded,
	"10-fs-enc-unload-again":            errcode.StorageRefused,
	"10-fs-enc-unload-busy":             errcode.DatasetBusy,
	"10-fs-hold-again":                  errcode.DatasetExists,
	"10-fs-mount-already":               errcode.StorageRefused,
	"10-fs-mount-nonempty-overlay-off":  errcode.StorageRefused,
	"10-fs-mount-zvol":                  errcode.StorageRefused,
	"10-fs-mountpoint-is-file":          errcode.Failed,
	"10-fs-promote-notclone":            errcode.StorageRefused,
	"10-fs-release-nosuch":              errcode.DatasetNotFound,
	"10-fs-rename-crosspool":            errcode.StorageRefused,
	"10-fs-rename-exists":               errcode.DatasetExists,
	"10-fs-rename-noparent":             errcode.DatasetNotFound,
	"10-fs-reservation-toobig":          errcode.DiskFull,
	"10-fs-rollback-newer":              errcode.StorageRefused,
	"10-fs-rollback-nosuch":             errcode.DatasetNotFound,
	"10-fs-set-badprop":                 errcode.PropertyInvalid,
	"10-fs-set-badval":                  errcode.PropertyInvalid,
	"10-fs-set-mountpoint-rel":          errcode.PropertyInvalid,
	"10-fs-set-quota-toosmall":          errcode.StorageRefused,
	"10-fs-set-readonly-prop":           errcode.PropertyInvalid,
	"10-fs-snapshot-badname":            errcode.Failed,
	"10-fs-snapshot-badname2":           errcode.NameInvalid,
	"10-fs-snapshot-badname3":           errcode.NameInvalid,
	"10-fs-snapshot-exists":             errcode.DatasetExists,
	"10-fs-snapshot-multi-onebad":       errcode.DatasetNotFound,
	"10-fs-snapshot-nofs":               errcode.DatasetNotFound,
	"10-fs-unmount-busy":                errcode.DatasetBusy,
	"10-fs-unmount-notmounted":          errcode.StorageRefused,
	"10-fs-zfs-create-full":             errcode.DiskFull,
	"10-fs-zfs-snapshot-full":           errcode.DiskFull,
	"10-fs-zvol-resize-toobig":          errcode.DiskFull,
	"10-fs-zvol-toobig":                 errcode.DiskFull,
	"10-fs-zvol-zero":                   errcode.PropertyInvalid,
	"11-list-get-badprop":               errcode.PropertyInvalid,
	"11-list-get-nosuch":                errcode.DatasetNotFound,
	"11-list-list-badcol":               errcode.PropertyInvalid,
	"11-list-list-badname":              errcode.NameInvalid,
	"11-list-list-badtype":              errcode.Failed,
	"11-list-list-two-onebad":           errcode.DatasetNotFound,
	"12-send-bad-incremental":           errcode.StorageRefused,
	"12-send-nosuch":                    errcode.DatasetNotFound,
	"12-send-notsnap":                   errcode.Failed,
	"12-send-nvP-R-missing-child":       errcode.DatasetNotFound,
	"12-send-recv-A-none":               errcode.StorageRefused,
	"12-send-recv-empty":                errcode.StreamDamaged,
	"12-send-recv-enospc":               errcode.DiskFull,
	"12-send-recv-exists-F":             errcode.StorageRefused,
	"12-send-recv-exists":               errcode.DatasetExists,
	"12-send-recv-garbage":              errcode.StreamDamaged,
	"12-send-recv-incr-mismatch":        errcode.StorageRefused,
	"12-send-recv-incr-modified":        errcode.StorageRefused,
	"12-send-recv-nopool":               errcode.DatasetNotFound,
	"12-send-recv-s-truncated":          errcode.StreamDamaged,
	"12-send-recv-truncated":            errcode.StreamDamaged,
	"20-scrub-again":                    errcode.PoolBusy,
	"20-scrub-nosuch":                   errcode.PoolNotFound,
	"20-scrub-pause-again":              errcode.PoolBusy,
	"20-scrub-stop-none":                errcode.StorageRefused,
	"21-offline-offline-last":           errcode.StorageRefused,
	"21-offline-offline-nosuch":         errcode.DeviceNotFound,
	"22-replace-detach-last":            errcode.StorageRefused,
	"22-replace-replace-again":          errcode.DeviceBusy,
	"22-replace-replace-inuse":          errcode.DeviceBusy,
	"22-replace-replace-nosuchnew":      errcode.DeviceNotFound,
	"22-replace-replace-nosuchold":      errcode.DeviceNotFound,
	"22-replace-replace-toosmall":       errcode.StorageRefused,
	"22-replace-scrub-during-resilver":  errcode.PoolBusy,
	"22-replace-spare-remove-inuse":     errcode.PoolBusy,
	"23-add-add-mismatch":               errcode.StorageRefused,
	"23-add-remove-mirror-leaf":         errcode.StorageUnsupported,
	"23-add-remove-nosuch":              errcode.DeviceNotFound,
	"24-removal-remove-again":           errcode.DiskFull,
	"24-removal-remove-last":            errcode.DiskFull,
	"25-raidz-detach-raidz":             errcode.StorageRefused,
	"25-raidz-offline2-b":               errcode.StorageRefused,
	"25-raidz-remove-raidz":             errcode.DiskFull,
	"26-misc-checkpoint-again":          errcode.StorageRefused,
	"26-misc-checkpoint-discard-none":   errcode.StorageRefused,
	"26-misc-destroy-again":             errcode.PoolNotFound,
	"26-misc-destroy-busy":              errcode.DatasetBusy,
	"26-misc-destroy-nosuch":            errcode.PoolNotFound,
	"26-misc-export-busy":               errcode.DatasetBusy,
	"26-misc-export-nosuch":             errcode.PoolNotFound,
	"26-misc-import-again":              errcode.PoolExists,
	"26-misc-import-ambiguous":          errcode.StorageRefused,
	"26-misc-import-name-clash":         errcode.PoolExists,
	"26-misc-import-nosuch":             errcode.PoolNotFound,
	"26-misc-import-ro-write":           errcode.StorageRefused,
	"26-misc-labelclear-f":              errcode.Failed,
	"26-misc-labelclear-inuse":          errcode.DeviceBusy,
	"30-cksum-clear-nosuch":             errcode.PoolNotFound,
	"30-cksum-clear-nosuchdev":          errcode.DeviceNotFound,
	"32-unavail-import-unavail":         errcode.DeviceError,
	"32-unavail-replace-same-f":         errcode.DeviceBusy,
	"33-logmissing-import":              errcode.DeviceError,
	"34-otherhost-import-multihost":     errcode.StorageRefused,
	"34-otherhost-import":               errcode.StorageRefused,
	"38-suspended-continue-zfs-create":  errcode.PoolSuspended,
	"38-suspended-zfs-create":           errcode.PoolSuspended,
	"38-suspended-zfs-set":              errcode.PoolSuspended,
	"38-suspended-zfs-snapshot":         errcode.PoolSuspended,
	"38-suspended-zpool-clear-stillbad": errcode.DeviceError,
	"38-suspended-zpool-destroy":        errcode.DatasetBusy,
	"38-suspended-zpool-export":         errcode.Failed,
}

func TestClassify(t *testing.T) {
	for name, want := range classified {
		list, err := transcript.Read(filepath.Join("testdata", name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		result := run.Result{Stdout: []byte(list[0].Stdout), Stderr: []byte(list[0].Stderr), ExitCode: list[0].ExitCode}
		err = classify("obj", &run.ExitError{Cmd: run.Cmd{Name: list[0].Argv[0]}, Result: result})
		var e *errcode.Error
		if errcode.Of(err) != want || !errors.As(err, &e) {
			t.Errorf("%s: %q (%v); want %q", name, errcode.Of(err), err, want)
			continue
		}
		if strings.Contains(e.Msg, "\n") || strings.Contains(e.Msg, "usage:") || e.Msg == "" {
			t.Errorf("%s: the cause is %q", name, e.Msg)
		}
	}
}

func TestClassifyWords(t *testing.T) {
	tests := []struct{ said, want string }{
		{"cannot receive incremental stream: destination rz/copy has been modified\nsince most recent snapshot\n",
			"o: cannot receive incremental stream: destination rz/copy has been modified since most recent snapshot"},
		{"cannot destroy 'a': filesystem has children\nuse '-r' to destroy the following datasets:\na@1\na@2\n",
			"o: cannot destroy 'a': filesystem has children; use '-r' to destroy the following datasets: a@1; a@2"},
		{"cannot open 'tank/nosuch': dataset does not exist\nusage:\n\tsnapshot [-r]\n", "o: cannot open 'tank/nosuch': dataset does not exist"},
		{"", "o: zpool: exit status 1: it said nothing"},
	}
	for _, tt := range tests {
		err := classify("o", &run.ExitError{Cmd: run.Cmd{Name: "zpool"}, Result: run.Result{Stderr: []byte(tt.said), ExitCode: 1}})
		if err.Error() != tt.want {
			t.Errorf("%q: %q; want %q", tt.said, err.Error(), tt.want)
		}
	}
	plain := errors.New("plain")
	if got := classify("o", plain); got != plain {
		t.Errorf("classify(plain) = %v", got)
	}
}

func FuzzClassify(f *testing.F) {
	f.Add("cannot open 'x': no such pool\nusage:\n\tx\n")
	f.Fuzz(func(t *testing.T, said string) {
		err := classify("o", &run.ExitError{Cmd: run.Cmd{Name: "zpool"}, Result: run.Result{Stderr: []byte(said), ExitCode: 1}})
		if errcode.Of(err) == "" || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", said, err)
		}
	})
}
