package pax

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"

	"golang.org/x/sys/unix"
)

// file archives a regular file: as a hard link when its content is in the archive already.
func (w *walker) file(at where) error {
	fd, err := openQuietly(at.dir, at.name, 0)
	if err != nil {
		w.problem(at, lostKind(err), err)
		return nil
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		w.problem(at, KindUnreadable, err)
		return nil
	}
	if fileType(st.Mode) != unix.DT_REG {
		w.problem(at, KindVanished, errors.New("no longer a regular file"))
		return nil
	}
	key := inodeOf(&st, fd, "", unix.AT_EMPTY_PATH)
	if done, err := w.hardLink(at, &st, key); done {
		return err
	}
	e := newEntry(TypeFile, at.path, &st)
	e.records = w.attributes(at, xattrSource{fd: fd})
	e.sparse = w.extents(at, fd, &st)
	if err := w.emit(e); err != nil {
		return err
	}
	w.remember(at, &st, key)
	return w.content(at, fd, &st, e.sparse)
}

// extents gives the map of a file that has holes, nil for one to be stored whole.
func (w *walker) extents(at where, fd int, st *unix.Stat_t) []extent {
	if st.Blocks*512 >= st.Size {
		return nil
	}
	list, err := scanExtents(fd, st.Size)
	if err != nil && !errors.Is(err, unix.EINVAL) { // EINVAL: the file system cannot tell
		w.problem(at, KindUnreadable, fmt.Errorf("look for holes: %w", err))
	}
	return list
}

// content puts the data of an open file on the belt: always as many bytes as its header says.
func (w *walker) content(at where, fd int, st *unix.Stat_t, sparse []extent) error {
	looksAgain := st.Size > chunkMin || sparse != nil // else it is read at once, and as it is then
	if sparse == nil {
		sparse = []extent{{0, st.Size}}
	}
	r := fileReader{walker: w, at: at, fd: fd}
	for _, x := range sparse {
		if err := r.extent(x, x.offset+x.length == st.Size); err != nil {
			return err
		}
	}
	if looksAgain && r.failed == nil {
		r.compare(st)
	}
	if r.failed != nil {
		w.problem(at, r.kind, r.failed)
	}
	return nil
}

// fileReader reads one file into the belt and keeps the first thing that went wrong.
type fileReader struct {
	*walker
	at     where
	fd     int
	kind   string
	failed error
}

func (r *fileReader) fail(kind string, err error) {
	if r.failed == nil {
		r.kind, r.failed = kind, err
	}
}

// extent reads one run of data; what cannot be read becomes zeros. In the last run of the file one
// byte more is asked for, which tells at no cost whether the file grew.
func (r *fileReader) extent(x extent, last bool) error {
	pos, end := x.offset, x.offset+x.length
	for pos < end && (r.failed == nil || r.kind == KindGrew) {
		want := min(end-pos, parcelBytes-1)
		room, err := r.belt.room(int(min(want, chunkMin)) + 1)
		if err != nil {
			return err
		}
		want = min(want, int64(len(room))-1)
		ask := want
		if last && pos+want == end {
			ask++
		}
		n, err := pread(r.fd, room[:ask], pos)
		r.belt.commit(int(min(int64(n), want)))
		pos += min(int64(n), want)
		r.judge(n, want, pos, err)
	}
	if pos < end {
		return r.belt.zeros(end - pos)
	}
	return nil
}

func (r *fileReader) judge(n int, want, pos int64, err error) {
	switch {
	case err != nil:
		r.fail(KindUnreadable, fmt.Errorf("read at byte %d: %w; the rest is stored as zeros", pos, err))
	case n == 0 && want > 0:
		r.fail(KindShrank, fmt.Errorf("file shrank to %d bytes while read; the rest is stored as zeros", pos))
	case int64(n) > want:
		r.fail(KindGrew, errors.New("file grew while read; stored as long as it was"))
	}
}

// compare looks at a file again after it was read in several steps, its map being one.
func (r *fileReader) compare(before *unix.Stat_t) {
	var now unix.Stat_t
	if unix.Fstat(r.fd, &now) != nil {
		return
	}
	switch {
	case now.Size > before.Size:
		r.fail(KindGrew, fmt.Errorf("file grew from %d to %d bytes while read; stored as long as it was", before.Size, now.Size))
	case now.Size < before.Size:
		r.fail(KindShrank, fmt.Errorf("file shrank from %d to %d bytes while read", before.Size, now.Size))
	case now.Mtim != before.Mtim:
		r.fail(KindChanged, errors.New("file was written to while read"))
	}
}

func pread(fd int, p []byte, off int64) (int, error) {
	for {
		n, err := unix.Pread(fd, p, off)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return max(n, 0), err
	}
}

// special archives what has no data: symbolic links, devices, fifos. It opens nothing, for opening
// a device can do things.
func (w *walker) special(at where) error {
	var st unix.Stat_t
	if err := statAt(at.dir, at.name, &st); err != nil {
		w.problem(at, lostKind(err), err)
		return nil
	}
	t, ok := specialTypes[fileType(st.Mode)]
	if !ok {
		w.notArchived(at, fileType(st.Mode))
		return nil
	}
	key := inodeOf(&st, at.dir, at.name, unix.AT_SYMLINK_NOFOLLOW)
	if done, err := w.hardLink(at, &st, key); done {
		return err
	}
	e := newEntry(t, at.path, &st)
	if t == TypeSymlink {
		target, err := readlink(at.dir, at.name)
		if err != nil {
			w.problem(at, lostKind(err), err)
			return nil
		}
		e.link = target
	}
	e.records = w.attributes(at, unopened(at.dir, at.name))
	w.remember(at, &st, key)
	return w.emit(e)
}

var specialTypes = map[byte]Type{
	unix.DT_LNK: TypeSymlink, unix.DT_CHR: TypeChar, unix.DT_BLK: TypeBlock, unix.DT_FIFO: TypeFifo,
}

func (w *walker) notArchived(at where, dtype byte) {
	switch dtype {
	case unix.DT_SOCK:
		w.problem(at, KindSocket, errors.New("socket not archived"))
	case unix.DT_REG, unix.DT_DIR:
		w.problem(at, KindVanished, errors.New("replaced by something else while read"))
	default:
		w.problem(at, KindUnsupported, fmt.Errorf("unknown type of file %#o", dtype))
	}
}

// unopened gives a path to the attributes of something that must not be opened or followed.
func unopened(dir int, name string) xattrSource {
	if dir == unix.AT_FDCWD {
		return xattrSource{path: name}
	}
	return xattrSource{path: path.Join("/proc/self/fd", strconv.Itoa(dir)) + "/" + name}
}

func readlink(dir int, name string) (string, error) {
	for size := 256; ; size *= 4 {
		buf := make([]byte, size)
		n, err := unix.Readlinkat(dir, name, buf)
		if err != nil {
			return "", err
		}
		if n < size {
			return string(buf[:n]), nil
		}
	}
}
