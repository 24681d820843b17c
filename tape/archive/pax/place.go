package pax

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"

	"golang.org/x/sys/unix"
)

// tempPrefix begins the names of files being restored.
const tempPrefix = ".calypso-"

func tempName() string { return tempPrefix + strconv.FormatUint(rand.Uint64(), 36) }

// withTemp calls create with fresh names until one was not taken.
func withTemp(create func(name string) error) (string, error) {
	for {
		name := tempName()
		err := create(name)
		if !errors.Is(err, unix.EEXIST) {
			return name, err
		}
	}
}

// rename puts a finished entry in place of whatever has its name but a directory that is not empty.
func (x *extractor) rename(dir int, temp, name string) error {
	err := unix.Renameat(dir, temp, dir, name)
	if errors.Is(err, unix.EISDIR) {
		if rm := unix.Unlinkat(dir, name, unix.AT_REMOVEDIR); rm != nil {
			return &failure{KindExists, fmt.Errorf("a directory is in the way: %w", rm)}
		}
		x.tree.forget(dir, name)
		err = unix.Renameat(dir, temp, dir, name)
	}
	return wrapFailed("rename into place", err)
}

// symlink makes a symbolic link. Its target may lead anywhere: nothing here follows it.
func (x *extractor) symlink(m *member, dir directory, name string) error {
	temp, err := withTemp(func(temp string) error { return unix.Symlinkat(m.Link, dir.fd, temp) })
	if err != nil {
		return wrapFailed("make symbolic link", err)
	}
	x.apply(m, &linkTarget{dir: dir.fd, name: temp})
	return x.keep(dir, temp, name)
}

// keep renames temp to name and removes it when that fails.
func (x *extractor) keep(dir directory, temp, name string) error {
	err := x.rename(dir.fd, temp, name)
	if err != nil {
		_ = unix.Unlinkat(dir.fd, temp, 0)
	}
	return err
}

// node makes a fifo or device node.
func (x *extractor) node(m *member, dir directory, name string) error {
	mode := map[Type]uint32{TypeFifo: unix.S_IFIFO, TypeChar: unix.S_IFCHR, TypeBlock: unix.S_IFBLK}[m.Type]
	dev := unix.Mkdev(uint32(m.header.Devmajor), uint32(m.header.Devminor))
	temp, err := withTemp(func(temp string) error { return unix.Mknodat(dir.fd, temp, mode|0o600, int(dev)) })
	if errors.Is(err, unix.EPERM) && m.Type != TypeFifo {
		return &failure{KindDevice, fmt.Errorf("make device node: %w", err)}
	}
	if err != nil {
		return wrapFailed("make "+string(m.Type), err)
	}
	fd, err := unix.Openat(dir.fd, temp, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		_ = unix.Unlinkat(dir.fd, temp, 0)
		return wrapFailed("open "+string(m.Type), err)
	}
	defer unix.Close(fd)
	x.apply(m, &pathTarget{fd: fd, path: procPath(fd), inherits: dir.inherits})
	return x.keep(dir, temp, name)
}

// hardLink makes one more name for a file that was extracted before.
func (x *extractor) hardLink(m *member, parts []string) error {
	target, err := localParts(m.Link)
	if err != nil {
		return &failure{KindUnsafe, err}
	}
	from, err := x.tree.open(target[:len(target)-1], false)
	if err != nil {
		return err
	}
	// The second open may close what the first one gave.
	fromFD, err := unix.FcntlInt(uintptr(from.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return wrapFailed("open target's directory", err)
	}
	defer unix.Close(fromFD)
	dir, err := x.tree.open(parts[:len(parts)-1], true)
	if err != nil {
		return err
	}
	temp, err := withTemp(func(temp string) error {
		return unix.Linkat(fromFD, target[len(target)-1], dir.fd, temp, 0)
	})
	if err != nil {
		return wrapFailed(fmt.Sprintf("link to %q", m.Link), err)
	}
	err = x.rename(dir.fd, temp, parts[len(parts)-1])
	// rename(2) of one name of a file to another name of it does nothing: the first one stays.
	_ = unix.Unlinkat(dir.fd, temp, 0)
	return err
}

// finishDirectories sets the metadata of the directories, deepest first: what is beneath a directory
// changes its times, and its mode may close it.
func (x *extractor) finishDirectories() {
	for _, path := range deepestFirst(x.dirs) {
		attrs := x.dirs[path]
		if err := x.finishDirectory(path, attrs); err != nil {
			x.report.Problems = append(x.report.Problems, Problem{attrs.path, KindOwner, err})
		}
	}
}

func (x *extractor) finishDirectory(path string, attrs *attributes) error {
	parts, err := localParts(path)
	if err != nil {
		return err
	}
	dir, err := x.tree.open(parts, false)
	if err != nil {
		// A later member of the archive took its place: there is nothing to set.
		var f *failure
		if errors.As(err, &f) && (f.kind != KindUnwritable || errors.Is(err, unix.ENOENT)) {
			return nil
		}
		return err
	}
	x.applyTo(attrs, &pathTarget{fd: dir.fd, path: procPath(dir.fd), inherits: true})
	return nil
}

// damagedName gives the name under which a file that failed its verification is kept.
func damagedName(name string) string {
	const suffix, longest = ".damaged", 255 // NAME_MAX
	return name[:min(len(name), longest-len(suffix))] + suffix
}
