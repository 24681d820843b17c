//go:build lab

package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// filePool makes a ZFS pool on a file in memory and takes it away when the test ends.
func filePool(t *testing.T, name string, bytes int64) {
	t.Helper()
	run(t, "modprobe", "zfs")
	file, err := os.CreateTemp("/dev/shm", "vdev")
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Truncate(bytes); err != nil {
		t.Fatal(err)
	}
	file.Close()
	run(t, "zpool", "create", "-f", name, file.Name())
	t.Cleanup(func() {
		if out, err := exec.Command("zpool", "destroy", "-f", name).CombinedOutput(); err != nil {
			t.Errorf("zpool destroy: %v\n%s", err, out)
		}
		os.Remove(file.Name())
	})
}

// storage runs calypso with a state of its own and gives its answer and its words.
type storage struct {
	*testing.T
	state string
}

func (s storage) does(want int, args ...string) string {
	s.Helper()
	cmd := exec.Command("calypso", append(args, "--state-dir", s.state)...)
	out, _ := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != want {
		s.Errorf("calypso %q: exit status %d, want %d\n%s", args, got, want, out)
	}
	return string(out)
}

// says runs calypso and wants each of words, which a ';' parts, in what it prints.
func (s storage) says(want int, words string, args ...string) {
	s.Helper()
	out := s.does(want, args...)
	for _, w := range strings.Split(words, ";") {
		if !strings.Contains(out, w) {
			s.Errorf("calypso %q does not say %q:\n%s", args, w, out)
		}
	}
}

// names is what zfs itself lists.
func names(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, "zfs", append([]string{"list", "-H", "-o", "name"}, args...)...)
}

// TestDatasets, TestSnapshots and TestStorageNames have a pool each, so that each can be run alone.
func TestDatasets(t *testing.T) {
	filePool(t, "tank", 1<<30)
	state := t.TempDir()
	t.Run("create", func(t *testing.T) { datasetCreate(storage{t, state}) })
	t.Run("set", func(t *testing.T) { datasetSet(storage{t, state}) })
	t.Run("busy", func(t *testing.T) { datasetBusy(storage{t, state}) })
}

func TestSnapshots(t *testing.T) {
	filePool(t, "tank", 1<<30)
	run(t, "zfs", "create", "tank/with space")
	state := t.TempDir()
	t.Run("life", func(t *testing.T) { snapshotLife(storage{t, state}) })
	t.Run("rollback", func(t *testing.T) { snapshotRollback(storage{t, state}) })
	t.Run("prune", func(t *testing.T) { snapshotPrune(storage{t, state}) })
}

func TestStorageNames(t *testing.T) {
	filePool(t, "tank", 1<<30)
	state := t.TempDir()
	t.Run("names", func(t *testing.T) { datasetNames(storage{t, state}) })
	t.Run("nobody", datasetNobody)
}

func datasetCreate(s storage) {
	s.says(0, "made filesystem tank/with space: /tank/with space", "dataset", "create", "tank/with space", "-o", "compression=lz4")
	s.says(13, "exists already", "dataset", "create", "tank/with space")
	s.says(10, "--parents", "dataset", "create", "tank/a/b/c")
	s.does(0, "dataset", "create", "tank/a/b/c", "--parents")
	s.does(10, "dataset", "create", "nosuch/x")
	s.says(18, "out of space", "dataset", "create", "tank/huge", "--volume", "1TiB")
	s.says(2, "invalid property 'nosuch'", "dataset", "create", "tank/x", "-o", "nosuch=1")
	out, _ := calypso(s.T, s.state, 0, "dataset", "create", "tank/my vol", "--volume", "16MiB", "--json")
	var made struct{ Device string }
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		s.Fatal(err)
	}
	if info, err := os.Stat(made.Device); err != nil || info.Mode()&os.ModeDevice == 0 {
		s.Errorf("device of the new volume: %s, %v", made.Device, err)
	}
	s.says(0, "would make volume tank/v2", "dataset", "create", "tank/v2", "--volume", "1GiB", "--sparse", "--dry-run")
	s.does(10, "dataset", "show", "tank/v2")
	s.says(0, "tank/my vol;16MiB", "dataset", "list", "--type", "volume", "tank", "--recursive")
	s.says(0, "by snapshots;compression;local;device;my+vol", "dataset", "show", "tank/my vol")
	run(s.T, "mkdir", "-p", "/srv")
	if err := os.WriteFile("/srv/file", nil, 0o644); err != nil {
		s.Fatal(err)
	}
	s.says(3, "it was made and is not mounted;Not a directory", "dataset", "create", "tank/nomount", "-o", "mountpoint=/srv/file/x")
	s.says(0, "destroyed tank/nomount", "dataset", "destroy", "tank/nomount", "--confirm", "tank/nomount")
	s.says(0, "destroyed tank/a/b/c", "dataset", "destroy", "tank/a/b/c", "--yes") // mounted and empty
	hiddenFilesystem(s)
}

