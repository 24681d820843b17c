package disk

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"calypso/sys/errcode"
	"calypso/sys/run"
)

var ctx = context.Background()

// tree makes a host of files below a temporary directory. A value that begins with "->" is a link, one that is
// "/" a directory.
func tree(t *testing.T, files map[string]string) Host {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		target, isLink := strings.CutPrefix(content, "->")
		switch {
		case isLink:
			err = os.Symlink(target, path)
		case content == "/":
			err = os.MkdirAll(path, 0o755)
		default:
			err = os.WriteFile(path, []byte(strings.ReplaceAll(content, "ROOT", root)), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return Host{Sys: root + "/sys", Dev: root + "/dev", Proc: root + "/proc", Udev: root + "/udev", Runner: &run.Replay{}}
}

// machine has a SATA disk with two partitions of which one is below LVM, an NVMe disk, a disk without lasting
// name, a path of a multipath NVMe device, an optical drive, an empty card reader, two loop devices, md.
func machine(more map[string]string) map[string]string {
	m := map[string]string{
		"sys/class/block/sda":                                 "->../../devices/pci/block/sda",
		"sys/devices/pci/block/sda/dev":                       "8:0\n",
		"sys/devices/pci/block/sda/size":                      "15628053168\n",
		"sys/devices/pci/block/sda/removable":                 "0\n",
		"sys/devices/pci/block/sda/ro":                        "0\n",
		"sys/devices/pci/block/sda/device/model":              "ST8000NM000A-2K \n",
		"sys/devices/pci/block/sda/device/vendor":             "ATA     \n",
		"sys/devices/pci/block/sda/queue/rotational":          "1\n",
		"sys/devices/pci/block/sda/queue/logical_block_size":  "512\n",
		"sys/devices/pci/block/sda/queue/physical_block_size": "4096\n",
		"sys/devices/pci/block/sda/sda1/partition":            "1\n",
		"sys/devices/pci/block/sda/sda1/dev":                  "8:1\n",
		"sys/devices/pci/block/sda/sda1/size":                 "2048\n",
		"sys/devices/pci/block/sda/sda2/partition":            "2\n",
		"sys/devices/pci/block/sda/sda2/dev":                  "8:2\n",
		"sys/devices/pci/block/sda/sda2/size":                 "4096\n",
		"sys/devices/pci/block/sda/sda2/holders/dm-0":         "->../../../../../virtual/block/dm-0",
		"sys/class/block/sda1":                                "->../../devices/pci/block/sda/sda1",
		"sys/class/block/sda2":                                "->../../devices/pci/block/sda/sda2",
		"sys/class/block/dm-0":                                "->../../devices/virtual/block/dm-0",
		"sys/devices/virtual/block/dm-0/dev":                  "253:0\n",
		"sys/devices/virtual/block/dm-0/size":                 "4096\n",
		"sys/devices/virtual/block/dm-0/dm/name":              "vg0-home\n",
		"sys/devices/virtual/block/dm-0/dm/uuid":              "LVM-abcdef\n",
		"sys/class/block/nvme0n1/dev":                         "259:0\n",
		"sys/class/block/nvme0n1/size":                        "1000215216\n",
		"sys/class/block/nvme0n1/device/model":                "SAMSUNG MZVL2512HCJQ\n",
		"sys/class/block/nvme0n1/device/serial":               "S675NX0T\n",
		"sys/class/block/nvme0n1/queue/rotational":            "0\n",
		"sys/class/block/nvme0n1/queue/logical_block_size":    "512\n",
		"sys/class/block/nvme0n1/queue/physical_block_size":   "512\n",
		"sys/class/block/nvme0c0n1/size":                      "1000215216\n",
		"sys/class/block/nvme0c0n1/hidden":                    "1\n",
		"sys/class/block/sdb/dev":                             "8:16\n",
		"sys/class/block/sdb/size":                            "2048000\n",
		"sys/class/block/sdb/device/vpd_pg80":                 "\x00\x80\x00\x08  ZA1234",
		"sys/class/block/sdc/dev":                             "8:32\n",
		"sys/class/block/sdc/size":                            "0\n",
		"sys/class/block/sdc/removable":                       "1\n",
		"sys/class/block/sr0/size":                            "2097151\n",
		"sys/class/block/md0/dev":                             "9:0\n",
		"sys/class/block/md0/size":                            "100\n",
		"sys/class/block/loop0/dev":                           "7:0\n",
		"sys/class/block/loop0/size":                          "2048\n",
		"sys/class/block/loop0/loop/backing_file":             "ROOT/mnt/image\n",
		"sys/class/block/loop1/size":                          "0\n",
		"dev/sda":                                             "", "dev/sda1": "", "dev/sda2": "", "dev/sdb": "", "dev/nvme0n1": "", "dev/dm-0": "", "dev/loop0": "",
		"dev/mapper/vg0-home":                     "->../dm-0",
		"dev/disk/by-id/ata-ST8000NM000A_ZA9":     "->../../sda",
		"dev/disk/by-id/wwn-0x5000c500dead":       "->../../sda",
		"dev/disk/by-id/wwn-0x5000c500dead-part1": "->../../sda1",
		"dev/disk/by-id/nvme-SAMSUNG_S675NX0T":    "->../../nvme0n1",
		"dev/disk/by-id/nvme-eui.002538b511b2":    "->../../nvme0n1",
		"dev/disk/by-id/lvm-pv-uuid-gone":         "->../../sda2",
		"dev/disk/by-path/pci-0000:00:17.0-ata-1": "->../../sda",
		"dev/disk/by-id/wwn-0x5000c500dangling":   "->../../sdz",
		"udev/b8:0":                               "S:disk/by-id/wwn-0x5000c500dead\nE:ID_MODEL=ST8000NM000A\nE:ID_SERIAL_SHORT=ZA9\nG:systemd\n",
		"proc/self/mountinfo":                     "23 1 8:1 / /boot rw - ext4 /dev/root rw\n",
		"proc/self/ns/mnt":                        "->mnt:[1]",
		"mnt/image":                               "x",
	}
	for k, v := range more {
		m[k] = v
	}
	return m
}

func TestDisks(t *testing.T) {
	h := tree(t, machine(nil))
	got, err := h.Disks()
	if err != nil {
		t.Fatal(err)
	}
	id := h.Dev + "/disk/by-id/"
	want := []Disk{
		{Name: "sda", Node: h.Dev + "/sda", Path: id + "wwn-0x5000c500dead", Kind: "disk", SizeBytes: 8001563222016,
			ByID:  []string{id + "wwn-0x5000c500dead", id + "ata-ST8000NM000A_ZA9", h.Dev + "/disk/by-path/pci-0000:00:17.0-ata-1"},
			Model: "ST8000NM000A", Serial: "ZA9", Rotational: true, LogicalBlock: 512, PhysicalBlock: 4096, Partitions: []string{"sda1", "sda2"}},
		{Name: "sdb", Node: h.Dev + "/sdb", Path: h.Dev + "/sdb", Kind: "disk", SizeBytes: 1048576000, Serial: "ZA1234"},
		{Name: "loop0", Node: h.Dev + "/loop0", Path: h.Dev + "/loop0", Kind: "loop", SizeBytes: 1048576, Model: filepath.Dir(h.Dev) + "/mnt/image"},
		{Name: "nvme0n1", Node: h.Dev + "/nvme0n1", Path: id + "nvme-eui.002538b511b2", Kind: "disk", SizeBytes: 512110190592,
			ByID:  []string{id + "nvme-eui.002538b511b2", id + "nvme-SAMSUNG_S675NX0T"},
			Model: "SAMSUNG MZVL2512HCJQ", Serial: "S675NX0T", LogicalBlock: 512, PhysicalBlock: 512},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Disks() is not what was wanted (-want +got):\n%s", diff)
	}
}

func TestFind(t *testing.T) {
	h := tree(t, machine(nil))
	for path, want := range map[string]string{
		"wwn-0x5000c500dead": "sda disk", "sdb": "sdb disk", h.Dev + "/sda1": "sda1 partition", h.Dev + "/mapper/vg0-home": "dm-0 other",
		h.Dev + "/disk/by-id/nvme-SAMSUNG_S675NX0T": "nvme0n1 disk",
	} {
		d, err := h.Find(path)
		if got := d.Name + " " + d.Kind; err != nil || got != want {
			t.Errorf("Find(%q) = %s, %v; want %s", path, got, err, want)
		}
	}
	for path, want := range map[string]errcode.Code{
		"sdz": errcode.DeviceNotFound, "wwn-0x5000c500dangling": errcode.DeviceNotFound, "": errcode.DeviceUnsupported,
		filepath.Dir(h.Dev) + "/mnt/image": errcode.DeviceUnsupported,
	} {
		if d, err := h.Find(path); errcode.Of(err) != want {
			t.Errorf("Find(%q) = %v, %v; want %s", path, d, err, want)
		}
	}
	if d, _ := h.Find("sda1"); d.LogicalBlock != 512 {
		t.Errorf("a partition has blocks of %d; want those of its disk", d.LogicalBlock)
	}
}

// Recorded with wipefs 2.38 on a file with an ext4 and after it the labels of a pool, an empty one, and none.
func TestParseSignatures(t *testing.T) {
	const answer = `{
   "signatures": [
      {
         "device": "a",
         "offset": "0x438",
         "type": "ext4",
         "uuid": "a7c0c592-4525-456a-aeec-c84fee95d09c",
         "label": "x y"
      },{
         "device": "a",
         "offset": "0x3f000",
         "type": "zfs_member",
         "uuid": "12154984863639843185",
         "label": "tank"
      },{
         "device": "a",
         "offset": "0x3e000",
         "type": "zfs_member",
         "uuid": "12154984863639843185",
         "label": "tank"
      },{
         "device": "a",
         "offset": "0x1fe",
         "type": "PMBR",
         "uuid": null,
         "label": null
      }
   ]
}
`
	want := []Signature{{Type: "ext4", Label: "x y", UUID: "a7c0c592-4525-456a-aeec-c84fee95d09c"},
		{Type: "zfs_member", Label: "tank", UUID: "12154984863639843185"}, {Type: "PMBR"}}
	if got, err := parseSignatures([]byte(answer)); err != nil || !cmp.Equal(got, want) {
		t.Errorf("parseSignatures = %v, %v; want %v", got, err, want)
	}
	for _, none := range []string{"", "{\n   \"signatures\": [\n\n   ]\n}\n"} {
		if got, err := parseSignatures([]byte(none)); err != nil || len(got) != 0 {
			t.Errorf("parseSignatures(%q) = %v, %v; want none", none, got, err)
		}
	}
	if _, err := parseSignatures([]byte("[")); err == nil {
		t.Error("a broken answer is taken for none")
	}
	if got := want[1].String(); got != `member of a ZFS pool "tank" on ` {
		t.Errorf("String = %s", got)
	}
}

func FuzzParseSignatures(f *testing.F) {
	f.Add([]byte(`{"signatures":[{"device":"a","type":"ext4","uuid":null,"label":"x"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, _ := parseSignatures(data)
		for i, s := range list {
			for _, other := range list[:i] {
				if s == other {
					t.Errorf("%v twice", s)
				}
			}
		}
	})
}

// The partitions are asked too.
func TestSignatures(t *testing.T) {
	h := tree(t, machine(nil))
	exchange := func(node, signature string) run.Exchange {
		return run.Exchange{Argv: []string{"wipefs", "--json", "--no-act", "--", h.Dev + "/" + node}, Stdout: `{"signatures":[` + signature + `]}`}
	}
	h.Runner = &run.Replay{Exchanges: []run.Exchange{exchange("sda", `{"type":"gpt","uuid":null,"label":null}`),
		exchange("sda1", `{"type":"vfat","uuid":"A-B","label":"EFI"}`), exchange("sda2", "")}}
	want := []Signature{{Node: h.Dev + "/sda", Type: "gpt"}, {Node: h.Dev + "/sda1", Type: "vfat", UUID: "A-B", Label: "EFI"}}
	if got, err := h.Signatures(ctx, h.Dev+"/disk/by-id/wwn-0x5000c500dead"); err != nil || !cmp.Equal(got, want) {
		t.Errorf("Signatures = %v, %v; want %v", got, err, want)
	}
	h.Runner = &run.Replay{Exchanges: []run.Exchange{{Argv: []string{"wipefs", "--json", "--no-act", "--", h.Dev + "/sdb"}, ExitCode: 1,
		Stderr: "wipefs: error: /dev/sdb: probing initialization failed: Input/output error"}}}
	if got, err := h.Signatures(ctx, h.Dev+"/sdb"); errcode.Of(err) != errcode.DeviceError {
		t.Errorf("Signatures of a disk that cannot be read = %v, %v", got, err)
	}
}
