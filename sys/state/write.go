package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"

	"calypso/sys/errcode"
)

// disk is what a durable write asks of a file system; the tests put one behind it that loses what
// was not made durable.
type disk interface {
	mkdir(dir string) error
	syncDir(dir string) error
	newPending(path string, perm os.FileMode) (pending, error)
}

// pending is a temporary file that waits to take the name of another. CloseAtomicallyReplace makes
// its content durable, then renames it; Cleanup removes it unless that succeeded.
type pending interface {
	Write(p []byte) (int, error)
	CloseAtomicallyReplace() error
	Cleanup() error
}

type realDisk struct{}

func (realDisk) mkdir(dir string) error { return os.Mkdir(dir, dirPerm) }

func (realDisk) newPending(path string, perm os.FileMode) (pending, error) {
	// Without WithTempDir renameio tries out $TMPDIR first. The mode of an existing file stays: an
	// administrator may have tightened it.
	return renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)),
		renameio.WithPermissions(perm), renameio.WithExistingPermissions())
}

// syncDir makes the names in dir durable. File systems that cannot fsync a directory say EINVAL;
// there is nothing more to do on them.
func (realDisk) syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}

// SyncDir makes the names in dir durable, for who makes, renames or removes files by other means.
func SyncDir(dir string) error { return realDisk{}.syncDir(dir) }

// WriteFile replaces the content of path by data: when it returns nil the new content survives a
// power cut, and at no time does path hold anything but all of the old or all of the new. Missing
// directories are made (mode 0750); perm counts less the umask, and for a new file only. Errors:
// errcode.DiskFull, PermissionDenied, StateUnwritable; path then holds the old content and no
// temporary file is left. The one exception is an error of the last fsync, said in its State.
func WriteFile(path string, data []byte, perm os.FileMode) error {
	return writeFile(realDisk{}, path, data, perm)
}

func writeFile(d disk, path string, data []byte, perm os.FileMode) error {
	dir := filepath.Dir(path)
	if err := makeDirs(d, dir); err != nil {
		return writeError(path, err)
	}
	done := sweep(dir, filepath.Base(path))
	defer done()
	step("begin")
	if err := replace(d, path, data, perm); err != nil {
		return writeError(path, err)
	}
	step("renamed")
	if err := d.syncDir(dir); err != nil {
		return writeError(path, err).WithState("the new content is in place but may not survive a power cut")
	}
	step("durable")
	return nil
}

func replace(d disk, path string, data []byte, perm os.FileMode) (err error) {
	file, err := d.newPending(path, perm)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = file.Cleanup()
		}
	}()
	step("created")
	half := len(data) / 2
	if _, err := file.Write(data[:half]); err != nil {
		return err
	}
	step("half written")
	if _, err := file.Write(data[half:]); err != nil {
		return err
	}
	step("written")
	return file.CloseAtomicallyReplace()
}

// makeDirs makes dir and its missing parents, each durable in its own parent.
func makeDirs(d disk, dir string) error {
	err := d.mkdir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeDirs(d, filepath.Dir(dir)); err != nil {
			return err
		}
		err = d.mkdir(dir)
	}
	if errors.Is(err, fs.ErrExist) {
		return wantDir(dir)
	}
	if err != nil {
		return err
	}
	return d.syncDir(filepath.Dir(dir))
}

// wantDir tells a directory that is there, which is fine, from a file in its place.
func wantDir(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
	}
	return err
}

// sweep removes the temporary files that killed writers of base left in dir, and gives what to call
// when the write that follows is over. Every writer holds a shared flock on the directory while its
// temporary file exists, so whoever gets the exclusive one knows that all of them are leftovers. It
// never waits for a writer: if there is one, the leftovers stay for the next time.
func sweep(dir, base string) (done func()) {
	d, err := os.Open(dir)
	if err != nil {
		return func() {}
	}
	fd := int(d.Fd())
	if unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) == nil {
		removeLeftovers(d, dir, base)
	}
	// Waits for another's sweep at most. Where directories cannot be locked there is no sweep either.
	_ = flockRetry(fd, unix.LOCK_SH)
	return func() { _ = d.Close() }
}

func flockRetry(fd, how int) error {
	for {
		if err := unix.Flock(fd, how); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func removeLeftovers(d *os.File, dir, base string) {
	names, err := d.Readdirnames(-1)
	if err != nil {
		return
	}
	for _, name := range names {
		if isLeftover(name, base) {
			_ = os.Remove(filepath.Join(dir, name))
		}
	}
}

// isLeftover knows the names that renameio gives to temporary files: "."+base and a number.
func isLeftover(name, base string) bool {
	number, ok := strings.CutPrefix(name, "."+base)
	return ok && number != "" && strings.Trim(number, "0123456789") == ""
}

// writeError classifies an error of writing path. The path that failed may be another (a parent):
// the cause then names it.
func writeError(path string, err error) *errcode.Error {
	code := errcode.StateUnwritable
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		code = errcode.DiskFull
	case errors.Is(err, fs.ErrPermission):
		code = errcode.PermissionDenied
	}
	return errcode.New(code, path, "cannot write: %w", err)
}