// hiddenFilesystem: the directory that is seen is that of the one on top.
func hiddenFilesystem(s storage) {
	s.does(0, "dataset", "create", "tank/under", "-o", "mountpoint=/srv/same")
	fill(s.T, "/srv/same/data", 1<<20)
	s.does(0, "dataset", "create", "tank/over", "-o", "mountpoint=/srv/same")
	if _, err := os.Stat("/srv/same/data"); err == nil {
		s.Error("tank/over does not hide tank/under")
	}
	s.says(13, "--confirm", "dataset", "destroy", "tank/under", "--yes")
	s.says(0, "destroyed tank/over", "dataset", "destroy", "tank/over", "--yes")
	s.says(13, "--confirm", "dataset", "destroy", "tank/under", "--yes")
}

func datasetSet(s storage) {
	s.does(0, "dataset", "create", "tank/set")
	fill(s.T, "/tank/set/data", 3<<20)
	s.says(0, "set quota of tank/set: 0 (default) -> 1073741824 (local)", "dataset", "set", "tank/set", "quota=1G", "compression=zstd")
	s.says(13, "less than current used", "dataset", "set", "tank/set", "quota=1M", "atime=off")
	if got := run(s.T, "zfs", "get", "-H", "-o", "value", "compression", "tank/set"); got != "zstd\n" {
		s.Errorf("compression = %q", got)
	}
	s.says(0, "-> on (default)", "dataset", "set", "tank/set", "--inherit", "compression")
	s.does(2, "dataset", "set", "tank/set", "atime=maybe")
	s.does(2, "dataset", "set", "tank/set", "used=1")
	s.says(13, "--confirm", "dataset", "set", "tank/my vol", "volsize=8M", "--yes")
	s.does(0, "dataset", "set", "tank/my vol", "volsize=8M", "--confirm", "tank/my vol")
	s.says(18, "available space", "dataset", "set", "tank/my vol", "volsize=100T")
	s.says(13, "--confirm", "dataset", "destroy", "tank/set", "--yes")
	s.says(0, "destroyed tank/set", "dataset", "destroy", "tank/set", "--confirm", "tank/set")
}

func fill(t *testing.T, path string, bytes int) {
	t.Helper()
	run(t, "dd", "if=/dev/urandom", "of="+path, "bs=64k", fmt.Sprint("count=", bytes/65536))
	run(t, "sync", path)
}

