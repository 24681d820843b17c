package disk

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"calypso/sys/errcode"
	"calypso/sys/proc"
)

// The kinds of holders.
const (
	KindMount     = "mount"     // mounted; Name is where
	KindSwap      = "swap"      // swap space; Name is the device or file
	KindPool      = "pool"      // member of an imported ZFS pool; Name is the pool
	KindLVM       = "lvm"       // below a logical volume; Name is VG-LV as in /dev/mapper
	KindMultipath = "multipath" // a path of a multipath map; Name is the map
	KindMapper    = "dm"        // below another device-mapper device: crypt, raid
	KindMD        = "md"        // member of a running md array
	KindBcache    = "bcache"    // below bcache
	KindLoop      = "loop"      // behind a loop device; Name is the device
	KindTarget    = "target"    // a backstore of LIO or a device of SCST; Name says which
	KindProcess   = "process"   // a process has it open
	KindNamespace = "namespace" // mounted in the mount namespace of a process, e.g. a container
	KindKernel    = "kernel"    // something in the kernel has claimed it; nothing says what
)

// Holder is what uses a device, a file or a mounted file system now.
type Holder struct {
	Kind    string
	Name    string // what it is: see the kinds; of a process ""
	PID     int    // of processes and namespaces, else 0
	Command string // of the process, shortened, without secrets
	Node    string // which part is held: a partition, an LV on top; "" is the thing itself
}

// String reads on from "in use: ".
func (h Holder) String() string {
	s := map[string]string{
		KindMount: "mounted at " + h.Name, KindSwap: "swap space", KindPool: "member of pool " + h.Name,
		KindLVM: "LVM volume " + h.Name, KindMultipath: "path of multipath " + h.Name, KindMapper: "device mapper " + h.Name,
		KindMD: "md array " + h.Name, KindBcache: "bcache " + h.Name, KindLoop: "loop device " + h.Name, KindTarget: "exported by " + h.Name,
		KindProcess:   proc.Opener{PID: h.PID, Command: h.Command}.String(),
		KindNamespace: "mounted in the namespace of " + proc.Opener{PID: h.PID, Command: h.Command}.String(),
		KindKernel:    "claimed in the kernel",
	}[h.Kind]
	if h.Node != "" {
		s += " (" + h.Node + ")"
	}
	return s
}

// Describe is a list of holders for a message.
func Describe(list []Holder) string {
	var words []string
	for _, h := range list {
		words = append(words, h.String())
	}
	return strings.Join(words, ", ")
}

// Holders lists who uses path now. It may be a block device of any kind (a disk, a partition, an LV, a zvol: what
// is on its partitions and stacked on top counts too), a file (below a pool, a loop device, swap), or the mount
// point of a file system (then: processes with files on it, other mounts below it, loop devices and targets with
// files on it, other mount namespaces). What is merely written on a device is told by Signatures.
//
// On a suspended pool this can hang: ask the pool's state first.
func (h Host) Holders(ctx context.Context, path string) ([]Holder, error) {
	u, err := h.newUse()
	if err != nil {
		return nil, fmt.Errorf("who uses %s: %w", path, err)
	}
	if err := u.ask(path); err != nil {
		return nil, err
	}
	return u.holders(ctx)
}

// PoolHolders lists who uses the mounted datasets and the volumes of an imported pool: what stands in the way of
// its export. Its processes are looked through once, however many datasets it has.
func (h Host) PoolHolders(ctx context.Context, pool string) ([]Holder, error) {
	u, err := h.newUse()
	if err != nil {
		return nil, fmt.Errorf("who uses pool %s: %w", pool, err)
	}
	u.many = true
	for _, m := range u.mounts {
		if m.pool() == pool {
			u.askMount(m)
		}
	}
	// udev writes a blank as '+' (zvol_id).
	err = filepath.WalkDir(filepath.Join(h.Dev, "zvol", strings.ReplaceAll(pool, " ", "+")), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			if name, err := h.blockName(path); err == nil {
				u.stack(name)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("who uses pool %s: %w", pool, err)
	}
	return u.holders(ctx)
}

// use is one question of who uses something.
type use struct {
	Host
	file   string           // of a plain file, without links
	blocks []string         // kernel's names: of block devices, their partitions, and what is stacked on these
	layers []Holder         // what is stacked
	points map[uint64]mount // mount points, by st_dev
	mounts []mount          // all of this namespace
	many   bool             // more than one thing is asked about: each holder says which it holds
}

func (h Host) newUse() (*use, error) {
	mounts, err := readMounts(filepath.Join(h.Proc, "self/mountinfo"))
	return &use{Host: h, mounts: mounts, points: map[uint64]mount{}}, err
}

// ask adds what path leads to.
func (u *use) ask(path string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return errcode.New(errcode.DeviceNotFound, path, "not there: %w", err)
	}
	if name, err := u.blockName(path); err == nil {
		u.stack(name)
		return nil
	}
	for i := len(u.mounts) - 1; i >= 0; i-- { // the last one mounted there is the one that is seen
		if u.mounts[i].point == real {
			u.askMount(u.mounts[i])
			return nil
		}
	}
	u.file = real
	return nil
}

