package repo

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"calypso/sys/errcode"
	"calypso/sys/lvm"
	"calypso/sys/run"
	"calypso/sys/run/transcript"
	"calypso/zfs/dataset"
)

const fsUUID = "01234567-89ab-4cde-8f01-23456789abcd" // of the recordings

var fs01 = Repo{Name: "fs01", Kind: Filesystem, On: "lvm:vg0", SizeBytes: 64 * mib, Format: "ext4", MountPoint: "/srv/calypso/fs01"}

// host is a machine whose files are in a directory.
type host struct {
	t   *testing.T
	dir string
}

func newHost(t *testing.T) host {
	t.Helper()
	before := newUUID
	newUUID = func() string { return fsUUID }
	t.Cleanup(func() { newUUID = before })
	h := host{t, t.TempDir()}
	if err := os.MkdirAll(h.units(), 0o755); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h host) units() string { return filepath.Join(h.dir, "units") }
func (h host) unit() string  { return filepath.Join(h.units(), "srv-calypso-fs01.mount") }

// answers gives a store that is answered from recordings, strictly, and to the last where the test did not fail.
func (h host) answers(calls string) (Store, *run.Replay) {
	h.t.Helper()
	var paths []string
	for _, n := range strings.Fields(calls) {
		paths = append(paths, filepath.Join("testdata", n+".txt"))
	}
	exchanges, err := transcript.Read(paths...)
	if err != nil {
		h.t.Fatal(err)
	}
	replay := &run.Replay{Exchanges: exchanges}
	h.t.Cleanup(func() {
		if len(replay.Exchanges) > 0 && !h.t.Failed() {
			h.t.Errorf("not asked: %q", replay.Exchanges[0].Argv)
		}
	})
	return Store{Dir: filepath.Join(h.dir, "repos"), Volumes: lvm.Tools{Runner: replay}, Tools: replay, Units: h.units(), Root: h.dir}, replay
}

const (
	looks   = "report-none mkfs-version escape findmnt-none report-none report-none lvcreate "
	formats = "wipefs-none mkfs "
	mounts  = "escape findmnt-none trigger daemon-reload enable start "
	shows   = "report findmnt "
)

func (h host) made() {
	h.t.Helper()
	s, _ := h.answers(looks + formats + mounts + shows)
	if _, err := s.Create(ctx, fs01, false); err != nil {
		h.t.Fatal(err)
	}
}

func TestFilesystemOnLVM(t *testing.T) {
	h := newHost(t)
	s, _ := h.answers(looks + formats + mounts + shows)
	got, err := s.Create(ctx, fs01, false)
	if err != nil {
		t.Fatal(err)
	}
	if got.State != OK || got.Path != "/srv/calypso/fs01" || got.Seen.Size != 64*mib || *got.Available != 55993344 || !got.Formatted || got.UUID != fsUUID {
		t.Errorf("Create = %+v; want it mounted", got)
	}
	text, err := os.ReadFile(h.unit())
	if err != nil || !strings.Contains(string(text), "What=/dev/disk/by-uuid/"+fsUUID+"\n") {
		t.Errorf("unit: %v\n%s", err, text)
	}
}

// Cut off after any call, the same Create goes on; an mkfs that was cut off is made anew.
func TestFilesystemIsCutOff(t *testing.T) {
	whole := looks + formats + mounts + shows
	calls := strings.Fields(whole)
	at := func(name string, nth int) int { // calls up to the nth of that name
		for i, n := range calls {
			if n == name {
				if nth--; nth == 0 {
					return i + 1
				}
			}
		}
		t.Fatalf("no call %s", name)
		return 0
	}
	for _, c := range []struct {
		after int
		then  string
	}{
		{at("report-none", 1), whole},
		{at("report-none", 3), whole}, // nothing was made, the record is there
		{at("lvcreate", 1), "report report " + formats + mounts + shows},
		{at("wipefs-none", 1), "report report " + formats + mounts + shows},
		{at("wipefs-none", 1), "report report wipefs-ours mkfs " + mounts + shows}, // mkfs went on alone
		{at("mkfs", 1), "report report " + mounts + shows},                         // the next call is of mount
		{at("findmnt-none", 2), "report report escape trigger daemon-reload enable start " + shows},
		{at("start", 1), ""}, // the last calls were to show it: it is complete
	} {
		t.Run(calls[c.after-1]+" then "+c.then, func(t *testing.T) {
			h := newHost(t)
			first, replay := h.answers(strings.Join(calls[:c.after], " "))
			m := &mortal{replay, c.after}
			first.Volumes.Runner, first.Tools = m, m
			if _, err := first.Create(ctx, fs01, false); !errors.Is(err, errKilled) {
				t.Fatalf("Create = %v; want it cut off", err)
			}
			if c.then == "" {
				second, _ := h.answers("")
				if _, err := second.Create(ctx, fs01, false); errcode.Of(err) != errcode.RepoExists {
					t.Errorf("Create again = %v; want repo_exists", err)
				}
				return
			}
			if c.after >= at("wipefs-none", 1) { // it was chosen, and is in the record
				newUUID = func() string { return "another" }
			}
			second, _ := h.answers(c.then)
			if got, err := second.Create(ctx, fs01, false); err != nil || got.State != OK || got.UUID != fsUUID {
				t.Errorf("Create again = %+v, %v; want ok", got, err)
			}
		})
	}
}