// process starts one that sleeps, in a directory or with a file open, and ends it with the test.
func process(t *testing.T, dir, open string) (pid int) {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	cmd.Dir = dir
	if open != "" {
		f, err := os.Open(open)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd.Stdin = f
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd.Process.Pid
}

const core = "/sys/kernel/config/target/core/"

// backstore makes one of LIO, as targetcli does with alias and as people do by hand without, and takes it away when
// the test ends.
func backstore(t *testing.T, name, control, alias string) {
	t.Helper()
	run(t, "modprobe", "-a", "target_core_mod", "target_core_iblock", "target_core_file")
	dir := core + name
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(dir); _ = os.Remove(filepath.Dir(dir)) })
	for _, set := range [][2]string{{"control", control}, {"udev_path", alias}, {"enable", "1"}} {
		if set[1] == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, set[0]), []byte(set[1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%q", read(t, filepath.Join(dir, "info")))
}

func datasetBusy(s storage) {
	s.Run("file system", func(t *testing.T) {
		s := storage{t, s.state}
		who := fmt.Sprintf("pid %d (sleep 1000)", process(t, "/tank/with space", ""))
		s.says(11, "busy;"+who, "dataset", "unmount", "tank/with space")
		s.says(11, who, "dataset", "rename", "tank/with space", "tank/renamed")
		s.says(11, who, "dataset", "destroy", "tank/with space", "--confirm", "tank/with space")
		s.says(0, who, "dataset", "show", "tank/with space")
	})
	s.Run("volume", func(t *testing.T) {
		s := storage{t, s.state}
		s.does(0, "snapshot", "create", "tank/my vol@a")
		who := fmt.Sprintf("pid %d (sleep 1000)", process(t, "", "/dev/zvol/tank/my+vol"))
		s.says(11, who+";nothing was touched", "dataset", "destroy", "tank/my vol", "--recursive", "--confirm", "tank/my vol")
		s.says(11, who, "dataset", "rename", "tank/my vol", "tank/vol")
		s.says(11, who, "snapshot", "rollback", "tank/my vol@a", "--confirm", "tank/my vol@a")
		stream := filepath.Join(t.TempDir(), "vol.zfs")
		s.does(0, "snapshot", "send", "tank/my vol@a", "--output", stream)
		s.says(11, who+";nothing was touched", "snapshot", "receive", "tank/my vol", "--input", stream, "--force", "--confirm", "tank/my vol")
	})
	s.Run("swap", func(t *testing.T) {
		s := storage{t, s.state}
		s.does(0, "dataset", "create", "tank/swap", "--volume", "64MiB")
		run(t, "mkswap", "/dev/zvol/tank/swap")
		run(t, "swapon", "/dev/zvol/tank/swap")
		defer run(t, "swapoff", "/dev/zvol/tank/swap")
		s.says(11, "swap", "dataset", "destroy", "tank/swap", "--confirm", "tank/swap")
	})
	s.Run("physical volume", func(t *testing.T) {
		s := storage{t, s.state}
		run(t, "swapoff", "-a")
		run(t, "wipefs", "-a", "/dev/zvol/tank/swap")
		node, err := filepath.EvalSymlinks("/dev/zvol/tank/swap")
		if err != nil {
			t.Fatal(err)
		}
		run(t, "pvcreate", "-y", node)
		run(t, "vgcreate", "labvg", node)
		run(t, "lvcreate", "-y", "-L", "8M", "-n", "lv", "labvg")
		defer run(t, "vgremove", "-f", "-y", "labvg")
		s.says(11, "LVM volume labvg-lv", "dataset", "destroy", "tank/swap", "--confirm", "tank/swap")
	})
	s.Run("backstore", func(t *testing.T) {
		s := storage{t, s.state}
		run(t, "wipefs", "-a", "/dev/zvol/tank/swap")
		destroy := []string{"dataset", "destroy", "tank/swap", "--confirm", "tank/swap"}
		backstore(t, "iblock_7/lab named", "udev_path=/dev/zvol/tank/swap", "/dev/zvol/tank/swap")
		s.says(11, "LIO iblock_7/lab named;nothing was touched", destroy...)
		run(t, "rmdir", core+"iblock_7/lab named")
		backstore(t, "iblock_7/lab", "udev_path=/dev/zvol/tank/swap", "")
		s.says(11, "LIO iblock_7/lab", destroy...)
		s.says(0, "LIO iblock_7/lab", "dataset", "show", "tank/swap")
		s.says(11, "LIO iblock_7/lab", "pool", "create", "other", "/dev/zvol/tank/swap", "--yes")
		run(t, "rmdir", core+"iblock_7/lab")
		fill(t, "/tank/with space/disk", 1<<20)
		backstore(t, "fileio_7/lab", "fd_dev_name=/tank/with space/disk,fd_dev_size=1048576", "")
		s.says(11, "LIO fileio_7/lab", "dataset", "unmount", "tank/with space")
		run(t, "rmdir", core+"fileio_7/lab")
	})
	// Who was busy is gone: the same commands work.
	s.says(0, "unmounted", "dataset", "unmount", "tank/with space")
	s.says(0, "not mounted already", "dataset", "unmount", "tank/with space")
	s.does(0, "dataset", "mount", "tank/with space")
	s.does(0, "dataset", "rename", "tank/with space", "tank/other space")
	s.does(0, "dataset", "rename", "tank/other space", "tank/with space")
	s.does(0, "dataset", "destroy", "tank/my vol", "--recursive", "--confirm", "tank/my vol")
	s.does(0, "dataset", "destroy", "tank/swap", "--confirm", "tank/swap")
	s.says(13, "another pool", "dataset", "rename", "tank/a", "other/a")
}

func snapshotLife(s storage) {
	s.does(0, "dataset", "create", "tank/data")
	fill(s.T, "/tank/data/a", 1<<20)
	s.does(0, "snapshot", "create", "tank/data@one", "tank/with space@one")
	s.says(13, "exists already", "snapshot", "create", "tank/data@one")
	s.says(10, "does not exist", "snapshot", "create", "tank/data@two", "tank/nosuch@two")
	s.says(0, "tank/data@calypso-20", "snapshot", "create", "tank/data")
	s.does(0, "snapshot", "hold", "tank/data@one", "--tag", "my tag")
	s.says(0, "already", "snapshot", "hold", "tank/data@one", "--tag", "my tag")
	s.says(11, "held: tank/data@one by the tag my tag", "snapshot", "destroy", "tank/data@one", "--yes")
	s.says(11, "by the tag my tag", "dataset", "destroy", "tank/data", "--recursive", "--confirm", "tank/data")
	s.says(0, "held by the tag my tag", "dataset", "show", "tank/data@one")
	s.says(10, "its tags are: my tag", "snapshot", "release", "tank/data@one")
	s.does(0, "snapshot", "release", "tank/data@one", "--tag", "my tag")
	s.says(0, "/tank/clone", "snapshot", "clone", "tank/data@one", "tank/clone")
	s.does(0, "snapshot", "create", "tank/clone@c")
	s.does(0, "snapshot", "clone", "tank/clone@c", "tank/clone of clone")
	s.says(13, "exists already", "snapshot", "clone", "tank/data@one", "tank/clone")
	s.says(13, "tank/clone;--clones", "snapshot", "destroy", "tank/data@one", "--yes")
	s.says(13, "--recursive", "dataset", "destroy", "tank/data", "--confirm", "tank/data")
	s.says(13, "--clones;tank/clone of clone", "dataset", "destroy", "tank/data", "--recursive", "--confirm", "tank/data")
	s.says(13, "--confirm", "snapshot", "destroy", "tank/data@one", "--clones", "--yes")
	if got := names(s.T, "-r", "tank/clone"); got != "tank/clone\n" {
		s.Errorf("a refused command destroyed: %q", got)
	}
	s.says(0, "destroyed tank/clone of clone;destroyed tank/clone@c;destroyed tank/clone;destroyed tank/data@one", "snapshot", "destroy", "tank/data@one", "--clones", "--confirm", "tank/data@one")
	for _, n := range []string{"a", "b", "c", "d"} {
		s.does(0, "snapshot", "create", "tank/data@"+n)
	}
	s.says(0, "destroyed tank/data@b;destroyed tank/data@c", "snapshot", "destroy", "tank/data@b%c", "--confirm", "tank/data@b%c")
	s.does(0, "snapshot", "destroy", "tank/data@a,d", "--yes")
	if got := strings.Fields(names(s.T, "-t", "snapshot", "tank/data")); len(got) != 1 || !strings.HasPrefix(got[0], "tank/data@calypso-") {
		s.Errorf("snapshots left: %q", got)
	}
	s.does(0, "snapshot", "create", "tank@rec", "--recursive")
	s.does(0, "snapshot", "destroy", "tank@rec", "--recursive", "--yes")
	if got := names(s.T, "-t", "snapshot"); strings.Contains(got, "@rec") {
		s.Errorf("snapshots left: %q", got)
	}
	s.does(0, "dataset", "destroy", "tank/data", "--recursive", "--clones", "--confirm", "tank/data")
}

func snapshotRollback(s storage) {
	s.does(0, "dataset", "create", "tank/roll/below", "--parents")
	file := "/tank/roll/file"
	text := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			s.Fatal(err)
		}
	}
	text("first")
	s.does(0, "snapshot", "create", "tank/roll@1")
	s.does(0, "snapshot", "create", "tank/roll/below@9") // below: stays
	text("second")
	s.does(0, "snapshot", "create", "tank/roll@2")
	run(s.T, "zfs", "bookmark", "tank/roll@2", "tank/roll#b2")
	run(s.T, "zfs", "bookmark", "tank/roll@1", "tank/roll#b1") // of the snapshot itself: stays
	s.does(0, "snapshot", "create", "tank/roll@3")
	s.does(0, "snapshot", "hold", "tank/roll@3")
	s.does(0, "snapshot", "clone", "tank/roll@2", "tank/rollclone")
	back := []string{"snapshot", "rollback", "tank/roll@1", "--confirm", "tank/roll@1"}
	s.says(11, "tank/roll@3 by the tag calypso;nothing was touched", append(back, "--destroy-newer", "--clones")...)
	s.does(0, "snapshot", "release", "tank/roll@3")
	s.says(13, "tank/roll@2, tank/roll@3, tank/roll#b2, tank/rollclone", back...)
	s.says(13, "newer snapshots have clones: tank/rollclone", append(back, "--destroy-newer")...)
	s.says(13, "--confirm", "snapshot", "rollback", "tank/roll@1", "--destroy-newer", "--clones", "--yes")
	if got := read(s.T, file); got != "second" {
		s.Errorf("a refused rollback left %q", got)
	}
	s.does(0, append(back, "--destroy-newer", "--clones")...)
	if got := read(s.T, file); got != "first" {
		s.Errorf("after the rollback: %q", got)
	}
	want := "tank/roll\ntank/roll/below\ntank/roll/below@9\ntank/roll@1\ntank/roll#b1\n"
	if got := names(s.T, "-t", "all", "-r", "tank/roll"); len(strings.Fields(got)) != 5 || strings.Contains(got, "@2") {
		s.Errorf("left:\n%s; want\n%s", got, want)
	}
	s.does(0, "snapshot", "rollback", "tank/roll@1", "--confirm", "tank/roll@1") // nothing newer now
	s.says(10, "does not exist", "snapshot", "rollback", "tank/roll@nosuch", "--confirm", "tank/roll@nosuch")
	s.does(0, "dataset", "destroy", "tank/roll", "--recursive", "--confirm", "tank/roll")
}

