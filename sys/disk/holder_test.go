package disk

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"calypso/sys/errcode"
	"calypso/sys/run"
)

func TestHoldersOfDisk(t *testing.T) {
	h := tree(t, machine(map[string]string{
		"proc/self/mountinfo": "23 1 8:1 / /boot rw - ext4 /dev/root rw\n24 1 253:0 / /home\\040of\\040all rw - xfs /dev/mapper/vg0-home rw\n" +
			"25 1 0:40 / /srv rw - btrfs ROOT/dev/sda1 rw\n26 1 8:160 / /other rw - ext4 /dev/sdk rw\n",
		"proc/swaps": "Filename\tType\tSize\tUsed\tPriority\nROOT/dev/sda1   partition\t999\t0\t-2\n",
		"sys/kernel/config/target/core/iblock_0/disk1/udev_path": "ROOT/dev/disk/by-id/wwn-0x5000c500dead\n",
		"sys/kernel/config/target/core/iblock_1/disk2/udev_path": "ROOT/dev/sdb\n",
		// Set up by hand, on Linux 6.12.
		"sys/kernel/config/target/core/iblock_7/lab/udev_path": "",
		"sys/kernel/config/target/core/iblock_7/lab/info": "Status: DEACTIVATED  Max Queue Depth: 0  SectorSize: 512  HwMaxSectors: 2560\n" +
			"        iBlock device: sda1  UDEV PATH: /dev/other  readonly: 0\n        Major: 8 Minor: 1  CLAIMED: IBLOCK\n",
		"sys/kernel/config/target/core/iblock_7/no/udev_path": "",
		"sys/kernel/config/target/core/iblock_7/no/info":      "Status: DEACTIVATED  Max Queue Depth: 0  SectorSize: 0  HwMaxSectors: 0\n          readonly: 0\n        Major: 0 Minor: 0\n",
		"sys/kernel/scst_tgt/devices/lun1/filename":           "ROOT/dev/mapper/vg0-home\n[key]\n",
		"proc/77/fd/3":      "->../../../dev/sda2",
		"proc/77/cmdline":   "dd\x00of=/dev/sda2\x00",
		"proc/78/fd/3":      "->../../../dev/sda2",
		"proc/78/cmdline":   "(udev-worker)\x00",
		"proc/77/ns/mnt":    "->mnt:[2]",
		"proc/77/mountinfo": "1 1 8:1 / /c rw - ext4 /dev/root rw\n",
		"proc/79/ns/mnt":    "->mnt:[2]",
		"proc/80/ns/mnt":    "->mnt:[1]",
	}))
	got, err := h.Holders(ctx, h.Dev+"/disk/by-id/wwn-0x5000c500dead")
	if err != nil {
		t.Fatal(err)
	}
	d := h.Dev
	want := []Holder{
		{Kind: KindLVM, Name: "vg0-home", Node: d + "/sda2"},
		{Kind: KindMount, Name: "/boot", Node: d + "/sda1"},
		{Kind: KindMount, Name: "/home of all", Node: d + "/dm-0"},
		{Kind: KindMount, Name: "/srv", Node: d + "/sda1"},
		{Kind: KindSwap, Name: d + "/sda1", Node: d + "/sda1"},
		{Kind: KindTarget, Name: "LIO iblock_0/disk1"},
		{Kind: KindTarget, Name: "LIO iblock_7/lab", Node: d + "/sda1"},
		{Kind: KindTarget, Name: "SCST lun1", Node: d + "/dm-0"},
		{Kind: KindProcess, PID: 77, Command: "dd of=/dev/sda2"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Holders is not what was wanted (-want +got):\n%s", diff)
	}
	if got := Describe(want[:2]); got != "LVM volume vg0-home ("+d+"/sda2), mounted at /boot ("+d+"/sda1)" {
		t.Errorf("Describe = %s", got)
	}
	// Mounted in a container alone.
	if err := os.WriteFile(filepath.Join(h.Proc, "77/mountinfo"), []byte("1 1 8:16 / /c rw - ext4 /dev/sdb rw\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := h.Holders(ctx, d+"/sdb"); err != nil || len(got) != 2 || got[1] != (Holder{Kind: KindNamespace, PID: 77, Command: "dd of=/dev/sda2"}) {
		t.Errorf("Holders of what a container has mounted = %v, %v", got, err)
	}
	if got, err := h.Holders(ctx, d+"/nvme0n1"); err != nil || len(got) != 0 {
		t.Errorf("Holders of a free disk = %v, %v", got, err)
	}
	if _, err := h.Holders(ctx, d+"/nosuch"); errcode.Of(err) != errcode.DeviceNotFound {
		t.Errorf("Holders of nothing = %v", err)
	}
}

func TestLayers(t *testing.T) {
	h := tree(t, machine(map[string]string{
		"sys/class/block/sdb/holders/md0":     "->../../md0",
		"sys/class/block/sdb/holders/dm-1":    "->../../dm-1",
		"sys/class/block/sdb/holders/dm-2":    "->../../dm-2",
		"sys/class/block/dm-1/dm/uuid":        "mpath-3500\n",
		"sys/class/block/dm-1/dm/name":        "mpatha\n",
		"sys/class/block/dm-2/dm/uuid":        "CRYPT-LUKS2-x\n",
		"sys/class/block/dm-2/dm/name":        "secret\n",
		"sys/class/block/md0/holders/dm-0":    "->../../dm-0",
		"sys/class/block/sdb/holders/bcache0": "->../../bcache0",
	}))
	got, err := h.Holders(ctx, h.Dev+"/sdb")
	want := []Holder{
		{Kind: KindBcache, Name: h.Dev + "/bcache0"}, {Kind: KindMultipath, Name: "mpatha"}, {Kind: KindMapper, Name: "secret"},
		{Kind: KindMD, Name: h.Dev + "/md0"}, {Kind: KindLVM, Name: "vg0-home", Node: h.Dev + "/md0"},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Holders: %v (-want +got):\n%s", err, diff)
	}
}

// statDevice is the device number of the file system that the tests' trees are on.
func statDevice(t *testing.T, path string) (number, hexadecimal string) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	major, minor := unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev))
	return fmt.Sprintf("%d:%d", major, minor), fmt.Sprintf("%02x:%02x", major, minor)
}

