package sg

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Kind is the peripheral device type of a node.
type Kind int

// The kinds that calypso knows (SPC-5).
const (
	Tape    Kind = 0x01
	Changer Kind = 0x08
)

// Node is a device as sysfs shows it. Nothing was sent to the device to learn it. Paths are empty when the
// driver that would make them is not there.
type Node struct {
	Generic  string // /dev/sg3
	Tape     string // /dev/st0, which rewinds when it is closed
	NoRewind string // /dev/nst0
	Changer  string // /dev/sch0
	Address  string // host:channel:target:lun
	Kind     Kind
	Vendor   string
	Product  string
	Revision string
	Serial   string // of VPD page 80h as the kernel read it when it found the device; empty: not known
}

// Nodes lists tapes and changers in the order of their numbers. sysfs is where sysfs is mounted, "/sys".
// Without the sg driver there are none, and the error Is fs.ErrNotExist.
func Nodes(sysfs string) ([]Node, error) {
	dir := filepath.Join(sysfs, "class/scsi_generic")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list SCSI devices: %w", err)
	}
	var nodes []Node
	for _, e := range entries {
		n, err := node(filepath.Join(dir, e.Name()), e.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue // it went away while we looked
		}
		if err != nil {
			return nil, err
		}
		if n.Kind == Tape || n.Kind == Changer {
			nodes = append(nodes, n)
		}
	}
	slices.SortFunc(nodes, func(a, b Node) int { return number(a.Generic) - number(b.Generic) })
	return nodes, nil
}

// number is the one at the end of a device's name.
func number(name string) int {
	n, _ := strconv.Atoi(strings.TrimLeft(filepath.Base(name), "abcdefghijklmnopqrstuvwxyz"))
	return n
}

func node(dir, name string) (Node, error) {
	device, err := filepath.EvalSymlinks(filepath.Join(dir, "device"))
	if err != nil {
		return Node{}, err
	}
	kind, err := os.ReadFile(filepath.Join(device, "type"))
	if err != nil {
		return Node{}, err
	}
	number, err := strconv.Atoi(strings.TrimSpace(string(kind)))
	if err != nil {
		return Node{}, fmt.Errorf("%s: %w", filepath.Join(device, "type"), err)
	}
	n := Node{
		Generic: "/dev/" + name, Address: filepath.Base(device), Kind: Kind(number),
		Vendor: text(device, "vendor"), Product: text(device, "model"), Revision: text(device, "rev"),
		Serial: serial(device),
	}
	n.Tape = child(device, "scsi_tape", func(s string) bool { return plainNumber(s, "st") })
	n.NoRewind = child(device, "scsi_tape", func(s string) bool { return plainNumber(s, "nst") })
	n.Changer = child(device, "scsi_changer", func(s string) bool { return plainNumber(s, "sch") })
	return n, nil
}

// text reads one line; what is not there is empty.
func text(dir, name string) string {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// child names the device node below a class directory.
func child(device, class string, match func(string) bool) string {
	entries, err := os.ReadDir(filepath.Join(device, class))
	if err != nil {
		return ""
	}
	for _, e := range entries {
		if match(e.Name()) {
			return "/dev/" + e.Name()
		}
	}
	return ""
}

// plainNumber is true of nst0 and false of nst0a: the letters stand for other modes of the same drive.
func plainNumber(name, prefix string) bool {
	digits, ok := strings.CutPrefix(name, prefix)
	_, err := strconv.ParseUint(digits, 10, 16)
	return ok && err == nil
}

// serial reads VPD page 80h: a 4-byte header, then the number in ASCII, padded.
func serial(device string) string {
	page, err := os.ReadFile(filepath.Join(device, "vpd_pg80"))
	if err != nil || len(page) < 4 || page[1] != 0x80 {
		return ""
	}
	length := int(page[2])<<8 | int(page[3])
	return strings.Trim(string(page[4:min(len(page), 4+length)]), " \x00")
}

// TapeNodes are all nodes of the st driver for the drive: each is a device of its own, and one of them at a time
// is open.
func (n Node) TapeNodes() []string {
	var list []string
	for _, node := range []string{n.NoRewind, n.Tape} {
		for _, mode := range []string{"", "l", "m", "a"} {
			if node != "" {
				list = append(list, node+mode)
			}
		}
	}
	return list
}

// Has says whether a path is one of the device's nodes. The nodes of the st driver come in four modes of
// the same drive, whose names end in nothing, a, l or m.
func (n Node) Has(path string) bool {
	if path == "" {
		return false
	}
	if path == n.Generic || path == n.Changer {
		return true
	}
	mode := strings.TrimRight(path, "alm")
	return mode != "" && len(path)-len(mode) <= 1 && (mode == n.Tape || mode == n.NoRewind)
}

// Settled says whether udev is done with a node: the node has its group then, and its links in by-id. udev is
// where it keeps what it knows, "/run/udev"; on a host without udev the node is all there will be.
func Settled(path, udev string) bool {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return false
	}
	known := filepath.Join(udev, "data")
	if _, err := os.Stat(known); err != nil {
		return true
	}
	_, err := os.Stat(filepath.Join(known, fmt.Sprintf("c%d:%d", unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev)))))
	return err == nil
}
