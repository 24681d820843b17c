package vdev

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"strings"

	"calypso/sys/disk"
	"calypso/sys/errcode"
)

// Found is a member as it was found on the host.
type Found struct {
	Disk       disk.Disk // the zero Disk for a file
	Holders    []disk.Holder
	Signatures []disk.Signature
}

// Resolve finds the device or file that a member's word names and fills the member in. The kernel's own names
// (sdb) are refused where a lasting one exists: they lead to another disk after a reboot.
func (m *Member) Resolve(h disk.Host) (disk.Disk, error) {
	d, err := h.Find(m.Word)
	if errcode.Of(err) == errcode.DeviceUnsupported && m.asFile() {
		return disk.Disk{}, nil
	}
	if err != nil {
		return d, err
	}
	if kernelName(h, m.Word) && d.Stable() {
		return d, errcode.New(errcode.StorageRefused, m.Word, "this name leads to another disk after a reboot; the disk is %s", d.Path).
			WithState("nothing was touched").WithHint("name it %s", Member{Path: d.Path}.Name())
	}
	m.Path, m.Node, m.Serial, m.SizeBytes = m.Word, d.Node, d.Serial, d.SizeBytes
	if !strings.Contains(m.Word, "/") {
		m.Path = filepath.Join(h.Dev, "disk/by-id", m.Word)
		if !d.Stable() {
			m.Path = d.Node
		}
	}
	m.Identity = cmp.Or(d.WWID, d.Serial)
	if d.Kind == "partition" {
		m.Serial, m.Identity = "", "" // partitions of one disk share it
	}
	for _, p := range d.Partitions {
		m.Parts = append(m.Parts, filepath.Join(h.Dev, p))
	}
	return d, nil
}

// asFile fills the member in when its word is the absolute path of a plain file.
func (m *Member) asFile() bool {
	real, err := filepath.EvalSymlinks(m.Word)
	if err != nil || !filepath.IsAbs(m.Word) {
		return false
	}
	info, err := os.Stat(real)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	m.Path, m.Node, m.File, m.SizeBytes = m.Word, real, true, info.Size()
	return true
}

// kernelName says whether a word is the kernel's own name of a device: "sdb", "/dev/sdb".
func kernelName(h disk.Host, word string) bool {
	if !strings.Contains(word, "/") {
		_, err := os.Lstat(filepath.Join(h.Dev, "disk/by-id", word))
		return err != nil
	}
	info, err := os.Lstat(word)
	return err == nil && info.Mode()&os.ModeSymlink == 0
}

// Look tells who uses the members of a layout and what is written on them; in the order of Members.
func (l Layout) Look(ctx context.Context, h disk.Host) ([]Found, error) {
	var list []Found
	for _, m := range l.Members() {
		d, err := m.Resolve(h)
		if err != nil {
			return nil, err
		}
		f := Found{Disk: d}
		if f.Holders, err = h.Holders(ctx, m.Node); err != nil {
			return nil, err
		}
		if len(f.Holders) == 0 {
			if f.Signatures, err = h.Signatures(ctx, m.Node); err != nil {
				return nil, err
			}
		}
		list = append(list, f)
	}
	return list, nil
}

// InUse is an error that names each member that something uses now. No confirmation helps there: the kernel
// would refuse as well.
func InUse(l Layout, found []Found) error {
	var words []string
	first := ""
	for i, m := range l.Members() {
		if len(found[i].Holders) > 0 {
			words = append(words, m.Name()+": "+disk.Describe(found[i].Holders))
			if first == "" {
				first = m.Word
			}
		}
	}
	if len(words) == 0 {
		return nil
	}
	return errcode.New(errcode.DeviceBusy, first, "in use: %s", strings.Join(words, "; ")).
		WithState("nothing was touched").WithHint("unmount it, stop what uses it, or take another disk: 'calypso pool disks'")
}
