package disk

import (
	"path/filepath"
	"strings"
	"testing"
)

// A line that lacks fields is passed over, one of many kilobytes (overlayfs) hides nothing after it.
func TestMountsOfOtherForms(t *testing.T) {
	text := "38 36 98:1 / /no-dash rw xfs /dev/sdb1 rw\n39 36 98:1 / - xfs /dev/sdb1 rw\n40 36 98:1 / /mnt rw - xfs\n" +
		"41 36 0:50 / /over rw - overlay overlay lowerdir=" + strings.Repeat("/layer:", 20_000) + "\n42 41 98:2 / /after rw - xfs /dev/sdc rw\n"
	list, err := parseMounts(strings.NewReader(text))
	if err != nil || len(list) != 2 || list[0].point != "/over" || list[1].point != "/after" {
		t.Errorf("parseMounts = %+v, %v; want /over and /after", list, err)
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{`a\040b`: "a b", `\134`: `\`, `\134040`: `\040`, `a\04`: `a\04`, `a\`: `a\`, `\0400`: " 0", `\999`: `\999`, `\777`: `\777`, "": ""} {
		if got := unescape(in); got != want {
			t.Errorf("unescape(%q) = %q; want %q", in, got, want)
		}
	}
}

// Only what may be made part of a pool is a disk: no logical volume, and no loop device without a file.
func TestKindOf(t *testing.T) {
	h := tree(t, map[string]string{
		"sys/class/block/dm-0/dm/uuid":             "mpath-3600508b1\n",
		"sys/class/block/dm-1/dm/uuid":             "LVM-abc\n",
		"sys/class/block/dm-2/size":                "1\n",
		"sys/class/block/loop0/loop/backing_file":  "/tmp/x\n",
		"sys/class/block/loop1/size":               "0\n",
		"sys/class/block/sdx1/partition":           "1\n",
		"sys/class/block/nvme0c0n1/hidden":         "1\n",
		"sys/class/block/zram0/dm/uuid":            "mpath-no\n",
		"sys/class/block/zram0/loop/backing_file":  "/tmp/y\n",
		"sys/class/block/sdx/device/vpd_pg80/none": "",
	})
	for name, want := range map[string]string{"dm-0": "multipath", "dm-1": "", "dm-2": "", "loop0": "loop", "loop1": "", "sdx": "disk", "sdx1": "partition", "nvme0c0n1": "", "zram0": ""} {
		if got := h.kindOf(name); got != want {
			t.Errorf("kindOf(%s) = %q; want %q", name, got, want)
		}
	}
}

// The Unit Serial Number page (SPC-5 7.7.19), and what devices answer instead of it.
func TestUnitSerial(t *testing.T) {
	h := tree(t, map[string]string{
		"good":  "\x00\x80\x00\x08 ABC123\x00",
		"empty": "\x00\x80\x00\x00",
		"short": "\x00\x80\x00",
		"other": "\x00\x83\x00\x03XYZ",
	})
	dir := filepath.Dir(h.Sys)
	for name, want := range map[string]string{"good": "ABC123", "empty": "", "short": "", "other": "", "none": ""} {
		if got := unitSerial(filepath.Join(dir, name)); got != want {
			t.Errorf("unitSerial(%s) = %q; want %q", name, got, want)
		}
	}
}
