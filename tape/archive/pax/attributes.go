package pax

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attributes are what is set on an entry beside its data.
type attributes struct {
	path     string
	mode     uint32
	uid, gid int
	modTime  time.Time
	xattrs   map[string][]byte // ACLs among them
	dir      bool
}

// target is an entry whose attributes are being set. Each kind of entry is reached by other system
// calls; none follows a symbolic link.
type target interface {
	chown(uid, gid int) error
	chmod(mode uint32) error
	setxattr(name string, value []byte) error
	removexattr(name string) error
	utimes(times *[2]unix.Timespec) error
	inheritedACL() bool // it may have got an ACL from its directory
}

// attributes collects what a member's header says; what makes no sense is a problem.
func (x *extractor) attributes(m *member) *attributes {
	a := &attributes{path: m.Path, mode: m.Mode, modTime: m.ModTime, dir: m.Type == TypeDir}
	a.uid, a.gid = x.owner(m)
	for key, value := range m.header.PAXRecords {
		name, raw, err := x.xattr(key, value)
		if err != nil {
			x.problem(m, KindXattr, err)
		} else if name != "" {
			if a.xattrs == nil {
				a.xattrs = map[string][]byte{}
			}
			a.xattrs[name] = raw
		}
	}
	return a
}

// owner gives the numbers to set: those of the names where they resolve here, as tar does.
func (x *extractor) owner(m *member) (uid, gid int) {
	uid, gid = m.UID, m.GID
	if x.o.NumericOwner || !x.own {
		return uid, gid
	}
	if id, ok := x.owners.id(false, m.header.Uname); ok {
		uid = int(id)
	}
	if id, ok := x.owners.id(true, m.header.Gname); ok {
		gid = int(id)
	}
	return uid, gid
}

// xattr gives the extended attribute that a pax record stands for, no name when it stands for none.
func (x *extractor) xattr(key, value string) (name string, raw []byte, err error) {
	lookup := x.owners.id
	if x.o.NumericOwner {
		lookup = func(bool, string) (uint32, bool) { return 0, false }
	}
	switch key {
	case recordACLAccess, recordACLDefault:
		if name = xattrACLAccess; key == recordACLDefault {
			name = xattrACLDefault
		}
		if value == "" {
			return "", nil, nil
		}
		raw, err = aclBinary(value, lookup)
		if err != nil {
			return "", nil, fmt.Errorf("record %s: %w", key, err)
		}
		return name, raw, nil
	case recordACLNFS4:
		return "", nil, fmt.Errorf("record %s: NFSv4 ACLs are not restored", key)
	}
	name, ok := strings.CutPrefix(key, recordXattr)
	if !ok || name == xattrACLAccess || name == xattrACLDefault {
		return "", nil, nil
	}
	return xattrUnescape(name), []byte(value), nil
}

// apply sets the attributes of a member just made; what cannot be set is a problem.
func (x *extractor) apply(m *member, t target) { x.applyTo(x.attributes(m), t) }

// applyTo sets attributes in the order in which one does not undo or forbid another: a change of owner
// clears set-id bits and capabilities, user attributes want write permission of all but root
// (xattr(7)), a change of mode rewrites the ACL's mask, and all touch no mtime.
func (x *extractor) applyTo(a *attributes, t target) {
	mode := a.mode
	if !x.own || !x.chown(a, t) {
		mode &^= unix.S_ISUID | unix.S_ISGID
	}
	if t.inheritedACL() {
		removeACLs(a, t)
	}
	if !a.dir && len(a.xattrs) > 0 {
		_ = t.chmod(0o600) // the umask or an inherited ACL may have made it read-only
	}
	x.setXattrs(a, t, false)
	if err := t.chmod(mode); err != nil {
		x.attributeProblem(a, KindOwner, fmt.Errorf("set mode %04o: %w", mode, err))
	}
	x.setXattrs(a, t, true)
	times := [2]unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: a.modTime.Unix(), Nsec: int64(a.modTime.Nanosecond())}}
	if err := t.utimes(&times); err != nil {
		x.attributeProblem(a, KindOwner, fmt.Errorf("set modification time: %w", err))
	}
}

// setXattrs sets the ACLs, or all other attributes.
func (x *extractor) setXattrs(a *attributes, t target, acls bool) {
	for _, name := range slices.Sorted(maps.Keys(a.xattrs)) {
		if isACL := name == xattrACLAccess || name == xattrACLDefault; isACL != acls {
			continue
		}
		if err := t.setxattr(name, a.xattrs[name]); err != nil {
			x.attributeProblem(a, KindXattr, fmt.Errorf("set extended attribute %q: %w", name, err))
		}
	}
}

