package tcmu

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// The backstores of this program are below one host bus adapter of their own.
const hba = "user_77"

// config is what marks a backstore as one of ours; the kernel shows it in the name of the UIO device.
func config(library string) string { return "calypso/" + library }

func (h Host) backstore(name string) string { return filepath.Join(h.Config, "core", hba, name) }

// The shared memory: room for the data of some commands at once, in pieces as large as a usual block, so
// that a block lies in one piece and need not be put together.
const (
	dataAreaMiB   = 64
	pagesPerPiece = 256 // 1 MiB
)

// create makes a backstore and opens its shared memory.
func (h Host) create(library, name, serial string) (*Device, error) {
	dir := h.backstore(name)
	if err := makeBackstore(dir); err != nil {
		return nil, fmt.Errorf("make backstore %s: %w", name, err)
	}
	// The size is one that a tape does not have; the kernel wants one. Netlink replies are for programs that
	// wait to be told of new devices; this one knows.
	control := fmt.Sprintf("dev_size=1048576,dev_config=%s,hw_block_size=512,max_data_area_mb=%d,data_pages_per_blk=%d,nl_reply_supported=-1",
		config(library), dataAreaMiB, pagesPerPiece)
	err := errors.Join(set(filepath.Join(dir, "control"), control), set(filepath.Join(dir, "enable"), "1"))
	if err == nil {
		// A tape may take hours for one command: the kernel must not give up on it.
		err = set(filepath.Join(dir, "attrib/cmd_time_out"), "0")
	}
	if err == nil {
		// The kernel keeps persistent reservations that outlive a power loss (APTPL) under this name.
		err = set(filepath.Join(dir, "wwn/vpd_unit_serial"), serial)
	}
	var d *Device
	if err == nil {
		d, err = h.open(library, name)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("backstore %s: %w", name, err), h.destroy(name))
	}
	return d, nil
}

// makeBackstore makes a backstore's directory in that of all of them, which the server of another library takes away
// when it has none.
func makeBackstore(dir string) error {
	for {
		if err := makeDir(filepath.Dir(dir)); err != nil {
			return err
		}
		if err := makeDir(dir); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
}

// open waits for the device node: udev makes it in its own time.
func (h Host) open(library, name string) (*Device, error) {
	var d *Device
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		node, size, err := find(h.Sysfs, name, config(library))
		if err == nil {
			d, err = open(node, size)
		}
		if !errors.Is(err, fs.ErrNotExist) || time.Now().After(deadline) {
			if d != nil {
				d.name = name
			}
			return d, err
		}
	}
}

// destroy takes a backstore away; nothing may export it any more.
func (h Host) destroy(name string) error {
	err := remove(h.backstore(name))
	if len(children(filepath.Join(h.Config, "core", hba))) == 0 {
		_ = os.Remove(filepath.Join(h.Config, "core", hba)) // another library may have one by now
	}
	return err
}

// fail makes the kernel take no new commands for a backstore and end those it has with an error.
func (h Host) fail(name string) error {
	action := filepath.Join(h.backstore(name), "action")
	return errors.Join(set(filepath.Join(action, "block_dev"), "1"), set(filepath.Join(action, "reset_ring"), "2"))
}