// mkfs is called only where nothing is written, or what an mkfs of this repository left.
func TestNothingIsFormattedOver(t *testing.T) {
	for call, code := range map[string]errcode.Code{"wipefs-foreign": errcode.RepoForeign, "wipefs-nodevice": errcode.DeviceError} {
		h := newHost(t)
		s, replay := h.answers(looks + call + " report") // and then looks what there is
		asked := replay.Exchanges[len(strings.Fields(looks))].Argv
		asked[len(asked)-1] = "/dev/vg0/fs01" // what is not there was recorded under another name
		if _, err := s.Create(ctx, fs01, false); errcode.Of(err) != code {
			t.Errorf("%s: %v; want %s", call, err, code)
		}
	}
	h := newHost(t)
	s, _ := h.answers(looks + "wipefs-none mkfs-mounted report")
	_, err := s.Create(ctx, fs01, false)
	if errcode.Of(err) != errcode.Failed || !strings.Contains(err.Error(), "is mounted") || !strings.Contains(err.Error(), "made in part") {
		t.Errorf("mkfs fails: %v; want what it says, and that it is made in part", err)
	}
}

// What is in the way of the mount is seen before anything is made, and stays.
func TestMountPointIsTaken(t *testing.T) {
	t.Run("unit", func(t *testing.T) {
		h := newHost(t)
		foreign := []byte("[Mount]\nWhat=tmpfs\n")
		if err := os.WriteFile(h.unit(), foreign, 0o644); err != nil {
			t.Fatal(err)
		}
		s, _ := h.answers("report-none mkfs-version escape")
		if _, err := s.Create(ctx, fs01, false); errcode.Of(err) != errcode.RepoForeign {
			t.Errorf("Create = %v; want repo_foreign", err)
		}
		if err := s.save(fs01); err != nil {
			t.Fatal(err)
		}
		s, _ = h.answers("report-none escape")
		if err := s.Delete(ctx, Status{fs01, Seen{State: Missing}}); err != nil {
			t.Errorf("Delete = %v", err)
		}
		if text, err := os.ReadFile(h.unit()); err != nil || !slices.Equal(text, foreign) {
			t.Errorf("the unit of somebody else: %q, %v", text, err)
		}
	})
	t.Run("files", func(t *testing.T) {
		h := newHost(t)
		if err := os.MkdirAll(h.dir+fs01.MountPoint+"/something", 0o755); err != nil {
			t.Fatal(err)
		}
		s, _ := h.answers("report-none mkfs-version escape findmnt-none")
		if _, err := s.Create(ctx, fs01, false); errcode.Of(err) != errcode.StorageRefused || !strings.Contains(err.Error(), "not empty") {
			t.Errorf("Create = %v; want storage_refused", err)
		}
	})
	t.Run("mount", func(t *testing.T) {
		s, _ := newHost(t).answers("report-none mkfs-version escape findmnt")
		if _, err := s.Create(ctx, fs01, false); errcode.Of(err) != errcode.StorageRefused || !strings.Contains(err.Error(), "/dev/mapper/vg0-fs01") {
			t.Errorf("Create = %v; want storage_refused, with what is mounted", err)
		}
	})
}

