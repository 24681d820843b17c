package repo

import (
	"context"
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
)

var ctx = context.Background()

// lvmStore answers from the recordings of sys/lvm, strictly and in this order.
func lvmStore(t *testing.T, dir string, names ...string) (Store, *run.Replay) {
	t.Helper()
	var paths []string
	for _, n := range names {
		paths = append(paths, filepath.Join("..", "sys", "lvm", "testdata", n+".txt"))
	}
	exchanges, err := transcript.Read(paths...)
	if err != nil {
		t.Fatal(err)
	}
	replay := &run.Replay{Exchanges: exchanges}
	return Store{Dir: dir, Volumes: lvm.Tools{Runner: replay}, Tools: replay}, replay
}

var bk01 = Repo{Name: "bk01", Kind: Volume, On: "lvm:vg0", SizeBytes: 64*mib - 1}

func TestCreateOnLVM(t *testing.T) {
	s, replay := lvmStore(t, t.TempDir(), "vg-empty", "vg-empty", "vg-empty", "lvcreate", "full")
	got, err := s.Create(ctx, bk01, false)
	if err != nil {
		t.Fatal(err)
	}
	if got.State != OK || got.SizeBytes != 64*mib || got.Path != "/dev/vg0/bk01" || !got.Complete {
		t.Errorf("Create = %+v; want it made, of whole MiB", got)
	}
	if len(replay.Exchanges) != 0 {
		t.Errorf("not asked: %v", replay.Exchanges)
	}
	s, _ = lvmStore(t, s.Dir)
	if _, err := s.Create(ctx, bk01, false); errcode.Of(err) != errcode.RepoExists {
		t.Errorf("Create again = %v; want repo_exists", err)
	}
}

func TestDryRunWritesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "repos")
	s, _ := lvmStore(t, dir, "vg-empty", "vg-empty")
	if _, err := s.Create(ctx, bk01, true); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a dry run made a record")
	}
}

// mortal ends with its process after some calls: what was asked last was done, and nobody knows.
type mortal struct {
	run.Runner
	left int
}

var errKilled = errors.New("killed")

func (m *mortal) Run(ctx context.Context, c run.Cmd) (run.Result, error) {
	if m.left == 0 {
		return run.Result{}, errKilled
	}
	m.left--
	return m.Runner.Run(ctx, c)
}

// Cut off anywhere, the same Create goes on, and what was made has a record.
func TestCreateIsCutOff(t *testing.T) {
	whole := []string{"vg-empty", "vg-empty", "vg-empty", "lvcreate", "full"}
	for calls := range len(whole) {
		s, replay := lvmStore(t, t.TempDir(), whole...)
		m := &mortal{replay, calls}
		s.Volumes.Runner = m
		if _, err := s.Create(ctx, bk01, false); !errors.Is(err, errKilled) {
			t.Fatalf("after %d calls: %v; want it cut off", calls, err)
		}
		if calls == 4 { // the last call was to show it: it is complete
			continue
		}
		s, _ = lvmStore(t, s.Dir, whole...)
		if got, err := s.Create(ctx, bk01, false); err != nil || got.State != OK {
			t.Errorf("again after %d calls: %+v, %v; want ok", calls, got, err)
		}
	}
}

// Cut off when the volume was made and nobody knew yet: the volume has its record, and is taken up.
func TestCreateIsCutOffAfterTheVolume(t *testing.T) {
	s, _ := lvmStore(t, t.TempDir(), "full", "full", "full", "full")
	r := bk01
	r.SchemaVersion, r.SizeBytes = 1, 64*mib
	if err := s.save(r); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Get(ctx, "bk01"); err != nil || got.State != Incomplete {
		t.Errorf("Get = %+v, %v; want incomplete", got, err)
	}
	if got, err := s.Create(ctx, bk01, false); err != nil || got.State != OK || !got.Complete {
		t.Errorf("Create = %+v, %v; want it taken up", got, err)
	}
	other := bk01
	other.SizeBytes = 128 * mib
	r.Complete = false
	if err := s.save(r); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(ctx, other, false); errcode.Of(err) != errcode.RepoExists {
		t.Errorf("Create of another size = %v; want repo_exists", err)
	}
}

