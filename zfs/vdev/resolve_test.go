package vdev

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"calypso/sys/disk"
)

// Two namespaces of one NVMe controller have its serial number, and are two devices; two paths to one namespace
// have its WWID. A disk and its partition are one device.
func TestDisksThatAreOne(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"sys/class/block/sda/sda1/partition": "1", "sys/class/block/sda1/partition": "1", "sys/class/block/sda1/size": "400000"}
	for name, wwid := range map[string]string{"nvme0n1": "eui.01", "nvme0n2": "eui.02", "nvme1n1": "eui.01", "sda": ""} {
		files["sys/class/block/"+name+"/size"] = "400000"
		files["sys/class/block/"+name+"/device/serial"] = "S675NX0T"
		if wwid != "" {
			files["sys/class/block/"+name+"/wwid"] = wwid
		} else {
			files["sys/class/block/"+name+"/device/serial"] = "ZA9"
		}
		files["dev/"+name] = ""
	}
	files["dev/sda1"] = ""
	for name, text := range files {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h := disk.Host{Sys: root + "/sys", Dev: root + "/dev", Proc: root + "/proc", Udev: root + "/udev"}
	for words, says := range map[string]string{
		"nvme0n1 log nvme0n2":            "",
		"nvme0n1 log nvme1n1":            "one disk over two paths",
		"sda log sda1":                   "sda1 is a partition of sda",
		"mirror sda1 sda":                "sda1 is a partition of sda",
		"mirror sda1 nvme0n1":            "",
		"mirror sda1 " + h.Dev + "/sda1": "the same disk is there twice",
	} {
		l, err := ParseLayout(strings.Fields(words))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range l.Members() {
			if _, err := m.Resolve(h); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Check(true); (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v; want %q", words, err, says)
		}
	}
}
