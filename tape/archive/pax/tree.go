package pax

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// tree opens directories beneath a destination without ever leaving it: one component at a time,
// each with O_NOFOLLOW and relative to the descriptor of its parent, so that neither a symbolic link
// that is there nor one put there meanwhile is followed. It keeps the descriptors on the way to the
// directory opened last, for members come in tree order.
type tree struct {
	root     int
	inherits bool // root has a default ACL
	levels   []level
}

type level struct {
	name     string
	fd       int // -1: closed again to save descriptors
	inherits bool
}

// maxOpenLevels bounds the descriptors a tree holds; deeper ways are walked again.
const maxOpenLevels = 64

// directory is an open directory, valid until the next call of open.
type directory struct {
	fd       int
	inherits bool // it has a default ACL, which new files get
}

func openTree(dest string) (*tree, error) {
	fd, err := unix.Open(dest, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return &tree{root: fd, inherits: hasDefaultACL(fd)}, nil
}

func (t *tree) close() {
	t.cut(0)
	unix.Close(t.root)
}

func (t *tree) cut(depth int) {
	for _, l := range t.levels[depth:] {
		if l.fd >= 0 {
			unix.Close(l.fd)
		}
	}
	t.levels = t.levels[:depth]
}

// forget closes the directory of that name in dir, and those beneath it: it was removed.
func (t *tree) forget(dir int, name string) {
	parent := t.root
	for i, l := range t.levels {
		if parent == dir && l.name == name {
			t.cut(i)
			return
		}
		parent = l.fd
	}
}

// open gives the directory of those components. Missing ones are made when create is set. Its error
// is a *failure.
func (t *tree) open(parts []string, create bool) (directory, error) {
	common := 0
	for common < min(len(parts), len(t.levels)) && t.levels[common].name == parts[common] {
		common++
	}
	t.cut(common)
	if common > 0 && t.levels[common-1].fd < 0 {
		t.cut(0)
		common = 0
	}
	for i := common; i < len(parts); i++ {
		l, err := t.step(parts[i], create)
		if err != nil {
			return directory{}, blocked(strings.Join(parts[:i+1], "/"), err)
		}
		t.push(l)
	}
	return t.top(), nil
}

func (t *tree) top() directory {
	if n := len(t.levels); n > 0 {
		return directory{t.levels[n-1].fd, t.levels[n-1].inherits}
	}
	return directory{t.root, t.inherits}
}

func (t *tree) push(l level) {
	t.levels = append(t.levels, l)
	if old := len(t.levels) - maxOpenLevels - 1; old >= 0 && t.levels[old].fd >= 0 {
		unix.Close(t.levels[old].fd)
		t.levels[old].fd = -1
	}
}

// step opens one component in the directory opened last.
func (t *tree) step(name string, create bool) (level, error) {
	parent := t.root
	if n := len(t.levels); n > 0 {
		parent = t.levels[n-1].fd
	}
	fd, err := openDirectory(parent, name)
	if errors.Is(err, unix.ENOENT) && create {
		if err = unix.Mkdirat(parent, name, 0o777); err == nil || errors.Is(err, unix.EEXIST) {
			if fd, err = openDirectory(parent, name); err == nil {
				letIn(fd)
			}
		}
	}
	if err != nil {
		if isSymlink(parent, name) {
			err = errSymlinkInWay
		}
		return level{}, err
	}
	return level{name, fd, hasDefaultACL(fd)}, nil
}

func openDirectory(parent int, name string) (int, error) {
	return unix.Openat(parent, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}

// letIn gives the owner of a directory the rights to write beneath it: one of an earlier restore may
// be closed, and the umask or the default ACL of its parent may close a new one. Where that is not
// permitted, or not enough, what comes beneath it says so.
func letIn(fd int) {
	const all = unix.S_IRWXU
	var st unix.Stat_t
	if unix.Fstat(fd, &st) == nil && st.Mode&all != all {
		_ = unix.Chmod(procPath(fd), st.Mode&0o7777|all)
	}
}

func isSymlink(dir int, name string) bool {
	var st unix.Stat_t
	return statAt(dir, name, &st) == nil && fileType(st.Mode) == unix.DT_LNK
}

func hasDefaultACL(fd int) bool {
	_, err := unix.Getxattr(procPath(fd), xattrACLDefault, nil)
	return err == nil
}

// procPath names what a descriptor is open on, for system calls that take no O_PATH descriptor. The
// kernel goes to that very file: nothing on the way can be exchanged.
func procPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

var (
	errSymlinkInWay = errors.New("a symbolic link is in the way, which is not followed")
	errNotLocal     = errors.New("leads outside the destination")
)

// failure is an error of one member that does not end the extraction.
type failure struct {
	kind string
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// destinationError ends the extraction: the destination takes no more.
type destinationError struct {
	path string // the member, once known
	err  error
}

func (e *destinationError) Error() string { return fmt.Sprintf("restore %q: %v", e.path, e.err) }
func (e *destinationError) Unwrap() error { return e.err }

// blocked classifies why a directory on the way to a member cannot be used.
func blocked(path string, err error) error {
	err = fmt.Errorf("directory %q: %w", path, err)
	switch {
	case errors.Is(err, errSymlinkInWay):
		return &failure{KindUnsafe, err}
	case errors.Is(err, unix.ENOTDIR):
		return &failure{KindExists, err}
	}
	return failed(err)
}

// failed makes err a failure of the member, unless it is one after which going on makes no sense.
func failed(err error) error {
	for _, fatal := range []error{unix.ENOSPC, unix.EDQUOT, unix.EIO, unix.EROFS} {
		if errors.Is(err, fatal) {
			return &destinationError{err: err}
		}
	}
	return &failure{KindUnwritable, err}
}

// localParts cuts a member path into components. It refuses absolute paths and ".."; no components
// are the destination itself.
func localParts(path string) ([]string, error) {
	if strings.HasPrefix(path, "/") || strings.ContainsRune(path, 0) {
		return nil, errNotLocal
	}
	var parts []string
	for part := range strings.SplitSeq(path, "/") {
		switch part {
		case "", ".":
		case "..":
			return nil, errNotLocal
		default:
			parts = append(parts, part)
		}
	}
	return parts, nil
}
