package disk

import (
	"bufio"
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// worth orders lasting names: what the maker burnt in goes before what is put together of bus, model and serial
// number, and that before the place in the machine.
var worth = []string{"by-id/wwn-", "by-id/nvme-eui.", "by-id/nvme-uuid.", "by-id/nvme-", "by-id/dm-uuid-mpath-", "by-id/scsi-3",
	"by-id/ata-", "by-id/scsi-", "by-id/virtio-", "by-id/", "by-path/"}

func rank(link string) int {
	for i, prefix := range worth {
		if strings.Contains(link, "/disk/"+prefix) {
			return i
		}
	}
	return len(worth)
}

// links gives the lasting names of each device by the kernel's name, the best first.
func (h Host) links() map[string][]string {
	all := map[string][]string{}
	for _, dir := range []string{"by-id", "by-path"} {
		dir = filepath.Join(h.Dev, "disk", dir)
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			link := filepath.Join(dir, e.Name())
			if name, err := h.blockName(link); err == nil && !strings.HasPrefix(e.Name(), "lvm-pv-uuid-") {
				all[name] = append(all[name], link)
			}
		}
	}
	for _, list := range all {
		slices.SortFunc(list, func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b)) })
	}
	return all
}

// identify fills in model and serial number: udev's word first, for it has asked the device in the way that
// suits its bus, then what the driver shows.
func (h Host) identify(d *Disk) {
	known := h.udev(d.Name)
	d.Model = cmp.Or(known["ID_MODEL"], text(h.class(d.Name, "device/model")))
	d.Serial = cmp.Or(known["ID_SERIAL_SHORT"], known["ID_SCSI_SERIAL"], text(h.class(d.Name, "serial")), text(h.class(d.Name, "device/serial")))
	d.WWID = text(h.class(d.Name, "wwid"))
	switch {
	case d.Kind == "loop" && d.Model == "":
		d.Model = text(h.class(d.Name, "loop/backing_file"))
	case d.Serial == "" && strings.HasPrefix(d.Name, "sd"):
		d.Serial = unitSerial(h.class(d.Name, "device/vpd_pg80"))
	}
}

// unitSerial reads the Unit Serial Number VPD page (SPC-5 7.7.19): its text begins at byte 4.
func unitSerial(path string) string {
	b, err := os.ReadFile(path)
	if err != nil || len(b) < 4 || b[1] != 0x80 {
		return ""
	}
	return strings.TrimSpace(strings.ToValidUTF8(strings.Trim(string(b[4:]), "\x00"), "?"))
}

// udev gives the properties that udev keeps of a block device: lines "E:KEY=value" of the file b8:0.
func (h Host) udev(name string) map[string]string {
	number := text(h.class(name, "dev"))
	file, err := os.Open(filepath.Join(h.Udev, "b"+number))
	if number == "" || err != nil {
		return nil
	}
	defer file.Close()
	found := map[string]string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if property, ok := strings.CutPrefix(lines.Text(), "E:"); ok {
			key, value, _ := strings.Cut(property, "=")
			found[key] = value
		}
	}
	return found
}
