//go:build lab

package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// loops makes loop devices with files of this size behind them.
func loops(t *testing.T, n, mib int) (nodes, files []string) {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		file := filepath.Join(dir, fmt.Sprintf("disk%d", i))
		if err := exec.Command("truncate", "-s", fmt.Sprintf("%dM", mib), file).Run(); err != nil {
			t.Fatal(err)
		}
		node := strings.TrimSpace(run(t, "losetup", "--find", "--show", file))
		t.Cleanup(func() { _ = exec.Command("losetup", "-d", node).Run() })
		nodes, files = append(nodes, node), append(files, file)
	}
	return nodes, files
}

// bystander runs a program for as long as the test.
func bystander(t *testing.T, dir, name string, args ...string) (end func()) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end = func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	t.Cleanup(end)
	return end
}

func hasWords(t *testing.T, what, got string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(got, w) {
			t.Errorf("%s does not say %q:\n%s", what, w, got)
		}
	}
}

func loadZFS(t *testing.T) {
	t.Helper()
	run(t, "modprobe", "zfs")
	run(t, "modprobe", "loop")
	t.Cleanup(func() {
		for _, pool := range []string{"ta nk", "tank", "rz", "dr", "rz2"} {
			_ = exec.Command("zpool", "destroy", "-f", pool).Run()
		}
	})
}

// What must not be overwritten is not, and what is free makes a pool.
func TestVdevCreate(t *testing.T) {
	loadZFS(t)
	state := t.TempDir()
	d, _ := loops(t, 8, 200)
	run(t, "mkfs.ext4", "-q", "-L", "my data", d[2])
	run(t, "mkfs.ext4", "-q", d[3])
	mnt := t.TempDir()
	run(t, "mount", d[3], mnt)
	t.Cleanup(func() { _ = exec.Command("umount", mnt).Run() })
	run(t, "pvcreate", "-q", d[4])
	run(t, "pvcreate", "-q", d[5])
	run(t, "vgcreate", "-q", "vgx", d[5])
	run(t, "lvcreate", "-q", "-y", "-l", "10", "-n", "lvx", "vgx")
	t.Cleanup(func() { _ = exec.Command("vgremove", "-f", "-y", "vgx").Run() })

	out, _ := calypso(t, state, 0, "pool", "create", "ta nk", "mirror", d[0], d[1], "--dry-run")
	hasWords(t, "the plan", out, "would create pool ta nk", "  ta nk\n", "    mirror\n", "ashift", "12", "lz4", "acltype")
	if exec.Command("zpool", "list", "ta nk").Run() == nil {
		t.Fatal("a dry run made a pool")
	}
	_, errs := calypso(t, state, 0, "pool", "create", "ta nk", "mirror", d[0], d[1], "-o", "comment=for the lab", "-O", "mountpoint=/srv/ta nk")
	hasWords(t, "a pool of loop devices", errs, "no lasting name")
	got := run(t, "zpool", "get", "-Hp", "-o", "property,value", "ashift,autoexpand,failmode,comment", "ta nk")
	hasWords(t, "zpool get", got, "ashift\t12", "autoexpand\ton", "failmode\tcontinue", "comment\tfor the lab")
	got = run(t, "zfs", "get", "-Hp", "-o", "property,value", "compression,atime,acltype,mountpoint", "ta nk")
	hasWords(t, "zfs get", got, "compression\tlz4", "atime\toff", "acltype\tposix", "mountpoint\t/srv/ta nk")

	out, _ = calypso(t, state, 0, "pool", "disks")
	for node, word := range map[string]string{d[0]: "member of pool ta nk", d[2]: `ext4 "my data"`, d[3]: "mounted at " + mnt,
		d[4]: "LVM physical volume", d[5]: "LVM volume vgx-lvx", d[6]: "free"} {
		if !regexp.MustCompile(`(?m)^\S*` + regexp.QuoteMeta(node) + ` .*` + regexp.QuoteMeta(word)).MatchString(out) {
			t.Errorf("pool disks says of %s not %q:\n%s", node, word, out)
		}
	}

	if !regexp.MustCompile(`(?m)^\S+ .* used +mounted at /$`).MatchString(out) {
		t.Errorf("pool disks does not say of the machine's disk that it is mounted, and no more:\n%s", out)
	}

	small := filepath.Join(t.TempDir(), "small")
	run(t, "truncate", "-s", "63M", small)
	for _, tt := range []struct {
		code int
		says string
		args []string
	}{
		{13, "imported", []string{"ta nk", d[6]}},
		{11, "member of pool ta nk", []string{"other", "mirror", d[0], d[6]}},
		{11, "mounted at " + mnt, []string{"other", "mirror", d[3], d[6]}},
		{11, "mounted at " + mnt, []string{"other", "mirror", d[3], d[6], "--confirm", d[3]}},
		{11, "vgx-lvx", []string{"other", "mirror", d[5], d[6]}},
		{13, "my data", []string{"other", "mirror", d[2], d[6]}},
		{13, "--confirm=" + d[2], []string{"other", "mirror", d[2], d[6], "--confirm", d[6]}},
		{13, "LVM physical volume", []string{"other", d[4]}},
		{13, "twice", []string{"other", "mirror", d[6], d[6]}},
		{13, "too small", []string{"other", small}},
		{13, "files", []string{"other", d[6], mkfile(t, 200)}},
		{2, "at least 2", []string{"other", "mirror", d[6]}},
		{2, "ashift=30", []string{"other", d[6], "-o", "ashift=30"}},
		{10, "nosuch", []string{"other", "/dev/disk/by-id/nosuch"}},
		{2, "", []string{"-r", d[6]}},
		{13, "reserved", []string{"mirror", d[6]}},
	} {
		args := append([]string{"pool", "create"}, tt.args...)
		if tt.args[0] == "mirror" {
			tt.code = 2
		}
		_, errs := calypso(t, state, tt.code, args...)
		hasWords(t, strings.Join(args, " "), errs, tt.says)
	}
	if got := run(t, "wipefs", "-J", d[6]); strings.Contains(got, "type") {
		t.Errorf("a refused pool left something on %s: %s", d[6], got)
	}

	// Named, it is overwritten; as is a physical volume.
	calypso(t, state, 0, "pool", "create", "rz", "raidz1", d[2], d[4], d[6], "--confirm", d[2], "--confirm", d[4])
	hasWords(t, "zpool status", run(t, "zpool", "status", "rz"), "raidz1-0", "ONLINE")
	var files []string
	for range 5 {
		files = append(files, mkfile(t, 200))
	}
	_, errs = calypso(t, state, 0, append([]string{"pool", "create", "dr", "draid1:2d:5c:1s"}, files...)...)
	hasWords(t, "a pool of files", errs, "for trials only")
	hasWords(t, "zpool status", run(t, "zpool", "status", "dr"), "draid1:2d:5c:1s-0")

	// A pool that was exported is data; its files are in nobody's use.
	calypso(t, state, 0, "pool", "export", "dr")
	_, errs = calypso(t, state, 13, append([]string{"pool", "create", "other", "raidz2"}, files...)...)
	hasWords(t, "files of an exported pool", errs, `member of a ZFS pool "dr"`)
	dir := filepath.Dir(files[0])
	out, _ = calypso(t, state, 0, "pool", "import", "--dir", dir, "--dir", filepath.Dir(files[1]), "--dir", filepath.Dir(files[2]), "--dir", filepath.Dir(files[3]), "--dir", filepath.Dir(files[4]), "dr", "--rename", "rz2", "--readonly")
	hasWords(t, "import", out, "imported pool rz2")
	hasWords(t, "zpool get", run(t, "zpool", "get", "-Hp", "readonly", "rz2"), "on")
}

