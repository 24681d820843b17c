// Package disk knows the block devices of the host: their lasting names, sizes and serial numbers from sysfs,
// /dev/disk/by-id and udev's database; what is written on them (Signatures); and who uses one of them, a file
// or a mounted file system now (Holders). It only looks.
//
// Limits: what a process of another user has open is seen by root alone; a kernel NFS server that exports a
// file system is not named.
package disk

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"calypso/sys/errcode"
	"calypso/sys/run"
)

// Host says where the kernel and udev tell of devices.
type Host struct {
	Sys, Dev, Proc, Udev string
	Runner               run.Runner // for wipefs(8)
}

// System is this machine.
func System(r run.Runner) Host {
	return Host{Sys: "/sys", Dev: "/dev", Proc: "/proc", Udev: "/run/udev/data", Runner: r}
}

// Disk is a whole disk, or what stands in for one: a multipath map, a loop device with a file behind it.
type Disk struct {
	Name          string   // of the kernel, new at each boot: "sda"
	Node          string   // "/dev/sda"
	Path          string   // the lasting name that is best: below /dev/disk/by-id; Node when there is none
	ByID          []string // all lasting names, the best first
	Kind          string   // "disk", "loop", "multipath", "partition"
	SizeBytes     int64
	Model, Serial string // "" when the device tells none
	WWID          string // of an NVMe namespace, which shares its serial number with others of its controller; else ""
	Rotational    bool
	Removable     bool
	ReadOnly      bool
	LogicalBlock  int64 // bytes
	PhysicalBlock int64 // bytes, 0 when unknown
	Partitions    []string
}

// Stable says whether the disk has a name that it keeps over boots and when it is moved.
func (d Disk) Stable() bool { return d.Path != d.Node }

// Disks lists the disks, by name.
func (h Host) Disks() ([]Disk, error) {
	entries, err := os.ReadDir(filepath.Join(h.Sys, "class/block"))
	if err != nil {
		return nil, fmt.Errorf("list block devices: %w", err)
	}
	links := h.links()
	var list []Disk
	for _, e := range entries {
		if d := h.disk(e.Name(), links); d.Kind != "" && d.Kind != "partition" && d.SizeBytes > 0 {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b Disk) int {
		return cmp.Or(cmp.Compare(len(a.Name), len(b.Name)), strings.Compare(a.Name, b.Name))
	})
	return list, nil
}

// Find gives the disk or partition that path leads to: a node, a link, or a bare name of /dev/disk/by-id.
func (h Host) Find(path string) (Disk, error) {
	if !strings.Contains(path, "/") {
		path = h.bare(path)
	}
	name, err := h.blockName(path)
	if err != nil {
		return Disk{}, err
	}
	d := h.disk(name, h.links())
	d.Kind = cmp.Or(d.Kind, "other")
	return d, nil
}

// bare is the path of a name without a directory: that of by-id goes before one of the kernel's.
func (h Host) bare(name string) string {
	byID := filepath.Join(h.Dev, "disk/by-id", name)
	if _, err := os.Lstat(byID); err == nil {
		return byID
	}
	return filepath.Join(h.Dev, name)
}

// blockName is the kernel's name of the block device that path leads to.
func (h Host) blockName(path string) (string, error) {
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", errcode.New(errcode.DeviceNotFound, path, "no such device: %w", err).WithHint("'calypso pool disks' lists the disks")
	}
	var st unix.Stat_t
	if err := unix.Stat(resolved, &st); err != nil {
		return "", errcode.New(errcode.DeviceNotFound, path, "cannot look at it: %w", err)
	}
	if st.Mode&unix.S_IFMT == unix.S_IFBLK {
		number := fmt.Sprintf("%d:%d", unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev)))
		if link, err := filepath.EvalSymlinks(filepath.Join(h.Sys, "dev/block", number)); err == nil {
			return filepath.Base(link), nil
		}
	}
	if name := filepath.Base(resolved); filepath.Dir(resolved) == h.devRoot() && exists(h.class(name)) {
		return name, nil
	}
	return "", errcode.New(errcode.DeviceUnsupported, path, "not a block device")
}

// devRoot is Dev without links, as EvalSymlinks gives it.
func (h Host) devRoot() string {
	if dir, err := filepath.EvalSymlinks(h.Dev); err == nil {
		return dir
	}
	return h.Dev
}

// class is the directory of a block device in sysfs, with more names below it.
func (h Host) class(name string, more ...string) string {
	return filepath.Join(append([]string{h.Sys, "class/block", name}, more...)...)
}

// disk reads one block device; Kind is "" for what is no disk: RAM disks, optical drives, LVs, zvols, md.
func (h Host) disk(name string, links map[string][]string) Disk {
	d := Disk{Name: name, Node: filepath.Join(h.Dev, strings.ReplaceAll(name, "!", "/")), Kind: h.kindOf(name)}
	queue := h.class(name, "queue")
	if d.Kind == "partition" {
		queue = filepath.Join(resolve(h.class(name)), "../queue")
	}
	d.SizeBytes = 512 * number(h.class(name, "size")) // always units of 512, whatever the device's blocks
	d.Rotational = number(queue+"/rotational") == 1
	d.Removable = number(h.class(name, "removable")) == 1
	d.ReadOnly = number(h.class(name, "ro")) == 1
	d.LogicalBlock, d.PhysicalBlock = number(queue+"/logical_block_size"), number(queue+"/physical_block_size")
	d.ByID = links[name]
	d.Path = d.Node
	if len(d.ByID) > 0 {
		d.Path = d.ByID[0]
	}
	d.Partitions = h.partitions(name)
	h.identify(&d)
	return d
}

func (h Host) kindOf(name string) string {
	switch {
	case exists(h.class(name, "partition")):
		return "partition"
	case number(h.class(name, "hidden")) == 1: // one path of an NVMe multipath device
		return ""
	case hasAnyPrefix(name, "sd", "vd", "xvd", "hd", "nvme", "mmcblk", "pmem", "dasd", "cciss!"):
		return "disk"
	case strings.HasPrefix(name, "loop") && text(h.class(name, "loop/backing_file")) != "":
		return "loop"
	case strings.HasPrefix(name, "dm-") && strings.HasPrefix(text(h.class(name, "dm/uuid")), "mpath-"):
		return "multipath"
	}
	return ""
}

// partitions are those that the kernel knows of a disk.
func (h Host) partitions(name string) []string {
	entries, _ := os.ReadDir(resolve(h.class(name)))
	var list []string
	for _, e := range entries {
		if exists(h.class(name, e.Name(), "partition")) {
			list = append(list, e.Name())
		}
	}
	return list
}

func hasAnyPrefix(s string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

// text is the content of a small file, "" when it cannot be read.
func text(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(strings.Trim(string(b), "\x00"))
}

// number is the number in a small file, 0 when there is none.
func number(path string) int64 {
	n, _ := strconv.ParseInt(text(path), 10, 64)
	return n
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// resolve follows links as far as they lead somewhere.
func resolve(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}
