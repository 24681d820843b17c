package repo

import (
	"strings"

	"calypso/sys/errcode"
	"calypso/sys/lvm"
	"calypso/zfs"
	"calypso/zfs/dataset"
)

// Backend is what has the space.
type Backend string

const (
	ZFS Backend = "zfs"
	LVM Backend = "lvm"
)

// Place is where repositories are made: a pool or dataset of ZFS, a volume group or thin pool of LVM.
type Place struct {
	Backend Backend
	Parent  string // "tank/backups"; "vg0", or "vg0/pool0" for a thin pool
}

func (p Place) String() string { return string(p.Backend) + ":" + p.Parent }

// ParsePlace reads zfs:POOL[/DATASET] or lvm:VG[/THINPOOL].
func ParsePlace(text string) (Place, error) {
	backend, parent, _ := strings.Cut(text, ":")
	p := Place{Backend(backend), parent}
	switch p.Backend {
	case ZFS:
		return p, zfs.CheckDataset(parent)
	case LVM:
		group, pool, thin := strings.Cut(parent, "/")
		err := lvm.CheckName(group)
		if thin && err == nil {
			err = lvm.CheckName(pool)
		}
		return p, err
	}
	return p, errcode.New(errcode.Usage, text, "no place for a repository").WithHint("write zfs:POOL, zfs:POOL/DATASET, lvm:VG or lvm:VG/THINPOOL")
}

// pool is the pool or volume group.
func (p Place) pool() string {
	first, _, _ := strings.Cut(p.Parent, "/")
	return first
}

// thinPool is the thin pool of LVM, or "".
func (p Place) thinPool() string {
	_, pool, _ := strings.Cut(p.Parent, "/")
	return pool
}

// Lock is the lock of what a repository is made of: its dataset, or all of its volume group, as LVM has one
// record for that.
func (r Repo) Lock() string {
	if r.place().Backend == ZFS {
		return dataset.Lock(r.Object())
	}
	return lvm.LockGroup(r.place().pool())
}