func mkfile(t *testing.T, mib int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vdev")
	run(t, "truncate", "-s", fmt.Sprintf("%dM", mib), path)
	return path
}

// A disk fails and is replaced; damage is found and repaired.
func TestVdevReplace(t *testing.T) {
	loadZFS(t)
	state := t.TempDir()
	d, files := loops(t, 4, 300)
	calypso(t, state, 0, "pool", "create", "ta nk", "mirror", d[0], d[1])
	run(t, "dd", "if=/dev/urandom", "of=/ta nk/data", "bs=1M", "count=40", "status=none")
	sum := run(t, "sha256sum", "/ta nk/data")

	_, errs := calypso(t, state, 13, "pool", "offline", "ta nk", d[1])
	hasWords(t, "offline of half a mirror", errs, "lose no other disk", "--yes")
	calypso(t, state, 0, "pool", "offline", "ta nk", d[1], "--yes")
	_, errs = calypso(t, state, 13, "pool", "offline", "ta nk", d[0], "--yes")
	hasWords(t, "offline of the other half", errs, "cannot do without it")
	_, errs = calypso(t, state, 10, "pool", "offline", "ta nk", "loop99")
	hasWords(t, "offline of another disk", errs, "no such device")
	calypso(t, state, 0, "pool", "replace", "ta nk", d[1], d[2], "--wait")
	hasWords(t, "status after replace", run(t, "zpool", "status", "ta nk"), "state: ONLINE", filepath.Base(d[2]), "resilvered")

	_, errs = calypso(t, state, 13, "pool", "attach", "ta nk", d[0], d[1])
	hasWords(t, "attach of a disk that was in a pool", errs, "--confirm="+d[1])
	calypso(t, state, 0, "pool", "attach", "ta nk", d[0], d[1], "--confirm", d[1], "--wait")
	_, errs = calypso(t, state, 11, "pool", "replace", "ta nk", d[0], d[1])
	hasWords(t, "replace by a disk of the pool", errs, "member of pool ta nk")
	calypso(t, state, 0, "pool", "detach", "ta nk", d[1], "--yes")

	calypso(t, state, 0, "pool", "offline", "ta nk", d[2], "--yes", "--temporary")
	calypso(t, state, 0, "pool", "online", "ta nk", d[2])
	eventually(t, "the resilver", func() bool { return !strings.Contains(run(t, "zpool", "status", "ta nk"), "in progress") })

	run(t, "sync")
	run(t, "dd", "if=/dev/urandom", "of="+files[2], "bs=1M", "seek=60", "count=60", "conv=notrunc", "status=none")
	run(t, "sh", "-c", "echo 3 >/proc/sys/vm/drop_caches")
	out, _ := calypso(t, state, 0, "pool", "scrub", "ta nk", "--wait")
	hasWords(t, "scrub", out, "has ended")
	status := run(t, "zpool", "status", "-p", "ta nk")
	hasWords(t, "status after the scrub", status, "with 0 errors", "scrub repaired")
	if regexp.MustCompile(`scrub repaired 0B? in`).MatchString(status) {
		t.Errorf("the scrub found none of the damage:\n%s", status)
	}
	if again := run(t, "sha256sum", "/ta nk/data"); again != sum {
		t.Errorf("the data is now %s; was %s", again, sum)
	}
	calypso(t, state, 0, "pool", "clear", "ta nk")
	if !regexp.MustCompile(filepath.Base(d[2]) + ` +ONLINE +0 +0 +0`).MatchString(run(t, "zpool", "status", "-p", "ta nk")) {
		t.Errorf("not cleared:\n%s", run(t, "zpool", "status", "ta nk"))
	}
	calypso(t, state, 0, "pool", "scrub", "ta nk", "--stop")
	out, _ = calypso(t, state, 0, "pool", "trim", "ta nk")
	hasWords(t, "trim", out, "trimming")
}