// chown sets the owner and reports whether it could.
func (x *extractor) chown(a *attributes, t target) bool {
	var err error
	if !validID(a.uid) || !validID(a.gid) {
		err = unix.EINVAL
	} else {
		err = t.chown(a.uid, a.gid)
	}
	if err != nil {
		x.attributeProblem(a, KindOwner, fmt.Errorf("set owner %d:%d: %w", a.uid, a.gid, err))
	}
	return err == nil
}

// validID holds a number to be one of a user or group: -1 means "leave it" to chown(2).
func validID(id int) bool { return id >= 0 && id < 1<<32-1 }

// removeACLs takes away ACLs that the archive does not give. That there is none is no error.
func removeACLs(a *attributes, t target) {
	if _, given := a.xattrs[xattrACLAccess]; !given {
		_ = t.removexattr(xattrACLAccess)
	}
	if _, given := a.xattrs[xattrACLDefault]; a.dir && !given {
		_ = t.removexattr(xattrACLDefault)
	}
}

func (x *extractor) attributeProblem(a *attributes, kind string, err error) {
	x.report.Problems = append(x.report.Problems, Problem{a.path, kind, err})
}

// deepestFirst orders paths so that a directory comes after all beneath it, in an order that keeps
// neighbours together.
func deepestFirst(dirs map[string]*attributes) []string {
	paths := slices.Sorted(maps.Keys(dirs))
	slices.Reverse(paths) // "a/b" sorts after "a", and "" first
	return paths
}

// fileTarget is a regular file being written: reached by its descriptor.
type fileTarget struct {
	fd       int
	inherits bool
}

func (t *fileTarget) chown(uid, gid int) error { return unix.Fchown(t.fd, uid, gid) }
func (t *fileTarget) chmod(mode uint32) error  { return unix.Fchmod(t.fd, mode) }
func (t *fileTarget) setxattr(name string, value []byte) error {
	return unix.Fsetxattr(t.fd, name, value, 0)
}
func (t *fileTarget) removexattr(name string) error { return unix.Fremovexattr(t.fd, name) }
func (t *fileTarget) inheritedACL() bool            { return t.inherits }

// utimes is futimens(3): utimensat(2) without a path.
func (t *fileTarget) utimes(times *[2]unix.Timespec) error {
	_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(t.fd), 0, uintptr(unsafe.Pointer(times)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// pathTarget is a directory, fifo or device, open as a place (O_PATH): reached through /proc.
type pathTarget struct {
	fd       int
	path     string
	inherits bool
}

func (t *pathTarget) chown(uid, gid int) error {
	return unix.Fchownat(t.fd, "", uid, gid, unix.AT_EMPTY_PATH)
}
func (t *pathTarget) chmod(mode uint32) error { return unix.Chmod(t.path, mode) }
func (t *pathTarget) setxattr(name string, value []byte) error {
	return unix.Setxattr(t.path, name, value, 0)
}
func (t *pathTarget) removexattr(name string) error { return unix.Removexattr(t.path, name) }
func (t *pathTarget) inheritedACL() bool            { return t.inherits }
func (t *pathTarget) utimes(times *[2]unix.Timespec) error {
	return unix.UtimesNanoAt(unix.AT_FDCWD, t.path, times[:], 0)
}

// linkTarget is a symbolic link: reached by its name, without following. It has no mode and no ACL.
type linkTarget struct {
	dir  int
	name string
}

func (t *linkTarget) chown(uid, gid int) error {
	return unix.Fchownat(t.dir, t.name, uid, gid, unix.AT_SYMLINK_NOFOLLOW)
}
func (t *linkTarget) chmod(uint32) error { return nil }
func (t *linkTarget) setxattr(name string, value []byte) error {
	return unix.Lsetxattr(procPath(t.dir)+"/"+t.name, name, value, 0)
}
func (t *linkTarget) removexattr(name string) error { return nil }
func (t *linkTarget) inheritedACL() bool            { return false }
func (t *linkTarget) utimes(times *[2]unix.Timespec) error {
	return unix.UtimesNanoAt(t.dir, t.name, times[:], unix.AT_SYMLINK_NOFOLLOW)
}
