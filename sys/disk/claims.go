package disk

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"calypso/sys/proc"
)

// mounted finds what is mounted from the block devices, or below the mount points. Of ZFS the children of the
// same pool do not count: zfs(8) unmounts them with their parent.
func (u *use) mounted() []Holder {
	var list []Holder
	for _, m := range u.mounts {
		if name, ok := u.mountedFrom(m); ok {
			list = append(list, Holder{Kind: KindMount, Name: m.point, Node: u.part(name)})
		} else if u.isBelow(m) {
			list = append(list, Holder{Kind: KindMount, Name: m.point})
		}
	}
	return list
}

func (u *use) isBelow(m mount) bool {
	for _, p := range u.points {
		below := m.point != p.point && strings.HasPrefix(m.point, strings.TrimSuffix(p.point, "/")+"/")
		if below && (p.pool() == "" || m.pool() != p.pool()) {
			return true
		}
	}
	return false
}

// mountedFrom says which of the devices a mount is from: by number, or by source for file systems with a number
// of their own (btrfs).
func (u *use) mountedFrom(m mount) (string, bool) {
	for _, name := range u.blocks {
		if text(u.class(name, "dev")) == m.device {
			return name, true
		}
	}
	if !strings.HasPrefix(m.source, "/") {
		return "", false
	}
	name, err := u.blockName(m.source)
	return name, err == nil && slices.Contains(u.blocks, name)
}

// swap reads /proc/swaps: a header, then lines that begin with the file.
func (u *use) swap() []Holder {
	file, err := os.Open(filepath.Join(u.Proc, "swaps"))
	if err != nil {
		return nil
	}
	defer file.Close()
	var list []Holder
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || !strings.HasPrefix(fields[0], "/") {
			continue
		}
		if node, used := u.isUsed(unescape(fields[0])); used {
			list = append(list, Holder{Kind: KindSwap, Name: unescape(fields[0]), Node: node})
		}
	}
	return list
}

// loops finds the loop devices that have it, or a file on it, behind them.
func (u *use) loops() []Holder {
	files, _ := filepath.Glob(filepath.Join(u.Sys, "class/block/loop*/loop/backing_file"))
	var list []Holder
	for _, f := range files {
		if node, used := u.isUsed(text(f)); used {
			list = append(list, Holder{Kind: KindLoop, Name: u.node(filepath.Base(filepath.Dir(filepath.Dir(f)))), Node: node})
		}
	}
	return list
}

// targets finds the backstores of LIO and the devices of SCST. Both keep the path that they were given; LIO has
// none of a backstore that was set up through "control" alone, but tells what it has open.
func (u *use) targets() []Holder {
	var list []Holder
	files, _ := filepath.Glob(filepath.Join(u.Sys, "kernel/config/target/core/*/*/udev_path"))
	for _, f := range files {
		dir := filepath.Dir(f)
		node, used := u.isUsed(text(f))
		if !used {
			node, used = u.isUsed(u.opened(text(filepath.Join(dir, "info"))))
		}
		if used {
			list = append(list, Holder{Kind: KindTarget, Name: "LIO " + filepath.Base(filepath.Dir(dir)) + "/" + filepath.Base(dir), Node: node})
		}
	}
	files, _ = filepath.Glob(filepath.Join(u.Sys, "kernel/scst_tgt/devices/*/filename"))
	for _, f := range files {
		first, _, _ := strings.Cut(text(f), "\n") // the second line marks what was not set by default
		if node, used := u.isUsed(first); used {
			list = append(list, Holder{Kind: KindTarget, Name: "SCST " + filepath.Base(filepath.Dir(f)), Node: node})
		}
	}
	return list
}

var (
	iblockInfo = regexp.MustCompile(`iBlock device: (\S+)`)
	fileioInfo = regexp.MustCompile(`File: (.*)  Size: \d+`)
)

// opened is what the "info" of a backstore of LIO calls its device or file, "" when it names none.
func (u *use) opened(info string) string {
	if m := iblockInfo.FindStringSubmatch(info); m != nil {
		return u.node(m[1])
	}
	if m := fileioInfo.FindStringSubmatch(info); m != nil {
		return m[1]
	}
	return ""
}