func snapshotPrune(s storage) {
	s.does(0, "dataset", "create", "tank/prune")
	for _, n := range []string{"calypso-1", "calypso-2", "mine", "calypso-3", "calypso-4"} {
		s.does(0, "snapshot", "create", "tank/prune@"+n)
	}
	s.does(0, "snapshot", "hold", "tank/prune@calypso-1")
	s.does(0, "snapshot", "clone", "tank/prune@calypso-2", "tank/pruneclone")
	s.says(13, "--yes;destroy 1 snapshot of 4: tank/prune@calypso-3", "snapshot", "prune", "tank/prune", "--keep", "last=1")
	s.says(0, "held;cloned;newest, last", "snapshot", "prune", "tank/prune", "--keep", "last=1", "--yes")
	want := "tank/prune@calypso-1\ntank/prune@calypso-2\ntank/prune@mine\ntank/prune@calypso-4\n"
	if got := names(s.T, "-t", "snapshot", "tank/prune"); got != want {
		s.Errorf("left %q; want %q", got, want)
	}
	s.says(0, "destroyed 0 snapshots, kept 3", "snapshot", "prune", "tank/prune", "--keep", "last=1", "--yes")
	s.does(0, "snapshot", "release", "tank/prune@calypso-1")
	s.does(0, "dataset", "destroy", "tank/prune", "--recursive", "--clones", "--confirm", "tank/prune")
}

