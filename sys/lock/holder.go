package lock

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"calypso/sys/errcode"
	"calypso/sys/proc"
)

// maxHolder bounds what is read of a lock file: a holder is far shorter, anything else is not one.
const maxHolder = 4096

// Holder is who holds a lock, as it wrote itself into the lock file: one line of JSON.
type Holder struct {
	PID       int       `json:"pid"`
	StartTime uint64    `json:"start_time"` // clock ticks after boot, from /proc/PID/stat: tells a reused pid
	Command   string    `json:"command"`    // shortened, without secrets
	User      string    `json:"user"`
	Since     time.Time `json:"since"` // UTC
}

// String is "pid 123 (calypso lto write -f vtl01:0 -) since 2026-01-02T12:01:02Z".
func (h Holder) String() string {
	return fmt.Sprintf("pid %d (%s) since %s", h.PID, h.Command, h.Since.UTC().Format(time.RFC3339))
}

func self() Holder {
	start, _ := proc.StartTime(os.Getpid())
	return Holder{
		PID: os.Getpid(), StartTime: start, Command: proc.CommandLine(os.Args),
		User: proc.UserName(), Since: time.Now().UTC().Truncate(time.Second),
	}
}

// announce writes who holds the lock. A failure (a full tmpfs) is not worth losing the lock over:
// others are told less, nothing else. A second descriptor does not touch the flock: unlike fcntl
// locks it belongs to the open file description. The new line is written over the old and the rest
// cut off after, so that a reader never finds the file empty while the lock is held.
func (l *Lock) announce() {
	line, err := json.Marshal(self())
	if err != nil {
		return
	}
	file, err := os.OpenFile(l.path, os.O_WRONLY, 0)
	if err != nil {
		return
	}
	defer file.Close()
	line = append(line, '\n')
	if n, _ := file.WriteAt(line, 0); n == len(line) {
		_ = file.Truncate(int64(n))
	}
}

// retract empties the file, so that Peek needs no look at the lock to say "free".
func (l *Lock) retract() { _ = os.Truncate(l.path, 0) }

// decodeHolder reads the first line of a lock file. Anything but a holder gives false.
func decodeHolder(text []byte) (Holder, bool) {
	line, _, complete := bytes.Cut(text, []byte("\n"))
	var h Holder
	if !complete || json.Unmarshal(line, &h) != nil || h.PID <= 0 {
		return Holder{}, false
	}
	return h, true
}

func readHolder(path string) (h Holder, known bool, size int, err error) {
	file, err := os.Open(path)
	if err != nil {
		return Holder{}, false, 0, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxHolder))
	h, known = decodeHolder(text)
	return h, known, len(text), err
}

// Peek says who holds the lock name in dir; nil when it is free. It never waits, and it does not
// touch the lock while the holder named in the file lives. Only when that process is gone or the
// text is damaged is the kernel asked, by a shared lock given back at once: the text of a killed
// holder is never believed. A holder that did not name itself has PID 0.
func Peek(dir, name string) (*Holder, error) {
	path := filepath.Join(dir, FileName(name))
	h, known, size, err := readHolder(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, cannotLock(path, err)
	case size == 0:
		return nil, nil
	case known && proc.Alive(h.PID, h.StartTime):
		return &h, nil
	}
	held, err := heldNow(path)
	if err != nil || !held {
		return nil, err
	}
	return &Holder{}, nil
}

// heldNow asks the kernel whether anybody holds the lock of path.
func heldNow(path string) (bool, error) {
	file, err := os.Open(path)
	if err != nil {
		return false, cannotLock(path, err)
	}
	defer file.Close()
	err = unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	if err != nil {
		return false, cannotLock(path, err)
	}
	return false, nil
}

// busy names the holder. The text may still be that of a holder that was killed just before: then
// the new one is given a moment to write itself in, and is not named if it does not.
func busy(name, path string) error {
	e := errcode.New(errcode.LockBusy, name, "held by another process")
	for range 5 {
		h, known, _, _ := readHolder(path)
		if known && proc.Alive(h.PID, h.StartTime) {
			e.Msg = "held by " + h.String()
			return e
		}
		time.Sleep(2 * time.Millisecond)
	}
	return e
}