// Who is in the way is named, of a pool with a blank in its name too; what was destroyed comes back.
func TestVdevExportDestroy(t *testing.T) {
	loadZFS(t)
	state := t.TempDir()
	d, _ := loops(t, 2, 300)
	calypso(t, state, 0, "pool", "create", "ta nk", "mirror", d[0], d[1])
	run(t, "zfs", "create", "ta nk/a")
	run(t, "zfs", "create", "ta nk/a/b")
	run(t, "zfs", "snapshot", "-r", "ta nk@one")
	run(t, "zfs", "create", "-s", "-V", "100M", "ta nk/vol")
	eventually(t, "the volume's link", func() bool { _, err := os.Stat("/dev/zvol/ta+nk/vol"); return err == nil })

	refused := func(verb string, says ...string) {
		t.Helper()
		args := []string{"pool", verb, "ta nk"}
		if verb == "destroy" {
			args = append(args, "--confirm", "ta nk")
		}
		_, errs := calypso(t, state, 11, args...)
		hasWords(t, verb+" of a busy pool", errs, says...)
		hasWords(t, "mounts", run(t, "zfs", "mount"), "ta nk/a/b")
	}
	end := bystander(t, "/ta nk/a/b", "sleep", "1234")
	refused("export", "sleep 1234", "pid")
	refused("destroy", "sleep 1234")
	end()
	vol, err := os.Open("/dev/zvol/ta+nk/vol")
	if err != nil {
		t.Fatal(err)
	}
	refused("export", "lab.test")
	vol.Close()
	end = bystander(t, "/", "unshare", "-m", "--propagation", "private", "sleep", "4321")
	eventually(t, "the namespace", func() bool { return exec.Command("pgrep", "-f", "^sleep 4321").Run() == nil })
	refused("export", "namespace", "sleep 4321")
	end()
	run(t, "mkswap", "-f", "/dev/zvol/ta+nk/vol")
	run(t, "swapon", "/dev/zvol/ta+nk/vol")
	refused("export", "swap")
	run(t, "swapoff", "/dev/zvol/ta+nk/vol")

	_, errs := calypso(t, state, 13, "pool", "destroy", "ta nk")
	hasWords(t, "destroy unconfirmed", errs, "2 file systems", "1 volume", "3 snapshots", "--confirm=ta nk")
	out, _ := calypso(t, state, 0, "pool", "export", "ta nk", "--dry-run")
	hasWords(t, "export, dry", out, "would")
	calypso(t, state, 0, "pool", "export", "ta nk")
	out, _ = calypso(t, state, 0, "pool", "import", "--dir", "/dev")
	hasWords(t, "import", out, "ta nk", "ONLINE")
	out, _ = calypso(t, state, 0, "pool", "import", "ta nk", "--dir", "/dev")
	hasWords(t, "import", out, "imported pool ta nk")
	out, _ = calypso(t, state, 0, "pool", "destroy", "ta nk", "--confirm", "ta nk")
	hasWords(t, "destroy", out, "destroyed pool ta nk")
	_, errs = calypso(t, state, 10, "pool", "import", "ta nk", "--dir", "/dev")
	hasWords(t, "import of a destroyed pool", errs, "--destroyed")
	calypso(t, state, 0, "pool", "import", "ta nk", "--dir", "/dev", "--destroyed")
	hasWords(t, "zfs list", run(t, "zfs", "list", "-t", "all", "-H", "-o", "name"), "ta nk/a/b@one", "ta nk/vol")
	_, errs = calypso(t, state, 10, "pool", "destroy", "nosuch", "--confirm", "nosuch")
	hasWords(t, "destroy of nothing", errs, "no such pool")
}