func datasetNames(s storage) {
	long := "tank/" + strings.Repeat("n", 195)
	snap := long + "@" + strings.Repeat("s", 54) // 255 bytes in all
	s.does(0, "dataset", "create", long)
	s.does(0, "snapshot", "create", snap)
	s.says(2, "255 bytes", "snapshot", "create", snap+"s")
	s.says(0, snap, "snapshot", "list", long)
	s.does(0, "dataset", "destroy", long, "--recursive", "--confirm", long)
	calypso(s.T, s.state, 2, "dataset", "destroy", "--", "-r")
	calypso(s.T, s.state, 2, "dataset", "create", "--", "-r")
	s.does(0, "dataset", "create", "tank/-r") // legal, and no flag
	s.does(0, "snapshot", "create", "tank/-r@-r")
	s.does(0, "dataset", "destroy", "tank/-r", "--recursive", "--confirm", "tank/-r")
	s.does(13, "dataset", "destroy", "tank", "--recursive", "--confirm", "tank")
	s.does(10, "dataset", "destroy", "tank/nosuch", "--confirm", "tank/nosuch")
}

// datasetNobody is a user without rights: it sees, and changes nothing.
func datasetNobody(t *testing.T) {
	run(t, "zfs", "create", "tank/theirs")
	run(t, "zfs", "snapshot", "tank/theirs@a")
	// The share is the superuser's alone.
	program, state := "/usr/local/bin/calypso", "/tmp/nobody-state"
	run(t, "install", "-m", "755", "/lab/calypso", program)
	nobody := func(want int, words string, args ...string) {
		t.Helper()
		cmd := exec.Command(program, append(args, "--state-dir", state)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		cmd.Dir, cmd.Env = "/", append(os.Environ(), "HOME=/tmp")
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != want || !strings.Contains(string(out), words) {
			t.Errorf("nobody: calypso %q = %d; want %d and %q\n%s", args, got, want, words, out)
		}
	}
	nobody(0, "tank/theirs", "dataset", "list")
	nobody(0, "tank/theirs@a", "snapshot", "list")
	nobody(0, "compression", "dataset", "show", "tank/theirs")
	nobody(12, "permission denied", "dataset", "destroy", "tank/theirs", "--recursive", "--confirm", "tank/theirs")
	nobody(12, "permission denied", "snapshot", "destroy", "tank/theirs@a", "--yes")
	nobody(12, "permission denied", "snapshot", "create", "tank/theirs@b")
	nobody(12, "permission denied", "snapshot", "rollback", "tank/theirs@a", "--confirm", "tank/theirs@a")
	nobody(12, "permission denied", "dataset", "set", "tank/theirs", "atime=off")
	nobody(12, "permission denied", "dataset", "unmount", "tank/theirs")
	nobody(12, "permission denied", "snapshot", "hold", "tank/theirs@a")
	if got := names(t, "-t", "all", "-r", "tank/theirs"); got != "tank/theirs\ntank/theirs@a\n" {
		t.Errorf("left: %q", got)
	}
	run(t, "zfs", "destroy", "-r", "tank/theirs")
}

// TestBenchSnapshots holds the list of 10,000 snapshots, of 1,000 datasets, to what zfs itself takes.
func TestBenchSnapshots(t *testing.T) {
	filePool(t, "many", 1<<30)
	run(t, "zfs", "create", "-o", "mountpoint=none", "many/m")
	began := time.Now()
	run(t, "sh", "-c", "seq 1 999 | xargs -P 8 -I{} zfs create many/m/d{}")
	t.Logf("1,000 datasets in %s", time.Since(began).Round(time.Second))
	// A channel program makes them within one transaction group: the emulated machine takes a minute for each
	// `zfs snapshot -r`.
	program := filepath.Join(t.TempDir(), "snapshots.lua")
	if err := os.WriteFile(program, []byte(`args = ...
for d in zfs.list.children("many/m") do zfs.sync.snapshot(d .. "@" .. args["argv"][1]) end`), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		run(t, "zfs", "program", "-t", "100000000", "-m", "104857600", "many", program, fmt.Sprint("x", i))
		run(t, "zfs", "snapshot", fmt.Sprintf("many/m@x%d", i))
	}
	t.Logf("10,000 snapshots in %s", time.Since(began).Round(time.Second))
	var theirs, ours, datasets, theirDatasets time.Duration
	timed := func(best *time.Duration, name string, args ...string) []byte {
		began := time.Now()
		out, err := exec.Command(name, args...).Output()
		if took := time.Since(began); *best == 0 || took < *best {
			*best = took
		}
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	var doc struct{ Snapshots []struct{ Name string } }
	for range 2 {
		timed(&theirs, "zfs", "list", "-t", "snapshot", "-Hp")
		out := timed(&ours, "calypso", "snapshot", "list", "--json")
		t.Logf("zfs list %s, calypso %s", theirs, ours)
		timed(&theirDatasets, "zfs", "list", "-Hp")
		timed(&datasets, "calypso", "dataset", "list", "--json")
		if err := json.Unmarshal(out, &doc); err != nil || len(doc.Snapshots) < 10000 {
			t.Fatalf("%d snapshots, %v", len(doc.Snapshots), err)
		}
	}
	fmt.Printf("figure: %d snapshots: zfs list -Hp %s, calypso snapshot list --json %s: %.2f (want 1.2); 1,000 datasets: zfs list -Hp %s, calypso dataset list --json %s\n",
		len(doc.Snapshots), theirs.Round(time.Millisecond), ours.Round(time.Millisecond), ours.Seconds()/theirs.Seconds(), theirDatasets.Round(time.Millisecond), datasets.Round(time.Millisecond))
	if ours.Seconds() > 1.2*theirs.Seconds() {
		t.Errorf("calypso snapshot list --json takes %s, zfs list %s", ours, theirs)
	}
}