func TestGrowFilesystem(t *testing.T) {
	h := newHost(t)
	h.made()
	s, _ := h.answers("report findmnt report findmnt")
	if _, _, err := s.Grow(ctx, "fs01", 128*mib, true); err != nil {
		t.Errorf("dry run: %v", err)
	}
	s, _ = h.answers("report findmnt report findmnt")
	if _, _, err := s.Grow(ctx, "fs01", 1<<40, false); errcode.Of(err) != errcode.DiskFull {
		t.Errorf("beyond the volume group: %v; want disk_full", err)
	}
	s, _ = h.answers("report findmnt-none escape report findmnt-none")
	if _, _, err := s.Grow(ctx, "fs01", 128*mib, false); errcode.Of(err) != errcode.StorageRefused {
		t.Errorf("not mounted: %v; want storage_refused", err)
	}
	// xfs_growfs takes the mount point: it would make larger what is there.
	s, _ = h.answers("report findmnt-other report findmnt-other")
	before, _, err := s.Grow(ctx, "fs01", 128*mib, false)
	if errcode.Of(err) != errcode.StorageRefused || before.State != Unmounted || !strings.Contains(before.Reason, "vg0-other is mounted on") {
		t.Errorf("another file system is mounted there: %+v, %v; want storage_refused", before, err)
	}
	s, _ = h.answers("report findmnt report findmnt report lvextend resize-fails")
	if _, _, err := s.Grow(ctx, "fs01", 128*mib, false); errcode.Of(err) != errcode.Partial || !strings.Contains(err.Error(), "is larger, the file system on it is as it was") {
		t.Errorf("resize2fs fails: %v; want partial, and what is so now", err)
	}
	// The same again: the volume is large enough already.
	s, _ = h.answers("report-grown findmnt report-grown findmnt report-grown resize report-grown findmnt-grown")
	before, after, err := s.Grow(ctx, "fs01", 128*mib, false)
	if err != nil || after.SizeBytes != 128*mib || *after.Available <= *before.Available {
		t.Errorf("Grow = %+v, %+v, %v; want it larger", before, after, err)
	}
}

// Somebody has the volume open by the time it is to go: what was done before is said, and the same again goes on.
func TestDeleteFilesystemStops(t *testing.T) {
	h := newHost(t)
	h.made()
	s, _ := h.answers("report findmnt")
	planned, err := s.Get(ctx, "fs01")
	if err != nil {
		t.Fatal(err)
	}
	s, replay := h.answers("report findmnt escape stop disable daemon-reload lvremove")
	last := &replay.Exchanges[len(replay.Exchanges)-1]
	last.Stderr, last.ExitCode = "  Logical volume vg0/fs01 in use.\n", 5
	err = s.Delete(ctx, planned)
	if errcode.Of(err) != errcode.VolumeBusy || !strings.Contains(err.Error(), "in use; it is unmounted and its mount unit is gone") {
		t.Errorf("Delete = %v; want volume_busy, and what is so now", err)
	}
	s, _ = h.answers("report findmnt-none escape report findmnt-none escape escape lvremove")
	if planned, err = s.Get(ctx, "fs01"); err == nil {
		err = s.Delete(ctx, planned)
	}
	if err != nil {
		t.Errorf("Delete again: %v", err)
	}
}

func TestDeleteFilesystem(t *testing.T) {
	h := newHost(t)
	h.made()
	s, _ := h.answers("report findmnt")
	st, err := s.Get(ctx, "fs01")
	if err != nil {
		t.Fatal(err)
	}
	s, _ = h.answers("report-none")
	if err := s.Delete(ctx, st); errcode.Of(err) != errcode.RepoForeign {
		t.Errorf("Delete of what has gone meanwhile = %v; want repo_foreign", err)
	}
	s, _ = h.answers("report findmnt escape stop disable daemon-reload lvremove")
	if err := s.Delete(ctx, st); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{h.unit(), h.dir + fs01.MountPoint, s.path("fs01")} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s is there after Delete", path)
		}
	}
}

func TestMountPoints(t *testing.T) {
	for path, want := range map[string]bool{"/srv/a b": true, "/srv/50%": true, "/": false, "srv": false, "/srv/": false, "/srv/../etc": false,
		"/srv\nWhat=/dev/sda": false, `/srv\`: false, "//srv": false} {
		if got := validMountPoint(path); got != want {
			t.Errorf("validMountPoint(%q) = %v; want %v", path, got, want)
		}
	}
}

// A dataset whose quota was taken off is there: to delete its repository destroys data, and says so.
func TestDatasetWithoutQuota(t *testing.T) {
	var none int64
	seen := zfsBackend{}.seen(Repo{Kind: Filesystem}, dataset.Dataset{Type: dataset.Filesystem, Quota: &none})
	if !seen.There || seen.State == Missing {
		t.Errorf("seen = %+v; want it there", seen)
	}
}

// LVM is asked once for all repositories.
func TestListAsksOnce(t *testing.T) {
	h := newHost(t)
	h.made()
	s, _ := h.answers("report findmnt")
	second := fs01
	second.SchemaVersion, second.Name, second.Complete, second.Kind = schema, "fs02", true, Volume
	second.Format, second.MountPoint = "", ""
	if err := s.save(second); err != nil {
		t.Fatal(err)
	}
	list, err := s.List(ctx)
	if err != nil || len(list) != 2 || list[0].State != OK || list[1].State != Missing {
		t.Errorf("List = %+v, %v; want fs01 ok, fs02 missing", list, err)
	}
}
