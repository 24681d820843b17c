package state

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"calypso/sys/errcode"
)

// AppendLine adds line and a newline to the file path, durably, making the file (mode 0640) and its
// directories when they are missing. A torn last line that a crash left (no newline at its end) is
// dropped first: its append was never reported as done. Lines of several processes do not mix. On
// an error the file holds what it held before. line must not hold a newline itself.
func AppendLine(path string, line []byte) error {
	if bytes.IndexByte(line, '\n') >= 0 {
		return errcode.New(errcode.Internal, path, "a line to append holds a newline")
	}
	if err := makeDirs(realDisk{}, filepath.Dir(path)); err != nil {
		return writeError(path, err)
	}
	file, created, err := openLocked(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := appendTo(file, append(bytes.Clone(line), '\n')); err != nil {
		return writeError(path, err)
	}
	if created {
		if err := (realDisk{}).syncDir(filepath.Dir(path)); err != nil {
			return writeError(path, err)
		}
	}
	return nil
}

// openLocked opens path for appending and locks it against other appends. The lock is on the file
// itself; when the file was replaced while waiting for it, the new one is opened.
func openLocked(path string) (file *os.File, created bool, err error) {
	for {
		_, err := os.Lstat(path)
		created = errors.Is(err, fs.ErrNotExist)
		file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, filePerm)
		if err != nil {
			return nil, false, writeError(path, err)
		}
		if err := flockWithin(context.Background(), file, lockWait); err != nil {
			file.Close()
			return nil, false, errcode.New(errcode.LockBusy, path, "held by another process: %w", err)
		}
		if isStill(path, file) {
			return file, created, nil
		}
		file.Close()
	}
}

func flockWithin(ctx context.Context, file *os.File, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil || !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockPoll):
		}
	}
}

func isStill(path string, file *os.File) bool {
	byName, err := os.Stat(path)
	if err != nil {
		return false
	}
	byHandle, err := file.Stat()
	return err == nil && os.SameFile(byName, byHandle)
}

func appendTo(file *os.File, line []byte) error {
	end, err := wholeLines(file)
	if err != nil {
		return err
	}
	step("append begin")
	if _, err := file.Write(line); err != nil {
		// The file is put back so that a full disk leaves no half line behind.
		return errors.Join(err, file.Truncate(end))
	}
	step("appended")
	return file.Sync()
}

// wholeLines cuts off a torn last line and gives the size that is left.
func wholeLines(file *os.File) (int64, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	size := info.Size()
	end, err := afterLastNewline(file, size)
	if err != nil || end == size {
		return end, err
	}
	return end, file.Truncate(end)
}

// afterLastNewline looks from the end backwards, so its cost is that of the last line.
func afterLastNewline(r io.ReaderAt, size int64) (int64, error) {
	buf := make([]byte, 4096)
	for end := size; end > 0; {
		start := max(0, end-int64(len(buf)))
		part := buf[:end-start]
		if _, err := r.ReadAt(part, start); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			return start + int64(i) + 1, nil
		}
		end = start
	}
	return 0, nil
}