// A mount point: what keeps the file system from being unmounted.
func TestHoldersOfMountPoint(t *testing.T) {
	number, mapped := statDevice(t, os.TempDir())
	h := tree(t, machine(map[string]string{
		"tank/data/file": "x", "tank/data/deep/cwd/f": "", "tank/data/disk.img": "x", "tank/data/swapfile": "x", "tank/data/lun": "x", "elsewhere": "x",
		"proc/self/mountinfo": "30 1 " + number + " / ROOT/tank rw - zfs tank rw\n31 30 " + number + " / ROOT/tank/data rw - zfs tank/data rw\n" +
			"32 31 0:51 / ROOT/tank/data/child rw - zfs tank/data/child rw\n33 31 0:52 / ROOT/tank/data/usb rw - vfat /dev/sdq1 rw\n" +
			"34 31 0:53 / ROOT/tank/data2 rw - vfat /dev/sdr1 rw\n",
		"proc/swaps": "Filename Type\nROOT/tank/data/swapfile file 1 2 3\n",
		"sys/class/block/loop0/loop/backing_file":              "ROOT/tank/data/disk.img\n",
		"sys/kernel/config/target/core/fileio_7/lab/udev_path": "",
		"sys/kernel/config/target/core/fileio_7/lab/info": "Status: DEACTIVATED  Max Queue Depth: 0  SectorSize: 512  HwMaxSectors: 16384\n" +
			"        TCM FILEIO ID: 0        File: ROOT/tank/data/a b  Size: 16777216  Mode: O_DSYNC Async: 0\n",
		"tank/data/a b": "x",
		"sys/kernel/scst_tgt/devices/lun1/filename": "ROOT/tank/data/lun\n",
		"sys/kernel/scst_tgt/devices/lun2/filename": "ROOT/tank/lun\n",
		"proc/101/cwd":       "->../../tank/data/deep",
		"proc/101/cmdline":   "bash\x00",
		"proc/102/fd/9":      "->../../../tank/data/file",
		"proc/103/maps":      "7f-80 r-xp 00000000 " + mapped + " 34 /x/lib.so\n",
		"proc/104/maps":      "7f-80 r-xp 00000000 ff:ff 34 /x/lib.so\n80-81 rw-p 00000000 00:00 0\n",
		"proc/104/fd/1":      "->/dev/null",
		"proc/105/ns/mnt":    "->mnt:[9]",
		"proc/105/mountinfo": "1 1 " + number + " / /inside rw - zfs tank/data rw\n",
	}))
	point := filepath.Dir(h.Dev) + "/tank/data"
	got, err := h.Holders(ctx, point)
	want := []Holder{
		{Kind: KindMount, Name: point + "/usb"},
		{Kind: KindSwap, Name: point + "/swapfile", Node: point + "/swapfile"},
		{Kind: KindLoop, Name: h.Dev + "/loop0", Node: point + "/disk.img"},
		{Kind: KindTarget, Name: "LIO fileio_7/lab", Node: point + "/a b"},
		{Kind: KindTarget, Name: "SCST lun1", Node: point + "/lun"},
		{Kind: KindProcess, PID: 101, Command: "bash"}, {Kind: KindProcess, PID: 102}, {Kind: KindProcess, PID: 103},
		{Kind: KindNamespace, PID: 105},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Holders: %v (-want +got):\n%s", err, diff)
	}
}