func TestForeignVolumeIsNotTouched(t *testing.T) {
	s, _ := lvmStore(t, t.TempDir(), "full")
	foreign := bk01
	foreign.Name = "pool0" // of the recording: without our tag
	if _, err := s.Create(ctx, foreign, false); errcode.Of(err) != errcode.RepoForeign {
		t.Errorf("Create(pool0) = %v; want repo_foreign", err)
	}
	s, _ = lvmStore(t, s.Dir, "full")
	if err := s.save(Repo{SchemaVersion: 1, Name: "pool0", Kind: Volume, On: "lvm:vg0", SizeBytes: mib, Complete: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PlanDelete(ctx, "pool0"); errcode.Of(err) != errcode.RepoForeign {
		t.Errorf("PlanDelete(pool0) = %v; want repo_foreign", err)
	}
	s, _ = lvmStore(t, s.Dir, "full")
	if _, _, err := s.Grow(ctx, "pool0", 1<<40, false); errcode.Of(err) != errcode.RepoForeign {
		t.Errorf("Grow(pool0) = %v; want repo_foreign", err)
	}
}

// lvremove takes snapshots along without a word: they keep a repository.
func TestSnapshotsKeepAVolume(t *testing.T) {
	s, _ := lvmStore(t, t.TempDir(), "full", "full")
	r := bk01
	r.SchemaVersion, r.SizeBytes, r.Complete = 1, 80*mib, true
	if err := s.save(r); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PlanDelete(ctx, "bk01"); errcode.Of(err) != errcode.StorageRefused || !strings.Contains(err.Error(), "vg0/snap0") {
		t.Errorf("PlanDelete = %v; want storage_refused, naming vg0/snap0", err)
	}
}

// A volume that has lost a disk and is not active can be deleted: it has no node, and so no users.
func TestDamagedVolume(t *testing.T) {
	s, _ := lvmStore(t, t.TempDir(), "missing", "missing")
	r := bk01
	r.SchemaVersion, r.SizeBytes, r.Complete = 1, 300*mib, true
	if err := s.save(r); err != nil {
		t.Fatal(err)
	}
	st, err := s.PlanDelete(ctx, "bk01")
	if err != nil || st.State != Damaged || !st.There || !strings.Contains(st.Reason, "missing") {
		t.Errorf("PlanDelete = %+v, %v; want it damaged, and allowed", st, err)
	}
	s, _ = lvmStore(t, s.Dir, "missing", "missing")
	r.Name = "bk02"
	if _, err := s.Create(ctx, r, false); errcode.Of(err) != errcode.DeviceError {
		t.Errorf("Create in a group that has lost a disk = %v; want device_error", err)
	}
}

func TestThinPoolIsFull(t *testing.T) {
	s, _ := lvmStore(t, t.TempDir(), "thin-full", "thin-full", "thin-full")
	r := Repo{SchemaVersion: 1, Name: "th01", Kind: Volume, On: "lvm:vg0/pool0", SizeBytes: 200 * mib, Complete: true}
	if err := s.save(r); err != nil {
		t.Fatal(err)
	}
	got, err := s.Get(ctx, "th01")
	if err != nil || got.State != Full || got.Used == nil || *got.Used != 80*mib {
		t.Errorf("th01 = %+v, %v; want full, 80 MiB used", got, err)
	}
	r.Name, r.Complete = "th02", false
	if _, err := s.Create(ctx, r, false); errcode.Of(err) != errcode.DiskFull {
		t.Errorf("Create in a full thin pool = %v; want disk_full", err)
	}
}

func TestParsePlace(t *testing.T) {
	for text, want := range map[string]Place{"zfs:tank": {ZFS, "tank"}, "zfs:ta nk/a b": {ZFS, "ta nk/a b"}, "lvm:vg0": {LVM, "vg0"}, "lvm:vg0/p": {LVM, "vg0/p"}} {
		if got, err := ParsePlace(text); err != nil || got != want || got.String() != text {
			t.Errorf("ParsePlace(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "tank", "zfs:", "zfs:-r", "zfs:tank@x", "lvm:", "lvm:-y", "lvm:vg0/", "lvm:a/b/c", "md:x"} {
		if p, err := ParsePlace(text); err == nil {
			t.Errorf("ParsePlace(%q) = %+v; want an error", text, p)
		}
	}
}

func TestDatasetOfRepository(t *testing.T) {
	b := zfsBackend{}
	thick := b.dataset(Repo{Name: "d1", Kind: Filesystem, On: "zfs:tank/b", SizeBytes: 64 * mib, MountPoint: "/srv/d1", Properties: []string{"compression=zstd"}})
	want := []string{"calypso:repo=d1", "quota=67108864", "reservation=67108864", "mountpoint=/srv/d1", "recordsize=1M", "compression=zstd"}
	if thick.Name != "tank/b/d1" || !slices.Equal(thick.Properties, want) {
		t.Errorf("dataset = %+v; want tank/b/d1, %q", thick, want)
	}
	thin := b.dataset(Repo{Name: "d2", Kind: Filesystem, On: "zfs:tank", SizeBytes: 64 * mib, Thin: true, Properties: []string{"recordsize=128K"}})
	if want := []string{"calypso:repo=d2", "quota=67108864", "recordsize=128K"}; !slices.Equal(thin.Properties, want) {
		t.Errorf("thin dataset = %q; want %q", thin.Properties, want)
	}
	volume := b.dataset(Repo{Name: "v", Kind: Volume, On: "zfs:tank", SizeBytes: 64 * mib, Thin: true})
	if volume.VolumeSize != 64*mib || !volume.Sparse {
		t.Errorf("volume = %+v; want 64 MiB, sparse", volume)
	}
}

// A mount point goes into the unit as it is, though systemd expands % there.
func TestUnitText(t *testing.T) {
	text := string(unitText(Repo{Name: "f1", UUID: "0a1b", MountPoint: "/srv/50%", Format: "ext4"}))
	for _, want := range []string{"\nWhat=/dev/disk/by-uuid/0a1b\n", "\nWhere=/srv/50%%\n", "\nType=ext4\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("unit lacks %q:\n%s", want, text)
		}
	}
}
