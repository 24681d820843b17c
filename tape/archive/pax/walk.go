package pax

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// walker goes through the source in archive order and puts members on the belt. Only its goroutine
// touches it until the belt is closed.
type walker struct {
	belt      *belt
	sel       Selection
	include   []*glob
	exclude   []*glob
	xattrs    *xattrReader
	links     map[inode]*linked
	dirents   []byte
	problems  []Problem
	top       topLevel
	pending   []entry // directories on the way down that nothing included was found in so far
	exactOnly bool    // do not descend: Selection.Files
}

// topLevel is the root or listed file in work.
type topLevel struct {
	given  string // as the caller wrote it
	member string // as stored
	dev    uint64
}

// inode is a file, whatever its names. born tells it from a later one that got its number: a live system
// deletes and makes files with several names while it is archived.
type inode struct {
	dev, ino uint64
	born     unix.StatxTimestamp // zero where the file system does not tell, and for files with one name
}

// linked is a file with more than one name: the first one archived, and how many names may follow.
type linked struct {
	path string
	left uint64
}

// where is an entry on the file system and in the archive.
type where struct {
	dir      int    // descriptor of the directory
	name     string // in that directory
	path     string // in the archive, no slash at its end
	dtype    byte
	included bool // a directory above matched Include, or there is none
}

func newWalker(sel Selection, b *belt) *walker {
	w := &walker{belt: b, sel: sel, xattrs: newXattrReader(), links: map[inode]*linked{}, dirents: make([]byte, 1<<16)}
	for _, p := range sel.Include {
		w.include = append(w.include, compileGlob(p))
	}
	for _, p := range sel.Exclude {
		w.exclude = append(w.exclude, compileGlob(p))
	}
	return w
}

// run walks everything selected. Its error is the belt's: the run's context ended.
func (w *walker) run() error {
	roots := map[string]inode{} // by their names in the archive
	for _, root := range w.sel.Roots {
		if err := w.start(root, roots); err != nil {
			return err
		}
	}
	w.exactOnly = true
	for _, file := range w.sel.Files {
		if err := w.start(file, nil); err != nil {
			return err
		}
	}
	return w.belt.flush()
}

func (w *walker) start(given string, roots map[string]inode) error {
	w.top = topLevel{given: given, member: memberPath(given)}
	at := where{dir: unix.AT_FDCWD, name: given, path: w.top.member, included: len(w.include) == 0}
	var st unix.Stat_t
	if err := statAt(at.dir, at.name, &st); err != nil {
		kind := KindUnreadable
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
			kind = KindNotFound
		}
		w.problem(at, kind, err)
		return nil
	}
	w.top.dev = st.Dev
	at.dtype = fileType(st.Mode)
	if roots != nil {
		w.claim(at, roots, inode{dev: st.Dev, ino: st.Ino})
	}
	return w.visit(at)
}

// claim notes the name of a root. Another one of that name is archived too, and takes its place in a restore.
func (w *walker) claim(at where, roots map[string]inode, file inode) {
	if other, taken := roots[at.path]; taken && other != file {
		w.problem(at, KindSameName, fmt.Errorf("another source is %q in the archive too: a restore gives back only one of them", at.path))
	}
	roots[at.path] = file
}

// memberPath gives the archive path of a root as GNU tar does: what is up to the last ".." and
// leading slashes are not stored.
func memberPath(given string) string {
	var kept []string
	for part := range strings.SplitSeq(given, "/") {
		switch part {
		case "", ".":
		case "..":
			kept = kept[:0]
		default:
			kept = append(kept, part)
		}
	}
	if len(kept) == 0 {
		return "."
	}
	return strings.Join(kept, "/")
}

// source gives the path of an entry as the caller would write it, for problems.
func (w *walker) source(path string) string {
	if path == w.top.member {
		return w.top.given
	}
	if w.top.member != "." {
		path = strings.TrimPrefix(path, w.top.member+"/")
	}
	return strings.TrimRight(w.top.given, "/") + "/" + path
}

func (w *walker) problem(at where, kind string, err error) {
	w.problems = append(w.problems, Problem{w.source(at.path), kind, err})
}

// visit archives one entry, with what is beneath it when it is a directory.
func (w *walker) visit(at where) error {
	if at.dtype == unix.DT_UNKNOWN {
		var st unix.Stat_t
		if err := statAt(at.dir, at.name, &st); err != nil {
			w.problem(at, lostKind(err), err)
			return nil
		}
		at.dtype = fileType(st.Mode)
	}
	isDir := at.dtype == unix.DT_DIR
	base := at.path[strings.LastIndexByte(at.path, '/')+1:]
	if matchAny(w.exclude, at.path, base, isDir) {
		return nil
	}
	if !at.included {
		at.included = matchAny(w.include, at.path, base, isDir)
		if !at.included && (!isDir || w.exactOnly) {
			return nil
		}
	}
	switch at.dtype {
	case unix.DT_DIR:
		return w.directory(at)
	case unix.DT_REG:
		return w.file(at)
	}
	return w.special(at)
}

func matchAny(globs []*glob, path, base string, isDir bool) bool {
	if path == "." { // ".*" means hidden files, not everything
		return false
	}
	for _, g := range globs {
		if g.match(path, base, isDir) {
			return true
		}
	}
	return false
}

