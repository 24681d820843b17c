package disk

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mount is one line of /proc/PID/mountinfo (proc_pid_mountinfo(5)).
type mount struct {
	id, parent     string
	shared, master string // peer groups (mount_namespaces(7)); "" is none
	device         string // "8:1"; of its own for ZFS, btrfs, NFS
	point          string
	fstype         string
	source         string // "/dev/sda1", a dataset, "tmpfs"
}

// pool is the ZFS pool of a mounted dataset.
func (m mount) pool() string {
	if m.fstype != "zfs" {
		return ""
	}
	name, _, _ := strings.Cut(m.source, "/")
	return name
}

// Shows says whether what is seen at a mount point is the file system of this source: another one may be mounted
// over it, or over a directory above it.
func (h Host) Shows(point, source string) bool {
	mounts, err := readMounts(filepath.Join(h.Proc, "self/mountinfo"))
	var st unix.Stat_t
	if err != nil || unix.Stat(point, &st) != nil {
		return false
	}
	device := fmt.Sprintf("%d:%d", unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev)))
	return slices.ContainsFunc(mounts, func(m mount) bool { return m.point == point && m.source == source && m.device == device })
}

// parentOf finds the mount that m stands on; the zero mount for a root.
func parentOf(m mount, list []mount) mount {
	for _, p := range list {
		if p.id == m.parent && p.id != m.id {
			return p
		}
	}
	return mount{}
}

// follows says whether a mount in another namespace goes when the one here is unmounted: an unmount is passed on
// to the peers and slaves of what the mount stands on. Services of systemd have such namespaces.
func follows(here, there mount) bool {
	return there.master != "" || there.shared != "" && there.shared == here.shared
}

func readMounts(path string) ([]mount, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return parseMounts(file)
}

// parseMounts reads mountinfo: "36 35 98:0 /root /mnt rw,noatime shared:1 - ext3 /dev/root rw". The number of
// optional fields before the dash varies. Lines of another form are passed over.
func parseMounts(r io.Reader) ([]mount, error) {
	var list []mount
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20) // overlayfs has long options
	for lines.Scan() {
		head, tail, ok := strings.Cut(lines.Text(), " - ")
		fields, more := strings.Fields(head), strings.Fields(tail)
		if !ok || len(fields) < 6 || len(more) < 2 {
			continue
		}
		m := mount{id: fields[0], parent: fields[1], device: fields[2], point: unescape(fields[4]), fstype: more[0], source: unescape(more[1])}
		for _, option := range fields[6:] {
			if group, ok := strings.CutPrefix(option, "shared:"); ok {
				m.shared = group
			}
			if group, ok := strings.CutPrefix(option, "master:"); ok {
				m.master = group
			}
		}
		list = append(list, m)
	}
	return list, lines.Err()
}

// unescape turns the kernel's \040 into what it stands for: blanks, tabs, newlines and backslashes in names.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