func (u *use) askMount(m mount) {
	var st unix.Stat_t
	if unix.Stat(m.point, &st) == nil {
		u.points[uint64(st.Dev)] = m
	}
}

// holders takes all the looks.
func (u *use) holders(ctx context.Context) ([]Holder, error) {
	looks := []func() []Holder{u.stacked, u.mounted, u.swap, u.loops, u.targets, u.processes, u.namespaces}
	var list []Holder
	for _, look := range looks {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		list = append(list, look()...)
	}
	pools, err := u.pools(ctx)
	if err != nil {
		return nil, err
	}
	list = unique(append(list, pools...))
	if len(list) == 0 {
		list = u.claimed()
	}
	return list, nil
}

// stack collects a block device, its partitions and all that the kernel has put on top of these.
func (u *use) stack(name string) {
	if slices.Contains(u.blocks, name) {
		return
	}
	u.blocks = append(u.blocks, name)
	for _, p := range u.partitions(name) {
		u.stack(p)
	}
	above, _ := os.ReadDir(u.class(name, "holders"))
	for _, e := range above {
		u.layers = append(u.layers, u.layer(e.Name(), name))
		u.stack(e.Name())
	}
}

// layer is a device as the holder of another one.
func (u *use) layer(above, below string) Holder {
	holder := Holder{Kind: KindMapper, Name: text(u.class(above, "dm/name")), Node: u.part(below)}
	uuid := text(u.class(above, "dm/uuid"))
	switch {
	case strings.HasPrefix(uuid, "LVM-"):
		holder.Kind = KindLVM
	case strings.HasPrefix(uuid, "mpath-"):
		holder.Kind = KindMultipath
	case strings.HasPrefix(above, "md"):
		holder.Kind, holder.Name = KindMD, u.node(above)
	case strings.HasPrefix(above, "bcache"):
		holder.Kind, holder.Name = KindBcache, u.node(above)
	case holder.Name == "":
		holder.Name = u.node(above)
	}
	return holder
}

func (h Host) node(name string) string {
	return filepath.Join(h.Dev, strings.ReplaceAll(name, "!", "/"))
}

// part is the node of a block device when that is not the one that was asked about.
func (u *use) part(name string) string {
	if name == u.blocks[0] && !u.many {
		return ""
	}
	return u.node(name)
}

func (u *use) stacked() []Holder { return u.layers }

// isUsed says whether a name that the kernel or a target shows means what was asked about, or is a file on the
// file system that was; node is which part.
func (u *use) isUsed(name string) (node string, used bool) {
	if name == "" {
		return "", false
	}
	if block, err := u.blockName(name); err == nil {
		if !slices.Contains(u.blocks, block) {
			return "", false
		}
		return u.part(block), true
	}
	return u.isFile(name)
}

func (u *use) isFile(name string) (node string, used bool) {
	if u.file != "" {
		return "", resolve(name) == u.file
	}
	var st unix.Stat_t
	if len(u.points) == 0 || unix.Stat(name, &st) != nil {
		return "", false
	}
	_, used = u.points[uint64(st.Dev)]
	return name, used
}

func unique(list []Holder) []Holder {
	var once []Holder
	for _, h := range list {
		if !slices.Contains(once, h) {
			once = append(once, h)
		}
	}
	return once
}