// directory archives a directory and then its entries in the order of their names.
func (w *walker) directory(at where) error {
	fd, err := openQuietly(at.dir, at.name, unix.O_DIRECTORY)
	if err != nil {
		return w.closedDirectory(at, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		w.problem(at, KindUnreadable, err)
		return nil
	}
	if err := w.directoryMember(at, &st, xattrSource{fd: fd}); err != nil {
		return err
	}
	if w.exactOnly || w.sel.OneFileSystem && st.Dev != w.top.dev {
		return nil
	}
	depth := len(w.pending)
	if err := w.children(at, fd); err != nil {
		return err
	}
	if !at.included && len(w.pending) == depth { // still waiting: nothing beneath was included
		w.pending = w.pending[:max(depth-1, 0)]
	}
	return nil
}

// directoryMember archives the directory itself, or keeps it back until something beneath it is.
func (w *walker) directoryMember(at where, st *unix.Stat_t, src xattrSource) error {
	e := newEntry(TypeDir, at.path+"/", st)
	e.records = w.attributes(at, src)
	if !at.included {
		w.pending = append(w.pending, e)
		return nil
	}
	return w.emit(e)
}

func (w *walker) children(at where, fd int) error {
	names, err := readNames(fd, w.dirents)
	if err != nil {
		w.problem(at, KindUnreadable, fmt.Errorf("read directory: %w", err))
	}
	prefix := at.path + "/"
	if at.path == "." {
		prefix = ""
	}
	for _, d := range names {
		child := where{dir: fd, name: d.name, path: prefix + d.name, dtype: d.dtype, included: at.included}
		if err := w.visit(child); err != nil {
			return err
		}
	}
	return nil
}

// closedDirectory archives a directory that cannot be opened, without what is beneath it.
func (w *walker) closedDirectory(at where, cause error) error {
	w.problem(at, lostKind(cause), cause)
	var st unix.Stat_t
	if statAt(at.dir, at.name, &st) != nil || fileType(st.Mode) != unix.DT_DIR || !at.included {
		return nil
	}
	return w.emit(newEntry(TypeDir, at.path+"/", &st))
}

// emit puts a member on the belt, after the directories that lead to it.
func (w *walker) emit(e entry) error {
	for _, dir := range w.pending {
		if err := w.belt.start(dir); err != nil {
			return err
		}
	}
	w.pending = w.pending[:0]
	return w.belt.start(e)
}

// attributes reads the extended attributes of an entry; what could not be read is a problem.
func (w *walker) attributes(at where, src xattrSource) []record {
	records, err := w.xattrs.read(src)
	if err != nil {
		w.problem(at, KindXattr, err)
	}
	return records
}

// hardLink archives a further name of a file that was archived already.
func (w *walker) hardLink(at where, st *unix.Stat_t, key inode) (done bool, err error) {
	if st.Nlink < 2 {
		return false, nil
	}
	first, ok := w.links[key]
	if !ok || first.path == at.path { // the same name once more: two roots overlap
		return false, nil
	}
	if first.left--; first.left == 0 {
		delete(w.links, key)
	}
	e := newEntry(TypeHardlink, at.path, st)
	e.link = first.path
	return true, w.emit(e)
}

// remember notes the first name of a file that has others.
func (w *walker) remember(at where, st *unix.Stat_t, key inode) {
	if st.Nlink > 1 {
		w.links[key] = &linked{at.path, uint64(st.Nlink) - 1}
	}
}

// inodeOf identifies the file that statx(2) finds by dir, name and flags.
func inodeOf(st *unix.Stat_t, dir int, name string, flags int) inode {
	var x unix.Statx_t
	if st.Nlink > 1 && unix.Statx(dir, name, flags, unix.STATX_BTIME, &x) == nil && x.Mask&unix.STATX_BTIME != 0 {
		return inode{st.Dev, st.Ino, x.Btime}
	}
	return inode{dev: st.Dev, ino: st.Ino}
}

func newEntry(t Type, path string, st *unix.Stat_t) entry {
	e := entry{path: path, typ: t, mode: st.Mode & 0o7777, uid: st.Uid, gid: st.Gid, sec: st.Mtim.Sec, nsec: st.Mtim.Nsec}
	switch t {
	case TypeFile:
		e.size = st.Size
	case TypeChar, TypeBlock:
		e.major, e.minor = unix.Major(st.Rdev), unix.Minor(st.Rdev)
	}
	return e
}

func statAt(dir int, name string, st *unix.Stat_t) error {
	return unix.Fstatat(dir, name, st, unix.AT_SYMLINK_NOFOLLOW)
}

// fileType gives the DT_* type of a mode.
func fileType(mode uint32) byte { return byte(mode & unix.S_IFMT >> 12) }

// lostKind classifies why something that its directory listed could not be opened.
func lostKind(err error) string {
	// ELOOP and ENOTDIR: it was replaced by something of another type.
	for _, gone := range []error{unix.ENOENT, unix.ENOTDIR, unix.ELOOP} {
		if errors.Is(err, gone) {
			return KindVanished
		}
	}
	return KindUnreadable
}

// openQuietly opens without following, blocking or, where permitted, touching the access time.
func openQuietly(dir int, name string, flags int) (int, error) {
	flags |= unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC | unix.O_NOATIME
	fd, err := unix.Openat(dir, name, flags, 0)
	for errors.Is(err, unix.EINTR) {
		fd, err = unix.Openat(dir, name, flags, 0)
	}
	if errors.Is(err, unix.EPERM) { // O_NOATIME is for the owner
		fd, err = unix.Openat(dir, name, flags&^unix.O_NOATIME, 0)
	}
	if errors.Is(err, unix.EAGAIN) { // a lease is being broken, fcntl(2): wait for it
		fd, err = unix.Openat(dir, name, flags&^(unix.O_NONBLOCK|unix.O_NOATIME), 0)
	}
	return fd, err
}