// processes finds who has the device, the file, or anything on the file system open. udev looks at each device
// that changes and is gone at once: it holds nothing.
func (u *use) processes() []Holder {
	var nodes []string
	for _, name := range u.blocks {
		nodes = append(nodes, u.node(name))
	}
	if u.file != "" {
		nodes = append(nodes, u.file)
	}
	openers := proc.Users(u.Proc, u.points, nodes...)
	var list []Holder
	for _, o := range openers {
		if !strings.Contains(o.Command, "udev-worker") && !strings.Contains(o.Command, "systemd-udevd") {
			list = append(list, Holder{Kind: KindProcess, PID: o.PID, Command: o.Command})
		}
	}
	return list
}

// namespaces finds other mount namespaces that keep the file system mounted when it is unmounted here. One process
// stands for each. Of a device that is mounted here that is reason enough.
func (u *use) namespaces() []Holder {
	if len(u.points) == 0 && (len(u.blocks) == 0 || slices.ContainsFunc(u.mounts, u.fromBlocks)) {
		return nil
	}
	seen := map[string]bool{namespace(u.Proc, "self"): true, "": true}
	var list []Holder
	for _, o := range proc.All(u.Proc) {
		dir := strconv.Itoa(o.PID)
		if ns := namespace(u.Proc, dir); !seen[ns] {
			seen[ns] = true
			if mounts, err := readMounts(filepath.Join(u.Proc, dir, "mountinfo")); err == nil && u.staysIn(mounts) {
				list = append(list, Holder{Kind: KindNamespace, PID: o.PID, Command: o.Command})
			}
		}
	}
	return list
}

// staysIn says whether one of the mounts of another namespace is of the file systems and does not follow ours.
func (u *use) staysIn(mounts []mount) bool {
	for _, m := range mounts {
		if u.fromBlocks(m) {
			return true
		}
		for _, p := range u.points {
			if m.device == p.device && !follows(parentOf(p, u.mounts), parentOf(m, mounts)) {
				return true
			}
		}
	}
	return false
}

func (u *use) fromBlocks(m mount) bool {
	_, ok := u.mountedFrom(m)
	return ok
}

func namespace(procfs, pid string) string {
	link, _ := os.Readlink(filepath.Join(procfs, pid, "ns/mnt"))
	return link
}

// pools finds the imported pools that have the device or file as a member. What the label says counts only when
// the kernel has that pool now, by GUID.
func (u *use) pools(ctx context.Context) ([]Holder, error) {
	subject := u.file
	if len(u.blocks) > 0 {
		subject = u.node(u.blocks[0])
	}
	if u.many || subject == "" || u.file != "" && !isRegular(u.file) || u.file == "" && !u.isClaimed() {
		return nil, nil
	}
	signatures, err := u.Signatures(ctx, subject)
	if err != nil {
		return nil, err
	}
	imported := u.importedPools()
	var list []Holder
	for _, s := range signatures {
		if name, ok := imported[s.UUID]; ok && s.Type == "zfs_member" {
			node := s.Node
			if node == subject {
				node = ""
			}
			list = append(list, Holder{Kind: KindPool, Name: cmp.Or(name, s.Label), Node: node})
		}
	}
	return list, nil
}

// importedPools gives the names of the pools that the kernel has, by GUID.
func (h Host) importedPools() map[string]string {
	files, _ := filepath.Glob(filepath.Join(h.Proc, "spl/kstat/zfs/*/guid"))
	pools := map[string]string{}
	for _, f := range files {
		pools[text(f)] = filepath.Base(filepath.Dir(f))
	}
	return pools
}

func isRegular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// claimed is the answer when nothing else explains why the kernel would not give the device away.
func (u *use) claimed() []Holder {
	if u.many || len(u.blocks) == 0 || !u.isClaimed() {
		return nil
	}
	return []Holder{{Kind: KindKernel}}
}

// isClaimed asks the kernel: of a block device, O_EXCL without O_CREAT fails while a file system, a pool, an
// array, swap or a target holds it or one of its partitions (open(2)).
func (u *use) isClaimed() bool {
	fd, err := unix.Open(u.node(u.blocks[0]), unix.O_RDONLY|unix.O_EXCL|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return errors.Is(err, unix.EBUSY)
	}
	_ = unix.Close(fd)
	return false
}