// A file: the pool that the kernel has now counts, one that was is no holder.
func TestHoldersOfFile(t *testing.T) {
	h := tree(t, machine(map[string]string{
		"sys/class/block/loop0/loop/backing_file": "ROOT/zv/f0\n",
		"zv/f0":                         "x",
		"proc/spl/kstat/zfs/ta nk/guid": "12154984863639843185\n",
		"proc/spl/kstat/zfs/other/guid": "5\n",
		"proc/55/fd/4":                  "->../../../zv/f0",
		"proc/55/cmdline":               "cat\x00f0\x00",
	}))
	path := filepath.Dir(h.Dev) + "/zv/f0"
	answer := func(guid string) *run.Replay {
		return &run.Replay{Exchanges: []run.Exchange{{Argv: []string{"wipefs", "--json", "--no-act", "--", path},
			Stdout: `{"signatures":[{"type":"zfs_member","uuid":"` + guid + `","label":"old name"}]}`}}}
	}
	h.Runner = answer("12154984863639843185")
	got, err := h.Holders(ctx, path)
	want := []Holder{{Kind: KindLoop, Name: h.Dev + "/loop0"}, {Kind: KindProcess, PID: 55, Command: "cat f0"}, {Kind: KindPool, Name: "ta nk"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Holders: %v (-want +got):\n%s", err, diff)
	}
	h.Runner = answer("99")
	if got, err := h.Holders(ctx, path); err != nil || len(got) != 2 {
		t.Errorf("Holders of a file of an exported pool = %v, %v; want the other two", got, err)
	}
}

// The lines are of a real host.
func TestParseMounts(t *testing.T) {
	const lines = `21 1 254:0 / / rw,noatime - ext4 /dev/vda rw
36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 propagate_from:2 - ext3 /dev/root rw,errors=continue
60 21 0:45 / /srv/with\040blank\134 rw shared:9 - zfs ta\040nk/d rw,xattr,posixacl
broken
9 9 9:9 / /x rw -
`
	want := []mount{{"21", "1", "", "", "254:0", "/", "ext4", "/dev/vda"}, {"36", "35", "", "1", "98:0", "/mnt2", "ext3", "/dev/root"},
		{"60", "21", "9", "", "0:45", `/srv/with blank\`, "zfs", "ta nk/d"}}
	got, err := parseMounts(strings.NewReader(lines))
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("parseMounts = %v, %v; want %v", got, err, want)
	}
	if pool := got[2].pool(); pool != "ta nk" {
		t.Errorf("pool = %q", pool)
	}
}

// As systemd (slave), unshare --propagation private, and a container with a bind mount show them.
func TestFollows(t *testing.T) {
	parse := func(lines string) []mount {
		list, err := parseMounts(strings.NewReader(lines))
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	here := parse("21 1 254:0 / / rw shared:1 - ext4 /dev/vda rw\n60 21 0:45 / /tank rw shared:9 - zfs tank rw\n")
	u := &use{Host: tree(t, nil), mounts: here, points: map[uint64]mount{5: here[1]}}
	for name, tt := range map[string]struct {
		lines string
		stays bool
	}{
		"slave":     {"121 100 254:0 / / rw shared:30 master:1 - ext4 /dev/vda rw\n160 121 0:45 / /tank rw shared:31 master:9 - zfs tank rw\n", false},
		"peer":      {"121 100 254:0 / / rw shared:1 - ext4 /dev/vda rw\n160 121 0:45 / /tank rw shared:9 - zfs tank rw\n", false},
		"private":   {"121 100 254:0 / / rw - ext4 /dev/vda rw\n160 121 0:45 / /tank rw - zfs tank rw\n", true},
		"container": {"121 100 0:70 / / rw - overlay overlay rw\n160 121 0:45 / /data rw master:9 - zfs tank rw\n", true},
		"other":     {"121 100 254:0 / / rw - ext4 /dev/vda rw\n", false},
	} {
		if got := u.staysIn(parse(tt.lines)); got != tt.stays {
			t.Errorf("%s: stays mounted = %t; want %t", name, got, tt.stays)
		}
	}
}

func FuzzParseMounts(f *testing.F) {
	f.Add(`60 21 0:45 / /srv/with\040blank\1349 rw shared:9 - zfs ta\040nk/d rw`)
	f.Fuzz(func(t *testing.T, line string) {
		list, _ := parseMounts(strings.NewReader(line))
		if len(list) > strings.Count(line, "\n")+1 {
			t.Errorf("%q gives %d mounts", line, len(list))
		}
		if got := unescape(line); len(got) > len(line) {
			t.Errorf("unescape(%q) = %q", line, got)
		}
	})
}

// udev writes the blank in the name of a pool as '+'. Who has one of its volumes open stands in the way of an export,
// which would wait for him for ever.
func TestPoolHoldersWithBlank(t *testing.T) {
	h := tree(t, machine(map[string]string{
		"sys/class/block/zd0/dev": "230:0\n",
		"dev/zd0":                 "", "dev/zvol/ta+nk/my+vol": "->../../zd0",
		"proc/77/fd/3":    "->../../../dev/zd0",
		"proc/77/cmdline": "sleep\x0060\x00",
	}))
	got, err := h.PoolHolders(ctx, "ta nk")
	if want := []Holder{{Kind: KindProcess, PID: 77, Command: "sleep 60"}}; err != nil || !cmp.Equal(want, got) {
		t.Errorf("PoolHolders = %v, %v; want %v", got, err, want)
	}
}
